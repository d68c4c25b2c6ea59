import type { Event } from '../forge/event.ts'
import { didYouMean, shorten, type Reject } from '../lib/issues.ts'
import { formatDate, isTimeZone } from './dates.ts'
import type { Env } from '../lib/lists.ts'
import type { Expressions } from './template.ts'

/** The text of an input, and the name under which its problems are reported. */
export interface NamedText {
  readonly input: string
  readonly text: string
}

/** The event as docker/metadata-action sees it. */
export interface MetadataContext {
  /** `push`, `pull_request`, … */
  readonly name: string
  /** `refs/pull/7/merge` for every kind of pull request, on every CI platform. */
  readonly ref: string
  readonly branch: string
  readonly tag: string
  /** Of a pull request; empty otherwise. */
  readonly number: string
  readonly sha: string
  readonly shortSha: string
  /** When the commit was made; undefined if unknown. */
  readonly commitDate?: Date
  readonly expressions: Expressions
}

const unknownCommitDate =
  '`{{commit_date}}` is the time of this run, since neither the event nor the checkout contains the date of the ' +
  'commit, and the API did not answer: run `actions/checkout` before this step, with `ref` or `fetch-depth` if that ' +
  'is another commit.'

/**
 * PURE: the context of tag rules and templates.
 *
 * @param reject gets the problem of an invalid variable: those of docker/metadata-action that change the context
 * @param note gets a remark on an expression that has no value of its own
 */
export function metadataContext(
  event: Event,
  env: Env,
  reject: Reject,
  note: (text: string) => void = () => undefined,
): MetadataContext {
  const ref = refOf(event)
  const length = env['DOCKER_METADATA_SHORT_SHA_LENGTH'] ?? ''
  if (!/^\d*$/.test(length)) reject(invalidLength(length))
  const isHead = event.headSha !== undefined && usesHead(event, env)
  const sha = isHead ? (event.headSha ?? '') : event.sha
  const commitDate = isHead ? event.headCommitDate : event.commitDate
  const context = {
    name: event.name,
    ref,
    branch: withoutPrefix('refs/heads/', ref),
    tag: withoutPrefix('refs/tags/', ref),
    // Forgejo and Gitea end these in `/head`.
    number: withoutPrefix('refs/pull/', ref).replace(/\/(?:merge|head)$/, ''),
    sha,
    shortSha: sha.slice(0, Number(length) || 7),
    ...(commitDate && { commitDate }),
  }
  return { ...context, expressions: globalExpressions(context, event, () => note(unknownCommitDate)) }
}

/** Whether the head commit of a pull request stands in for its merge commit. */
function usesHead({ name }: Event, env: Env): boolean {
  return /^true$/i.test(env['DOCKER_METADATA_PR_HEAD_SHA'] ?? '') && name.includes('pull_request')
}

function invalidLength(length: string): string {
  const variable = `the variable DOCKER_METADATA_SHORT_SHA_LENGTH is \`${shorten(length)}\``
  return `cannot be evaluated: ${variable}, and a number is expected`
}

function refOf({ name, ref, number }: Event): string {
  return name === 'pull_request_target' && number !== undefined ? `refs/pull/${number}/merge` : ref
}

function globalExpressions(
  { name, branch, tag, number, shortSha, commitDate }: Omit<MetadataContext, 'expressions'>,
  event: Event,
  noteUnknownDate: () => void,
): Expressions {
  const baseRef = tag !== '' || number !== '' ? (event.baseRef ?? '').replace(/^refs\/heads\//, '') : ''
  const date = dateExpression(event.now)
  // These run for the last commit of the default branch, even if they name another ref.
  const always = /create|discussion|issues|schedule/.test(name) && (branch !== '' || tag !== '')
  const isDefault = (branch !== '' && branch === event.defaultBranch) || always
  return {
    branch: () => branch,
    tag: () => tag,
    sha: () => shortSha,
    base_ref: () => baseRef,
    is_default_branch: () => String(isDefault),
    is_not_default_branch: () => String(!isDefault),
    date,
    commit_date: (args, reject) => {
      if (!commitDate) noteUnknownDate()
      return dateExpression(commitDate ?? event.now)(args, reject)
    },
  }
}

function dateExpression(instant: Date): NonNullable<Expressions[string]> {
  return ({ text, tz = 'UTC' }, reject) => {
    if (text === undefined) reject("contains a date without a format: write `{{date 'YYYYMMDD'}}`")
    else if (!isTimeZone(tz)) reject(unknownTimeZone(tz))
    else return formatDate(instant, text, tz)
    return ''
  }
}

function unknownTimeZone(zone: string): string {
  const meant = didYouMean(zone, ['UTC', ...Intl.supportedValuesOf('timeZone')])
  return `contains the unknown time zone \`${shorten(zone)}\`: write one such as \`Europe/Berlin\`${meant}`
}

function withoutPrefix(prefix: string, ref: string): string {
  return ref.startsWith(prefix) ? ref.slice(prefix.length) : ''
}
