import { posix } from 'node:path'
import { isTrue } from '../../lib/choice.ts'
import { attributeOf, type Attribute } from '../../lib/csv.ts'
import type { Env } from '../../lib/lists.ts'

/** What `cache` says of a place, with what the job says besides. */
interface PlaceSource {
  readonly env: Env
  readonly workspace: string
  /** Told of what is missing or contradicts itself. */
  readonly wrong: (expected: string) => void
}

/**
 * What BuildKit takes from the environment where it is not said (moby/buildkit, cache/remotecache/s3/s3.go and
 * azblob/utils.go): that of the daemon, on a node, which knows nothing of the job's. So the job's are written out. Keys
 * to S3 are not among them: buildx looks for those itself, here.
 */
const variables: Readonly<Record<string, readonly Attribute[]>> = {
  s3: [
    ['bucket', 'AWS_BUCKET'],
    ['region', 'AWS_REGION'],
  ],
  azblob: [
    ['account_url', 'BUILDKIT_AZURE_STORAGE_ACCOUNT_URL'],
    ['account_name', 'BUILDKIT_AZURE_STORAGE_ACCOUNT_NAME'],
    ['container', 'BUILDKIT_AZURE_STORAGE_CONTAINER'],
    ['prefix', 'BUILDKIT_AZURE_STORAGE_PREFIX'],
  ],
}

/** PURE: a specification that says all that BuildKit must know to find the place. */
export function completePlace(
  attributes: readonly Attribute[],
  { env, workspace, wrong }: PlaceSource,
): readonly Attribute[] {
  const type = attributeOf(attributes, 'type') ?? ''
  const fromJob = (variables[type] ?? []).flatMap(([name, variable]): Attribute[] => {
    const value = env[variable] ?? ''
    return value === '' || attributeOf(attributes, name) !== undefined ? [] : [[name, value]]
  })
  const whole = [...attributes, ...fromJob].map(([name, value]): Attribute =>
    name === 'dest' || name === 'src' ? [name, posix.resolve(workspace, value)] : [name, value],
  )
  const isMissing = (name: string) => (attributeOf(whole, name) ?? '') === ''
  switch (type) {
    case 'inline':
      wrong('keeps the cache in the image itself: write `cache: off` and `cache-to: type=inline`')
      break
    case 'registry':
      if (isMissing('ref')) wrong('has no `ref`: write `type=registry,ref=ghcr.io/acme/app:cache`')
      break
    case 'gha':
      checkService(attributes, env, wrong)
      break
    case 's3':
      for (const name of ['bucket', 'region'].filter(isMissing))
        wrong(`has no \`${name}\`: write \`type=s3,region=…,bucket=…\``)
      break
    case 'azblob':
      if (isMissing('account_url'))
        wrong('has no `account_url`: write `type=azblob,account_url=https://….blob.core.windows.net,…`')
      break
    case 'local':
      if (isMissing('dest') && isMissing('src')) wrong('names no directory: write `type=local,dest=…`')
      break
  }
  return whole
}

/**
 * PURE: the version of the cache service that buildx and BuildKit will speak (docker/buildx, build/opt.go;
 * moby/buildkit, cache/remotecache/gha/gha.go); undefined where they would find none. `ACTIONS_RESULTS_URL` alone is no
 * sign of one: forges that have it for artifacts know nothing of caches there.
 */
export function serviceVersion(attributes: readonly Attribute[], env: Env): 1 | 2 | undefined {
  const given = (name: string, variable: string) => attributeOf(attributes, name) ?? env[variable] ?? ''
  if (given('token', 'ACTIONS_RUNTIME_TOKEN') === '') return undefined
  const wanted = attributeOf(attributes, 'version')
  const results = env['ACTIONS_RESULTS_URL'] ?? ''
  const offersSecond =
    isTrue(env['ACTIONS_CACHE_SERVICE_V2']) || results.includes('results-receiver.actions.githubusercontent.com')
  const second = attributeOf(attributes, 'url_v2') ?? (offersSecond ? results : '')
  if (wanted !== '1' && second !== '') return 2
  return wanted === '2' || given('url', 'ACTIONS_CACHE_URL') === '' ? undefined : 1
}

function checkService(attributes: readonly Attribute[], env: Env, wrong: PlaceSource['wrong']): void {
  if (serviceVersion(attributes, env) !== undefined) return
  const wanted = attributeOf(attributes, 'version')
  const other = attributes.filter(([name]) => name !== 'version')
  if (wanted !== undefined && serviceVersion(other, env) !== undefined)
    wrong(`asks for version ${wanted} of the cache service, and this runner offers the other: leave \`version\` out`)
  else
    wrong(
      'needs the cache service of the forge, and this runner offers none: write `registry`, or let the runner offer one',
    )
}
