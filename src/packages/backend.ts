/** One manifest of a repository, as the API of its packages shows it. */
export interface Version {
  /** The API's own name for it: a number on GitHub, the digest elsewhere. */
  readonly id: string
  readonly digest: string
  readonly tags: readonly string[]
}

/**
 * What cleanup may ask of the place where a repository's packages live: GitHub's packages API, Forgejo's, or the
 * registry's own DELETE. Every call honours the API's limits by itself; none decides anything.
 */
export interface PackageApi {
  readonly kind: 'github' | 'forgejo' | 'oci'
  /** All versions, a page at a time, newest first where the API can; may be stale, and a caller may stop early. */
  list(): AsyncIterable<readonly Version[]>
  /** The version as it is now; undefined where it is gone. */
  read(version: Version): Promise<Version | undefined>
  /** Deletes the manifest and every tag on it. @throws Kept where the API does not let us */
  remove(version: Version): Promise<void>
  /** Takes one tag off its manifest, which stays under its other tags. @throws Kept */
  untag(version: Version, tag: string): Promise<void>
  /**
   * Why nothing can be deleted here at all, where a question that costs little tells; to be asked before anything that
   * costs much.
   */
  refusal?(): Promise<Kept | undefined>
  /** Undoes a `remove`; false where that cannot be done. */
  restore(version: Version): Promise<boolean>
  /** What was deleted and can still be restored, where the API tells. */
  deleted?(): AsyncIterable<readonly Version[]>
}

/** Why something was left where it is, and what would help; for the user to read. */
export class Kept extends Error {
  /** The registry deletes no such thing, whoever asks: to say so of every run would be noise. */
  readonly isUnsupported: boolean
  constructor(reason: string, cause?: unknown, isUnsupported = false) {
    super(reason, { cause })
    this.name = 'Kept'
    this.isUnsupported = isUnsupported
  }
}
