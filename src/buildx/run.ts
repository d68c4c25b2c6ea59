import { readFileSync } from 'node:fs'
import type { UserError } from '../lib/errors.ts'
import { asRecord, asText, tryParseJson } from '../lib/json.ts'
import type { Annotation, Log } from '../lib/log.ts'
import { sleep } from '../lib/time.ts'
import { targetLabel, targetLabels, type Target, type TargetGroup } from '../plan/target.ts'
import { renderBake, writesForJob } from './bake-definition.ts'
import { annotateWarnings } from './checks.ts'
import { uploadDepth } from './context-uploads.ts'
import type { GroupFailure } from './errors.ts'
import { dockerConfigFile } from '../registry/credentials/docker-config.ts'
import { startHeartbeat, type Silence } from './heartbeat.ts'
import { exportArgs, findTarget, progressTargets, testIds, watchTests, type TestTimeout } from './image-tests.ts'
import { createDestinations, findUnusable, localPathsOf } from './local-paths.ts'
import type { ReportLive } from './live.ts'
import type { Interval, TargetProgress } from './measure.ts'
import { isOnRunner } from '../nodes/node-spec.ts'
import { lacksSessions } from '../nodes/ssh/forwarder.ts'
import { runBuildx, type BuildxRequest, type ReadLines } from './process.ts'
import { Progress, type FailedVertex } from './progress.ts'
import { isCancel } from './steps.ts'

export interface GroupRequest extends BuildxRequest {
  readonly group: TargetGroup
  /** Names the files of this call; unique in the run. */
  readonly name: string
  /** 1, or more if its targets were built before: on a lost node, or with a busy registry. */
  readonly attempt: number
  /** The builder instance that has only the node of the group. */
  readonly builder: string
  /** Resolves when nothing else boots the daemon any more. */
  readonly boot: Promise<unknown> | undefined
  /** Whether the daemon has the steps of earlier runs, so that it hardly needs the imported caches. */
  readonly isPersistent: boolean
  /** Resolves with the reason when the node is lost. */
  readonly lost: Promise<string>
  /** Called whenever buildx prints anything. */
  readonly onProgress: () => void
  /** Receives every digest when its push starts, also if the call fails; more than once. */
  readonly onPush: (target: Target, digest: string) => void
  /** Receives the log lines. */
  readonly emit: ReadLines
  /** Receives what each target is doing, several times a second; absent if there is no view that shows it. */
  readonly reportLive?: ReportLive
  readonly log: Pick<Log, 'warn'>
}

export interface BuiltTarget {
  readonly target: Target
  /** What was pushed: an index with an attestation, or a manifest; empty if nothing was pushed. */
  readonly digest: string
  /** Bake's metadata of this target. */
  readonly metadata: Record<string, unknown>
  /** Undefined without `test`. */
  readonly test?: TestResult
}

/** A test that succeeded. */
interface TestResult {
  /** What the command printed; of a long output the end. */
  readonly output: string
  /** When it ran. */
  readonly time: Interval | undefined
}

export interface GroupResult {
  readonly group: TargetGroup
  /** Milliseconds. */
  readonly took: number
  /** How often its targets were built, on this node and on others. */
  readonly attempts: number
  /** The times of each target by its id, also if it was not built. */
  readonly progress: ReadonlyMap<string, TargetProgress>
  readonly built: readonly BuiltTarget[]
  readonly lostCaches: readonly FailedVertex[]
  /** Results of the Dockerfile checks. */
  readonly warnings: readonly Annotation[]
  readonly failure?: UserError
  /** The target that failed, if it is known; the others of the group were cancelled because of it. */
  readonly failing?: Target
}

/** Builds the targets of one node with one call of buildx. Does not throw if that fails: `failure` has the reason. */
export async function buildGroup(request: GroupRequest): Promise<GroupResult> {
  const { group } = request
  const started = performance.now()
  const lines: string[] = []
  const flush = () => (lines.length > 0 ? request.emit(lines.splice(0)) : undefined)
  const progress = trackProgress(request, (line) => lines.push(line))
  const paths = localPathsOf(group.targets, request)
  const failure = findUnusable(paths, request) ?? createDestinations(paths, request.workspace)
  const ended = { group, attempts: request.attempt, built: [], warnings: [] }
  if (failure) return { ...ended, took: 0, progress: new Map(), lostCaches: [], failure }
  const { reportLive: report } = request
  const vertexes = (id: string) => progress.states(id)
  const endLive = report && (await import('./live.ts')).startLive({ targets: group.targets, vertexes, report })
  const end = await runWatched(request, progress, flush)
  const took = performance.now() - started
  progress.end()
  await flush()
  const times = new Map(group.targets.map(({ id }) => [id, progress.measure(id)]))
  const result = { ...ended, took, progress: times, lostCaches: progress.lostCaches() }
  const outcome = end.exitCode === 0 ? readResult(request, progress) : await groupFailure(request, progress, end)
  endLive?.({ isBuilt: end.exitCode === 0, took: (id) => tookOf(times.get(id)) })
  return { ...result, ...outcome }
}

