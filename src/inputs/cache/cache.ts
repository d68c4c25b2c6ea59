import { formatRepository, type Repository } from '../../registry/reference.ts'
import { getAttribute, joinAttributes, type Attribute } from '../../lib/csv.ts'
import { platformSlug, type Platform } from '../../lib/platform.ts'
import { parseFlavor } from '../../metadata/flavor.ts'
import { failEach, failFor, type Fail } from '../diagnostics.ts'
import { platformRegistry } from '../logins/logins.ts'
import { typeOf } from '../settings/typed-attributes.ts'
import type { InputSource } from '../source.ts'
import type { VariantSpec } from '../variants.ts'
import type { CacheBackend } from './backend.ts'
import { cacheBackends } from './backends.ts'
import { isPathAttribute, parseCacheSpec } from './specs.ts'

/** Where caches are stored. */
export type CachePolicy = ImageCache | SpecCache

interface ImageCache {
  readonly kind: 'off' | 'registry'
  /** Of several images, the registry whose image has the cache; otherwise that of the first. */
  readonly registry?: string
  /** Stands for the name of a variant without one: what distinguishes the legs of a matrix. */
  readonly scope?: string
  /** The code is a proposal: it reads the caches of accepted code, and writes beside them. */
  readonly proposal?: boolean
}

interface SpecCache extends Omit<ImageCache, 'kind'> {
  readonly kind: 'spec'
  readonly attributes: readonly Attribute[]
  /** The repository of the run, whose images would share one name because no other name is set. */
  readonly repository?: string
}

/** The caches of one target, in buildx' form. */
export interface TargetCache {
  /** For messages, without a secret: a reference, or the backend and the name there. */
  readonly name: string
  /** Each may contain the steps; of those whose existence can be queried, a build imports one. */
  readonly from: readonly string[]
  readonly to: string
  /** The one of `from` that all proposals write, and that accepted code never reads. */
  readonly ofProposals?: string
}

/** Parses `cache`: `registry`, `off`, or a specification of BuildKit's, to whose name every target adds its own. */
export function parseCache(source: InputSource): CachePolicy {
  const given = source.text('cache')
  const scope = constantFlavor(source)
  const proposal = { ...(source.event.trust !== 'trusted' && { proposal: true }), ...(scope !== '' && { scope }) }
  const attributes = given.includes('=') ? parseBackend(given, source) : undefined
  const registry = platformRegistry(source.event)
  if (attributes) return { kind: 'spec', attributes, registry, ...proposal, ...sharedName(given, source) }
  if (/^(|registry|true)$/i.test(given)) return { kind: 'registry', registry, ...proposal }
  if (!/^(off|false)$/i.test(given) && !given.includes('='))
    failFor(source.report, 'cache')('is not one of `registry`, `off`, or a specification such as `type=gha`', given)
  return { kind: 'off', ...proposal }
}

function parseBackend(given: string, source: InputSource): readonly Attribute[] | undefined {
  const attributes = parseCacheSpec(given, failFor(source.report, 'cache'))
  const type = typeOf(attributes)
  const backend = cacheBackends.get(type)
  return attributes && backend && complete(attributes, backend, source, failFor(source.report, 'cache', `type=${type}`))
}

/** PURE: a specification with everything that BuildKit must know to find the storage. */
function complete(
  given: readonly Attribute[],
  backend: CacheBackend,
  { env, event, paths, warn }: InputSource,
  fail: Fail,
): readonly Attribute[] {
  const fromJob = Object.entries(backend.variables ?? {})
    .map(([name, variable]): Attribute => [name, env[variable] ?? ''])
    .filter(([name, value]) => value !== '' && getAttribute(given, name) === undefined)
  const byDefault = isNamed(given, backend) ? '' : backend.defaultName(event.repository)
  const named: readonly Attribute[] = byDefault === '' ? [] : [[backend.name.to, byDefault]]
  const attributes = [...given, ...fromJob, ...named].map(([name, value]): Attribute =>
    isPathAttribute(name) ? [name, paths.use(value, 'cache', 'directory')] : [name, value],
  )
  failEach(fail, backend.problems(attributes, env))
  backend.warnings?.(attributes, env).forEach(warn)
  return attributes
}

function isNamed(attributes: readonly Attribute[], { name }: CacheBackend): boolean {
  return [name.from, name.to].some((attribute) => getAttribute(attributes, attribute) !== undefined)
}

/** PURE: the repository by whose default name the images of several steps share a storage. */
function sharedName(given: string, { event: { repository } }: InputSource): Pick<SpecCache, 'repository'> {
  const attributes = parseCacheSpec(given) ?? []
  const backend = cacheBackends.get(typeOf(attributes))
  const isShared = backend && !isNamed(attributes, backend) && backend.defaultName(repository) !== ''
  return isShared ? { repository } : {}
}

