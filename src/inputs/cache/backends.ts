import { posix } from 'node:path'
import { getAttribute } from '../../lib/csv.ts'
import type { Env } from '../../lib/lists.ts'
import type { CacheBackend } from './backend.ts'
import { cacheService } from './cache-service.ts'

const appendSuffix = (name: string, suffix: string) => `${name}-${suffix}`
/** S3 and Azure take several names at once: `name=a;b`. */
const appendToEach = (names: string, suffix: string) =>
  names
    .split(';')
    .map((name) => appendSuffix(name, suffix))
    .join(';')
const whole = (value: string) => [value]
/** Several repositories may use one bucket or container. */
const nameByRepository = (repository: string) =>
  ['buildkit', ...repository.split('/')].filter((part) => part !== '').join('-')

/** Capital letters are allowed in tags only. */
function lowerCaseName(ref: string): string {
  const [, name = '', rest = ''] = /^(.*?)((?::[^/:@]*)?(?:@.*)?)$/.exec(ref) ?? []
  return `${name.toLowerCase()}${rest}`
}

function missing(names: readonly string[], example: string): CacheBackend['problems'] {
  return (attributes) =>
    names.map((name) => [(getAttribute(attributes, name) ?? '') === '', `has no \`${name}\`: write \`${example}\``])
}

/** Type → backend. */
export const cacheBackends = new Map<string, CacheBackend>([
  [
    'registry',
    {
      name: { from: 'ref', to: 'ref' },
      defaultName: () => '',
      normalise: (name, value) => (name === 'ref' ? lowerCaseName(value) : value),
      withSuffix: (ref, suffix) => appendSuffix(/:[^/]+$/.test(ref) ? ref : `${ref}:buildcache`, suffix),
      problems: missing(['ref'], 'type=registry,ref=ghcr.io/acme/app:cache'),
    },
  ],
  [
    'inline',
    {
      name: { from: 'ref', to: 'ref' },
      defaultName: () => '',
      withSuffix: appendSuffix,
      problems: () => [[true, 'stores the cache in the image: write `cache: off` and `cache-to: type=inline`']],
      isInImage: true,
    },
  ],
  [
    'local',
    {
      name: { from: 'src', to: 'dest' },
      defaultName: () => '',
      withSuffix: (directory, suffix) => posix.join(directory, suffix),
      problems: (attributes) => [
        [!attributes.some(([name]) => name === 'src' || name === 'dest'), 'has no `dest`: write `type=local,dest=…`'],
      ],
    },
  ],
  [
    'gha',
    {
      name: { from: 'scope', to: 'scope' },
      defaultName: () => 'buildkit',
      withSuffix: appendSuffix,
      secretAttributes: ['token', 'ghtoken'],
      ...cacheService,
    },
  ],
  [
    's3',
    {
      name: { from: 'name', to: 'name' },
      defaultName: nameByRepository,
      withSuffix: appendToEach,
      // https://github.com/moby/buildkit/blob/master/cache/remotecache/s3/s3.go; buildx itself reads the credentials
      variables: { bucket: 'AWS_BUCKET', region: 'AWS_REGION' },
      secretAttributes: ['access_key_id', 'secret_access_key', 'session_token'],
      secretVariables: { AWS_SECRET_ACCESS_KEY: whole, AWS_SESSION_TOKEN: whole },
      problems: missing(['bucket', 'region'], 'type=s3,region=…,bucket=…'),
      errors: { noCredentials: /get credentials:|no EC2 IMDS role found/i },
    },
  ],
  [
    'azblob',
    {
      name: { from: 'name', to: 'name' },
      defaultName: nameByRepository,
      withSuffix: appendToEach,
      // https://github.com/moby/buildkit/blob/master/cache/remotecache/azblob/utils.go
      variables: {
        account_url: 'BUILDKIT_AZURE_STORAGE_ACCOUNT_URL',
        account_name: 'BUILDKIT_AZURE_STORAGE_ACCOUNT_NAME',
        container: 'BUILDKIT_AZURE_STORAGE_CONTAINER',
        prefix: 'BUILDKIT_AZURE_STORAGE_PREFIX',
      },
      secretAttributes: ['secret_access_key', 'sas_token', 'account_key'],
      problems: missing(['account_url'], 'type=azblob,account_url=https://….blob.core.windows.net,…'),
      // Of two nodes that create a container at once, one gets this.
      errors: { createdMeanwhile: /\bContainerAlreadyExists\b/ },
    },
  ],
])

/** The secret attributes of all backends. */
export function secretAttributes(): readonly string[] {
  return [...new Set([...cacheBackends.values()].flatMap((backend) => backend.secretAttributes ?? []))]
}

/** The credentials of caches in the job's environment, to be masked. */
export function cacheEnvSecrets(env: Env): readonly string[] {
  return [...cacheBackends.values()].flatMap(({ secretVariables = {} }) =>
    Object.entries(secretVariables).flatMap(([name, parts]) => parts(env[name] ?? '')),
  )
}

/** What BuildKit reports about caches, by its meaning. */
export function cacheErrorPattern(meaning: keyof NonNullable<CacheBackend['errors']>): RegExp {
  const patterns = [...cacheBackends.values()].flatMap(({ errors }) => errors?.[meaning]?.source ?? [])
  return new RegExp(patterns.join('|'), 'i')
}

/** The variables of the job that buildx needs for caches of these types; no other process gets them. */
export function buildxVariables(types: readonly string[]): readonly string[] {
  return [...new Set(types.flatMap((type) => cacheBackends.get(type)?.buildxVariables ?? []))]
}
