import { splitFields } from '../../lib/csv.ts'
import { didYouMean, type Reject } from '../../lib/issues.ts'
import { errorMessage } from '../../lib/errors.ts'

/** One entry of docker/metadata-action's `tags`: https://github.com/docker/metadata-action#tags-input */
export interface TagRule {
  readonly type: TagType
  readonly priority: number
  /** As written, with the defaults of the type. */
  readonly attributes: Attributes
  /** For messages. */
  readonly line: string
}

export type TagType = 'schedule' | 'semver' | 'pep440' | 'match' | 'edge' | 'ref' | 'raw' | 'sha'
type Attributes = Readonly<Record<string, string>>

interface Form {
  readonly priority: number
  readonly defaults: Attributes
  readonly required?: string
  /** How to write it. */
  readonly example: string
}

const forms: Readonly<Record<TagType, Form>> = {
  schedule: { priority: 1000, defaults: { pattern: 'nightly' }, example: 'type=schedule,pattern=nightly' },
  semver: {
    priority: 900,
    defaults: { pattern: '', value: '', match: '' },
    required: 'pattern',
    example: 'type=semver,pattern={{version}}',
  },
  pep440: {
    priority: 900,
    defaults: { pattern: '', value: '', match: '' },
    required: 'pattern',
    example: 'type=pep440,pattern={{version}}',
  },
  match: {
    priority: 800,
    defaults: { pattern: '', group: '0', value: '' },
    required: 'pattern',
    example: 'type=match,pattern=v(.*),group=1',
  },
  edge: { priority: 700, defaults: { branch: '' }, example: 'type=edge' },
  ref: { priority: 600, defaults: { event: '' }, required: 'event', example: 'type=ref,event=branch' },
  raw: { priority: 200, defaults: { value: '' }, required: 'value', example: 'type=raw,value=nightly' },
  sha: { priority: 100, defaults: { format: 'short' }, example: 'type=sha' },
}

const types = Object.keys(forms).filter(isType)
const common = ['enable', 'priority', 'prefix', 'suffix']
const messages = {
  quote:
    'has a quote in the middle of a field: put the whole field between quotes, ' +
    'as in `type=match,"pattern=v(.*),x"`, and write `""` for each quote in it',
  group: 'write the number of a pair of parentheses in the pattern, or 0 for the whole match',
}

function isType(text: string): text is TagType {
  return Object.hasOwn(forms, text)
}

/** Whether a line of `tags` is a rule, not names or references: these contain neither `=` nor `{{`. */
export function isRule(line: string): boolean {
  return line.includes('=') || line.includes('{{')
}

/** PURE: the rule that a plain name stands for. */
export function toRawRule(name: string): TagRule {
  return { type: 'raw', priority: forms.raw.priority, attributes: { value: name, enable: 'true' }, line: name }
}

/** PURE: parses a rule; undefined if it is not valid: `reject` then gets the problem. */
export function parseRule(line: string, reject: Reject): TagRule | undefined {
  const fields = splitFields(line)
  if (!fields) {
    reject(messages.quote)
    return undefined
  }
  const { type = 'raw', ...attributes } = parseFields(fields)
  const problem = isType(type)
    ? findProblem(type, attributes)
    : `has the unknown type \`${type}\`; valid types: ${types.join(', ')}${didYouMean(type, types)}`
  if (problem !== undefined) reject(problem)
  if (problem !== undefined || !isType(type)) return undefined
  return {
    type,
    line,
    priority: Number(attributes['priority'] ?? forms[type].priority),
    attributes: { enable: 'true', ...forms[type].defaults, ...defaultPrefix(type, attributes), ...attributes },
  }
}

/** A field without `=` is the value. */
function parseFields(fields: readonly string[]): Record<string, string> {
  const pairs = fields
    .filter((field) => field !== '')
    .map((field): [string, string] => {
      const equals = field.indexOf('=')
      // A template may contain `=` itself: `{{date 'YYYYMMDD' tz='UTC'}}`.
      if (equals <= 0 || field.slice(0, equals).includes('{{')) return ['value', field]
      return [field.slice(0, equals).trim().toLowerCase(), field.slice(equals + 1).trim()]
    })
  return Object.fromEntries(pairs)
}

function defaultPrefix(type: TagType, { event }: Attributes): Attributes {
  if (type === 'sha') return { prefix: 'sha-' }
  return type === 'ref' && event === 'pr' ? { prefix: 'pr-' } : {}
}

/** The values that an attribute may have; the message names them. */
const checks: Readonly<Record<string, (value: string, type: TagType) => string | undefined>> = {
  priority: (value, type) =>
    /^-?\d+(\.\d+)?$/.test(value)
      ? undefined
      : `has the priority \`${value}\`: write a number, such as \`priority=${forms[type].priority}\``,
  event: (value) => notOneOf('event', value, ['branch', 'tag', 'pr']),
  group: (value) => (/^\d+$/.test(value) ? undefined : `has the group \`${value}\`: ${messages.group}`),
  format: (value) => notOneOf('format', value, ['short', 'long']),
  match: invalidPattern,
  pattern: (value, type) => (type === 'match' ? invalidPattern(value) : undefined),
}

function findProblem(type: TagType, attributes: Attributes): string | undefined {
  const { defaults, required, example } = forms[type]
  const known = [...common, ...Object.keys(defaults)]
  const unknown = Object.keys(attributes).find((name) => !known.includes(name))
  if (unknown !== undefined) {
    const valid = `valid attributes: ${known.join(', ')}${didYouMean(unknown, known)}`
    return `has the attribute \`${unknown}\`, which \`type=${type}\` does not have; ${valid}`
  }
  // An empty one may be an expression without a value in this run: the rule then gives no tag.
  if (required !== undefined && !Object.hasOwn(attributes, required))
    return `has no \`${required}\`: write \`${example}\``
  const problems = Object.entries(checks).flatMap(([name, check]) => {
    const value = attributes[name]
    return (value === undefined ? undefined : check(value, type)) ?? []
  })
  return problems[0]
}

function notOneOf(name: string, value: string, values: readonly string[]): string | undefined {
  if (values.includes(value)) return undefined
  const forms = values.map((each) => `\`${name}=${each}\``)
  const list = `${forms.slice(0, -1).join(', ')} or ${forms.at(-1) ?? ''}`
  return `has the unknown ${name} \`${value}\`: write ${list}${didYouMean(value, values)}`
}

function invalidPattern(pattern: string): string | undefined {
  try {
    toRegExp(pattern)
    return undefined
  } catch (error) {
    return `has a pattern that is not a valid regular expression: ${errorMessage(error)}`
  }
}

/** `v(.*)`, or `/v(.*)/i` with flags. */
export function toRegExp(pattern: string): RegExp {
  const [, inner, flags = ''] = /^\/(.+)\/([a-z]*)$/s.exec(pattern) ?? []
  return inner === undefined ? new RegExp(pattern) : new RegExp(inner, flags)
}