/** PURE: what a target reads and writes; undefined if no cache is used. */
export function cacheOf(policy: CachePolicy, variant: VariantSpec, platform: Platform): TargetCache | undefined {
  const scope = variant.name === '' ? (policy.scope ?? '') : variant.name
  const suffixes = suffixesOf(scope, platformSlug(platform), policy.proposal ?? false)
  if (policy.kind === 'spec') return specCache(policy, imageName(variant, policy), suffixes)
  return policy.kind === 'off' ? undefined : imageCache(variant, suffixes, policy.registry)
}

/** `prefix` and `suffix` of `flavor` without templates, as a part of tags: `suffix=-py311` is `py311`. */
function constantFlavor({ text }: InputSource): string {
  const { prefix, suffix } = parseFlavor({ input: 'flavor', text: text('flavor') }, () => undefined)
  return [prefix, suffix]
    .filter((part) => !part.includes('{{'))
    .map((part) => part.replace(/[^A-Za-z0-9._-]+/g, '-').replace(/^[._-]+|[._-]+$/g, ''))
    .filter((part) => part !== '')
    .join('-')
}

/** What distinguishes the caches in one storage. */
interface Suffixes {
  readonly to: string
  /** The most specific first. */
  readonly from: readonly string[]
  /** Whether the first one is shared by all proposals. */
  readonly proposal: boolean
}

/**
 * `-pr`: shared by all proposals, as their persistent builders; accepted code never reads it. Also on the CI
 * platform's own cache service: GitHub's separates branches, but not `pull_request_target`, and others nothing at all.
 * Last: what was written before there were variants.
 */
function suffixesOf(variant: string, slug: string, proposal: boolean): Suffixes {
  const name = variant === '' ? slug : `${variant}-${slug}`
  const to = proposal ? `${name}-pr` : name
  return { to, from: [...new Set([to, name, slug])], proposal }
}

function cacheImage({ images }: VariantSpec, registry = ''): Repository | undefined {
  return images.find((image) => image.registry === registry) ?? images[0]
}

/** PURE: a cache that is read by these specifications, the most specific first. */
function targetCache(name: string, from: readonly string[], to: string, { proposal }: Suffixes): TargetCache {
  const [first] = from
  return { name, from, to, ...(proposal && first !== undefined && { ofProposals: first }) }
}

function imageCache(variant: VariantSpec, suffixes: Suffixes, registry = ''): TargetCache | undefined {
  const first = cacheImage(variant, registry)
  if (!first) return undefined
  // `buildcache` is the name in other recipes.
  const references = [...suffixes.from.map((name) => `buildcache-${name}`), 'buildcache'].map(
    (tag) => `${formatRepository(first)}:${tag}`,
  )
  // Only BuildKit reads this cache, and zstd needs a third of the time; layers of the image stay as they are.
  const options = 'mode=max,compression=zstd,image-manifest=true,oci-mediatypes=true,ignore-error=true'
  const from = references.map((reference) => `type=registry,ref=${reference}`)
  const to = `type=registry,ref=${formatRepository(first)}:buildcache-${suffixes.to},${options}`
  return targetCache(references[0] ?? '', from, to, suffixes)
}

/** Attributes of exports only. */
const exportOnly = [
  'mode',
  'ignore-error',
  'compression',
  'compression-level',
  'force-compression',
  'image-manifest',
  'oci-mediatypes',
  'upload_parallelism',
  'tar',
]

/**
 * PURE: the name of an image in a storage that its Git repository shares with other images; undefined if the storage
 * has a name of its own, or the image that of the repository. No name of a variant contains the slashes.
 */
function imageName(variant: VariantSpec, { repository, registry }: SpecCache): string | undefined {
  const path = cacheImage(variant, registry)?.path
  if (repository === undefined || path === undefined || path === repository.toLowerCase()) return undefined
  return `/${path}/cache`
}

function specCache({ attributes }: SpecCache, image: string | undefined, suffixes: Suffixes): TargetCache | undefined {
  const type = typeOf(attributes)
  const backend = cacheBackends.get(type)
  if (!backend) return undefined
  const { name, withSuffix } = backend
  const given = getAttribute(attributes, name.to) ?? getAttribute(attributes, name.from) ?? ''
  const own = `${given}${image ?? ''}`
  const others = attributes.filter(([key]) => ![name.from, name.to, 'mode', 'ignore-error'].includes(key))
  const forImport = others.filter(([key]) => !exportOnly.includes(key))
  // Last: what all images of the repository shared, and the name in other recipes.
  const names = [
    ...suffixes.from.map((suffix) => withSuffix(own, suffix)),
    ...(image === undefined ? [] : suffixes.from.slice(-1).map((suffix) => withSuffix(given, suffix))),
    given,
  ]
  const to = joinAttributes([
    ...others,
    [name.to, withSuffix(own, suffixes.to)],
    ['mode', getAttribute(attributes, 'mode') ?? 'max'],
    ['ignore-error', 'true'],
  ])
  const title = type === 'registry' ? (names[0] ?? '') : `type=${type}, ${names[0] ?? ''}`
  const from = names.map((each) => joinAttributes([...forImport, [name.from, each]]))
  return targetCache(title, from, to, suffixes)
}
