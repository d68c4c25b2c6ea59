import type { Event } from '../forge/event.ts'
import type { ListEntry, Env } from '../lib/lists.ts'
import { shorten, type IssueSink } from '../lib/issues.ts'
import type { MetadataContext } from './context.ts'
import { splitFields } from '../lib/csv.ts'
import { expandKnown } from './template.ts'

const prefix = 'org.opencontainers.image.'
const quotedForm = 'has a quote in the middle of a field: put the whole field between quotes, `name=…,"value=a,b"`'
const longForm = 'is not valid: write `name=…,value=…,enable=true` or `enable=false`, or plainly `NAME=value`'

/**
 * PURE: the labels that the event gives, with the keys of the OCI image specification
 * (https://github.com/opencontainers/image-spec/blob/main/annotations.md). The same commit gives the same values,
 * whenever it is built; absent ones are omitted.
 */
export function generateLabels(
  event: Event,
  { sha, commitDate }: Pick<MetadataContext, 'sha' | 'commitDate'>,
  version: string,
  env: Env,
): Readonly<Record<string, string>> {
  const { title, description, url, license } = event.repositoryMetadata
  const created = sourceDateEpoch(env) ?? commitDate
  const values = {
    created: created?.toISOString() ?? '',
    description,
    licenses: license,
    // As buildx marks it.
    revision: event.isDirty && sha !== '' ? `${sha}-dirty` : sha,
    source: url,
    title,
    url,
    version,
  }
  return Object.fromEntries(
    Object.entries(values).flatMap(([name, value]) => (value === '' ? [] : [[`${prefix}${name}`, value]])),
  )
}

/** https://reproducible-builds.org/docs/source-date-epoch/ */
function sourceDateEpoch(env: Env): Date | undefined {
  const epoch = env['SOURCE_DATE_EPOCH'] ?? ''
  return /^\d{1,11}$/.test(epoch) ? new Date(Number(epoch) * 1000) : undefined
}

/** PURE: requested labels over the generated ones; an empty one removes the generated one. */
export function overlayLabels(
  generated: Readonly<Record<string, string>>,
  requested: Readonly<Record<string, string>>,
  { expressions }: MetadataContext,
): Readonly<Record<string, string>> {
  const expanded = Object.entries(requested).map(([key, value]) => [key, expandKnown(value, expressions)] as const)
  const all = Object.entries({ ...generated, ...Object.fromEntries(expanded) })
  return Object.fromEntries(all.filter(([key, value]) => value !== '' || !Object.hasOwn(generated, key)))
}

/**
 * PURE: turns the long form of labels and annotations, `name=…,value=…,enable=true`, into `name=value` entries; others
 * stay as they are. A label whose name is `name` is one unless the rest of that form follows.
 */
export function normaliseEntries(
  input: string,
  entries: readonly ListEntry[],
  report: IssueSink,
): readonly ListEntry[] {
  return entries.flatMap((entry) => {
    if (!/^name=[^,]*,\s*"?(value|enable)=/i.test(entry.text)) return [entry]
    const parsed = parseLongForm(entry.text)
    if (typeof parsed === 'string') report({ input, given: shorten(entry.text), expected: parsed })
    else if (parsed) return [{ ...entry, text: parsed.join('=') }]
    return []
  })
}

/** The name and the value; undefined if the entry is disabled; or why it is not valid. */
function parseLongForm(text: string): readonly [name: string, value: string] | string | undefined {
  const fields = splitFields(text)?.map((field): [string, string] => [
    field.split('=', 1).join('').trim().toLowerCase(),
    field.slice(field.indexOf('=') + 1).trim(),
  ])
  if (!fields) return quotedForm
  const { name = '', value, enable = 'true', ...others } = Object.fromEntries(fields)
  if (Object.keys(others).length > 0 || !/^(true|false)$/i.test(enable) || name === '') return longForm
  return value === undefined || /^false$/i.test(enable) ? undefined : [name, value]
}
