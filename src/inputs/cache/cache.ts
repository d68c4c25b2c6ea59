import { posix } from 'node:path'
import { formatRepository } from '../../registry/reference.ts'
import { readCacheSpec } from './specs.ts'
import { completePlace, serviceVersion } from './complete.ts'
import { attributeOf, joinAttributes, type Attribute } from '../../lib/csv.ts'
import type { Env } from '../../lib/lists.ts'
import { shorten, type IssueSink } from '../../lib/issues.ts'
import { platformSlug, type Platform } from '../../lib/platform.ts'
import type { VariantSpec } from '../variant-spec.ts'

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

interface CacheSource {
  readonly text: (name: string) => string
  readonly env: Env
  readonly workspace: string
  readonly proposal: boolean
  readonly report: IssueSink
}

/** Reads `cache`: `registry`, `off`, or a specification of BuildKit's, whose name every target makes its own. */
export function readCache({ text, env, workspace, proposal, report }: CacheSource): CachePolicy {
  const given = text('cache')
  const policy = (policy: CachePolicy): CachePolicy => (proposal ? { ...policy, proposal } : policy)
  if (/^(|registry|true)$/i.test(given)) return policy({ kind: 'registry' })
  if (/^(off|false)$/i.test(given)) return policy({ kind: 'off' })
  if (!given.includes('=')) {
    report({
      input: 'cache',
      given: shorten(given),
      expected: 'is not one of `registry`, `off`, or a specification such as `type=gha`',
    })
    return policy({ kind: 'off' })
  }
  const attributes = readCacheSpec('cache', given, report)
  if (!attributes) return policy({ kind: 'off' })
  const wrong = (expected: string) =>
    report({ input: 'cache', given: `type=${attributeOf(attributes, 'type') ?? ''}`, expected })
  return policy({ kind: 'spec', attributes: completePlace(attributes, { env, workspace, wrong }) })
}

/** What the author should know of the cache's place; nothing on most. */
export function cacheNotes(policy: CachePolicy, env: Env): readonly string[] {
  const first =
    policy.kind === 'spec' &&
    attributeOf(policy.attributes, 'type') === 'gha' &&
    serviceVersion(policy.attributes, env) === 1
  if (!first || (env['FORGEJO_ACTIONS'] !== 'true' && env['GITEA_ACTIONS'] !== 'true')) return []
  return [
    '`cache: type=gha`: this forge has only the first version of the cache service, on the runner itself; nodes that cannot reach the runner keep no cache there. `cache: registry` works from everywhere.',
  ]
}

/** PURE: what a target reads and writes; undefined where no cache is kept. */
export function cacheOf(policy: CachePolicy, variant: VariantSpec, platform: Platform): TargetCache | undefined {
  if (policy.kind === 'off') return undefined
  const names = namesOf(variant.name, platformSlug(platform), policy.proposal ?? false)
  return policy.kind === 'spec' ? specCache(policy.attributes, names) : imageCache(variant, names)
}

/** What tells the caches of one place apart. */
interface Names {
  readonly to: string
  /** The most telling first. */
  readonly from: readonly string[]
}

/**
 * `-pr`: shared by all proposals, as the daemons that are kept for them; never read by what was accepted. For a forge's
 * own service too: GitHub's keeps branches apart, but not `pull_request_target`, and those of other forges nothing at
 * all. Last what was kept before there were variants.
 */
function namesOf(variant: string, slug: string, proposal: boolean): Names {
  const own = variant === '' ? slug : `${variant}-${slug}`
  const to = proposal ? `${own}-pr` : own
  return { to, from: [...new Set([to, own, slug])] }
}

function imageCache({ images }: VariantSpec, { to, from }: Names): TargetCache | undefined {
  const [first] = images
  if (!first) return undefined
  const spec = (tag: string) => `type=registry,ref=${formatRepository(first)}:${tag}`
  // `buildcache` is what other recipes keep; nothing is lost where there is none.
  const tags = [...from.map((name) => `buildcache-${name}`), 'buildcache']
  // Only BuildKit reads our cache, and zstd takes it a third of the time; layers that the image has too stay as they
  // are.
  return {
    name: `${formatRepository(first)}:${tags[0] ?? ''}`,
    from: tags.map(spec),
    to: `${spec(`buildcache-${to}`)},mode=max,compression=zstd,image-manifest=true,oci-mediatypes=true,ignore-error=true`,
  }
}

/** What names a cache in each of BuildKit's back ends, and what stands for it unsaid. */
const named: Readonly<Record<string, readonly [attribute: string, unsaid: string]>> = {
  gha: ['scope', 'buildkit'],
  s3: ['name', 'buildkit'],
  azblob: ['name', 'buildkit'],
}
/** Those of an export alone. */
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
  'dest',
]

function specCache(attributes: readonly Attribute[], { to, from }: Names): TargetCache {
  const type = attributeOf(attributes, 'type') ?? ''
  const plain =
    type === 'local'
      ? localDir(attributes)
      : (attributeOf(attributes, named[type]?.[0] ?? 'ref') ?? named[type]?.[1] ?? '')
  const others = attributes.filter(
    ([name]) => !['ref', 'src', 'dest', 'mode', 'ignore-error', named[type]?.[0]].includes(name),
  )
  const forImport = others.filter(([name]) => !exportOnly.includes(name))
  const mode = attributeOf(attributes, 'mode') ?? 'max'
  const [, where] = place(type, plain, from[0] ?? '', 'src')
  return {
    name: type === 'registry' ? where : `type=${type}, ${where}`,
    from: [...from, ''].map((name) => joinAttributes([...forImport, place(type, plain, name, 'src')])),
    to: joinAttributes([...others, place(type, plain, to, 'dest'), ['mode', mode], ['ignore-error', 'true']]),
  }
}

function place(type: string, plain: string, own: string, direction: 'src' | 'dest'): Attribute {
  if (type === 'local') return [direction, own === '' ? plain : posix.join(plain, own)]
  const attribute = named[type]?.[0] ?? 'ref'
  if (own === '') return [attribute, plain]
  if (type === 'registry') return [attribute, `${/:[^/]+$/.test(plain) ? plain : `${plain}:buildcache`}-${own}`]
  // S3's and Azure's take several names at once: `name=a;b`.
  return [
    attribute,
    attribute === 'name'
      ? plain
          .split(';')
          .map((name) => `${name}-${own}`)
          .join(';')
      : `${plain}-${own}`,
  ]
}

function localDir(attributes: readonly Attribute[]): string {
  return attributeOf(attributes, 'dest') ?? attributeOf(attributes, 'src') ?? ''
}
