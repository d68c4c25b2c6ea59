import type { Event } from '../forge/event.ts'
import { parsePlatform, platformSlug, type Platform } from '../lib/platform.ts'
import {
  annotatedAttempt,
  annotatedRun,
  ownershipAnnotation,
  ownershipAnnotations,
  partAnnotationPrefix,
  pullRequestOf,
  repositoryScope,
  runAnnotation,
} from './names.ts'

/** What of a run the parts need. */
export type PartEvent = Pick<Event, 'runId' | 'runAttempt' | 'sha' | 'serverUrl' | 'repository' | 'name' | 'number'>

/** What a part of a split build is: one platform of one variant. */
export interface PartName {
  readonly platform: Platform
  /** Empty if the job builds one image without a name. */
  readonly variant: string
}

/** A part as the annotations of its index describe it. */
export interface PartInfo extends PartName {
  /** The ownership annotation of the job that pushed it. */
  readonly owner: string
  readonly runId: string
  readonly runAttempt: number
  readonly commit: string
  /** The repository of the run, as `repositoryScope` gives it: run ids of two CI platforms may be equal. */
  readonly scope: string
}

/** PURE: what the build tags of a run begin with: `build-<short sha>-<run_id>-`. */
export function partTagPrefix({ sha, runId }: Pick<Event, 'sha' | 'runId'>): string {
  const short = /^[0-9a-f]{7}/.exec(sha)?.[0] ?? '0000000'
  return `build-${short}-${runId}-`
}

/** PURE: the build tag of a part: the same in every attempt, so that a later attempt replaces it. */
export function partTag(event: Pick<Event, 'sha' | 'runId'>, { platform, variant }: PartName): string {
  const slug = platformSlug(platform)
  return `${partTagPrefix(event)}${variant === '' ? slug : `${slug}-${variant.toLowerCase()}`}`
}

/** PURE: the tag of all parts of a variant together, as merged: the post step deletes it after the parts. */
export function mergedTag(event: Pick<Event, 'sha' | 'runId'>, variant: string): string {
  return `${partTagPrefix(event)}merged${variant === '' ? '' : `-${variant.toLowerCase()}`}`
}

/**
 * PURE: the annotations of the index of a part, or of merged parts. `key` is the name of the run's directory, which no
 * other job has.
 */
export function partAnnotations(
  event: PartEvent,
  key: string,
  { platforms, variant }: { readonly platforms: readonly Platform[]; readonly variant: string },
): Readonly<Record<string, string>> {
  return {
    ...ownershipAnnotations(runAnnotation(event, key), pullRequestOf(event)),
    [`${partAnnotationPrefix}platform`]: platforms.join(),
    ...(variant !== '' && { [`${partAnnotationPrefix}variant`]: variant }),
    [`${partAnnotationPrefix}commit`]: event.sha,
    [`${partAnnotationPrefix}scope`]: repositoryScope(event),
  }
}

/** PURE: reads the annotations of an index: one part for each of its platforms; none if it is not a part. */
export function parseParts(annotations: Readonly<Record<string, string>>): readonly PartInfo[] {
  const text = (name: string): string => annotations[`${partAnnotationPrefix}${name}`] ?? ''
  const owner = annotations[ownershipAnnotation] ?? ''
  const runId = annotatedRun(owner)
  if (runId === undefined) return []
  const shared = {
    variant: text('variant'),
    owner,
    runId,
    runAttempt: annotatedAttempt(owner),
    commit: text('commit'),
    scope: text('scope'),
  }
  const platforms = text('platform')
    .split(',')
    .map((platform) => parsePlatform(platform))
  return platforms.flatMap((platform) => (platform === undefined ? [] : [{ platform, ...shared }]))
}
