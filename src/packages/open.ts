import type { RegistryClient } from '../registry/client.ts'
import type { RegistryWorld } from '../registry/clients.ts'
import { formatRepository, type Repository } from '../registry/reference.ts'
import type { PackageApi } from './backend.ts'
import { choosePackagesApi, type PackagesChoice } from './select.ts'
import { openForgejoPackages } from './forgejo/backend.ts'
import { openGithubPackages, type OwnerKind } from './github/backend.ts'
import { openOciPackages } from './oci/backend.ts'
import { openPlace, type Clock, type Place } from './repository.ts'
import type { GithubRequest } from '../forge/github-errors.ts'

/** What the job knows of the places where packages live. */
export interface PackagesWorld {
  readonly choice: PackagesChoice
  readonly forge: { readonly serverUrl: string; readonly apiUrl: string }
  readonly token: string
  /** The kind of this repository's owner, who mostly owns the image as well. */
  readonly ownerKind: OwnerKind | undefined
  readonly registries: RegistryWorld
  readonly openGithub: (apiUrl: string, until: number) => GithubRequest
  readonly clock: Clock
}

interface Opening {
  readonly repository: Repository
  readonly client: RegistryClient
  readonly until: number
  /** What this run marks its own with. */
  readonly mark: string
  /** Nothing that is looked for, nor anything that refers to it, is older. */
  readonly since?: Date
  readonly signal?: AbortSignal
}

/** The repository with the API that deletes there. */
export async function openPackages(world: PackagesWorld, opening: Opening): Promise<Place> {
  const { repository, client, until } = opening
  const api = await openApi(world, opening)
  return openPlace({
    api,
    registry: client,
    repository: repository.path,
    name: formatRepository(repository),
    clock: world.clock,
    until,
  })
}

async function openApi(
  world: PackagesWorld,
  { repository, client, until, mark, since, signal }: Opening,
): Promise<PackageApi> {
  const { registry, path } = repository
  const slash = path.indexOf('/')
  const at = { owner: path.slice(0, Math.max(0, slash)), name: path.slice(slash + 1) }
  const { token, clock, ownerKind, registries } = world
  const { fetch, log } = registries
  const credentials = await registries.credentials(repository)
  const owner = choosePackagesApi(world.choice, registry, world.forge)
  switch (owner.kind) {
    case 'github':
      return openGithubPackages({
        ...at,
        request: world.openGithub(owner.apiUrl, until),
        registry: client,
        mark,
        clock,
        ...(ownerKind && { ownerKind }),
      })
    case 'forgejo':
      return openForgejoPackages({
        ...at,
        serverUrl: owner.serverUrl,
        token: credentials?.password ?? token,
        client,
        fetch,
        log,
        signal,
        since,
      })
    case 'oci':
      return openOciPackages({
        client,
        repository: path,
        ...(credentials && { harbor: { credentials, fetch, signal } }),
      })
  }
}
