import type { Event } from '../../forge/event.ts'
import type { Flavor } from '../flavor.ts'
import type { Reject } from '../../lib/issues.ts'
import type { MetadataContext } from '../context.ts'
import { parsePep440, parseSemver, type Version } from '../versions.ts'
import { toRegExp, type TagRule, type TagType } from './parse.ts'
import { expand, isOnly, type Expressions } from '../template.ts'

/** What rules are evaluated with. */
export interface RuleContext {
  readonly context: MetadataContext
  readonly event: Pick<Event, 'defaultBranch'>
  readonly flavor: Flavor
  /** Any text as a valid tag. */
  readonly sanitise: (text: string) => string
  /** Gets the problem of a rule that cannot be evaluated. */
  readonly reject: (rule: TagRule, expected: string) => void
  /** Gets a remark on a rule that gives no tag, and may have been expected to. */
  readonly note: (text: string) => void
}

interface TagValue {
  /** Before prefix and suffix. */
  readonly value: string
  /** Whether `latest` follows this kind of tag. */
  readonly latest: boolean
}

/** PURE: the tags of the rules that apply to the event, the one of highest priority first, `latest` last. */
export function evaluateRules(rules: readonly TagRule[], ruleContext: RuleContext): readonly string[] {
  const { flavor, sanitise, context } = ruleContext
  const byPriority = [...rules].sort((a, b) => b.priority - a.priority)
  const values = byPriority.flatMap((rule) => evaluateRule(rule, ruleContext))
  const [first] = values
  if (!first) return []
  const wantsLatest = flavor.latest === 'auto' || flavor.latest === 'highest' ? first.latest : flavor.latest === 'true'
  const latest = wantsLatest ? [sanitise(expandLatest(flavor, context.expressions))] : []
  return [...new Set([...values.map(({ value }) => sanitise(value)), ...latest])]
}

function expandLatest({ prefix, prefixLatest, suffix, suffixLatest }: Flavor, expressions: Expressions): string {
  // Problems in them were reported for the other tags.
  const expandPart = (template: string): string => expand(template, expressions, () => undefined)
  return `${prefixLatest ? expandPart(prefix) : ''}latest${suffixLatest ? expandPart(suffix) : ''}`
}

function evaluateRule(rule: TagRule, ruleContext: RuleContext): TagValue[] {
  const { context, flavor } = ruleContext
  const reject = onceEach((expected) => ruleContext.reject(rule, expected))
  checkTemplates(rule, ruleContext, reject)
  const expandText = (template: string, more: Expressions = {}): string =>
    expand(template, { ...more, ...context.expressions }, reject)
  const { enable = 'true', prefix = flavor.prefix, suffix = flavor.suffix } = rule.attributes
  const enabled = expandText(enable)
  if (!/^(true|false)$/i.test(enabled))
    reject(`has \`enable=${enabled}\`: write \`true\`, \`false\`, or an expression that gives one of them`)
  if (!/^true$/i.test(enabled)) return []
  const tag = evaluators[rule.type]({ ...ruleContext, rule, expandText })
  if (tag === undefined) return []
  const value = `${expandText(prefix)}${tag.value}${expandText(suffix)}`
  if (/^[.-]+$/.test(value)) ruleContext.note(`\`${value}\` is not a valid tag: \`${rule.line}\` gives no tag`)
  return /^[.-]*$/.test(value) ? [] : [{ ...tag, value }]
}

/** Reports each problem once: a rule that applies is checked, and then evaluated. */
function onceEach(reject: Reject): Reject {
  const reported = new Set<string>()
  return (expected) => {
    if (!reported.has(expected)) reject(expected)
    reported.add(expected)
  }
}

/** Finds the mistakes of a rule in every event, not only in those to which it applies. */
function checkTemplates({ type, attributes }: TagRule, { context, flavor }: RuleContext, reject: Reject): void {
  // Here the date of the commit is not needed: no remark on it.
  const expressions = { ...context.expressions, commit_date: context.expressions['date'] ?? (() => '') }
  const versions = versionExpressions({ raw: '', version: '', major: '', minor: '', patch: '' })
  const { enable = '', prefix = flavor.prefix, suffix = flavor.suffix, value = '', pattern = '' } = attributes
  for (const template of [enable, prefix, suffix, value]) expand(template, expressions, reject)
  if (type === 'schedule') expand(pattern, expressions, reject)
  if (type === 'semver' || type === 'pep440') expand(pattern, { ...versions, ...expressions }, reject)
}

