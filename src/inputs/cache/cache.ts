import { formatRepository } from '../../registry/reference.ts'
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
}

/** The caches of one target, in buildx' form. */
export interface TargetCache {
  /** For messages, without a secret: a reference, or the backend and the name there. */
  readonly name: string
  readonly from: readonly string[]
  readonly to: string
}

/** Parses `cache`: `registry`, `off`, or a specification of BuildKit's, to whose name every target adds its own. */
export function parseCache(source: InputSource): CachePolicy {
  const given = source.text('cache')
  const scope = constantFlavor(source)
  const proposal = { ...(source.event.trust !== 'trusted' && { proposal: true }), ...(scope !== '' && { scope }) }
  const attributes = given.includes('=') ? parseBackend(given, source) : undefined
  if (attributes) return { kind: 'spec', attributes, ...proposal }
  if (/^(|registry|true)$/i.test(given))
    return { kind: 'registry', registry: platformRegistry(source.event), ...proposal }
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
  const isNamed = [backend.name.from, backend.name.to].some((name) => getAttribute(given, name) !== undefined)
  const byDefault = isNamed ? '' : backend.defaultName(event.repository)
  const named: readonly Attribute[] = byDefault === '' ? [] : [[backend.name.to, byDefault]]
  const attributes = [...given, ...fromJob, ...named].map(([name, value]): Attribute =>
    isPathAttribute(name) ? [name, paths.use(value, 'cache', 'directory')] : [name, value],
  )
  failEach(fail, backend.problems(attributes, env))
  backend.warnings?.(attributes, env).forEach(warn)
  return attributes
}

/** PURE: what a target reads and writes; undefined if no cache is used. */
export function cacheOf(policy: CachePolicy, variant: VariantSpec, platform: Platform): TargetCache | undefined {
  const scope = variant.name === '' ? (policy.scope ?? '') : variant.name
  const suffixes = suffixesOf(scope, platformSlug(platform), policy.proposal ?? false)
  if (policy.kind === 'spec') return specCache(policy.attributes, suffixes)
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
}

/**
 * `-pr`: shared by all proposals, as their persistent builders; accepted code never reads it. Also on the CI
 * platform's own cache service: GitHub's separates branches, but not `pull_request_target`, and others nothing at all.
 * Last: what was written before there were variants.
 */
function suffixesOf(variant: string, slug: string, proposal: boolean): Suffixes {
  const name = variant === '' ? slug : `${variant}-${slug}`
  const to = proposal ? `${name}-pr` : name
  return { to, from: [...new Set([to, name, slug])] }
}

function imageCache({ images }: VariantSpec, { to, from }: Suffixes, registry = ''): TargetCache | undefined {
  const first = images.find((image) => image.registry === registry) ?? images[0]
  if (!first) return undefined
  // `buildcache` is the name in other recipes; a missing one costs nothing.
  const references = [...from.map((name) => `buildcache-${name}`), 'buildcache'].map(
    (tag) => `${formatRepository(first)}:${tag}`,
  )
  // Only BuildKit reads this cache, and zstd needs a third of the time; layers of the image stay as they are.
  const options = 'mode=max,compression=zstd,image-manifest=true,oci-mediatypes=true,ignore-error=true'
  return {
    name: references[0] ?? '',
    from: references.map((reference) => `type=registry,ref=${reference}`),
    to: `type=registry,ref=${formatRepository(first)}:buildcache-${to},${options}`,
  }
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

function specCache(attributes: readonly Attribute[], { to, from }: Suffixes): TargetCache | undefined {
  const type = typeOf(attributes)
  const backend = cacheBackends.get(type)
  if (!backend) return undefined
  const { name, withSuffix } = backend
  const given = getAttribute(attributes, name.to) ?? getAttribute(attributes, name.from) ?? ''
  const nameFor = (suffix: string) => (suffix === '' ? given : withSuffix(given, suffix))
  const others = attributes.filter(([key]) => ![name.from, name.to, 'mode', 'ignore-error'].includes(key))
  const forImport = others.filter(([key]) => !exportOnly.includes(key))
  const first = nameFor(from[0] ?? '')
  return {
    name: type === 'registry' ? first : `type=${type}, ${first}`,
    from: [...from, ''].map((suffix) => joinAttributes([...forImport, [name.from, nameFor(suffix)]])),
    to: joinAttributes([
      ...others,
      [name.to, nameFor(to)],
      ['mode', getAttribute(attributes, 'mode') ?? 'max'],
      ['ignore-error', 'true'],
    ]),
  }
}
