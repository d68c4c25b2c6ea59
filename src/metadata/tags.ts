import {
  formatRepository,
  isTag,
  lowerCaseRepository,
  parseTagReference,
  type Repository,
  type TagReference,
} from '../registry/reference.ts'
import type { Event } from '../forge/event.ts'
import type { Flavor } from './flavor.ts'
import { splitLines, unquote } from '../lib/lists.ts'
import { shorten, type IssueSink, type Reject } from '../lib/issues.ts'
import type { MetadataContext, NamedText } from './context.ts'
import { defaultTags, ephemeralTag, isEphemeral, longestTag, sanitiseTag } from './default-tags.ts'
import { isRule, parseRule, toRawRule, type TagRule } from './rules/parse.ts'
import { evaluateRules, type RuleContext } from './rules/evaluate.ts'
import { expand } from './template.ts'

/** The tags of a step, before the suffix of a variant. */
export interface TagPlan {
  /** For every repository of the image. */
  readonly names: readonly string[]
  /** For their own repository only. */
  readonly references: readonly TagReference[]
  /** Made from the event: shortened if a suffix would make them too long. */
  readonly byEvent: boolean
  /** Remarks on rules that gave no tag. */
  readonly notes: readonly string[]
}

/** What tags are parsed with. */
interface TagOptions {
  readonly event: Event
  readonly context: MetadataContext
  readonly flavor: Flavor
  /** The name of the variant that the step builds; empty if it has none, or builds several. */
  readonly variant: string
  /** The name under which problems are reported. */
  readonly input: string
  readonly report: IssueSink
}

const messages = {
  comment: 'has a comment behind it: comments need a line of their own',
  spaces: 'contains spaces: write one tag per line, or commas between them',
  tagForm: 'or another name of letters, digits, `.`, `_` and `-` that begins with a letter, digit or `_`',
  cache:
    'begins with `buildcache-`, which is reserved for tags of the build cache: choose another name; for a branch ' +
    'of this name, set `tags`',
}

/** PURE: parses names, full references and rules; without any, the tags of the event. */
export function parseTags(
  { input, text }: NamedText,
  options: Omit<TagOptions, 'input' | 'report'>,
  report: IssueSink,
): TagPlan {
  const tagOptions = { ...options, input, report }
  const lines = splitLines(text).map(({ text }) => unquote(text) ?? text)
  if (lines.length === 0) return planByEvent(tagOptions)
  // A flavor applies to rules, so names beside it are rules too, as in docker/metadata-action.
  if (options.flavor.given || lines.some(isRule)) return planByRules(lines, tagOptions)
  const { names, references } = parseNames(lines, tagOptions)
  return { names: [...new Set(names.map(replaceInvalid))], references, byEvent: false, notes: [] }
}

function planByEvent(options: TagOptions): TagPlan {
  const { event, flavor } = options
  const { names, latest } = defaultTags(event)
  if (names.some((tag) => isEphemeral(tag, event, false)))
    return { names: [ephemeralTag(event, matrixParts(options))], references: [], byEvent: true, notes: [] }
  const tags = flavor.given
    ? evaluateRules(names.map(toRawRule), ruleContext({ ...options, flavor: withLatest(flavor, latest) }, []))
    : [...names, ...(latest ? ['latest'] : [])]
  refuseCacheTags(tags, options)
  return { names: tags, references: [], byEvent: true, notes: [] }
}

/** What distinguishes the jobs of a matrix. A temporary tag has it behind the run id, by which the tag is deleted. */
function matrixParts({ flavor, variant, context, ...options }: TagOptions): readonly string[] {
  const expandPart = (template: string) => expand(template, context.expressions, rejecter(template, options))
  return [expandPart(flavor.prefix), variant, expandPart(flavor.suffix)]
}

function withLatest(flavor: Flavor, latest: boolean): Flavor {
  const isByEvent = flavor.latest === 'auto' || flavor.latest === 'highest'
  return isByEvent ? { ...flavor, latest: latest ? 'true' : 'false' } : flavor
}

function planByRules(lines: readonly string[], options: TagOptions): TagPlan {
  const rules = lines.filter(isRule).flatMap((line) => parseRule(line, rejecter(line, options)) ?? [])
  const plain = parseNames(
    lines.filter((line) => !isRule(line)),
    options,
  )
  const notes: string[] = []
  const all = [...rules, ...plain.names.map(toRawRule)]
  const names = evaluateRules(inLineOrder(lines, all), ruleContext(options, notes))
  refuseCacheTags(names, options)
  return { names, references: plain.references, byEvent: true, notes }
}

/** As they were written: rules of one priority keep that order. */
function inLineOrder(lines: readonly string[], rules: readonly TagRule[]): readonly TagRule[] {
  const position = ({ line }: TagRule): number =>
    lines.findIndex((given) => given === line || (!isRule(given) && splitNames(given).includes(line)))
  return [...rules].sort((a, b) => position(a) - position(b))
}

