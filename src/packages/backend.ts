import type { CiPlatform } from '../forge/platform.ts'
import type { RegistryClient } from '../registry/client.ts'
import type { RegistryAccess } from '../registry/client-factory.ts'
import type { Repository } from '../registry/reference.ts'
import type { GithubRequest } from '../forge/api-client.ts'

/** One manifest of a repository, as its packages API returns it. */
export interface PackageVersion {
  /** The id in the API: a number on GitHub, the digest elsewhere. */
  readonly id: string
  readonly digest: string
  readonly tags: readonly string[]
  /** When the manifest was first pushed, in milliseconds since the epoch; absent if the API does not report it. */
  readonly createdAt?: number
  /** When a tag of it was last pushed, with the same manifest or another; absent if the API does not report it. */
  readonly taggedAt?: number
}

/** How a backend differs from the others, as far as cleanup depends on it. */
export interface BackendCapabilities {
  /**
   * The API has ids of its own, which only its list reveals. The list is sorted by id, newest first, and may lag behind
   * the registry, so only a version that two lists contain is deleted. Otherwise the id is the digest.
   */
  readonly listsById: boolean
  /** The list also contains every manifest without a tag. */
  readonly listsUntagged: boolean
  /** To find the tags of one digest costs one request per tag of the repository. */
  readonly resolvesEachTag: boolean
  /** Deletes a manifest to which an index still refers. */
  readonly deletesReferenced: boolean
  /** Several deletions may run at the same time. */
  readonly deletesConcurrently: boolean
  /** Stores tags in lower case only. */
  readonly lowercasesTags: boolean
}

/**
 * What deletes packages in a repository: GitHub's packages API, Forgejo's, or the DELETE of the registry itself. Every
 * call respects the limits of the API. A backend makes no decisions.
 */
export interface PackageBackend {
  /** For messages: `GitHub's packages API`. */
  readonly title: string
  readonly capabilities: BackendCapabilities
  /** All versions, page by page, newest first if the API can; may be stale, and a caller may stop early. */
  list(): AsyncIterable<readonly PackageVersion[]>
  /** The current state of the version; undefined if it does not exist. */
  read(version: PackageVersion): Promise<PackageVersion | undefined>
  /** Deletes the manifest and every tag on it. @throws NotDeletedError if the API refuses */
  remove(version: PackageVersion): Promise<void>
  /** Removes one tag from its manifest, which stays. @throws NotDeletedError */
  untag(version: PackageVersion, tag: string): Promise<void>
  /**
   * The reason if nothing can be deleted in this repository; undefined if deletion may work. A cheap request, to be
   * made before expensive ones.
   */
  probeDeletion?(): Promise<NotDeletedError | undefined>
  /** The reason why the last version that has a tag stays; absent if the API deletes it. */
  lastTaggedError?(): NotDeletedError
  /** Reverts a `remove`; false if that is not possible. */
  restore(version: PackageVersion): Promise<boolean>
  /** The deleted versions that can still be restored. */
  listDeleted?(): AsyncIterable<readonly PackageVersion[]>
}

/** Why something was not deleted, and what would help; for the user. */
export class NotDeletedError extends Error {
  /** The registry never deletes this, with any login: a warning in every run would be noise. */
  readonly isUnsupported: boolean
  constructor(reason: string, cause?: unknown, isUnsupported = false) {
    super(reason, { cause })
    this.name = 'NotDeletedError'
    this.isUnsupported = isUnsupported
  }
}

export interface Clock {
  /** Milliseconds since the epoch. */
  readonly now: () => number
  readonly sleep: (ms: number) => Promise<unknown>
}

export type OwnerKind = 'orgs' | 'users'

/** What the job knows about packages, for every backend. */
export interface PackageAccess {
  /** The value of the input `packages-api`. */
  readonly choice: string
  readonly platform: CiPlatform
  /** The job's token; only the platform that issued it may get it. */
  readonly token: string
  /** The kind of owner that this repository has, which is usually the owner of the image as well. */
  readonly ownerKind: OwnerKind | undefined
  readonly registries: RegistryAccess
  readonly githubClient: (apiUrl: string, token: string, until: number) => GithubRequest
  readonly clock: Clock
}

export interface RepositoryOptions {
  readonly repository: Repository
  readonly client: RegistryClient
  /** When to give up, by the clock. */
  readonly until: number
  /** The ownership annotation of this run. */
  readonly mark: string
  /** Everything to be deleted, and everything that refers to it, is younger. */
  readonly since?: Date
  readonly signal?: AbortSignal
}

/** One delete API. To add one, write a file that exports its definition, and load it in the table of select.ts. */
export interface BackendDefinition {
  /**
   * The address of the API for a registry; undefined if the API does not serve it. `explicit`: the user chose this API,
   * so there is always an address.
   */
  readonly endpoint: (registry: string, platform: CiPlatform, explicit?: 'explicit') => string | undefined
  readonly create: (
    endpoint: string,
    access: PackageAccess,
    options: RepositoryOptions,
  ) => PackageBackend | Promise<PackageBackend>
}

/** PURE: `acme/shop/api` → owner `acme`, name `shop/api`. */
export function splitOwner(path: string): { readonly owner: string; readonly name: string } {
  const slash = path.indexOf('/')
  return { owner: path.slice(0, Math.max(0, slash)), name: path.slice(slash + 1) }
}

export function trimSlashes(url: string): string {
  return url.replace(/\/+$/, '')
}

/** The host and port of a URL in lower case; empty if it is not a URL. */
export function urlHost(url: string): string {
  return URL.canParse(url) ? new URL(url).host.toLowerCase() : ''
}
