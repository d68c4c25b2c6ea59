import { posix } from 'node:path'
import type { VariantSpec } from '../inputs.ts'
import { formatRepository } from '../registry/reference.ts'
import { readCacheSpec } from './build/caches.ts'
import { attributeOf, joinAttributes, type Attribute } from './csv.ts'
import type { Env } from './lists.ts'
import { shorten, type Report } from './mistake.ts'
import { platformSlug, type Platform } from './platform.ts'

/** Where caches are kept. */
export type CachePolicy = KeptCache | SpecCache

interface KeptCache {
  readonly kind: 'off' | 'registry'
  /** The code is a proposal: it reads the caches of what was accepted, and writes beside them. */
  readonly proposal?: boolean
}

interface SpecCache extends Omit<KeptCache, 'kind'> {
  readonly kind: 'spec'
  readonly attributes: readonly Attribute[]
}

/** The caches of one target, in buildx' form. */
export interface TargetCache {
  /** What it is called, without a secret: a reference, or the back end and the name there. */
  readonly name: string
  readonly from: readonly string[]
  readonly to: string
}

export interface CacheSource {
  readonly text: (name: string) => string
  readonly env: Env
  readonly workspace: string
  readonly proposal: boolean
  readonly report: Report
}

/** Reads `cache`: `registry`, `off`, or a specification of BuildKit's, whose name every target makes its own. */
export function readCache({ text, env, workspace, proposal, report }: CacheSource): CachePolicy {
  const given = text('cache')
  const policy = (policy: CachePolicy): CachePolicy => (proposal ? { ...policy, proposal } : policy)
  if (/^(|registry|true)$/i.test(given)) return policy({ kind: 'registry' })
  if (/^(off|false)$/i.test(given)) return policy({ kind: 'off' })
  if (!given.includes('=')) {
    report({ input: 'cache', given: shorten(given), expected: 'is not one of `registry`, `off`, or a specification such as `type=gha`' })
    return policy({ kind: 'off' })
  }
  const attributes = readCacheSpec('cache', given, report)
  const wrong = (expected: string) => report({ input: 'cache', given: `type=${attributeOf(attributes ?? [], 'type') ?? ''}`, expected })
  const type = attributeOf(attributes ?? [], 'type') ?? ''
  switch (type) {
    case 'inline':
      wrong('keeps the cache in the image itself: write `cache: off` and `cache-to: type=inline`')
      break
    case 'registry':
      if ((attributeOf(attributes ?? [], 'ref') ?? '') === '') wrong('has no `ref`: write `type=registry,ref=ghcr.io/acme/app:cache`')
      break
    case 'gha':
      if ((env['ACTIONS_RUNTIME_TOKEN'] ?? '') === '') wrong('needs the cache service of the forge, and this runner offers none: write `registry`, or let the runner offer one')
      break
    case 's3':
      for (const name of ['bucket', 'region']) if (attributeOf(attributes ?? [], name) === undefined && (env[name === 'bucket' ? 'AWS_BUCKET' : 'AWS_REGION'] ?? '') === '') wrong(`has no \`${name}\`: write \`type=s3,region=…,bucket=…\``)
      break
    case 'local':
      if (localDir(attributes ?? []) === '') wrong('names no directory: write `type=local,dest=…`')
      break
  }
  return attributes ? policy({ kind: 'spec', attributes: attributes.map(([name, value]) => (name === 'dest' || name === 'src' ? [name, posix.resolve(workspace, value)] : [name, value])) }) : policy({ kind: 'off' })
}

/** What the author should know of the cache's place; nothing on most. */
export function cacheNotes(policy: CachePolicy, env: Env): readonly string[] {
  const gha = policy.kind === 'spec' && attributeOf(policy.attributes, 'type') === 'gha'
  if (!gha || (env['FORGEJO_ACTIONS'] !== 'true' && env['GITEA_ACTIONS'] !== 'true')) return []
  return ['`cache: type=gha`: this forge has only the first version of the cache service, on the runner itself; nodes that cannot reach the runner keep no cache there. `cache: registry` works from everywhere.']
}

