import { annotationsAt } from '../metadata/annotations.ts'
import { readCacheSpec } from '../inputs/cache/specs.ts'
import { outputSpecs, settingFields } from './bake-fields.ts'
import type { BuildSettings } from '../inputs/settings/settings.ts'
import { getAttribute } from '../lib/csv.ts'
import { goesOn } from '../plan/fork-policy.ts'
import { nonceAnnotation } from '../run/nonce.ts'
import type { Target } from '../plan/target.ts'
import type { RunDir } from '../run/run-dir.ts'

export interface BakeOptions {
  readonly push: boolean
  readonly settings: BuildSettings
  /** Its `secrets` hold the values of build secrets. */
  readonly dir: RunDir
  /** Whether the run has more than one target. */
  readonly several: boolean
  /** Unique to this run; see `nonceAnnotation`. */
  readonly nonce: string
  /** Whether the image itself is for this run only, as a pull request's is. */
  readonly ephemeral: boolean
  /** The code is a fork's: it writes no cache, and on a daemon that goes on it has cache mounts of its own. */
  readonly fork?: boolean
}

/**
 * PURE: the bake definition of some targets. Every target is pushed by digest under no tag: tags move later and at
 * once. Bake reads its JSON as a template, so `${` and `%{` in any text are escaped.
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
  const { push, settings, dir } = options
  return {
    context: variant.context,
    ...(variant.file !== undefined && { dockerfile: variant.file }),
    ...(variant.target !== undefined && { target: variant.target }),
    platforms: [platform],
    // https://docs.docker.com/build/building/variables/#buildkit-built-in-build-args
    args: {
      ...variant.buildArgs,
      ...(options.fork === true && goesOn(target.node) && { BUILDKIT_CACHE_MOUNT_NS: options.nonce }),
    },
    labels: variant.labels,
    ...settingFields(settings, dir),
    attest: [
      settings.provenance === '' ? 'type=provenance,disabled=true' : `type=provenance,${settings.provenance}`,
      ...settings.attests,
    ],
    output: outputSpecs(target, options),
    ...(push && { annotations: annotations(target, options) }),
    'cache-from': [...(cache?.from ?? []), ...settings.cacheFrom],
    'cache-to': cacheTo(target, options),
  }
}

function cacheTo({ cache, writesCache = true }: Target, { push, fork, settings }: BakeOptions): readonly string[] {
  if (!writesCache) return []
  if (fork === true) return settings.cacheTo.filter(staysHere)
  return [...(cache && push ? [cache.to] : []), ...settings.cacheTo]
}

/** A cache within the image, or on the runner: no release reads it by itself. */
function staysHere(specification: string): boolean {
  return ['inline', 'local'].includes(typeOf(specification))
}

function typeOf(specification: string): string {
  return getAttribute(readCacheSpec('cache-to', specification, () => undefined) ?? [], 'type') ?? ''
}

/** PURE: whether their build writes files on the runner that are for the job, and not for us. */
export function writesForJob(targets: readonly Target[], options: BakeOptions): boolean {
  return (
    options.settings.exports.length > 0 ||
    targets.some((target) => cacheTo(target, options).some((specification) => typeOf(specification) === 'local'))
  )
}

function annotations({ variant, platform }: Target, { nonce, ephemeral, settings }: BakeOptions): string[] {
  // Without an attestation there is no per-platform index, and BuildKit refuses annotations for one.
  const index = settings.provenance === '' && settings.attests.length === 0 ? [] : [`index:${nonceAnnotation}=${nonce}`]
  const manifest = ephemeral ? [`manifest:${nonceAnnotation}=${nonce}`] : []
  // Those of the index and of descriptors are for the joined index, which is made when all platforms are there.
  const asked = Object.entries(annotationsAt(variant.annotations, 'manifest', platform)).map(
    ([key, value]) => `manifest:${key}=${value}`,
  )
  return [...index, ...manifest, ...asked]
}

function escapeTemplates(value: unknown): unknown {
  if (typeof value === 'string') return value.replace(/([$%])\{/g, '$1$1{')
  if (Array.isArray(value)) return value.map(escapeTemplates)
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(
      Object.entries(value).map(([key, entry]) => [String(escapeTemplates(key)), escapeTemplates(entry)]),
    )
  }
  return value
}
