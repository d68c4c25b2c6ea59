import { splitFields } from '../lib/csv.ts'
import { splitLines } from '../lib/lists.ts'
import { didYouMean, shorten, type IssueSink } from '../lib/issues.ts'
import type { NamedText } from './context.ts'

/** What every tag of a rule gets: https://github.com/docker/metadata-action#flavor-input */
export interface Flavor {
  /** `highest`: as `auto`, for the highest version only. */
  readonly latest: (typeof latestValues)[number]
  /** Templates. */
  readonly prefix: string
  readonly suffix: string
  /** Whether `latest` gets them too. */
  readonly prefixLatest: boolean
  readonly suffixLatest: boolean
  /** Whether a flavor was requested. */
  readonly given: boolean
}

const latestValues = ['auto', 'true', 'false', 'highest'] as const

const noFlavor: Flavor = {
  latest: 'auto',
  prefix: '',
  suffix: '',
  prefixLatest: false,
  suffixLatest: false,
  given: false,
}
const attributes = ['latest', 'prefix', 'suffix', 'onlatest']

const messages = {
  quote: 'has a quote in the middle of a field: put the whole field between quotes, `"suffix=a,b"`',
  latest: 'is none of `latest=auto`, `latest=true`, `latest=false` and `latest=highest`',
  onlatest: 'is neither `onlatest=true` nor `onlatest=false`',
  onlatestAlone: 'has `onlatest` without a prefix or suffix before it: write `suffix=-slim,onlatest=true`',
  unknown: 'is not valid: write `latest=auto`, `prefix=…` or `suffix=…`, the last two also with `,onlatest=true`',
}

/** PURE: parses lines such as `latest=auto` or `suffix=-slim,onlatest=true`; later lines win. */
export function parseFlavor({ input, text }: NamedText, report: IssueSink): Flavor {
  return splitLines(text).reduce<Flavor>((flavor, { text: line }) => {
    const reject = (expected: string) => report({ input, given: shorten(line), expected })
    const fields = splitFields(line)
    if (fields) return { ...flavor, ...parseLine(fields, reject), given: true }
    reject(messages.quote)
    return flavor
  }, noFlavor)
}

function parseLine(fields: readonly string[], reject: (expected: string) => void): Partial<Flavor> {
  let flavor: Partial<Flavor> = {}
  let previous = ''
  for (const field of fields) {
    const [, key = '', value = ''] = /^([^=]*)=(.*)$/s.exec(field) ?? []
    const attribute = key.trim().toLowerCase()
    if (attribute === 'prefix' || attribute === 'suffix') previous = attribute
    const parsed = parseAttribute(attribute, value.trim(), previous)
    if (parsed) flavor = { ...flavor, ...parsed }
    else if (attributes.includes(attribute)) reject(invalidValue(attribute, previous))
    else reject(`${messages.unknown}${didYouMean(attribute || field, attributes)}`)
  }
  return flavor
}

function parseAttribute(attribute: string, value: string, previous: string): Partial<Flavor> | undefined {
  const latest = latestValues.find((one) => one === value)
  if (attribute === 'latest') return latest && { latest }
  if (attribute === 'prefix') return { prefix: value }
  if (attribute === 'suffix') return { suffix: value }
  if (attribute !== 'onlatest' || (value !== 'true' && value !== 'false')) return undefined
  if (previous === 'prefix') return { prefixLatest: value === 'true' }
  return previous === 'suffix' ? { suffixLatest: value === 'true' } : undefined
}

function invalidValue(attribute: string, previous: string): string {
  if (attribute === 'latest') return messages.latest
  return previous === '' ? messages.onlatestAlone : messages.onlatest
}
