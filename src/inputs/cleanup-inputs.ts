import { splitList, type Env } from '../lib/lists.ts'
import type { Event } from '../forge/event.ts'
import type { Repository } from '../registry/reference.ts'
import { Diagnostics, failFor } from './diagnostics.ts'
import { cleanupInputs } from './input-names.ts'
import { hostFiles } from './local-paths.ts'
import { parseLogins } from './logins/logins.ts'
import { parseRegistries } from './registries.ts'
import { parseImages, sharedRows, type AccessInputs } from './shared-inputs.ts'
import { createSource } from './source.ts'
import { boolean, checkedText, choice, duration, parseTable, type Parser, type Values } from './table.ts'
import { checkNames } from './unknown-inputs.ts'

const parsePatterns: Parser<readonly string[]> = (text) => splitList(text || 'pr-*,build-*')
const checkRunId = checkedText((text) => [[!/^\d+$/.test(text), 'is not a valid run id: write `${{ github.run_id }}`']])

const parseRunId: Parser<string | undefined> = (...given) => checkRunId(...given) || undefined

const rows = {
  ...sharedRows,
  tags: ['tags', parsePatterns],
  /** Milliseconds. */
  olderThan: ['older-than', duration('3 days')],
  runId: ['run-id', parseRunId],
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
  checkNames(env, cleanupInputs, diagnostics.warn)
  const images = parseImages(source)
  if (images.length === 0 && !diagnostics.hasIssue('image'))
    failFor(source.report, 'image')('is empty: write the repositories to clean up, for example `ghcr.io/acme/app`')
  const values = parseTable(rows, source)
  const registries = await parseRegistries(source)
  const logins = await parseLogins(source, { images, push: true })
  diagnostics.throwIssues()
  return { ...values, images, logins, registries, warnings: diagnostics.warnings }
}
