import { firstLine, formatDuration } from '../lib/format.ts'
import { UserError } from '../lib/errors.ts'
import { silence } from '../nodes/watch.ts'
import { pushLoginHint } from '../registry/credentials/origin.ts'
import type { FailureRow } from './dockerfile-failures.ts'
import type { PushLogins } from './bake-definition.ts'
import { explainMissingSecret, type WithoutSecrets } from './missing-secret.ts'
import { failureTable, type Phase } from './failure-table.ts'
import type { Silence } from './heartbeat.ts'
import type { TestTimeout } from './image-tests.ts'
import { OutputTail } from './output-tail.ts'
import type { FailedVertex } from './progress.ts'
import { isCancel } from './steps.ts'

export interface GroupFailure {
  /** `linux/arm64 slim`, or all targets of the group if the failing one is not known. */
  readonly target: string
  readonly node: string
  /** The node is an engine or a buildkitd of the runner. */
  readonly isRunner?: boolean
  /** Why the build gets no secrets. */
  readonly withoutSecrets?: WithoutSecrets | undefined
  readonly pushLogins?: PushLogins | undefined
  readonly exitCode: number
  readonly failed: readonly FailedVertex[]
  /** The last plain lines of buildx itself. */
  readonly output: readonly string[]
  /** Set if the node was lost: the last output of ssh, or how long it did not answer. */
  readonly lost: string | undefined
  /** What ran, if a command failed: a step of the Dockerfile, or the command of `test`. */
  readonly failedStep?: 'step' | 'test'
  /** Labels of the targets that were cancelled because of the failure. */
  readonly cancelled?: readonly string[]
  /** The SSH server of the node refused a session that a connection needed. */
  readonly lacksSessions?: boolean
  /** The file of the job's Docker configuration. */
  readonly dockerConfig?: string
}

interface PhaseRule {
  readonly phase: Phase
  readonly error?: RegExp
  /** Matches the name of the failed vertex. */
  readonly vertex?: RegExp
}

/**
 * How buildx' Kubernetes driver reports its errors:
 * https://github.com/docker/buildx/blob/v0.38.2/driver/kubernetes/driver.go
 */
const clusterErrors = [
  'error for bootstrap "|error while calling \\S*(?:Create|Update)\\b|expected \\d+ replicas to be ready',
  'no running buildkit pods|failed to connect to pod|pods(?: "[^"]*")? is forbidden',
  'cannot (?:create|list) resource "pods',
].join('|')

const pushErrors = [
  'failed to push|unexpected status from (?:PUT|POST|HEAD|PATCH|GET) request',
  'failed to (?:authorize|fetch (?:anonymous|oauth) token)|insufficient_scope|push access denied',
  'error writing manifest|failed commit on ref',
].join('|')

const lostNodeErrors = [
  'error reading from server|transport is closing|connection reset by peer|broken pipe|code = Unavailable',
  'no such container|is not running|keepalive ping failed|\\bEOF$',
].join('|')

const bootErrors =
  /booting buildkit|failed to find driver|error during connect|failed to initialize builder|pulling image/i

/** In this order; the first that matches decides. */
const phaseRules: readonly PhaseRule[] = [
  { phase: 'helper', error: /exec: "docker-credential-[^"]*": executable file not found/ },
  // Before the build starts: later, `ignore-error` turns it into a failed vertex. The BuildKit of an engine has no S3
  // and no Azure exporter.
  { phase: 'cache', error: /failed to configure \S+ cache exporter|unknown cache exporter/i },
  { phase: 'boot', error: /container name .* is already in use/i },
  { phase: 'cluster', error: new RegExp(clusterErrors) },
  { phase: 'boot', error: bootErrors, vertex: bootErrors },
  { phase: 'frontend', vertex: /\bresolve image config for / },
  { phase: 'download', vertex: /^\[.*\] ADD https?:/ },
  {
    phase: 'pull',
    error: /failed to resolve source metadata|pull access denied|httpReadSeeker|failed to load cache key/i,
    vertex: /\bload metadata for |^\[.*\] FROM /,
  },
  { phase: 'push', error: new RegExp(pushErrors), vertex: /^exporting to image/ },
  { phase: 'node', error: new RegExp(lostNodeErrors, 'i') },
]

const failedStep = /^process ".*" did not complete successfully|exit code: \d+/s
const commandOfStep = /^process ".*" did not complete successfully: /s
const diskFull = /no space left on device/i
const diskFullLine = /no space left on device$/i
const wrappers = new RegExp(
  '^(?:ERROR: |error: |failed to solve: |target \\S+: |rpc error: code = \\w+ desc = |' +
    'failed to compute cache key: |failed to calculate checksum of ref \\S+: )+',
  'i',
)
const longestHeadline = 100
const detailLines = OutputTail.longest + OutputTail.mostErrors

