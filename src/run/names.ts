import { createHash } from 'node:crypto'
import type { Event } from '../forge/event.ts'
import type { Trust } from '../forge/trust.ts'

// Nodes and images that exist carry these names and keys, so they never change, only new ones are added.

/**
 * The annotation that proves which run pushed a manifest. It changes the digest, so no other image can share that
 * digest by accident and deleting it harms no other image. Set on the per-platform indexes of every run, which are not
 * needed after the image index is assembled, and on every manifest of an ephemeral image.
 */
export const ownershipAnnotation = 'io.github.multiarch-build.run'

/**
 * The annotation beside the ownership annotation that proves for which pull request a manifest was pushed, of which
 * repository: `<scope>-<number>`.
 */
export const pullRequestAnnotation = 'io.github.multiarch-build.pull-request'

/** The prefix of the annotations that describe a part of a split build, on the index with the part's build tag. */
export const partAnnotationPrefix = 'io.github.multiarch-build.part.'

/** The type of the small manifest with the times of earlier runs, and the annotation of it that has them. */
export const historyType = 'application/vnd.multiarch-build.history.v1+json'
export const historyAnnotation = 'io.github.multiarch-build.history'
const historySuffix = '-stats'

/** PURE: the tag of the history beside the cache of a target. No cache has such a name: those end in a platform. */
export function historyTag(cacheTag: string): string {
  return `${cacheTag}${historySuffix}`
}

/** PURE: the tag of the cache to which a history belongs; undefined for other tags. */
export function cacheOfHistory(tag: string): string | undefined {
  return tag.endsWith(historySuffix) ? tag.slice(0, -historySuffix.length) : undefined
}

/**
 * The annotation of a copy of a manifest, with a random id: a tag is moved to the copy, which is then deleted, in
 * registries that cannot delete a tag alone.
 */
export const copyAnnotation = 'multiarch-build.moved-aside'

/** The label of a lock volume: the builder name of the run that holds it, and a random id. */
export const lockHolderLabel = 'io.github.multiarch-build.holder'

/** The label by which pods of this action are found, and its value. */
export const managedByLabel = 'app.kubernetes.io/managed-by'
export const managedBy = 'multiarch-build'

/** What buildx puts before the name of a builder's node to name its container. */
export const containerPrefix = 'buildx_buildkit_'

/** The prefix of every container and volume of this action on a node. */
export const resourcePrefix = `${containerPrefix}mab-`

type RunId = Pick<Event, 'runId' | 'runAttempt'>
type Scope = Pick<Event, 'serverUrl' | 'repository'>

/** PURE: the value of the ownership annotation. `key` is the name of the run's directory, which no other run has. */
export function runAnnotation({ runId, runAttempt }: RunId, key: string): string {
  return `${runId}-${runAttempt}-${key}`
}

/**
 * PURE: the repository and its CI platform, hashed to 8 hex digits for use in names: run ids of two platforms may be
 * equal.
 */
export function repositoryScope({ serverUrl, repository }: Scope): string {
  return createHash('sha256').update(`${serverUrl.toLowerCase()}/${repository.toLowerCase()}`).digest('hex').slice(0, 8)
}

/** PURE: the value of the annotation for a pull request of this repository. */
export function pullRequestId(scope: Scope, number: string): string {
  return `${repositoryScope(scope)}-${number}`
}

/** PURE: the pull request for which a run builds; undefined if another event started it. */
export function pullRequestOf(event: Scope & Pick<Event, 'name' | 'number'>): string | undefined {
  const isPullRequest = event.name.startsWith('pull_request') && event.number !== undefined
  return isPullRequest ? pullRequestId(event, event.number) : undefined
}

/** PURE: the annotations that prove to which run a manifest belongs, and to which pull request. */
export function ownershipAnnotations(nonce: string, pullRequest: string | undefined): Readonly<Record<string, string>> {
  return { [ownershipAnnotation]: nonce, ...(pullRequest !== undefined && { [pullRequestAnnotation]: pullRequest }) }
}

