import { repeated, splitList } from '../../lib/lists.ts'
import type { Platform } from '../../lib/platform.ts'
import { failFor } from '../diagnostics.ts'
import type { InputSource } from '../source.ts'
import { isVariantName, parseVariants, type VariantDraft } from '../variants.ts'

/** A variant to merge. */
export type MergeVariant = Pick<VariantDraft, 'name' | 'tagSuffix' | 'platforms'>

/** PURE: a variant that is known by its name alone; an image without a name gets the tags as they are. */
export function mergeVariant(name: string, platforms: readonly Platform[]): MergeVariant {
  return { name, platforms, tagSuffix: name === '' ? '' : `-${name}` }
}

/** `variants`: names, or the YAML of the main action. Undefined if not given. */
export async function parseMergeVariants(
  { env, text, report }: InputSource,
  platforms: readonly Platform[],
): Promise<readonly MergeVariant[] | undefined> {
  const given = text('variants')
  if (given === '') return undefined
  const texts = { file: '', target: '', test: '', testTarget: '' }
  const step = { ...mergeVariant('', platforms), ...texts, buildArgs: {}, labels: {} }
  // No name contains a colon, and every map does.
  if (given.includes(':')) return await parseVariants(given, step, env, report)
  const fail = failFor(report, 'variants')
  const names = splitList(given).filter((name) => isVariantName(name, fail))
  for (const name of repeated(names)) fail('is there twice: remove one of them', name)
  return names.map((name) => mergeVariant(name, platforms))
}
