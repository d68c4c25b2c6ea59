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
/** Events that run the code of the ref that they name: it may be tagged with the name of that ref. */
const refEvents = new Set(['push', 'create', 'workflow_dispatch', 'repository_dispatch'])
// https://semver.org, with an optional `v`
const version = new RegExp(
  [
    /^[vV]?((0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*))/.source,
    /(-[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?(\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?$/.source,
  ].join(''),
)

/** The tag of a run whose image is temporary, with what distinguishes the jobs of a matrix: `pr-17-slim`. */
export function ephemeralTag(event: Pick<Event, 'runId'>, parts: readonly string[] = []): string {
  const names = parts.map((part) => part.replace(/[^A-Za-z0-9._-]+/g, '-').replace(/^[._-]+|[._-]+$/g, ''))
  return [`pr-${event.runId}`, ...names.filter((name) => name !== '')].join('-').slice(0, longestTag)
}

/**
 * Whether a tag carries this run's id, alone or with a suffix: the cleanup may delete it. On a young server a run may
 * have the number of its pull request; a requested tag (`byName`) such as `pr-17` then stays.
 */
export function isEphemeral(tag: string, event: Pick<Event, 'runId' | 'number'>, byName: boolean): boolean {
  const ephemeral = ephemeralTag(event)
  return !(byName && event.number === event.runId) && (tag === ephemeral || tag.startsWith(`${ephemeral}-`))
}

/** What the default tags depend on. */
type TagEvent = Pick<Event, 'name' | 'ref' | 'runId' | 'trust' | 'defaultBranch'>

/** PURE: the tags of an event. Code that is not yet in the branch or tag that the run names never updates its tag. */
export function defaultTags(event: TagEvent): DefaultTags {
  if (isProposal(event)) return { names: [ephemeralTag(event)], latest: false }
  const [, kind, name] = /^refs\/(heads|tags)\/(.+)$/s.exec(event.ref) ?? []
  if (name === undefined) return { names: [], latest: false }
  // As in docker/metadata-action: what is built every night is not only the branch.
  if (event.name.includes('schedule')) return { names: ['nightly', refTag(name, event)], latest: false }
  return (kind === 'tags' ? releaseTags(name) : undefined) ?? { names: [refTag(name, event)], latest: false }
}

function isProposal({ name, ref, trust }: TagEvent): boolean {
  if (pullRequestEvents.has(name) || ref.startsWith('refs/pull/')) return true
  return trust === 'fork' || (trust === 'pr' && !refEvents.has(name))
}

/**
 * The name of a branch, or of a Git tag that is not a version, as a tag. If it had to be changed, it must not become a
 * tag of the default branch, `latest` or a version: protection of these does not cover a branch `+main`. It then
 * gets a hash.
 */
function refTag(name: string, { defaultBranch }: TagEvent): string {
  const tag = sanitiseTag(name)
  if (tag === name || name === defaultBranch) return tag
  const defaultBranches = defaultBranch === undefined ? ['main', 'master'] : [defaultBranch]
  const reserved = ['latest', ...defaultBranches.map(sanitiseTag)].map((each) => each.toLowerCase())
  if (!reserved.includes(tag.toLowerCase()) && !looksLikeVersion(tag)) return tag
  return `${tag.slice(0, longestTag - 8)}-${shortHash(name).slice(0, 7)}`
}

function looksLikeVersion(tag: string): boolean {
  return /^v?\d+(\.\d+)*$/i.test(tag) || version.test(tag)
}

/** `v1.2.3` → `1.2.3`, `1.2` and `latest`; a pre-release updates only its own tag; undefined if it is not a version. */
function releaseTags(name: string): DefaultTags | undefined {
  const [, core, major, minor, , preRelease, build] = version.exec(name) ?? []
  if (core === undefined || major === undefined || minor === undefined) return undefined
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