function ruleContext({ event, context, flavor, ...options }: TagOptions, notes: string[]): RuleContext {
  return {
    event,
    context,
    flavor,
    sanitise: sanitiseTag,
    reject: ({ line }, expected) => rejecter(line, options)(expected),
    note: (text) => notes.push(text),
  }
}

function rejecter(given: string, { input, report }: Pick<TagOptions, 'input' | 'report'>): Reject {
  return (expected) => report({ input, given: shorten(given), expected })
}

function parseNames(lines: readonly string[], options: TagOptions): Pick<TagPlan, 'names' | 'references'> {
  const names = new Set<string>()
  const references = new Map<string, TagReference>()
  for (const entry of lines.flatMap(splitNames)) {
    const tag = parseTag(entry, options)
    if (typeof tag === 'string') names.add(tag)
    else if (tag) references.set(`${formatRepository(tag)}:${tag.tag}`, tag)
  }
  return { names: [...names], references: [...references.values()] }
}

function splitNames(line: string): readonly string[] {
  const parts = line.split(',').map((part) => part.trim())
  return parts.filter((part) => part !== '')
}

/** A name as it was written: invalid characters are replaced later, as in docker/metadata-action. */
function parseTag(entry: string, options: TagOptions): string | TagReference | undefined {
  const reject = rejecter(entry, options)
  if (/[:@]/.test(entry)) {
    const reference = parseTagReference(lowerCaseRepository(entry, options.event), reject)
    if (reference) refuseCacheTag(reference.tag, reject)
    return reference
  }
  const problem = invalidName(entry)
  if (problem !== undefined) {
    reject(problem)
    return undefined
  }
  refuseCacheTag(replaceInvalid(entry), reject)
  return entry
}

function replaceInvalid(name: string): string {
  return name.replace(/[^A-Za-z0-9._-]+/g, '-')
}

function invalidName(name: string): string | undefined {
  const valid = sanitiseTag(name)
  if (/\s#/.test(name)) return messages.comment
  if (/\s/.test(name)) return messages.spaces
  // The part before the slash has a dot: this is the host of a registry.
  if (/^[^/]*\.[^/]*\//.test(name)) {
    const forms = `\`${name}:latest\` for a repository, or \`${valid}\` for a tag`
    return `is neither a tag nor a full reference: write ${forms}`
  }
  if (name.length > longestTag) return `has ${name.length} characters, and a tag has ${longestTag} at most`
  return isTag(replaceInvalid(name)) ? undefined : `is not a valid tag: write \`${valid}\`, ${messages.tagForm}`
}

function refuseCacheTags(names: readonly string[], options: TagOptions): void {
  for (const name of names) refuseCacheTag(name, rejecter(name, options))
}

/** The build cache has such tags in the same repository, and would be overwritten. */
function refuseCacheTag(name: string, reject: Reject): void {
  if (name.startsWith('buildcache-')) reject(messages.cache)
}

/** PURE: the repositories of the image, and those of references in `tags`. */
export function allRepositories(images: readonly Repository[], { references }: TagPlan): readonly Repository[] {
  const all = [...images, ...references.map(({ registry, path }) => ({ registry, path }))]
  return [...new Map(all.map((repository) => [formatRepository(repository), repository])).values()]
}

/** PURE: the version of the image: its first tag, with the suffix; empty if it has none. */
export function imageVersion({ names: [name], references: [reference] }: TagPlan, suffix: string): string {
  const tag = name ?? reference?.tag
  return tag === undefined ? '' : `${tag}${suffix}`
}

/** PURE: the full references of a variant's tags. */
export function applyTags(
  plan: TagPlan,
  images: readonly Repository[],
  suffix: string,
  reject: (tag: string, expected: string) => void,
): readonly TagReference[] {
  const withSuffix = (tag: string): string =>
    `${plan.byEvent ? tag.slice(0, Math.max(1, longestTag - suffix.length)) : tag}${suffix}`
  const names = images.flatMap((image) => plan.names.map((name) => ({ ...image, tag: withSuffix(name) })))
  const tags = [...names, ...plan.references.map((reference) => ({ ...reference, tag: withSuffix(reference.tag) }))]
  for (const tag of new Set(tags.map((reference) => reference.tag)))
    if (!isTag(tag)) reject(shorten(tag), tooLong(tag, suffix))
  return [...new Map(tags.map((tag) => [`${formatRepository(tag)}:${tag.tag}`, tag])).values()]
}

function tooLong(tag: string, suffix: string): string {
  return `has ${tag.length} characters with its suffix \`${shorten(suffix)}\`, and a tag has ${longestTag} at most`
}
