import type { PackageRepository } from '../packages/repository.ts'
import type { Inventory } from './inventory.ts'
import { RetainedTags } from './retained-tags.ts'
import { runReason, selectPullRequest, selectRuns, type Selection } from './selection.ts'

export interface RegistryCleanupRequest {
  /** Patterns of temporary tags: `pr-*`. */
  readonly tags: readonly string[]
  /** Patterns of tags that stay, with their images. */
  readonly excludeTags?: readonly string[]
  /** Only what was pushed for this pull request: `<scope>-<number>`, as in the annotation. */
  readonly pullRequest?: string | undefined
  /** Instead of what finished runs pushed: all but the newest images of each pattern. */
  readonly retention?: { readonly keep: number; readonly olderThan: number } | undefined
  readonly runId?: string | undefined
  readonly untagged: boolean
  /**
   * Content without ownership annotation: `delete` it if it was first pushed while its run existed; `auto`: only if it
   * also names the run itself; `keep`: never. With `retention` it has to name a tag of the pattern.
   */
  readonly unmarked?: 'auto' | 'keep' | 'delete'
  readonly dryRun: boolean
}

type Claims = ReadonlySet<string>

/** What a cleanup is about: finished runs, one pull request, or all but the newest images. */
export interface Mode {
  readonly selection: Selection
  /** To be called before each plan. */
  readonly update: (inventory: Inventory) => Promise<void>
  /** By `unmarked`: whether an image without annotation is content that these claim. */
  readonly isUnmarkedContent: (digest: string, claims: Claims, inventory: Inventory) => boolean
  /** Why a tag is deleted, and its image is not. */
  readonly untagReason: (tag: string, others: readonly string[]) => string
}

export function createMode(repository: PackageRepository, request: RegistryCleanupRequest): Mode {
  const { retention, pullRequest, tags, unmarked, runId } = request
  if (retention) return retentionMode(new RetainedTags(repository, { ...retention, patterns: tags }), unmarked)
  const selection = pullRequest === undefined ? selectRuns(tags, runId) : selectPullRequest(tags, pullRequest)
  return {
    selection,
    update: () => Promise.resolve(),
    isUnmarkedContent: (digest, claims, inventory) =>
      unmarked !== 'keep' && inventory.contentRuns(digest, claims, { named: unmarked !== 'delete' }).length > 0,
    untagReason: (_, others) => untagReason(runReason(selection), others, 'nothing proves that this run pushed it'),
  }
}

function retentionMode(retained: RetainedTags, unmarked: RegistryCleanupRequest['unmarked']): Mode {
  const { selection } = retained
  return {
    selection,
    update: async (inventory) => {
      const { manifests, snapshot } = inventory
      const versionOf = (digest: string) => inventory.listedVersion(digest)
      const isExcluded = (tag: string) => inventory.isExcluded(tag)
      await retained.update({ digests: snapshot.digests, manifests, versionOf, isExcluded })
    },
    isUnmarkedContent: (digest, claims, { manifests }) => {
      if (unmarked === 'keep' || claims.size === 0) return false
      return unmarked === 'delete' || retained.isNamed(digest, claims, manifests)
    },
    untagReason: (tag, others) =>
      untagReason(selection.reason([tag], undefined), others, 'its annotations do not name such a tag'),
  }
}

function untagReason(why: string, others: readonly string[], unproven: string): string {
  const kept = others.length > 0 ? `it also has the tag ${others.join(', ')}` : unproven
  return `${why}; the image is kept, because ${kept}`
}
