import { splitFields } from '../../lib/csv.ts'
import { didYouMean, type Reject } from '../../lib/issues.ts'
import { errorMessage } from '../../lib/errors.ts'

/** One entry of docker/metadata-action's `tags`: https://github.com/docker/metadata-action#tags-input */
export interface TagRule {
  readonly type: TagType
  readonly priority: number
  /** As written; what the type defines by default is filled in. */
  readonly attributes: Readonly<Record<string, string>>
  /** For messages. */
  readonly line: string
}

export type TagType = 'schedule' | 'semver' | 'pep440' | 'match' | 'edge' | 'ref' | 'raw' | 'sha'

interface Form {
  readonly priority: number
  readonly defaults: Readonly<Record<string, string>>
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

function isType(text: string): text is TagType {
  return Object.hasOwn(forms, text)
}

/** Whether a line of `tags` is a rule, not names or references: these hold neither `=` nor `{{`. */
export function isRule(line: string): boolean {
  return line.includes('=') || line.includes('{{')
}

/** PURE: a plain name as the rule it stands for. */
export function rawRule(name: string): TagRule {
  return { type: 'raw', priority: forms.raw.priority, attributes: { value: name, enable: 'true' }, line: name }
}

/** PURE: reads a rule; undefined where it is none, which `wrong` heard then. */
export function readRule(line: string, wrong: Reject): TagRule | undefined {
  const fields = splitFields(line)
  if (!fields) {
    wrong(
      'has a quote in the middle of a field: put the whole field between quotes, as in `type=match,"pattern=v(.*),x"`, and write a quote in it twice',
    )
    return undefined
  }
  const { type = 'raw', ...attributes } = readFields(fields)
  if (!isType(type)) {
    wrong(`has the unknown type \`${type}\`: ${types.join(', ')} are${didYouMean(type, types)}`)
    return undefined
  }
  const problem = problemOf(type, attributes)
  if (problem !== undefined) {
    wrong(problem)
    return undefined
  }
  return {
    type,
    line,
    priority: Number(attributes['priority'] ?? forms[type].priority),
    attributes: { enable: 'true', ...forms[type].defaults, ...prefixOf(type, attributes), ...attributes },
  }
}

/** A field without `=` is the value. */
function readFields(fields: readonly string[]): Record<string, string> {
  const pairs = fields
    .filter((field) => field !== '')
    .map((field): [string, string] => {
      const equals = field.indexOf('=')
      // A template may hold `=` itself: `{{date 'YYYYMMDD' tz='UTC'}}`.
      if (equals <= 0 || field.slice(0, equals).includes('{{')) return ['value', field]
      return [field.slice(0, equals).trim().toLowerCase(), field.slice(equals + 1).trim()]
    })
  return Object.fromEntries(pairs)
}

function prefixOf(type: TagType, { event }: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  if (type === 'sha') return { prefix: 'sha-' }
  return type === 'ref' && event === 'pr' ? { prefix: 'pr-' } : {}
}

function problemOf(type: TagType, attributes: Readonly<Record<string, string>>): string | undefined {
  const { defaults, required, example } = forms[type]
  const known = [...common, ...Object.keys(defaults)]
  const unknown = Object.keys(attributes).find((name) => !known.includes(name))
  if (unknown !== undefined)
    return `has the attribute \`${unknown}\`, which \`type=${type}\` does not know: ${known.join(', ')} are${didYouMean(unknown, known)}`
  const { priority = '0', event = 'branch', group = '0', format = 'short' } = attributes
  // An empty one may be an expression that has no value in this run: the rule then gives no tag.
  if (required !== undefined && !Object.hasOwn(attributes, required))
    return `has no \`${required}\`: write \`${example}\``
  if (!/^-?\d+(\.\d+)?$/.test(priority))
    return `has the priority \`${priority}\`: write a number, such as \`priority=${forms[type].priority}\``
  if (!['branch', 'tag', 'pr'].includes(event))
    return `has the unknown event \`${event}\`: write \`event=branch\`, \`event=tag\` or \`event=pr\`${didYouMean(event, ['branch', 'tag', 'pr'])}`
  if (!/^\d+$/.test(group))
    return `has the group \`${group}\`: write the number of a pair of parentheses in the pattern, or 0 for the whole match`
  if (!['short', 'long'].includes(format))
    return `has the unknown format \`${format}\`: write \`format=short\` or \`format=long\`${didYouMean(format, ['short', 'long'])}`
  return regexProblem(type === 'match' ? attributes['pattern'] : attributes['match'])
}

function regexProblem(pattern: string | undefined): string | undefined {
  if (pattern === undefined) return undefined
  try {
    toRegExp(pattern)
    return undefined
  } catch (error) {
    return `has a pattern that is no regular expression: ${errorMessage(error)}`
  }
}

/** `v(.*)`, or `/v(.*)/i` with flags. */
export function toRegExp(pattern: string): RegExp {
  const [, inner, flags = ''] = /^\/(.+)\/([a-z]*)$/s.exec(pattern) ?? []
  return inner === undefined ? new RegExp(pattern) : new RegExp(inner, flags)
}
