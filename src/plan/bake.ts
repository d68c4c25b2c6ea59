import { formatRepository } from '../registry/reference.ts'
import type { Target } from './targets.ts'

export interface BakeOptions {
  readonly push: boolean
  /** `mode=min`, `mode=max,builder-id=…`, or empty for no provenance. */
  readonly provenance: string
  /** Unique to this run; see `nonceAnnotation`. */
  readonly nonce: string
  /** Whether the image itself is for this run only, as a pull request's is. */
  readonly ephemeral: boolean
}

/**
 * Marks what only this run may refer to. It changes the digest of whatever bears it, so that no other image can share
 * that digest by accident and deleting it harms nobody: the per-platform indexes of every run, which nothing needs
 * once they are joined, and all of an ephemeral image.
 */
export const nonceAnnotation = 'io.github.multiarch-build.run'

/**
 * PURE: the bake definition of some targets. Every target is pushed by digest under no tag: tags move later and at once.
 * Bake reads its JSON as a template, so `${` and `%{` in any text are escaped.
 */
export function renderBake(targets: readonly Target[], options: BakeOptions): string {
  const definition = {
    group: { default: { targets: targets.map(({ id }) => id) } },
    target: Object.fromEntries(targets.map((target) => [target.id, bakeTarget(target, options)])),
  }
  return JSON.stringify(escapeTemplates(definition), undefined, 1)
}

function bakeTarget(target: Target, options: BakeOptions): Record<string, unknown> {
  const { variant, platform, cache } = target
  return {
    context: variant.context,
    ...(variant.file !== undefined && { dockerfile: variant.file }),
    ...(variant.target !== undefined && { target: variant.target }),
    platforms: [platform],
    args: variant.buildArgs,
    labels: variant.labels,
    attest: [options.provenance === '' ? 'type=provenance,disabled=true' : `type=provenance,${options.provenance}`],
    output: [options.push ? imageOutput(target) : 'type=cacheonly'],
    ...(options.push && { annotations: annotations(options) }),
    ...(cache !== undefined && { 'cache-from': [`type=registry,ref=${cache}`] }),
    // Only BuildKit reads the cache, and zstd takes it a third of the time; layers that the image has too stay as they are.
    ...(cache !== undefined && options.push && { 'cache-to': [`type=registry,ref=${cache},mode=max,compression=zstd,image-manifest=true,oci-mediatypes=true,ignore-error=true`] }),
  }
}

function imageOutput({ variant }: Target): string {
  const names = variant.images.map(formatRepository).join(',')
  // The list is CSV, so a field that holds commas itself stands in quotes.
  return `type=image,"name=${names}",push-by-digest=true,name-canonical=true,push=true,oci-mediatypes=true`
}

function annotations({ nonce, ephemeral, provenance }: BakeOptions): string[] {
  // Without an attestation there is no per-platform index, and BuildKit refuses annotations for one.
  const index = provenance === '' ? [] : [`index:${nonceAnnotation}=${nonce}`]
  const manifest = ephemeral ? [`manifest:${nonceAnnotation}=${nonce}`] : []
  return [...index, ...manifest]
}

function escapeTemplates(value: unknown): unknown {
  if (typeof value === 'string') return value.replace(/([$%])\{/g, '$1$1{')
  if (Array.isArray(value)) return value.map(escapeTemplates)
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, entry]) => [String(escapeTemplates(key)), escapeTemplates(entry)]))
  }
  return value
}
