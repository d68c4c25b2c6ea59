import { formatRepository, type Repository, type TagReference } from '../registry/reference.ts'

/** What became of a mirror. */
export interface MirrorOutcome {
  readonly repository: Repository
  /** The tags that name the image now. */
  readonly tags: readonly TagReference[]
  /** Why others do not; undefined if all do. */
  readonly failure?: string
}

/** PURE: the warning about a mirror. */
export function formatFailedMirror({ repository, failure = '' }: MirrorOutcome): string {
  const state = 'Its other tags are as they were; the image is complete in the required repositories.'
  return `The mirror ${formatRepository(repository)} is not up to date: ${failure}. ${state}`
}
