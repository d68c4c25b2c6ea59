import { isCertainlyRunId, matchesPattern, parseRunId } from '../forge/run-status.ts'
import type { ManifestInfo } from '../packages/manifest-info.ts'
import { annotatedRun } from '../run/names.ts'

/** Undefined: the registry does not have it. */
type Manifest = ManifestInfo | undefined

/**
 * What a cleanup may delete: tags with their images, and manifests without a tag. All runs that may still need them
 * must have finished; a selection says which runs these are, and what is selected at all.
 */
export interface Selection {
  /** Whether the cleanup is about the tag: then the report says why it stays. */
  readonly includes: (tag: string, manifest: Manifest) => boolean
  /** Whether a tag that is included may be deleted when its runs have finished; if not, why it stays. */
  readonly isDeletable: (tag: string, manifest: Manifest) => boolean
  readonly keepReason: (tag: string, manifest: Manifest) => string
  /** The runs that must have finished before a tag that is included may be deleted. */
  readonly runsOfTag: (tag: string, manifest: Manifest) => readonly string[]
  /** The run of a manifest by its annotations; undefined if it is not selected by them. */
  readonly runOf: (manifest: Manifest) => string | undefined
  /**
   * Whether the run of a manifest without a tag is asked for again right before its deletion. A run that has just ended
   * may be started again, and needs what it pushes then.
   */
  readonly rechecksRuns?: true
  /** What an image without annotation may belong to by its tag; undefined: nothing. */
  readonly claimOf: (tag: string) => string | undefined
  /** Whether attestations without annotation belong to an image that is claimed. */
  readonly claimsAttestations?: true
  /** Why an image with these tags is deleted. */
  readonly reason: (tags: readonly string[], manifest: Manifest) => string
  /** Why the run of a manifest does not need it any more; absent: it has finished. */
  readonly runReason?: string
}

/** Why the run of a manifest that is selected does not need it any more. */
export function runReason(selection: Pick<Selection, 'runReason'>): string {
  return selection.runReason ?? 'its run has finished'
}

/**
 * PURE: what finished runs pushed. The ids in temporary tags name them.
 *
 * @param only the input `run-id`: only this run, whether it has finished or not
 */
export function selectRuns(patterns: readonly string[], only?: string): Selection {
  const includes = (tag: string) => matchesPattern(tag, patterns)
  const claimOf = (tag: string) => (includes(tag) ? parseRunId(tag) : undefined)
  return {
    includes,
    // If the number may be a pull request, the annotation has to name it too.
    isDeletable: (tag, manifest) => {
      const run = claimOf(tag)
      return run !== undefined && (isCertainlyRunId(run) || annotatedRun(manifest?.runAnnotation) === run)
    },
    keepReason: (tag) => {
      const run = claimOf(tag)
      if (run === undefined) return 'its name does not contain the id of a run: `pr-<run_id>`, `build-<sha>-<run_id>`.'
      return `${run} may be a pull request number: the image has no ownership annotation of run ${run}.`
    },
    runsOfTag: (tag) => [claimOf(tag) ?? []].flat(),
    runOf: (manifest) => annotatedRun(manifest?.runAnnotation),
    claimOf,
    reason: (tags) =>
      only === undefined
        ? formatRuns([...new Set(tags.flatMap((tag) => claimOf(tag) ?? []))])
        : `it belongs to run ${only}, which \`run-id\` names`,
    ...(only !== undefined && { runReason: '`run-id` names its run' }),
  }
}

function formatRuns(runs: readonly string[]): string {
  return runs.length === 1 ? `run ${runs.join()} has finished` : `the runs ${runs.join(', ')} have finished`
}

/**
 * PURE: what finished runs pushed for one pull request. The annotations of each manifest prove that; a name proves
 * nothing.
 *
 * @param pullRequest as in the annotation: `<scope>-<number>`
 */
export function selectPullRequest(patterns: readonly string[], pullRequest: string): Selection {
  const runOf: Selection['runOf'] = (manifest) =>
    manifest?.pullRequest === pullRequest ? annotatedRun(manifest.runAnnotation) : undefined
  const includes: Selection['includes'] = (tag, manifest) =>
    matchesPattern(tag, patterns) && runOf(manifest) !== undefined
  const number = pullRequest.slice(pullRequest.lastIndexOf('-') + 1)
  return {
    includes,
    isDeletable: includes,
    keepReason: () => `it is not an image of pull request ${number}.`,
    runsOfTag: (tag, manifest) => (includes(tag, manifest) ? requiredRuns(tag, manifest) : []),
    runOf,
    rechecksRuns: true,
    claimOf: () => undefined,
    reason: (_, manifest) => `run ${runOf(manifest) ?? ''} of pull request ${number} has finished`,
  }
}

/** PURE: the run that pushed the image, and another one whose id the tag contains: that may have added the tag. */
export function requiredRuns(tag: string, manifest: Manifest): readonly string[] {
  const [owner, tagged] = [annotatedRun(manifest?.runAnnotation), parseRunId(tag)]
  const runs = [
    ...(owner === undefined ? [] : [owner]),
    ...(tagged !== undefined && isCertainlyRunId(tagged) ? [tagged] : []),
  ]
  return [...new Set(runs)]
}
