import { RegistryError } from '../registry/error.ts'
import type { Inputs } from '../inputs/inputs.ts'
import type { VariantSpec } from '../inputs/variants.ts'
import { errorMessage, type UserError } from '../lib/errors.ts'
import type { PackageAccess } from '../packages/backend.ts'
import { openPackageRepository } from '../packages/select.ts'
import type { Target } from '../plan/target.ts'
import { checkPushAccess, distinctMirrors, distinctRepositories } from '../publish/push-access.ts'
import { createClientFactory, type ClientFactory, type RegistryAccess } from '../registry/client-factory.ts'
import { formatRepository, formatTagReference, type Repository, type TagReference } from '../registry/reference.ts'
import type { TagReport } from '../report/dry-run.ts'

export interface RegistryChecks {
  /** What the logins and the token may do, one line each. */
  readonly permissions: readonly string[]
  readonly tags: readonly TagReport[]
  /** For each cache reference, whether it exists. */
  readonly caches: ReadonlyMap<string, CacheState>
  readonly warnings: readonly string[]
  readonly problems: readonly UserError[]
}

type CacheState = 'filled' | 'empty' | 'unknown'

/** A permission, and what it means for the run. */
interface Permission {
  readonly line: string
  readonly problem?: UserError | undefined
  readonly warning?: string
}

const deadline = 30_000
const shownOnUse = 'a dry run cannot check whether the registry allows deletion'

interface CheckedInputs extends Pick<Inputs, 'push' | 'cleanup'> {
  readonly variants: readonly Pick<VariantSpec, 'images'>[]
  /** The tags that a run would update. */
  readonly tags: readonly TagReference[]
}

/** Queries what the registries contain and what they would allow. Leaves nothing there. */
export async function checkRegistries(
  { variants, push, cleanup, tags: updated }: CheckedInputs,
  targets: readonly Pick<Target, 'cache' | 'variant'>[],
  packages: PackageAccess,
): Promise<RegistryChecks> {
  const signal = AbortSignal.timeout(deadline)
  const createClient = createClientFactory(packages.registries, signal)
  const repositories = push ? distinctRepositories(variants) : []
  const mirrors = push ? distinctMirrors(variants) : []
  const checkTag = async (tag: TagReference): Promise<TagReport> => ({
    tag: formatTagReference(tag),
    now: await findDigest(tag, tag.tag, createClient),
  })
  const [pushes, copies, deletions, tags, caches] = await Promise.all([
    Promise.all(repositories.map((repository) => checkPush(repository, createClient, packages.registries))),
    Promise.all(mirrors.map((mirror) => checkMirror(mirror, createClient, packages.registries))),
    Promise.all(
      cleanup === 'never' ? [] : repositories.map((repository) => checkDeletion(repository, packages, signal)),
    ),
    Promise.all(updated.map(checkTag)),
    Promise.all(targets.map((target) => checkCache(target, createClient))),
  ])
  const permissions = [...pushes, ...copies, ...deletions]
  return {
    permissions: permissions.map(({ line }) => line),
    tags,
    caches: new Map(caches),
    warnings: permissions.flatMap(({ warning }) => warning ?? []),
    problems: permissions.flatMap(({ problem }) => problem ?? []),
  }
}

async function checkPush(
  repository: Repository,
  createClient: ClientFactory,
  registries: RegistryAccess,
): Promise<Permission> {
  const { failure: problem, ended } = await checkPushAccess(repository, createClient, registries)
  await ended
  return { line: `push to ${formatRepository(repository)}: ${problem ? 'refused' : 'allowed'}`, problem }
}

/** A mirror does not fail a run. */
async function checkMirror(
  mirror: Repository,
  createClient: ClientFactory,
  registries: RegistryAccess,
): Promise<Permission> {
  const { line, problem } = await checkPush(mirror, createClient, registries)
  return {
    line: `${line} (mirror)`,
    ...(problem && { warning: `${problem.message}, which is a mirror: a run continues. ${problem.hint}` }),
  }
}

/** Only a deletion shows whether it is allowed; but the API can be queried. */
async function checkDeletion(
  repository: Repository,
  packages: PackageAccess,
  signal: AbortSignal,
): Promise<Permission> {
  const name = formatRepository(repository)
  try {
    const { backend } = await openPackageRepository(packages, {
      repository,
      client: await createClientFactory(packages.registries, signal)(repository),
      until: packages.clock.now() + deadline,
      mark: 'dry-run',
      signal,
    })
    const line = `delete from ${name}: by ${backend.title}`
    if (!backend.capabilities.listsUntagged) return { line: `${line}; ${shownOnUse}` }
    for await (const page of backend.list())
      if (page.length > 0) return { line: `${line}, which lists images; ${shownOnUse}` }
    return { line: `${line}, which lists no images yet; ${shownOnUse}` }
  } catch (error) {
    return {
      line: `delete from ${name}: unknown`,
      warning: `The post step may not be able to delete from ${name}: ${errorMessage(error)}`,
    }
  }
}

/** The digest that the reference names; empty if it does not exist, undefined if the registry did not answer. */
async function findDigest(
  repository: Repository,
  reference: string,
  createClient: ClientFactory,
): Promise<string | undefined> {
  try {
    return (await (await createClient(repository)).headManifest(repository.path, reference)) ?? ''
  } catch (error) {
    return error instanceof RegistryError && error.kind === 'not-found' ? '' : undefined
  }
}

/** The name of a target's cache and whether it exists; only caches in the image's own repository are checked. */
async function checkCache(
  { cache, variant }: Pick<Target, 'cache' | 'variant'>,
  createClient: ClientFactory,
): Promise<readonly [string, CacheState]> {
  const { name = '' } = cache ?? {}
  const [image] = variant.images
  if (image === undefined || !name.startsWith(`${formatRepository(image)}:`)) return [name, 'unknown']
  const digest = await findDigest(image, name.slice(formatRepository(image).length + 1), createClient)
  return [name, digest === undefined ? 'unknown' : digest === '' ? 'empty' : 'filled']
}
