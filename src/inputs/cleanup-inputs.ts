import { splitList, type Env } from '../lib/lists.ts'
import type { Event } from '../forge/event.ts'
import type { Repository } from '../registry/reference.ts'
import { Diagnostics, failFor } from './diagnostics.ts'
import { cleanupInputs } from './input-names.ts'
import { hostFiles } from './local-paths.ts'
import { parseLogins } from './logins/logins.ts'
import { parseRegistries } from './registries.ts'
import { parseImages, sharedRows, type AccessInputs } from './shared-inputs.ts'
import { createSource, type InputSource } from './source.ts'
import { boolean, checkedText, choice, duration, list, parseTable, type Parser, type Values } from './table.ts'
import { checkNames } from './unknown-inputs.ts'

const parsePatterns: Parser<readonly string[]> = (text) => splitList(text || 'pr-*,build-*')
const checkRunId = checkedText((text) => [[!/^\d+$/.test(text), 'is not a valid run id: write `${{ github.run_id }}`']])

const parseRunId: Parser<string | undefined> = (...given) => checkRunId(...given) || undefined
const checkNumber = checkedText((text) => [
  [!/^[1-9]\d*$/.test(text), 'is not the number of a pull request: write `${{ github.event.number }}`'],
])
const parseNumber: Parser<string | undefined> = (...given) => checkNumber(...given) || undefined
const checkCount = checkedText((text) => [
  [!/^\d{1,6}$/.test(text), 'is not a number of images: write `10`, for example'],
])
const parseCount: Parser<number | undefined> = (...given) => {
  const text = checkCount(...given)
  return text === '' ? undefined : Number(text)
}

const rows = {
  ...sharedRows,
  tags: ['tags', parsePatterns],
  excludeTags: ['exclude-tags', list()],
  /** Milliseconds. */
  olderThan: ['older-than', duration('3 days')],
  runId: ['run-id', parseRunId],
  prNumber: ['pr-number', parseNumber],
  /** How many images of each pattern stay; undefined: the runs decide. */
  keepNTagged: ['keep-n-tagged', parseCount],
  untagged: ['untagged', boolean(true)],
  unmarked: ['unmarked', choice({ auto: 'auto', keep: 'keep', delete: 'delete' } as const, 'auto')],
} as const

export interface CleanupInputs extends AccessInputs, Values<typeof rows> {
  readonly images: readonly Repository[]
}

/**
 * Parses the inputs of cleanup/action.yml.
 *
 * @throws InputError with every issue
 */
export async function readCleanupInputs(env: Env, event: Event, files = hostFiles): Promise<CleanupInputs> {
  const diagnostics = new Diagnostics()
  const source = createSource({ env, event, files, diagnostics })
  checkNames(source, cleanupInputs, true)
  const images = parseImages(source)
  if (images.length === 0 && !diagnostics.hasIssue('image'))
    failFor(source.report, 'image')('is empty: write the repositories to clean up, for example `ghcr.io/acme/app`')
  const values = parseTable(rows, source)
  checkModes(source)
  const registries = await parseRegistries(source)
  const logins = await parseLogins(source, { images, push: true })
  diagnostics.throwIssues()
  return { ...values, images, logins, registries, warnings: diagnostics.warnings }
}

/** Inputs that each say alone what is deleted. */
const modes = ['run-id', 'pr-number', 'keep-n-tagged']

function checkModes({ text, report }: Pick<InputSource, 'text' | 'report'>): void {
  const [first, ...others] = modes.filter((name) => text(name) !== '')
  for (const other of others) failFor(report, other)(`cannot be combined with \`${first ?? ''}\`: set only one of them`)
  // The default selects images of runs, whose number says nothing about which of them is needed.
  const needsTags = text('keep-n-tagged') !== '' && splitList(text('tags')).length === 0
  if (needsTags) failFor(report, 'tags')('is empty: `keep-n-tagged` needs patterns of its own, such as `nightly-*`')
}