function tookOf(progress: TargetProgress | undefined): number {
  return progress?.whole ? progress.whole.end - progress.whole.start : 0
}

interface CallEnd {
  readonly exitCode: number
  /** Why the node was lost. */
  readonly lost: string | undefined
  /** The registry that did not respond. */
  readonly silence: Silence | undefined
  /** The test that took too long. */
  readonly timeout: TestTimeout | undefined
}

/** Runs buildx until it exits, its node is lost, or a registry does not respond for too long. */
async function runWatched(
  request: GroupRequest,
  progress: Progress,
  flush: () => Promise<unknown> | undefined,
): Promise<CallEnd> {
  const { group, dir, name, log } = request
  const args = ['--metadata-file', dir.metadata(name), '--builder', request.builder, ...exportArgs(group.targets)]
  let lost: string | undefined
  let timeout: TestTimeout | undefined
  const heartbeat = startHeartbeat({ progress, flush, log })
  const { stop } = heartbeat
  void request.lost.then((reason) => {
    lost = reason
    stop.abort()
  })
  const endWatch = watchTests(group.targets, progress, (found) => {
    timeout = found
    stop.abort()
  })
  const localPaths = localPathsOf(group.targets, request)
  const read = (lines: readonly string[]) => {
    request.onProgress()
    lines.forEach((line) => progress.read(line))
    return flush()
  }
  const call = {
    ...request,
    localPaths,
    stop: stop.signal,
    writesForJob: writesForJob(group.targets, request),
    definition: Promise.resolve(request.boot).then(() =>
      renderBake(group.targets, { ...request, depth: uploadDepth(group.targets, request) }),
    ),
  }
  const exitCode = await runBuildx(call, args, read).finally(() => [heartbeat.end, endWatch].forEach((end) => end()))
  // buildx may notice that a connection was cut shortly before ssh has ended.
  if (exitCode !== 0 && group.node.lost) await Promise.race([request.lost, sleep(500)])
  return { exitCode, lost, silence: heartbeat.silence, timeout }
}

function trackProgress({ group, onPush }: GroupRequest, emit: (line: string) => void): Progress {
  return new Progress(progressTargets(group.targets), emit, (id, digest) =>
    group.targets.filter((target) => target.id === id).forEach((target) => onPush(target, digest)),
  )
}

function readResult(
  { group: { targets }, name, dir, workspace }: GroupRequest,
  progress: Progress,
): Pick<GroupResult, 'built' | 'warnings'> {
  const results = asRecord(tryParseJson(readFileSync(dir.metadata(name), 'utf8')))
  const built = targets.map((target): BuiltTarget => {
    const metadata = asRecord(results[target.id])
    const digest = asText(metadata['containerimage.digest'])
    const { command } = testIds(target.id)
    const test = { output: progress.captured(command), time: progress.measure(command).whole }
    return { target, digest, metadata, ...(target.variant.tests?.command && { test }) }
  })
  return { built, warnings: annotateWarnings(progress.warnings(), targets, workspace) }
}

async function groupFailure(
  request: GroupRequest,
  progress: Progress,
  { exitCode, lost, silence, timeout }: CallEnd,
): Promise<Pick<GroupResult, 'failure' | 'failing'>> {
  // Most builds succeed.
  const errors = await import('./errors.ts')
  const { group, signal, withoutSecrets, pushLogins } = request
  const [failed, output] = [progress.failed(), progress.output()]
  const cause = errors.findCause(failed)
  const isOnlyCancelled = !cause || isCancel(cause.error)
  const id = errors.failingTarget(failed, output)
  const failing = findFailing(group, id)
  const target = targetLabels(failing ? [failing] : group.targets)
  if (timeout && lost === undefined)
    return { failure: errors.explainTimeout(timeout, targetLabel(timeout.target)), failing: timeout.target }
  if (silence) return { failure: errors.explainSilence(silence, target) }
  if (signal.aborted && lost === undefined && isOnlyCancelled) return { failure: errors.cancelledBuild(target) }
  const reported = { exitCode, failed, output, lost, withoutSecrets, pushLogins, dockerConfig: dockerConfigFile() }
  const failure = errors.explainFailure({ ...describeGroup(group, failing, id), ...reported, target })
  return { failure, ...(failing && { failing }) }
}

function findFailing({ targets }: TargetGroup, id: string | undefined): Target | undefined {
  return findTarget(targets, id) ?? (targets.length === 1 ? targets[0] : undefined)
}

/** What the explanation of a failure needs to know about the group. */
function describeGroup(
  { node, targets }: TargetGroup,
  failing: Target | undefined,
  id: string | undefined,
): Pick<GroupFailure, 'node' | 'isRunner' | 'failedStep' | 'lacksSessions' | 'cancelled'> {
  return {
    node: node.spec.name,
    isRunner: isOnRunner(node.spec),
    failedStep: failing && id === testIds(failing.id).command ? 'test' : 'step',
    lacksSessions: lacksSessions(node.socket),
    cancelled: failing ? targets.filter((other) => other !== failing).map(targetLabel) : [],
  }
}
