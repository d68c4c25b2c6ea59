import { createHash } from 'node:crypto'
import {
  formatRepository,
  isTag,
  lowerForgeNames,
  parseTagReference,
  type Repository,
  type TagReference,
} from '../registry/reference.ts'
import type { Event } from '../forge/event.ts'
import type { Flavor } from './flavor.ts'
import { splitLines, unquote } from '../lib/lists.ts'
import { shorten, type IssueSink } from '../lib/issues.ts'
import type { Occasion } from './context.ts'
import { isRule, rawRule, readRule, type TagRule } from './rules/parse.ts'
import { evaluateRules, type RuleWorld } from './rules/evaluate.ts'

/** What `tags` asks for, before a variant's suffix. */
export interface TagPlan {
  /** For every repository of `image`. */
  readonly names: readonly string[]
  /** For their own repository only. */
  readonly references: readonly TagReference[]
  /** Made by us from the event: shortened where a suffix would make them too long. */
  readonly byEvent: boolean
  /** What the author should know of rules that gave no tag. */
  readonly notes: readonly string[]
}

const longestTag = 128
const pullRequestEvents = new Set(['pull_request', 'pull_request_target', 'merge_group'])
// https://semver.org, with an optional `v`
const version =
  /^[vV]?((0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*))(-[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?(\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?$/

/** The tag of a run whose image is thrown away in the end. */
export function ephemeralTag(event: Pick<Event, 'runId'>): string {
  return `pr-${event.runId}`
}

/**
 * Whether a tag bears this run's id, alone or with a suffix: what cleanup may delete. On a young forge a run may have
 * the number of its pull request, and then a `pr-17` that somebody asked for (`byName`) stays.
 */
export function isEphemeral(tag: string, event: Pick<Event, 'runId' | 'number'>, byName: boolean): boolean {
  const own = ephemeralTag(event)
  return !(byName && event.number === event.runId) && (tag === own || tag.startsWith(`${own}-`))
}

/**
 * Tag names by event; empty where the event tells none. What was not accepted yet moves no tag of a branch, whatever
 * the ref that it runs for.
 */
export function defaultTags(event: Pick<Event, 'name' | 'ref' | 'runId' | 'trust'>): readonly string[] {
  if (event.trust !== 'trusted' || pullRequestEvents.has(event.name) || event.ref.startsWith('refs/pull/'))
    return [ephemeralTag(event)]
  const [, kind, name] = /^refs\/(heads|tags)\/(.+)$/s.exec(event.ref) ?? []
  if (name === undefined) return []
  return kind === 'tags' ? releaseTags(name) : [sanitiseTag(name)]
}

/** `v1.2.3` → `1.2.3`, `1.2`, `latest`; a pre-release moves nothing but itself; any other tag keeps its name. */
function releaseTags(name: string): readonly string[] {
  const [, core, major, minor, , preRelease, build] = version.exec(name) ?? []
  if (core === undefined || major === undefined || minor === undefined) return [sanitiseTag(name)]
  const full = sanitiseTag(`${core}${preRelease ?? ''}${build?.replace('+', '-') ?? ''}`)
  return preRelease === undefined ? [full, `${major}.${minor}`, 'latest'] : [full]
}

/** Any text as a valid tag: `feature/x` → `feature-x`. Where nothing is left, a hash of it stands in. */
export function sanitiseTag(text: string): string {
  const tag = text
    .replace(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/^[.-]+/, '')
    .slice(0, longestTag)
  return tag === '' ? `ref-${createHash('sha256').update(text).digest('hex').slice(0, 12)}` : tag
}

/** What `tags` is read with. */
interface Asking {
  readonly event: Event
  readonly occasion: Occasion
  readonly flavor: Flavor
}

/** Reads `tags`: names, full references and rules; without any, the tags of the event. */
export function readTags(text: string, asking: Asking, report: IssueSink): TagPlan {
  const lines = splitLines(text).map(({ text }) => unquote(text) ?? text)
  if (lines.length === 0) return planByEvent(asking, report)
  // A flavor is for what rules make, so that names beside it are rules too: docker/metadata-action knows nothing else.
  if (asking.flavor.given || lines.some(isRule)) return planByRules(lines, asking, report)
  const { names, references } = readNames(lines, asking.event, report)
  return { names, references, byEvent: false, notes: [] }
}

function planByEvent({ event, flavor, occasion }: Asking, report: IssueSink): TagPlan {
  const byEvent = defaultTags(event)
  // What is thrown away keeps the name by which that is done.
  const names =
    !flavor.given || byEvent.some((tag) => isEphemeral(tag, event, false))
      ? byEvent
      : evaluateRules(byEvent.slice(0, 2).map(rawRule), {
          ...worldOf({ event, occasion, flavor: withLatest(flavor, byEvent.length > 2) }, report, []),
        })
  for (const name of names) refuseCache(name, (expected) => report({ input: 'tags', given: shorten(name), expected }))
  return { names, references: [], byEvent: true, notes: [] }
}

function withLatest(flavor: Flavor, latest: boolean): Flavor {
  return flavor.latest === 'auto' ? { ...flavor, latest: latest ? 'true' : 'false' } : flavor
}

function planByRules(lines: readonly string[], asking: Asking, report: IssueSink): TagPlan {
  const rules = lines
    .filter(isRule)
    .flatMap((line) => readRule(line, (expected) => report({ input: 'tags', given: shorten(line), expected })) ?? [])
  const others = lines.filter((line) => !isRule(line)).flatMap(splitNames)
  // Any other name is made a tag, as of a branch; what looks like a repository would hardly be meant so.
  const asBranch = others.filter((name) => /^[^:@]+$/.test(name) && name.includes('/') && !/^[^/]*\./.test(name))
  const plain = readNames(
    others.filter((name) => !asBranch.includes(name)),
    asking.event,
    report,
  )
  const notes: string[] = []
  const names = evaluateRules(
    inOrder(lines, [...rules, ...[...plain.names, ...asBranch].map(rawRule)]),
    worldOf(asking, report, notes),
  )
  for (const name of names) refuseCache(name, (expected) => report({ input: 'tags', given: shorten(name), expected }))
  return { names, references: plain.references, byEvent: true, notes }
}

/** As they were written, since rules of one priority keep that order. */
function inOrder(lines: readonly string[], rules: readonly TagRule[]): readonly TagRule[] {
  const place = ({ line }: TagRule): number =>
    lines.findIndex((given) => given === line || (!isRule(given) && splitNames(given).includes(line)))
  return [...rules].sort((a, b) => place(a) - place(b))
}

function worldOf(asking: Asking, report: IssueSink, notes: string[]): RuleWorld {
  return {
    ...asking,
    sanitise: sanitiseTag,
    wrong: ({ line }, expected) => report({ input: 'tags', given: shorten(line), expected }),
    note: (text) => notes.push(text),
  }
}

function readNames(
  lines: readonly string[],
  event: Event,
  report: IssueSink,
): { readonly names: readonly string[]; readonly references: readonly TagReference[] } {
  const names = new Set<string>()
  const references = new Map<string, TagReference>()
  for (const entry of lines.flatMap(splitNames)) {
    const tag = readTag(entry, event, report)
    if (typeof tag === 'string') names.add(tag)
    else if (tag) references.set(`${formatRepository(tag)}:${tag.tag}`, tag)
  }
  return { names: [...names], references: [...references.values()] }
}

function splitNames(line: string): readonly string[] {
  return line
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
}

function readTag(entry: string, event: Event, report: IssueSink): string | TagReference | undefined {
  const wrong = (expected: string) => report({ input: 'tags', given: shorten(entry), expected })
  if (/[:@]/.test(entry)) return refuseCache(parseTagReference(lowerForgeNames(entry, event), wrong), wrong)
  if (isTag(entry)) return refuseCache(entry, wrong)
  if (entry.includes('/'))
    wrong(
      `is neither a tag nor a full reference: write \`${entry}:latest\` for a repository, or \`${sanitiseTag(entry)}\` for a tag`,
    )
  else if (entry.length > longestTag) wrong(`has ${entry.length} characters, and a tag has ${longestTag} at most`)
  else
    wrong(
      `is not a valid tag: write \`${sanitiseTag(entry)}\`, or other letters, digits, \`.\`, \`_\` and \`-\`, the first a letter, digit or \`_\``,
    )
  return undefined
}

/** The cache lives under such tags in the same repository, and would be overwritten. */
function refuseCache<T extends string | TagReference>(
  tag: T | undefined,
  wrong: (expected: string) => void,
): T | undefined {
  const name = typeof tag === 'string' ? tag : tag?.tag
  if (name?.startsWith('buildcache-'))
    wrong('begins with `buildcache-`, which are the tags of the build cache: choose another name')
  return tag
}

/** The repositories of `image`, and those that only `tags` names. */
export function allRepositories(images: readonly Repository[], { references }: TagPlan): readonly Repository[] {
  const all = [...images, ...references.map(({ registry, path }) => ({ registry, path }))]
  return [...new Map(all.map((repository) => [formatRepository(repository), repository])).values()]
}

/** What the image calls itself: its first tag, with the suffix; empty where it has none. */
export function versionOf({ names: [name], references: [reference] }: TagPlan, suffix: string): string {
  const tag = name ?? reference?.tag
  return tag === undefined ? '' : `${tag}${suffix}`
}

/** The full references that a variant moves. */
export function applyTags(
  plan: TagPlan,
  images: readonly Repository[],
  suffix: string,
  report: IssueSink,
): readonly TagReference[] {
  const withSuffix = (tag: string): string =>
    `${plan.byEvent ? tag.slice(0, Math.max(1, longestTag - suffix.length)) : tag}${suffix}`
  const names = images.flatMap((image) => plan.names.map((name) => ({ ...image, tag: withSuffix(name) })))
  const tags = [...names, ...plan.references.map((reference) => ({ ...reference, tag: withSuffix(reference.tag) }))]
  for (const tag of new Set(tags.map((reference) => reference.tag))) {
    if (!isTag(tag))
      report({
        input: 'tags',
        given: shorten(tag),
        expected: `has ${tag.length} characters with its suffix \`${shorten(suffix)}\`, and a tag has ${longestTag} at most`,
      })
  }
  return [...new Map(tags.map((tag) => [`${formatRepository(tag)}:${tag.tag}`, tag])).values()]
}