/** PURE: the vertex whose failure ended the build; siblings that BuildKit cancelled because of it do not count. */
export function findCause(failed: readonly FailedVertex[]): FailedVertex | undefined {
  return failed.findLast(({ error }) => !isCancel(error)) ?? failed[0]
}

/** BuildKit reports an unknown stage without a vertex, and the vertexes of the other targets as cancelled. */
function findReported({ failed, output }: Pick<GroupFailure, 'failed' | 'output'>): FailedVertex | undefined {
  const cause = findCause(failed)
  const isKnown = output.some((line) => /^error: /i.test(line) && !isCancel(line))
  return cause && isCancel(cause.error) && isKnown ? undefined : cause
}

/** PURE: the bake target that failed: that of the failed vertex, or the one that buildx names in its error. */
export function failingTarget(failed: readonly FailedVertex[], output: readonly string[]): string | undefined {
  const cause = findCause(failed)
  const named = output.map((line) => /^ERROR: target (\S+): /.exec(line)?.[1]).findLast((id) => id !== undefined)
  return cause && !isCancel(cause.error) ? cause.target : (named ?? cause?.target)
}

/** PURE: why a group failed, by the first row of `failureTable` that matches: what happened, and what to do. */
export function explainFailure(failure: GroupFailure): UserError {
  const { cancelled = [] } = failure
  const cause = findReported(failure)
  const error = cause?.error ?? lastError(failure)
  const brief = trimError(error)
  const phase = classify(failure, cause, error)
  const printed = cause?.output ?? []
  const { code, message, hint, silentHint = hint } = findRow(phase, failure, { error, printed })
  const values = valuesOf(failure, cause?.name ?? '', error)
  return new UserError({
    code,
    message: fillIn(message, values, longestHeadline),
    hint: fillIn(isSilent(printed) ? silentHint : hint, values),
    details: [
      ...tail(relevantLines(phase, failure, cause, brief)),
      ...(cancelled.length > 0 ? [`Cancelled because of this failure: ${cancelled.join(', ')}`] : []),
    ],
  })
}

/** What the texts of the table may contain. */
function valuesOf(failure: GroupFailure, vertex: string, error: string): Readonly<Record<string, string>> {
  return {
    target: failure.target,
    node: failure.node,
    machine: failure.isRunner ? 'this runner' : `node ${failure.node}`,
    Machine: failure.isRunner ? 'This runner' : `Node ${failure.node}`,
    secretHint: explainMissingSecret(error, failure.withoutSecrets),
    registry: /failed to push ([^\s/]+)\//.exec(error)?.[1] ?? 'the address of the registry',
    pushHint: explainPushLogin(error, failure.pushLogins),
    helper: /docker-credential-[\w.-]+/.exec(error)?.[0] ?? '',
    config: failure.dockerConfig ?? 'the Docker configuration',
    image: imageOf(vertex) ?? 'An image',
    step: firstLine(vertex),
    cause: firstLine(trimError(error).replace(commandOfStep, '')),
  }
}

/** Whose login a refused push used: of several registries, that of the registry in the error. */
function explainPushLogin(error: string, logins: PushLogins = new Map()): string {
  const used = [...logins].find(([registry]) => error.includes(registry)) ?? [...logins][0]
  return pushLoginHint(used?.[1], /\b401\b|unauthorized/i.test(error))
}

/** PURE: the failure of a build that was ended because another one failed, or because the run was cancelled. */
export function cancelledBuild(target: string): UserError {
  return new UserError({
    code: 'cancelled',
    message: fillIn('The build of {target} was cancelled', { target }, longestHeadline),
    hint: 'See the failure of the other target.',
  })
}

/** PURE: the failure of a build that waited too long for a registry. */
export function explainSilence({ host, phase, duration }: Silence, target: string): UserError {
  return new UserError({
    code: 'registry',
    message: fillIn('No response from {host} during the build of {target}', { host, target }, longestHeadline),
    hint: `It accepted the connection and sent nothing for ${formatDuration(duration)}: check the registry’s status.`,
    details: [phase],
  })
}

/** PURE: the failure of a test that took longer than `test-timeout`. */
export function explainTimeout({ limit, output }: TestTimeout, target: string): UserError {
  return new UserError({
    code: 'build',
    message: fillIn(`The test of {target} did not end within ${formatDuration(limit)}`, { target }, longestHeadline),
    hint: 'Check what the command waits for, or raise `test-timeout`. No tag was updated.',
    details: tail(isSilent(output) ? [silentTest] : output),
  })
}

