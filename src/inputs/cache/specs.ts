import { getAttribute, joinAttributes, type Attribute } from '../../lib/csv.ts'
import { splitRecords } from '../../lib/lists.ts'
import { parseImageReference, type TagReference } from '../../registry/reference.ts'
import { failFor, type Fail } from '../diagnostics.ts'
import { parseTyped, typeOf } from '../settings/typed-attributes.ts'
import type { InputSource } from '../source.ts'
import { cacheBackends, secretAttributes } from './backends.ts'

/** `cache-from` and `cache-to`, which buildx gets as they are: a reference, or `type=…` with its attributes. */
export function parseCacheSpecs(input: 'cache-from' | 'cache-to', source: InputSource): readonly string[] {
  const { text, paths, report } = source
  return splitRecords(input, text(input), report).flatMap((entry) => {
    const attributes = parseCacheSpec(entry.text, failFor(report, input))
    const resolved = attributes?.map(([name, value]): Attribute =>
      isPathAttribute(name) ? [name, paths.use(value, input, 'directory')] : [name, value],
    )
    return resolved ? [joinAttributes(resolved)] : []
  })
}

/** Whether an attribute of a cache is a path on the runner, which `type=local` has. */
export function isPathAttribute(name: string): boolean {
  return name === 'src' || name === 'dest'
}

/** The attributes of one specification; undefined if it is invalid, which is reported without its credentials. */
export function parseCacheSpec(text: string, fail: Fail = () => undefined): readonly Attribute[] | undefined {
  if (!/[=,"\s]/.test(text))
    return normalise([
      ['type', 'registry'],
      ['ref', text],
    ])
  const form = { what: 'cache', example: 'type=registry,ref=ghcr.io/acme/app:cache', types: [...cacheBackends.keys()] }
  const attributes = parseTyped(text, form, (expected) => fail(expected, text.replace(secretPattern(), '$1=***')))
  return attributes && normalise(attributes)
}

/** PURE: the tag that a specification names; undefined if the cache is not in a registry. */
export function cacheTag(specification: string): TagReference | undefined {
  const attributes = parseCacheSpec(specification) ?? []
  if (typeOf(attributes) !== 'registry') return undefined
  const reference = parseImageReference(getAttribute(attributes, 'ref') ?? '')
  return reference && reference.digest === undefined ? { ...reference, tag: reference.tag ?? 'latest' } : undefined
}

function normalise(attributes: readonly Attribute[]): readonly Attribute[] {
  const backend = cacheBackends.get(typeOf(attributes))
  return attributes.map(([name, value]) => [name, backend?.normalise?.(name, value) ?? value])
}

function secretPattern(): RegExp {
  return new RegExp(`\\b(${secretAttributes().join('|')})=([^,"]+)`, 'gi')
}

/** The credentials that the text of a cache input contains. */
export function cacheSecrets(text: string): readonly string[] {
  return [...text.matchAll(secretPattern())].map((match) => match[2] ?? '')
}
