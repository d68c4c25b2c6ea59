import { splitFields } from '../lib/csv.ts'
import { splitLines } from '../lib/lists.ts'
import { didYouMean, shorten, type IssueSink } from '../lib/issues.ts'

/** What every tag made by a rule gets: https://github.com/docker/metadata-action#flavor-input */
export interface Flavor {
  readonly latest: 'auto' | 'true' | 'false'
  /** Templates. */
  readonly prefix: string
  readonly suffix: string
  /** Whether `latest` gets them too. */
  readonly prefixLatest: boolean
  readonly suffixLatest: boolean
  /** Whether the author gave any. */
  readonly given: boolean
}

const plain: Flavor = { latest: 'auto', prefix: '', suffix: '', prefixLatest: false, suffixLatest: false, given: false }
const words = ['latest', 'prefix', 'suffix', 'onlatest']

/** PURE: reads `flavor`, lines such as `latest=auto` or `suffix=-slim,onlatest=true`; later lines win. */
export function readFlavor(text: string, report: IssueSink): Flavor {
  return splitLines(text).reduce<Flavor>((flavor, { text: line }) => {
    const wrong = (expected: string) => report({ input: 'flavor', given: shorten(line), expected })
    const fields = splitFields(line)
    if (fields) return { ...flavor, ...readLine(fields, wrong), given: true }
    wrong('has a quote in the middle of a field: put the whole field between quotes, `"suffix=a,b"`')
    return flavor
  }, plain)
}

function readLine(fields: readonly string[], wrong: (expected: string) => void): Partial<Flavor> {
  let found: Partial<Flavor> = {}
  let last = ''
  for (const field of fields) {
    const [, name = '', value = ''] = /^([^=]*)=(.*)$/s.exec(field) ?? []
    const word = name.trim().toLowerCase()
    if (word === 'prefix' || word === 'suffix') last = word
    const setting = readSetting(word, value.trim(), last)
    if (setting) found = { ...found, ...setting }
    else if (words.includes(word)) wrong(wrongValue(word, last))
    else
      wrong(
        `is not understood: write \`latest=auto\`, \`prefix=…\` or \`suffix=…\`, these two also with \`,onlatest=true\`${didYouMean(word || field, words)}`,
      )
  }
  return found
}

function readSetting(word: string, value: string, last: string): Partial<Flavor> | undefined {
  if (word === 'latest')
    return value === 'auto' || value === 'true' || value === 'false' ? { latest: value } : undefined
  if (word === 'prefix') return { prefix: value }
  if (word === 'suffix') return { suffix: value }
  if (word !== 'onlatest' || (value !== 'true' && value !== 'false')) return undefined
  if (last === 'prefix') return { prefixLatest: value === 'true' }
  return last === 'suffix' ? { suffixLatest: value === 'true' } : undefined
}

function wrongValue(word: string, last: string): string {
  if (word === 'latest') return 'is none of `latest=auto`, `latest=true` and `latest=false`'
  return last === ''
    ? 'has `onlatest` without a prefix or suffix before it: write `suffix=-slim,onlatest=true`'
    : 'is neither `onlatest=true` nor `onlatest=false`'
}
