import type { Event } from '../forge/event.ts'
import { didYouMean, shorten, type Reject } from '../lib/issues.ts'
import { formatMoment, isTimeZone } from './dates.ts'
import type { Env } from '../lib/lists.ts'
import type { Expressions } from './template.ts'

/** The event as docker/metadata-action sees it. */
export interface Occasion {
  /** `push`, `pull_request`, … */
  readonly name: string
  /** `refs/pull/7/merge` for every kind of pull request, on every forge. */
  readonly ref: string
  readonly branch: string
  readonly tag: string
  /** Of a pull request; empty otherwise. */
  readonly number: string
  readonly sha: string
  readonly shortSha: string
  readonly expressions: Expressions
}

/**
 * PURE: what tag rules and templates are told of. `wrong` hears of the two variables of metadata-action that change it.
 */
export function readOccasion(event: Event, env: Env, wrong: Reject): Occasion {
  const ref = refOf(event)
  const sha =
    /^true$/i.test(env['DOCKER_METADATA_PR_HEAD_SHA'] ?? '') && event.name.includes('pull_request')
      ? (event.headSha ?? event.sha)
      : event.sha
  const length = env['DOCKER_METADATA_SHORT_SHA_LENGTH'] ?? ''
  if (!/^\d*$/.test(length))
    wrong(
      `cannot be evaluated: the variable DOCKER_METADATA_SHORT_SHA_LENGTH is \`${shorten(length)}\`, and a number is expected`,
    )
  const occasion = {
    name: event.name,
    ref,
    branch: after('refs/heads/', ref),
    tag: after('refs/tags/', ref),
    // Forgejo and Gitea end these in `/head`.
    number: after('refs/pull/', ref).replace(/\/(?:merge|head)$/, ''),
    sha,
    shortSha: sha.slice(0, Number(length) || 7),
  }
  return { ...occasion, expressions: globalExpressions(occasion, event) }
}

function refOf({ name, ref, number }: Event): string {
  return name === 'pull_request_target' && number !== undefined ? `refs/pull/${number}/merge` : ref
}

function globalExpressions(
  { name, branch, tag, number, shortSha }: Omit<Occasion, 'expressions'>,
  event: Event,
): Expressions {
  const baseRef = tag !== '' || number !== '' ? (event.baseRef ?? '').replace(/^refs\/heads\//, '') : ''
  const date = dateExpression(event.now)
  // These run for the last commit of the default branch, whatever they name.
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
    commit_date: event.commitDate === undefined ? date : dateExpression(event.commitDate),
  }
}

function dateExpression(instant: Date): Expressions[string] {
  return ({ text, tz = 'UTC' }, wrong) => {
    if (text === undefined) wrong("holds a date without a format: write `{{date 'YYYYMMDD'}}`")
    else if (!isTimeZone(tz))
      wrong(
        `holds the unknown time zone \`${shorten(tz)}\`: write one such as \`Europe/Berlin\`${didYouMean(tz, ['UTC', ...Intl.supportedValuesOf('timeZone')])}`,
      )
    else return formatMoment(instant, text, tz)
    return ''
  }
}

function after(prefix: string, ref: string): string {
  return ref.startsWith(prefix) ? ref.slice(prefix.length) : ''
}
