import type { Inputs } from '../inputs/inputs.ts'
import { openPackageRepository, type PackageAccess } from '../packages/open.ts'
import { createClientFactory, type ClientFactory } from '../registry/client-factory.ts'
import { RegistryError } from '../registry/client.ts'
import { formatRepository, formatTagReference, type Repository } from '../registry/reference.ts'
import type { TagReport } from '../report/dry-run.ts'
import { type UserError, errorMessage } from '../lib/errors.ts'
import { askPush, repositoriesOf } from '../publish/push-access.ts'
import type { Target } from '../plan/target.ts'

export interface RegistriesLook {
  readonly permissions: readonly string[]
  readonly tags: readonly TagReport[]
  /** For each cache reference, whether something is there. */
  readonly caches: ReadonlyMap<string, 'filled' | 'empty' | 'unknown'>
  readonly doubts: readonly string[]
  readonly problems: readonly UserError[]
}

const deadline = 30_000

/** Asks the registries what they have and what they would allow, and leaves nothing there. */
export async function lookAtRegistries(
  inputs: Pick<Inputs, 'variants' | 'push' | 'cleanup'>,
  targets: readonly Pick<Target, 'cache' | 'variant'>[],
  packages: PackageAccess,
): Promise<RegistriesLook> {
  const signal = AbortSignal.timeout(deadline)
  const clientOf = createClientFactory(packages.registries, signal)
  const repositories = repositoriesOf(inputs.variants)
  const [pushes, apis, tags, caches] = await Promise.all([
    inputs.push ? Promise.all(repositories.map((repository) => lookAtPush(repository, clientOf))) : [],
    inputs.push && inputs.cleanup !== 'never'
      ? Promise.all(repositories.map((repository) => askPackages(repository, clientOf, packages, signal)))
      : [],
    inputs.push
      ? Promise.all(
          inputs.variants
            .flatMap((variant) => variant.tags)
            .map(async (tag): Promise<TagReport> => ({
              tag: formatTagReference(tag),
              now: await headOf(tag, tag.tag, clientOf),
            })),
        )
      : [],
    Promise.all(
      targets.map(
        async ({ cache, variant }) =>
          [cache?.name ?? '', await stateOf(cache?.name, variant.images[0], clientOf)] as const,
      ),
    ),
  ])
  return {
    permissions: [...pushes.map(({ line }) => line), ...apis.map(({ line }) => line)],
    tags,
    caches: new Map(caches),
    doubts: apis.flatMap(({ doubt }) => doubt ?? []),
    problems: pushes.flatMap(({ problem }) => problem ?? []),
  }
}

async function lookAtPush(
  repository: Repository,
  clientOf: ClientFactory,
): Promise<{ readonly line: string; readonly problem?: UserError }> {
  const { failure: problem } = await askPush(repository, clientOf)
  return {
    line: `push to ${formatRepository(repository)}: ${problem ? 'refused' : 'allowed'}`,
    ...(problem && { problem }),
  }
}

/** Whether deleting is allowed shows only when something is deleted; whether the API answers at all can be asked. */
async function askPackages(
  repository: Repository,
  clientOf: ClientFactory,
  packages: PackageAccess,
  signal: AbortSignal,
): Promise<{ readonly line: string; readonly doubt?: string }> {
  const name = formatRepository(repository)
  const title = {
    github: "GitHub's packages API",
    forgejo: "the forge's packages API",
    oci: "the registry's own DELETE",
  }
  try {
    const client = await clientOf(repository)
    const { backend: api } = await openPackageRepository(packages, {
      repository,
      client,
      until: packages.clock.now() + deadline,
      mark: 'dry-run',
      signal,
    })
    if (api.kind === 'oci')
      return { line: `delete from ${name}: by ${title.oci}; whether it allows that shows only when it is used` }
    for await (const page of api.list())
      return {
        line: `delete from ${name}: by ${title[api.kind]}, which answers (${page.length === 0 ? 'no version yet' : 'versions are listed'}); whether it lets this token delete shows only when it is used`,
      }
    return { line: `delete from ${name}: by ${title[api.kind]}, which answers (no version yet)` }
  } catch (error) {
    return {
      line: `delete from ${name}: not to be asked`,
      doubt: `The post step may not be able to delete from ${name}: ${errorMessage(error)}`,
    }
  }
}

async function headOf(repository: Repository, reference: string, clientOf: ClientFactory): Promise<string | undefined> {
  try {
    return (await (await clientOf(repository)).headManifest(repository.path, reference)) ?? ''
  } catch (error) {
    return error instanceof RegistryError && error.kind === 'not-found' ? '' : undefined
  }
}

async function stateOf(
  cache: string | undefined,
  image: Repository | undefined,
  clientOf: ClientFactory,
): Promise<'filled' | 'empty' | 'unknown'> {
  if (image === undefined || cache?.startsWith(`${formatRepository(image)}:`) !== true) return 'unknown'
  const found = await headOf(image, cache.slice(formatRepository(image).length + 1), clientOf)
  return found === undefined ? 'unknown' : found === '' ? 'empty' : 'filled'
}
