import type { CiPlatform } from '../forge/platform.ts'
import { formatRepository } from '../registry/reference.ts'
import type { BackendDefinition, PackageAccess, RepositoryOptions } from './backend.ts'
import { forgejoBackend } from './forgejo/backend.ts'
import { githubBackend } from './github/backend.ts'
import { ociBackend } from './oci/backend.ts'
import { createPackageRepository, type PackageRepository } from './repository.ts'

/**
 * Every delete API by its name in the input `packages-api`. With `auto` the first one that serves the registry is used:
 * GitHub's registries refuse every DELETE request, so only GitHub's API deletes there; Forgejo and Gitea serve packages
 * on their own host; every other registry has no API but its own.
 */
const backends = {
  github: githubBackend,
  forgejo: forgejoBackend,
  gitea: forgejoBackend,
  oci: ociBackend,
} as const satisfies Record<string, BackendDefinition>

type BackendTable = Readonly<Record<string, BackendDefinition>>

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

/** PURE: the delete API for a registry. @throws Error if `choice` is not in the table */
export function selectBackend(
  choice: string,
  registry: string,
  platform: CiPlatform,
  table: BackendTable = backends,
): SelectedBackend {
  const host = registry.toLowerCase()
  const [candidates, explicit] = choice === 'auto' ? [Object.values(table)] : [[table[choice]], 'explicit' as const]
  for (const definition of candidates) {
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
  const { definition, endpoint } = selectBackend(access.choice, repository.registry, access.platform, table)
  return createPackageRepository({
    backend: await definition.create(endpoint, access, options),
    registry: client,
    repository: repository.path,
    name: formatRepository(repository),
    clock: access.clock,
    deadline: until,
  })
}
