import type { Attribute } from '../../lib/csv.ts'
import { splitRecords } from '../../lib/lists.ts'
import type { Fail } from '../diagnostics.ts'
import { parseTyped } from '../settings/typed-attributes.ts'
import type { Parser } from '../table.ts'
import { cacheBackends, secretAttributes } from './backends.ts'

/** `cache-from` and `cache-to`, which buildx gets as they are: a reference, or `type=…` with its attributes. */
export const parseCacheSpecs: Parser<readonly string[]> = (text, fail, { name, report }) =>
  splitRecords(name, text, report)
    .map((entry) => entry.text)
    .filter((entry) => parseCacheSpec(entry, fail))

/** The attributes of one specification; undefined if it is invalid, which is reported without its credentials. */
export function parseCacheSpec(text: string, fail: Fail = () => undefined): readonly Attribute[] | undefined {
  if (!/[=,"\s]/.test(text))
    return [
      ['type', 'registry'],
      ['ref', text],
    ]
  const form = { what: 'cache', example: 'type=registry,ref=ghcr.io/acme/app:cache', types: [...cacheBackends.keys()] }
  return parseTyped(text, form, (expected) => fail(expected, text.replace(secretPattern(), '$1=***')))
}

function secretPattern(): RegExp {
  return new RegExp(`\\b(${secretAttributes().join('|')})=([^,"]+)`, 'gi')
}

/** The credentials that the text of a cache input contains. */
export function cacheSecrets(text: string): readonly string[] {
  return [...text.matchAll(secretPattern())].map((match) => match[2] ?? '')
}
