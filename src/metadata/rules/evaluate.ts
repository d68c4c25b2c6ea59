import type { Event } from '../../forge/event.ts'
import type { Flavor } from '../flavor.ts'
import type { Reject } from '../../lib/issues.ts'
import type { Occasion } from '../context.ts'
import { parsePep440 } from '../pep440.ts'
import { parseSemver, type Version } from '../semver.ts'
import { toRegExp, type TagRule, type TagType } from './parse.ts'
import { expand, isOnly, type Expressions } from '../template.ts'

/** What rules are evaluated with. */
export interface RuleWorld {
  readonly occasion: Occasion
  readonly event: Pick<Event, 'defaultBranch'>
  readonly flavor: Flavor
  /** Any text as a valid tag. */
  readonly sanitise: (text: string) => string
  /** Of a rule: it cannot be evaluated. */
  readonly wrong: (rule: TagRule, expected: string) => void
  /** Of a rule that gives no tag, and perhaps should. */
  readonly note: (text: string) => void
}

interface Made {
  /** Before prefix and suffix. */
  readonly value: string
  /** Whether this kind of tag takes `latest` along. */
  readonly latest: boolean
}

/** PURE: the tags of the rules that apply to the event, the one of highest priority first, `latest` last. */
export function evaluateRules(rules: readonly TagRule[], world: RuleWorld): readonly string[] {
  const { flavor, sanitise, occasion } = world
  const made = [...rules].sort((a, b) => b.priority - a.priority).flatMap((rule) => evaluateRule(rule, world))
  const [first] = made
  if (!first) return []
  const wantsLatest = flavor.latest === 'auto' ? first.latest : flavor.latest === 'true'
  const latest = wantsLatest ? [sanitise(expandLatest(flavor, occasion.expressions))] : []
  return [...new Set([...made.map(({ value }) => sanitise(value)), ...latest])]
}

function expandLatest({ prefix, prefixLatest, suffix, suffixLatest }: Flavor, expressions: Expressions): string {
  // What is wrong in them was told for the other tags.
  const text = (template: string): string => expand(template, expressions, () => undefined)
  return `${prefixLatest ? text(prefix) : ''}latest${suffixLatest ? text(suffix) : ''}`
}

function evaluateRule(rule: TagRule, world: RuleWorld): Made[] {
  const { occasion, flavor } = world
  const wrong: Reject = (expected) => world.wrong(rule, expected)
  const text = (template: string, more: Expressions = {}): string =>
    expand(template, { ...more, ...occasion.expressions }, wrong)
  const { enable = 'true', prefix = flavor.prefix, suffix = flavor.suffix } = rule.attributes
  const enabled = text(enable)
  if (!/^(true|false)$/i.test(enabled))
    wrong(`has \`enable=${enabled}\`: write \`true\`, \`false\`, or an expression that gives one of them`)
  if (!/^true$/i.test(enabled)) return []
  const made = makers[rule.type]({ ...world, rule, wrong, text })
  if (made === undefined) return []
  const value = `${text(prefix)}${made.value}${text(suffix)}`
  return value === '' ? [] : [{ ...made, value }]
}

interface Making extends Omit<RuleWorld, 'wrong'> {
  readonly rule: TagRule
  readonly wrong: Reject
  readonly text: (template: string, more?: Expressions) => string
}

const makers: Readonly<Record<TagType, (making: Making) => Made | undefined>> = {
  schedule: ({ rule, occasion, text }) =>
    occasion.name.includes('schedule') ? made(text(attribute(rule, 'pattern'))) : undefined,
  semver: (making) => fromVersion(making, parseSemver, 'is not a valid semantic version (https://semver.org)'),
  pep440: (making) =>
    fromVersion(making, parsePep440, 'is not a valid Python version (https://peps.python.org/pep-0440)'),
  match: fromMatch,
  edge: ({ rule, occasion, event }) => {
    const asked = attribute(rule, 'branch')
    const branch = asked === '' || asked === '$repo.default_branch' ? event.defaultBranch : asked
    return occasion.branch !== '' && occasion.branch === branch ? made('edge') : undefined
  },
  ref: ({ rule, occasion }) => {
    const event = attribute(rule, 'event')
    const value = event === 'pr' ? occasion.number : event === 'tag' ? occasion.tag : occasion.branch
    return value === '' ? undefined : made(value, event === 'tag')
  },
  raw: ({ rule, text }) => made(text(attribute(rule, 'value'))),
  sha: ({ rule, occasion }) => {
    const value = attribute(rule, 'format') === 'long' ? occasion.sha : occasion.shortSha
    return value === '' ? undefined : made(value)
  },
}

function made(value: string, latest = false): Made {
  return { value, latest }
}

function attribute(rule: TagRule, name: string): string {
  return rule.attributes[name] ?? ''
}

/** The Git tag, or the value given instead; undefined where there is neither, so that the rule does not apply. */
function subjectOf({ rule, occasion, text }: Making): string | undefined {
  const value = attribute(rule, 'value')
  if (value !== '') return text(value)
  return occasion.tag === '' ? undefined : occasion.tag
}

function fromVersion(making: Making, parse: (text: string) => Version | undefined, invalid: string): Made | undefined {
  const { rule, text, note } = making
  const subject = subjectOf(making)
  if (subject === undefined) return undefined
  const match = attribute(rule, 'match')
  const found = match === '' ? null : toRegExp(match).exec(subject)
  if (match !== '' && !found) note(`${match} of \`${rule.line}\` does not match ${subject}`)
  const name = (found?.[1] ?? found?.[0] ?? subject).replaceAll('/', '-')
  const version = parse(name)
  if (!version) {
    note(`${name} ${invalid}: \`${rule.line}\` gives no tag`)
    return undefined
  }
  const pattern = attribute(rule, 'pattern')
  if (version.preRelease) return made(isOnly(pattern, 'raw') ? version.raw : version.version)
  const { raw, version: full, major, minor, patch } = version
  return made(
    text(pattern, { raw: () => raw, version: () => full, major: () => major, minor: () => minor, patch: () => patch }),
    true,
  )
}

function fromMatch(making: Making): Made | undefined {
  const { rule, note } = making
  const subject = subjectOf(making)
  if (subject === undefined) return undefined
  const pattern = attribute(rule, 'pattern')
  const group = Number(attribute(rule, 'group'))
  const found = toRegExp(pattern).exec(subject)
  const value = found?.[group]
  if (value !== undefined) return made(value, true)
  note(
    found
      ? `${pattern} has no group ${group} that matches ${subject}: \`${rule.line}\` gives no tag`
      : `${pattern} does not match ${subject}: \`${rule.line}\` gives no tag`,
  )
  return undefined
}
