import { splitList, type Env } from '../lib/lists.ts'
import type { Event } from '../forge/event.ts'
import { parsePlatforms, type Platform } from '../lib/platform.ts'
import {
  formatTagReference,
  isSameRepository,
  parseImageReference,
  type ImageReference,
  type TagReference,
} from '../registry/reference.ts'
import { Diagnostics, failFor, passes } from './diagnostics.ts'
import { copyInputs } from './input-names.ts'
import { hostFiles } from './local-paths.ts'
import { parseLogins } from './logins/logins.ts'
import { parseRegistries } from './registries.ts'
import { parseSign, type AccessInputs } from './shared-inputs.ts'
import type { SignSettings } from './sign.ts'
import { createSource, type InputSource } from './source.ts'
import { boolean, choice, parseTable, type Parser, type Values } from './table.ts'
import { parseTelemetry } from './telemetry.ts'
import { checkNames } from './unknown-inputs.ts'

/** For a tag that exists with another digest. */
type ExistingTag = 'update' | 'keep' | 'fail'

const rows = {
  /** Empty for all. */
  platforms: ['platforms', parsePlatformList],
  referrers: ['referrers', boolean(true)],
  existing: ['existing', choice<ExistingTag>({ update: 'update', keep: 'keep', fail: 'fail' }, 'update')],
  dryRun: ['dry-run', boolean()],
} as const

export interface CopyInputs extends AccessInputs, Values<typeof rows> {
  readonly from: ImageReference
  readonly to: readonly TagReference[]
  /** Undefined: nothing is signed. */
  readonly sign: SignSettings | undefined
}

/**
 * Parses the inputs of copy/action.yml.
 *
 * @throws InputError with every issue
 */
export async function readCopyInputs(env: Env, event: Event, files = hostFiles): Promise<CopyInputs> {
  const diagnostics = new Diagnostics()
  const source = createSource({ env, event, files, diagnostics })
  checkNames(source, copyInputs)
  const from = parseFrom(source)
  const to = parseTo(source, from)
  const values = parseTable(rows, source)
  const isSubset = values.platforms.length > 0
  for (const reference of to)
    passes(failFor(source.report, 'to'), formatTagReference(reference), [
      [!isSubset && isSame(reference, from), 'is the image of `from`: write another repository or another tag'],
    ])
  // It runs no code of a proposal, and signs only what the workflow names.
  const sign = await parseSign(source, { push: true, partial: false, trust: 'trusted' })
  const registries = await parseRegistries(source)
  // It is read when the run ends; here only its issues count.
  parseTelemetry(source)
  const logins = await parseLogins(source, { images: to, sources: from ? [from] : [], push: true })
  diagnostics.throwIssues()
  // Without `from` an issue is thrown.
  const found = from ?? { registry: '', path: '' }
  return { ...values, sign, from: found, to, logins, registries, warnings: diagnostics.warnings }
}

function parsePlatformList(
  ...[text, , { name, report }]: Parameters<Parser<readonly Platform[]>>
): readonly Platform[] {
  return parsePlatforms(name, splitList(text), report)
}

const fromForm = 'write `ghcr.io/acme/app:1.2` or `ghcr.io/acme/app@sha256:…`'

function parseFrom({ text, report }: InputSource): ImageReference | undefined {
  const given = text('from')
  const fail = failFor(report, 'from', given)
  if (!passes(failFor(report, 'from'), undefined, [[given === '', `is empty: ${fromForm}`]])) return undefined
  const reference = parseReference(given, fail)
  const isIncomplete = reference && reference.tag === undefined && reference.digest === undefined
  return passes(fail, given, [[isIncomplete === true, `has neither a tag nor a digest: ${fromForm}`]])
    ? reference
    : undefined
}

function parseTo({ text, report }: InputSource, from: ImageReference | undefined): readonly TagReference[] {
  const fail = failFor(report, 'to')
  const entries = splitList(text('to'))
  passes(fail, undefined, [[entries.length === 0, 'is empty: write the repositories to copy to, one per line']])
  const references = entries.flatMap((entry): TagReference[] => {
    const reference = parseReference(entry, (expected) => fail(expected, entry))
    if (!reference) return []
    const { digest, tag = from?.tag, ...repository } = reference
    const isValid = passes(fail, entry, [
      [digest !== undefined, 'has a digest, and only a tag can be updated: write `quay.io/acme/app:1.2`'],
      [tag === undefined && from !== undefined, 'has no tag, and `from` has none: write `quay.io/acme/app:1.2`'],
    ])
    return isValid && tag !== undefined ? [{ ...repository, tag }] : []
  })
  return [...new Map(references.map((reference) => [formatTagReference(reference), reference])).values()]
}

/** Registries allow no capital letters, and expressions cannot change them; tags keep theirs. */
function parseReference(text: string, reject: (expected: string) => void): ImageReference | undefined {
  const [, name = '', rest = ''] = /^(.*?)((?::[^/:@]*)?(?:@.*)?)$/s.exec(text) ?? []
  return parseImageReference(`${name.toLowerCase()}${rest}`, reject)
}

function isSame(to: TagReference, from: ImageReference | undefined): boolean {
  return from !== undefined && isSameRepository(to, from) && to.tag === from.tag
}
