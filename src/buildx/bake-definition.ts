import { join } from 'node:path'
import { annotationsAt } from '../metadata/annotations.ts'
import { parseCacheSpec } from '../inputs/cache/specs.ts'
import { outputSpecs, settingFields } from './bake-fields.ts'
import { spellPath, uploadNumbers } from './context-uploads.ts'
import { testTargets } from './image-tests.ts'
import type { LoginOrigin } from '../registry/error.ts'
import type { WithoutSecrets } from './missing-secret.ts'
import type { BuildSettings } from '../inputs/settings/settings.ts'
import { getAttribute } from '../lib/csv.ts'
import { isShared } from '../plan/fork-policy.ts'
import type { Target } from '../plan/target.ts'
import type { RunDir } from '../run/run-dir.ts'
import { ownershipAnnotations } from '../run/names.ts'

/** By registry; undefined: no login. */
export type PushLogins = ReadonlyMap<string, LoginOrigin | undefined>

export interface BakeOptions {
  readonly push: boolean
  readonly settings: BuildSettings
  /** Has the values of build secrets. */
  readonly dir: RunDir
  /** Whether the run has more than one target. */
  readonly several: boolean
  /** Unique to this run; see `ownershipAnnotation`. */
  readonly nonce: string
  /** The pull request whose image it is; see `pullRequestOf`. */
  readonly pullRequest?: string | undefined
  /** Whether the image is for this run only, as that of a pull request. */
  readonly ephemeral: boolean
  /** The code is a fork's: it writes no cache, and has separate cache mounts on a shared daemon. */
  readonly fork?: boolean
  /** Why the builds get no secrets. */
  readonly withoutSecrets?: WithoutSecrets | undefined
  /** Whose login a push to a registry uses, by the registry. */
  readonly pushLogins?: PushLogins
  /** As `uploadDepth` returns it. */
  readonly depth?: number | undefined
}

/**
 * PURE: the bake definition of some targets. Every target is pushed by digest, without a tag: all tags are updated
 * together later. Bake evaluates templates in JSON too, so `${` and `%{` are escaped in every text.
 */
export function renderBake(targets: readonly Target[], options: BakeOptions): string {
  const uploads = options.depth === undefined ? undefined : uploadNumbers(targets)
  const images = targets.map(
    (target) => [target.id, bakeTarget(target, options, uploads?.get(target.id) ?? 0)] as const,
  )
  const tests = targets.map((target, index) => testTargets(target, images[index]?.[1] ?? {}, options.nonce))
  const all = Object.assign(Object.fromEntries(images), ...tests) as Readonly<Record<string, unknown>>
  const definition = { group: { default: { targets: Object.keys(all) } }, target: all }
  return JSON.stringify(escapeTemplates(definition), undefined, 1)
}

function bakeTarget(target: Target, options: BakeOptions, upload: number): Record<string, unknown> {
  const { variant, platform, cache } = target
  const { push, settings, dir, depth = 0 } = options
  const context = spellPath(variant.context, upload, depth)
  // The Dockerfile is sent once to all targets: its path has one spelling.
  const file = variant.file ?? (context === variant.context ? undefined : join(variant.context, 'Dockerfile'))
  const contexts = Object.entries(settings.contexts).map(([name, path]) => [name, spellPath(path, upload, depth)])
  return {
    context,
    ...(file !== undefined && { dockerfile: file }),
    ...(variant.target !== undefined && { target: variant.target }),
    platforms: [platform],
    // https://docs.docker.com/build/building/variables/#buildkit-built-in-build-args
    args: {
      ...variant.buildArgs,
      ...(options.fork === true && isShared(target.node) && { BUILDKIT_CACHE_MOUNT_NS: options.nonce }),
    },
    labels: variant.labels,
    ...settingFields({ ...settings, contexts: Object.fromEntries(contexts) as typeof settings.contexts }, dir),
    attest: [
      settings.provenance === '' ? 'type=provenance,disabled=true' : `type=provenance,${settings.provenance}`,
      ...settings.attests,
    ],
    output: outputSpecs(target, options),
    ...(push && { annotations: manifestAnnotations(target, options) }),
    'cache-from': [...(cache?.from ?? []), ...settings.cacheFrom],
    'cache-to': cacheExports(target, options),
  }
}

function cacheExports({ cache, writesCache = true }: Target, { push, fork, settings }: BakeOptions): readonly string[] {
  if (!writesCache) return []
  if (fork === true) return settings.cacheTo.filter(isPrivateCache)
  return [...(cache && push ? [cache.to] : []), ...settings.cacheTo]
}

/** A cache in the image or on the runner: no release reads it on its own. */
function isPrivateCache(specification: string): boolean {
  return ['inline', 'local'].includes(cacheType(specification))
}

function cacheType(specification: string): string {
  return getAttribute(parseCacheSpec(specification) ?? [], 'type') ?? ''
}

/** PURE: whether a build writes files on the runner that the job uses. */
export function writesForJob(targets: readonly Target[], options: BakeOptions): boolean {
  return (
    options.settings.exports.length > 0 ||
    targets.some((target) =>
      cacheExports(target, options).some((specification) => cacheType(specification) === 'local'),
    )
  )
}

function manifestAnnotations({ variant, platform }: Target, options: BakeOptions): string[] {
  const ownership = Object.entries(ownershipAnnotations(options.nonce, options.pullRequest))
  // Without an attestation there is no per-platform index, and BuildKit refuses annotations for one.
  const index = hasAttestation(options.settings) ? ownership.map(([key, value]) => `index:${key}=${value}`) : []
  const manifest = options.ephemeral ? ownership.map(([key, value]) => `manifest:${key}=${value}`) : []
  // Annotations of the index and of descriptors are set when the image index is assembled.
  const requested = Object.entries(annotationsAt(variant.annotations, 'manifest', platform)).map(
    ([key, value]) => `manifest:${key}=${value}`,
  )
  return [...index, ...manifest, ...requested]
}

/** Whether every image that is written has an attestation: inline provenance is in pushed images, not in archives. */
function hasAttestation({ provenance, attests, exports }: BuildSettings): boolean {
  const hasArchive = exports.some(({ type }) => type === 'oci' || type === 'docker')
  return attests.length > 0 || (provenance !== '' && !(hasArchive && /\binline-only=true\b/i.test(provenance)))
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