const silentTest = 'The test printed nothing.'

function isSilent(printed: readonly string[]): boolean {
  return printed.every((line) => line.trim() === '')
}

/** The image that a vertex resolves or pulls. */
function imageOf(vertex: string): string | undefined {
  const pattern =
    /(?:load metadata for|resolve image config for(?: docker-image:\/\/)?|FROM) ?(?:docker-image:\/\/)?(\S+)/
  return pattern
    .exec(vertex)?.[1]
    ?.replace(/@sha256:.*$/, '')
    .replace(/^docker\.io\/(?=docker\/)/, '')
}

function lastError({ output, exitCode }: GroupFailure): string {
  const error = output.findLast((line) => /^error: /i.test(line)) ?? output.at(-1)
  return (
    error ??
    `buildx exited with code ${exitCode} and printed nothing: run the job with debug logging (ACTIONS_STEP_DEBUG)`
  )
}

function classify(failure: GroupFailure, cause: FailedVertex | undefined, error: string): Phase {
  if (failure.lost !== undefined) return 'lost'
  const isStep = cause !== undefined && failedStep.test(trimError(error))
  if (isDiskFull(cause, isStep ? '' : error)) return 'disk'
  if (isStep) return failure.failedStep ?? 'step'
  const rule = phaseRules.find((one) => matchesRule(one, error, cause))
  const phase = rule?.phase ?? 'other'
  return failure.lacksSessions && connectionPhases.includes(phase) ? 'sessions' : phase
}

/** The command of a step may itself contain these words; the last line of what it ran may not. */
function isDiskFull(cause: FailedVertex | undefined, error: string): boolean {
  return cause?.output.some((line) => diskFullLine.test(line)) === true || diskFull.test(error)
}

function matchesRule(rule: PhaseRule, error: string, cause: FailedVertex | undefined): boolean {
  return rule.error?.test(error) === true || (cause !== undefined && rule.vertex?.test(cause.name) === true)
}

/** Failures that a connection to the node may have caused. */
const connectionPhases: readonly Phase[] = ['boot', 'node', 'other']

function findRow(
  phase: Phase,
  { lost, output }: GroupFailure,
  { error, printed }: { readonly error: string; readonly printed: readonly string[] },
): FailureRow {
  const texts: Partial<Record<Phase, readonly string[]>> = {
    lost: [lost ?? ''],
    cache: [error, ...output],
    test: [error, ...printed],
  }
  const text = (texts[phase] ?? [error]).join('\n')
  const row = failureTable[phase].find(({ pattern }) => pattern.test(text))
  if (!row) throw new Error(`No row of the failure table matches this failure (${phase}): ${text}`)
  return row
}

function relevantLines(
  phase: Phase,
  { lost = '', output }: GroupFailure,
  cause: FailedVertex | undefined,
  brief: string,
): readonly string[] {
  const printed = cause?.output ?? []
  const printedLines = isSilent(printed) ? [phase === 'test' ? silentTest : 'The step printed nothing.'] : printed
  const lines: Partial<Record<Phase, readonly string[]>> = {
    lost: lost.startsWith(silence) ? [lost] : [lost, brief],
    disk: [...printed, brief],
    step: printedLines,
    test: printedLines,
    boot: [...output.slice(-5), brief],
    other: [...printed, ...output],
  }
  return lines[phase] ?? [brief]
}

/** Fills in `{name}`; if the result is longer than `longest`, the longest value is shortened. */
function fillIn(template: string, values: Readonly<Record<string, string>>, longest = Infinity): string {
  const render = (filled: Readonly<Record<string, string>>) =>
    template.replace(/\{(\w+)\}/g, (_, name: string) => filled[name] ?? '')
  const excess = render(values).length - longest
  if (excess <= 0) return render(values)
  const used = Object.entries(values).filter(([name]) => template.includes(`{${name}}`))
  const [name = '', value = ''] = used.sort(([, a], [, b]) => b.length - a.length)[0] ?? []
  return render({ ...values, [name]: `${value.slice(0, Math.max(1, value.length - excess - 1))}…` })
}

/** BuildKit wraps its errors in prefixes that do not help here. */
function trimError(error: string): string {
  return error.replace(wrappers, '').trim()
}

function tail(lines: readonly string[]): string[] {
  return lines
    .flatMap((line) => line.split('\n'))
    .filter((line) => line.trim() !== '')
    .slice(-detailLines)
}
