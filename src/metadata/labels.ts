import type { Event } from '../forge/event.ts'
import type { Entry, Env } from '../lib/lists.ts'
import { shorten, type IssueSink } from '../lib/issues.ts'
import type { Occasion } from './context.ts'
import { splitFields } from '../lib/csv.ts'
import { expandKnown } from './template.ts'

const prefix = 'org.opencontainers.image.'

/**
 * PURE: what the event says of the image, by the keys of
 * https://github.com/opencontainers/image-spec/blob/main/annotations.md. The same commit gives the same texts, whenever
 * it is built; what nobody says is left out.
 */
export function describeImage(
  event: Event,
  { sha }: Pick<Occasion, 'sha'>,
  version: string,
  env: Env,
): Readonly<Record<string, string>> {
  const { title, description, url, license } = event.about
  const created = epochOf(env) ?? event.commitDate
  const said = {
    created: created?.toISOString() ?? '',
    description,
    licenses: license,
    revision: sha,
    source: url,
    title,
    url,
    version,
  }
  return Object.fromEntries(
    Object.entries(said).flatMap(([name, value]) => (value === '' ? [] : [[`${prefix}${name}`, value]])),
  )
}

/** https://reproducible-builds.org/docs/source-date-epoch/ */
function epochOf(env: Env): Date | undefined {
  const epoch = env['SOURCE_DATE_EPOCH'] ?? ''
  return /^\d{1,11}$/.test(epoch) ? new Date(Number(epoch) * 1000) : undefined
}

/** PURE: the author's labels over the event's; an empty one leaves the event's out. */
export function overlay(
  said: Readonly<Record<string, string>>,
  given: Readonly<Record<string, string>>,
  { expressions }: Occasion,
): Readonly<Record<string, string>> {
  const expanded = Object.entries(given).map(([key, value]) => [key, expandKnown(value, expressions)] as const)
  const all = Object.entries({ ...said, ...Object.fromEntries(expanded) })
  return Object.fromEntries(all.filter(([key, value]) => value !== '' || !Object.hasOwn(said, key)))
}

/**
 * Reads the long form of labels and annotations, `name=…,value=…,enable=true`, into `name=value` entries; others stay
 * as they are. A label of the name `name` is one as long as nothing of that form follows.
 */
export function readEnabled(input: string, entries: readonly Entry[], report: IssueSink): readonly Entry[] {
  return entries.flatMap((entry) => {
    if (!/^name=[^,]*,\s*"?(value|enable)=/i.test(entry.text)) return [entry]
    const fields = splitFields(entry.text)?.map((field): [string, string] => [
      field.split('=', 1).join('').trim().toLowerCase(),
      field.slice(field.indexOf('=') + 1).trim(),
    ])
    const { name = '', value, enable = 'true', ...others } = Object.fromEntries(fields ?? [])
    if (fields && Object.keys(others).length === 0 && /^(true|false)$/i.test(enable) && name !== '') {
      return value === undefined || /^false$/i.test(enable) ? [] : [{ ...entry, text: `${name}=${value}` }]
    }
    report({
      input,
      given: shorten(entry.text),
      expected: 'is not understood: write `name=…,value=…,enable=true` or `enable=false`, or plainly `NAME=value`',
    })
    return []
  })
}
