import { RegistryError } from '../../registry/client.ts'
import { Kept } from '../backend.ts'

/** What refused, told with what would help; any other error as it is. */
export function keptBecause(error: unknown, registry: string): unknown {
  if (!(error instanceof RegistryError)) return error
  if (error.kind === 'denied' || error.kind === 'unauthorized')
    return new Kept(`${error.message}. ${permissionFor(registry)}`, error)
  return new Kept(error.message, error)
}

/** For a registry that deletes nothing at all, or nothing in the way asked. */
export function keptUndeletable(what: string, error: RegistryError, registry: string): Kept {
  // Zot's and GitLab's refusals to take a part out of an image have codes of their own.
  const referred = error.code !== undefined && error.code !== 'UNSUPPORTED' && /DENIED|REFERENCED/.test(error.code)
  return new Kept(
    `${what} (${error.message}). ${referred ? 'An index still refers to it: it can go after that one.' : wayOutOf(registry)}`,
    error,
    !referred,
  )
}

interface Hint {
  readonly hosts: RegExp
  readonly permission?: string
  readonly wayOut?: string
}

/** Names only choose words here; what is done is found out from the registry's answers. */
const hints: readonly Hint[] = [
  {
    hosts: /^docker\.io$/,
    permission: 'Docker Hub deletes with an access token that has the scope `Read, Write, Delete`',
    wayOut: 'Docker Hub deletes tags only on hub.docker.com, under the repository’s `Tags`, or through its own API',
  },
  {
    hosts: /\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(\.cn)?$|^public\.ecr\.aws$/,
    permission: 'Give the login’s IAM identity `ecr:BatchDeleteImage` on the repository',
  },
  {
    hosts: /-docker\.pkg\.dev$|(^|\.)gcr\.io$/,
    permission:
      'Give the login’s service account the role Artifact Registry Repository Administrator (`artifactregistry.tags.delete`, `artifactregistry.versions.delete`)',
    wayOut: 'A cleanup policy of Artifact Registry can delete it; a repository with immutable tags deletes none',
  },
  { hosts: /^quay\.io$/, permission: 'Give the robot account the permission `Write` on the repository' },
  {
    hosts: /\.azurecr\.io$/,
    permission:
      'Give the login `Microsoft.ContainerRegistry/registries/artifacts/delete`, for example with the role AcrDelete',
    wayOut: '`az acr repository untag` takes one tag off, `az acr repository delete` deletes an image',
  },
  {
    hosts: /^ghcr\.io$/,
    wayOut: 'ghcr.io deletes through GitHub’s API only: write `packages-api: github`, or leave it out',
  },
]

function permissionFor(registry: string): string {
  return `${hints.find(({ hosts }) => hosts.test(registry))?.permission ?? 'Give the login the right to delete: the action `delete` of a token server, `Delete Artifact` and `Delete Tag` of a Harbor robot account, `write:package` of a Forgejo or Gitea token'}.`
}

function wayOutOf(registry: string): string {
  const known = hints.find(({ hosts }) => hosts.test(registry))?.wayOut
  return `${known ?? 'Switch deletion on where the registry runs (for distribution `REGISTRY_STORAGE_DELETE_ENABLED=true`), delete it by hand there, or let a retention rule do it'}.`
}