interface TagContext extends Omit<RuleContext, 'reject'> {
  readonly rule: TagRule
  readonly expandText: (template: string, more?: Expressions) => string
}

const evaluators: Readonly<Record<TagType, (tagContext: TagContext) => TagValue | undefined>> = {
  schedule: ({ rule, context, expandText }) =>
    context.name.includes('schedule') ? tagValue(expandText(attribute(rule, 'pattern'))) : undefined,
  semver: (tagContext) => fromVersion(tagContext, parseSemver, 'is not a valid semantic version (https://semver.org)'),
  pep440: (tagContext) =>
    fromVersion(tagContext, parsePep440, 'is not a valid Python version (https://peps.python.org/pep-0440)'),
  match: fromMatch,
  edge: ({ rule, context, event }) => {
    const requested = attribute(rule, 'branch')
    const branch = requested === '' || requested === '$repo.default_branch' ? event.defaultBranch : requested
    return context.branch !== '' && context.branch === branch ? tagValue('edge') : undefined
  },
  ref: ({ rule, context }) => {
    const event = attribute(rule, 'event')
    const value = event === 'pr' ? context.number : event === 'tag' ? context.tag : context.branch
    return value === '' ? undefined : tagValue(value, event === 'tag')
  },
  raw: ({ rule, expandText }) => tagValue(expandText(attribute(rule, 'value'))),
  sha: ({ rule, context }) => {
    const value = attribute(rule, 'format') === 'long' ? context.sha : context.shortSha
    return value === '' ? undefined : tagValue(value)
  },
}

function tagValue(value: string, latest = false): TagValue {
  return { value, latest }
}

function attribute(rule: TagRule, name: string): string {
  return rule.attributes[name] ?? ''
}

/** The value of the rule, else the Git tag; undefined if there is neither: the rule does not apply. */
function subjectOf({ rule, context, expandText }: TagContext): string | undefined {
  const value = attribute(rule, 'value')
  if (value !== '') return expandText(value)
  return context.tag === '' ? undefined : context.tag
}

function fromVersion(
  tagContext: TagContext,
  parse: (text: string) => Version | undefined,
  invalid: string,
): TagValue | undefined {
  const { rule, expandText, note } = tagContext
  const subject = subjectOf(tagContext)
  if (subject === undefined) return undefined
  const match = attribute(rule, 'match')
  const matched = match === '' ? null : toRegExp(match).exec(subject)
  if (match !== '' && !matched) note(`${match} of \`${rule.line}\` does not match ${subject}`)
  const name = (matched?.[1] ?? matched?.[0] ?? subject).replaceAll('/', '-')
  const version = parse(name)
  if (!version) {
    note(`${name} ${invalid}: \`${rule.line}\` gives no tag`)
    return undefined
  }
  const pattern = attribute(rule, 'pattern')
  if (version.preRelease) return tagValue(isOnly(pattern, 'raw') ? version.raw : version.version)
  return tagValue(expandText(pattern, versionExpressions(version)), true)
}

function versionExpressions({ raw, version, major, minor, patch }: Omit<Version, 'preRelease'>): Expressions {
  return { raw: () => raw, version: () => version, major: () => major, minor: () => minor, patch: () => patch }
}

function fromMatch(tagContext: TagContext): TagValue | undefined {
  const { rule, note } = tagContext
  const subject = subjectOf(tagContext)
  if (subject === undefined) return undefined
  const pattern = attribute(rule, 'pattern')
  const group = Number(attribute(rule, 'group'))
  const matched = toRegExp(pattern).exec(subject)
  const value = matched?.[group]
  if (value !== undefined) return tagValue(value, true)
  const reason = matched
    ? `${pattern} has no group ${group} that matches ${subject}`
    : `${pattern} does not match ${subject}`
  note(`${reason}: \`${rule.line}\` gives no tag`)
  return undefined
}