/** PURE: the name of a run's builder, unique on every node; `parseResourceName` reads the run from it. */
export function runBuilderName(key: string, event: RunId & Scope): string {
  return `${key.toLowerCase()}-${repositoryScope(event)}-${event.runId}-${event.runAttempt}`
}

/** PURE: the name of a persistent builder: the same for every run that may share it. */
export function persistentBuilderName(scope: string, trust: Trust, settings: unknown): string {
  return `mab-keep-${scope}-${trust}-${createHash('sha256').update(JSON.stringify(settings)).digest('hex').slice(0, 8)}`
}

/** The volume that buildx creates for the state of a container. */
export function stateVolume(container: string): string {
  return `${container}_state`
}

/** The volume that records the day on which a persistent builder was last used: `<builder>_used_20261124`. */
export function usageVolume(builder: string, now: number): string {
  return `${usageVolumePrefix(builder)}${new Date(now).toISOString().slice(0, 10).replaceAll('-', '')}`
}

function usageVolumePrefix(builder: string): string {
  return `${containerPrefix}${builder}_used_`
}

/** The volume that locks a persistent builder. */
export function lockVolume(builder: string): string {
  return `${containerPrefix}${builder}_boot`
}

/** The volume that reserves a node for one instance (`<run's builder>-<number>`): other runs count these. */
export function reservationVolume(instance: string): string {
  return `${containerPrefix}${instance}_seat`
}

/** The owner of a container or volume on a node. */
export type ResourceOwner =
  | {
      readonly kind: 'run'
      readonly name: string
      readonly scope: string
      readonly runId: string
      readonly runAttempt: number
      readonly isReservation: boolean
    }
  | { readonly kind: 'persistent'; readonly name: string; readonly part: 'container' | 'state' | 'lock' }
  /** `on`: midnight of the day of use, milliseconds since the epoch. */
  | { readonly kind: 'persistent'; readonly name: string; readonly part: 'usage'; readonly on: number }

/** PURE: reads the name of a container or volume; undefined if it does not belong to this action. */
export function parseResourceName(name: string): ResourceOwner | undefined {
  const plain = name.replace(/^\//, '')
  return parseRunResource(plain) ?? parsePersistentResource(plain)
}

function parseRunResource(name: string): ResourceOwner | undefined {
  const [, run, scope, runId, runAttempt, part] =
    /^buildx_buildkit_(mab-[0-9a-f]{10}-([0-9a-f]{8})-(\d{1,20})-(\d{1,6})-\d{1,4})(_state|_seat)?$/.exec(name) ?? []
  if (run === undefined || scope === undefined || runId === undefined) return undefined
  return { kind: 'run', name: run, scope, runId, runAttempt: Number(runAttempt), isReservation: part === '_seat' }
}

function parsePersistentResource(name: string): ResourceOwner | undefined {
  const [, builder, ending = ''] =
    /^buildx_buildkit_(mab-keep-[0-9a-f]{8}-[a-z]+-[0-9a-f]{8})(_state|_boot|_used_\d{8})?$/.exec(name) ?? []
  if (builder === undefined) return undefined
  const [, year = '', month = '', day = ''] = /^_used_(\d{4})(\d\d)(\d\d)$/.exec(ending) ?? []
  if (year !== '')
    return { kind: 'persistent', name: builder, part: 'usage', on: Date.parse(`${year}-${month}-${day}T00:00:00Z`) }
  const part = ending === '_state' ? 'state' : ending === '_boot' ? 'lock' : 'container'
  return { kind: 'persistent', name: builder, part }
}

/** PURE: the id of the run in an ownership annotation; undefined if it contains none. */
export function annotatedRun(annotation: string | undefined): string | undefined {
  return /^(\d+)-\d+-/.exec(annotation ?? '')?.[1]
}

/** PURE: the attempt in an ownership annotation; 0 if it contains none. */
export function annotatedAttempt(annotation: string): number {
  return Number(/^\d+-(\d+)-/.exec(annotation)?.[1] ?? 0)
}
