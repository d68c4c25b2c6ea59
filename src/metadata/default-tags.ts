import { createHash } from 'node:crypto'
import type { Event } from '../forge/event.ts'

/** Tags that the event gives without rules. */
interface DefaultTags {
  /** The tag of the ref first; empty if the event has no ref. */
  readonly names: readonly string[]
  /** Whether `latest` is updated too. */
  readonly latest: boolean
}

export const longestTag = 128
const pullRequestEvents = new Set(['pull_request', 'pull_request_target', 'merge_group'])
// https://semver.org, with an optional `v`
const version = new RegExp(
  [
    /^[vV]?((0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*))/.source,
    /(-[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?(\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?$/.source,
  ].join(''),
)

/** The tag of a run whose image is temporary. */
export function ephemeralTag(event: Pick<Event, 'runId'>): string {
  return `pr-${event.runId}`
}

/**
 * Whether a tag carries this run's id, alone or with a suffix: the cleanup may delete it. On a young server a run may
 * have the number of its pull request; a requested tag (`byName`) such as `pr-17` then stays.
 */
export function isEphemeral(tag: string, event: Pick<Event, 'runId' | 'number'>, byName: boolean): boolean {
  const ephemeral = ephemeralTag(event)
  return !(byName && event.number === event.runId) && (tag === ephemeral || tag.startsWith(`${ephemeral}-`))
}

/**
 * PURE: the tags of an event. A proposal (trust level other than `trusted`) never updates the tag of a branch, whatever
 * ref its run is for.
 */
export function defaultTags(event: Pick<Event, 'name' | 'ref' | 'runId' | 'trust'>): DefaultTags {
  if (event.trust !== 'trusted' || pullRequestEvents.has(event.name) || event.ref.startsWith('refs/pull/'))
    return { names: [ephemeralTag(event)], latest: false }
  const [, kind, name] = /^refs\/(heads|tags)\/(.+)$/s.exec(event.ref) ?? []
  if (name === undefined) return { names: [], latest: false }
  return kind === 'tags' ? releaseTags(name) : { names: [sanitiseTag(name)], latest: false }
}

/** `v1.2.3` → `1.2.3`, `1.2` and `latest`; a pre-release updates only its own tag; any other tag keeps its name. */
function releaseTags(name: string): DefaultTags {
  const [, core, major, minor, , preRelease, build] = version.exec(name) ?? []
  if (core === undefined || major === undefined || minor === undefined)
    return { names: [sanitiseTag(name)], latest: false }
  const full = sanitiseTag(`${core}${preRelease ?? ''}${build?.replace('+', '-') ?? ''}`)
  return preRelease === undefined
    ? { names: [full, `${major}.${minor}`], latest: true }
    : { names: [full], latest: false }
}

/** Any text as a valid tag: `feature/x` → `feature-x`. If nothing is left, a hash of the text. */
export function sanitiseTag(text: string): string {
  const tag = text
    .replace(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/^[.-]+/, '')
    .slice(0, longestTag)
  return tag === '' ? `ref-${shortHash(text)}` : tag
}

function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12)
}
