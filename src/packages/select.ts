import type { CiPlatform } from '../forge/platform.ts'
import { formatRepository } from '../registry/reference.ts'
import type { BackendDefinition, PackageAccess, RepositoryOptions } from './backend.ts'
import type { PackageRepository } from './repository.ts'

type BackendTable = Readonly<Record<string, () => Promise<BackendDefinition>>>

/**
 * Every delete API by its name in the input `packages-api`. With `auto` the first one that serves the registry is used:
 * GitHub's registries refuse every DELETE request, so only GitHub's API deletes there; Forgejo and Gitea serve packages
 * on their own host; every other registry has no API but its own. A build deletes nothing, so modules load on demand.
 */
const backends = {
  github: async () => (await import('./github/backend.ts')).githubBackend,
  forgejo: async () => (await import('./forgejo/backend.ts')).forgejoBackend,
  gitea: async () => (await import('./forgejo/backend.ts')).forgejoBackend,
  oci: async () => (await import('./oci/backend.ts')).ociBackend,
} as const satisfies BackendTable

export type PackagesChoice = 'auto' | keyof typeof backends

const choices = ['auto', ...Object.keys(backends)] as PackagesChoice[]

/** The values of the input `packages-api`. */
export const packagesChoices: Readonly<Record<string, PackagesChoice>> = Object.fromEntries(
  choices.map((name) => [name, name]),
)

interface SelectedBackend {
  readonly definition: BackendDefinition
  /** The address of its API. */
  readonly endpoint: string
}

/** The delete API for a registry. @throws Error if `choice` is not in the table */
export async function selectBackend(
  choice: string,
  registry: string,
  platform: CiPlatform,
  table: BackendTable = backends,
): Promise<SelectedBackend> {
  const host = registry.toLowerCase()
  const [candidates, explicit] = choice === 'auto' ? [Object.values(table)] : [[table[choice]], 'explicit' as const]
  for (const load of candidates) {
    const definition = await load?.()
    const endpoint = definition?.endpoint(host, platform, explicit)
    if (definition && endpoint !== undefined) return { definition, endpoint }
  }
  throw new Error(`No packages API \`${choice}\` for ${registry}`)
}

/** The repository together with the API that deletes in it. */
export async function openPackageRepository(
  access: PackageAccess,
  options: RepositoryOptions,
  table: BackendTable = backends,
): Promise<PackageRepository> {
  const { repository, client, until } = options
  const { definition, endpoint } = await selectBackend(access.choice, repository.registry, access.platform, table)
  const { createPackageRepository } = await import('./repository.ts')
  return createPackageRepository({
    backend: await definition.create(endpoint, access, options),
    registry: client,
    repository: repository.path,
    name: formatRepository(repository),
    clock: access.clock,
    deadline: until,
  })
}
