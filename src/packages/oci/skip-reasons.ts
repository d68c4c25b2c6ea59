import { RegistryError } from '../../registry/error.ts'
import { NotDeletedError } from '../backend.ts'

/** What the registry refused, with the remedy; any other error is returned unchanged. */
export function toSkipReason(error: unknown, registry: string): unknown {
  if (!(error instanceof RegistryError)) return error
  const needsPermission = error.kind === 'denied' || error.kind === 'unauthorized'
  return new NotDeletedError(needsPermission ? `${error.message}. ${permissionHint(registry)}` : error.message, error)
}

/** For a registry that does not support deletion, or not in the form requested. */
export function toUnsupportedReason(what: string, error: RegistryError, registry: string): NotDeletedError {
  // Zot and GitLab have error codes of their own for a manifest that an index refers to.
  const isReferenced = error.code !== undefined && error.code !== 'UNSUPPORTED' && /DENIED|REFERENCED/.test(error.code)
  const remedy = isReferenced ? 'An index still refers to it: it can be deleted after that index.' : wayOut(registry)
  return new NotDeletedError(`${what} (${error.message}). ${remedy}`, error, !isReferenced)
}

interface Hint {
  readonly hosts: RegExp
  readonly permission?: string
  readonly wayOut?: string
}

/** Host names only select texts here; what is done depends on the answers of the registry. */
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
      'Give the login’s service account the role Artifact Registry Repository Administrator ' +
      '(`artifactregistry.tags.delete`, `artifactregistry.versions.delete`)',
    wayOut:
      'Delete it with a cleanup policy of Artifact Registry; a repository with immutable tags deletes no tagged image',
  },
  { hosts: /^quay\.io$/, permission: 'Give the robot account the permission `Write` on the repository' },
  {
    hosts: /\.azurecr\.io$/,
    permission:
      'Give the login `Microsoft.ContainerRegistry/registries/artifacts/delete`, for example with the role AcrDelete',
    wayOut: '`az acr repository untag` removes one tag, `az acr repository delete` deletes an image',
  },
  {
    hosts: /^ghcr\.io$/,
    wayOut: 'ghcr.io deletes through GitHub’s API only: set `packages-api: github`, or omit it',
  },
]

const defaultPermission =
  'Give the login the right to delete: the action `delete` of a token server, `Delete Artifact` and `Delete Tag` ' +
  'of a Harbor robot account, `write:package` of a Forgejo or Gitea token'

const defaultWayOut =
  'Enable deletion in the registry (for CNCF Distribution `REGISTRY_STORAGE_DELETE_ENABLED=true`), ' +
  'delete it there manually, or let a retention rule delete it'

function permissionHint(registry: string): string {
  return `${hints.find(({ hosts }) => hosts.test(registry))?.permission ?? defaultPermission}.`
}

function wayOut(registry: string): string {
  return `${hints.find(({ hosts }) => hosts.test(registry))?.wayOut ?? defaultWayOut}.`
}