/** PURE: what a target reads and writes; undefined where no cache is kept. */
export function cacheOf(policy: CachePolicy, variant: VariantSpec, platform: Platform): TargetCache | undefined {
  const own = [variant.name, platformSlug(platform)].filter((part) => part !== '').join('-')
  if (policy.kind === 'off') return undefined
  return policy.kind === 'spec' ? specCache(policy.attributes, own, policy.proposal ?? false) : imageCache(policy, variant, platform, own)
}

/** `-pr`: shared by all proposals, as the daemons that are kept for them; never read by what was accepted. */
function names(own: string, proposal: boolean): { readonly to: string; readonly from: readonly string[] } {
  return proposal ? { to: `${own}-pr`, from: [`${own}-pr`, own] } : { to: own, from: [own] }
}

function imageCache({ proposal = false }: KeptCache, { images, name }: VariantSpec, platform: Platform, own: string): TargetCache | undefined {
  const [first] = images
  if (!first) return undefined
  const { to, from } = names(`buildcache-${own}`, proposal)
  // What other recipes keep, and what this image kept before it had variants; nothing is lost where there is none.
  const before = [...(name === '' ? [] : [`buildcache-${platformSlug(platform)}`]), 'buildcache']
  const spec = (tag: string) => `type=registry,ref=${formatRepository(first)}:${tag}`
  // Only BuildKit reads our cache, and zstd takes it a third of the time; layers that the image has too stay as they are.
  return { name: `${formatRepository(first)}:${from[0] ?? ''}`, from: [...from, ...before].map(spec), to: `${spec(to)},mode=max,compression=zstd,image-manifest=true,oci-mediatypes=true,ignore-error=true` }
}

/** What names a cache in each of BuildKit's back ends, and what stands for it unsaid. */
const named: Readonly<Record<string, readonly [attribute: string, unsaid: string]>> = { gha: ['scope', 'buildkit'], s3: ['name', 'buildkit'], azblob: ['name', 'buildkit'] }
/** Those of an export alone. */
const exportOnly = ['mode', 'ignore-error', 'compression', 'compression-level', 'force-compression', 'image-manifest', 'oci-mediatypes', 'upload_parallelism', 'tar', 'dest']

function specCache(attributes: readonly Attribute[], own: string, proposal: boolean): TargetCache {
  const type = attributeOf(attributes, 'type') ?? ''
  const plain = type === 'local' ? localDir(attributes) : (attributeOf(attributes, named[type]?.[0] ?? 'ref') ?? named[type]?.[1] ?? '')
  // The forge keeps its service's caches apart by branch itself.
  const { to, from } = names(own, proposal && type !== 'gha')
  const others = attributes.filter(([name]) => !['ref', 'src', 'dest', 'mode', 'ignore-error', named[type]?.[0]].includes(name))
  const forImport = others.filter(([name]) => !exportOnly.includes(name))
  const mode = attributeOf(attributes, 'mode') ?? 'max'
  const [, where] = place(type, plain, from[0] ?? '', 'src')
  return {
    name: type === 'registry' ? where : `type=${type}, ${where}`,
    from: [...from.map((name) => place(type, plain, name, 'src')), place(type, plain, '', 'src')].map((where) => joinAttributes([...forImport, where])),
    to: joinAttributes([...others, place(type, plain, to, 'dest'), ['mode', mode], ['ignore-error', 'true']]),
  }
}

function place(type: string, plain: string, own: string, direction: 'src' | 'dest'): Attribute {
  if (type === 'local') return [direction, own === '' ? plain : posix.join(plain, own)]
  return [named[type]?.[0] ?? 'ref', own === '' ? plain : `${type === 'registry' && !/:[^/]+$/.test(plain) ? `${plain}:buildcache` : plain}-${own}`]
}

function localDir(attributes: readonly Attribute[]): string {
  return attributeOf(attributes, 'dest') ?? attributeOf(attributes, 'src') ?? ''
}
