import { readFileSync } from 'node:fs'
import type { Readable } from 'node:stream'
import type { UserError } from '../lib/errors.ts'
import { startProcess, waitForExit } from '../lib/exec.ts'
import { asRecord, asText, tryParseJson } from '../lib/json.ts'
import type { Annotation } from '../lib/log.ts'
import { sleep } from '../lib/time.ts'
import { targetLabel, type Target, type TargetGroup } from '../plan/target.ts'
import { renderBake, writesForJob, type BakeOptions } from './bake-definition.ts'
import { entitlementFlags } from './bake-fields.ts'
import { writeDefinition } from './build-env.ts'
import { annotateWarnings } from './checks.ts'
import { explainFailure, findCause } from './errors.ts'
import { runEnv, type Buildx } from './find.ts'
import { Progress, type FailedVertex } from './progress.ts'
import type { Steps } from './steps.ts'

/** Receives lines; returns what to wait for before more lines are read. */
type ReadLines = (lines: readonly string[]) => Promise<unknown> | undefined

/** What every call of buildx needs. */
export interface BuildxRequest extends BakeOptions {
  readonly buildx: Buildx
  /** Variables that only buildx gets. */
  readonly env: Readonly<Record<string, string>>
  readonly workspace: string
  readonly signal: AbortSignal
}

export interface GroupRequest extends BuildxRequest {
  readonly group: TargetGroup
  /** Names the files of this call; unique in the run. */
  readonly name: string
  /** The builder instance that has only the node of the group. */
  readonly builder: string
  /** Resolves with the reason when the node is lost. */
  readonly lost: Promise<string>
  /** Called whenever buildx prints anything. */
  readonly onProgress: () => void
  /** Receives every digest when its push starts, also if the call fails; more than once. */
  readonly onPush: (target: Target, digest: string) => void
  /** Receives the log lines. */
  readonly emit: ReadLines
}

export interface BuiltTarget {
  readonly target: Target
  /** What was pushed: an index with an attestation, or a manifest; empty if nothing was pushed. */
  readonly digest: string
  readonly steps: Steps
  /** Bake's metadata of this target. */
  readonly metadata: Record<string, unknown>
}

export interface GroupResult {
  readonly group: TargetGroup
  /** Milliseconds. */
  readonly took: number
  readonly built: readonly BuiltTarget[]
  readonly lostCaches: readonly FailedVertex[]
  /** Results of the Dockerfile checks. */
  readonly warnings: readonly Annotation[]
  readonly failure?: UserError
}

/** Builds the targets of one node with one call of buildx. Does not throw if that fails: `failure` has the reason. */
export async function buildGroup(request: GroupRequest): Promise<GroupResult> {
  const { group, dir, name } = request
  const started = performance.now()
  const definition = writeDefinition(dir, name, renderBake(group.targets, request))
  const lines: string[] = []
  const flush = () => (lines.length > 0 ? request.emit(lines.splice(0)) : undefined)
  const progress = trackProgress(request, (line) => lines.push(line))
  let lost: string | undefined
  void request.lost.then((reason) => (lost = reason))
  const exitCode = await runBuildx(
    { ...request, writesForJob: writesForJob(group.targets, request) },
    ['bake', '--file', definition, '--builder', request.builder, '--metadata-file', dir.metadata(name)],
    (read) => {
      request.onProgress()
      read.forEach((line) => progress.read(line))
      return flush()
    },
  )
  const took = performance.now() - started
  progress.end()
  await flush()
  const result = { group, took, built: [], lostCaches: progress.lostCaches(), warnings: [] }
  if (exitCode === 0) return { ...result, ...readResult(request, progress) }
  // buildx may notice that a connection was cut shortly before ssh has ended.
  if (group.node.lost) await Promise.race([request.lost, sleep(500)])
  return { ...result, failure: groupFailure(group, progress, exitCode, lost) }
}

function trackProgress({ group, onPush }: GroupRequest, emit: (line: string) => void): Progress {
  return new Progress(
    group.targets.map((target) => ({ id: target.id, label: targetLabel(target) })),
    emit,
    (id, digest) => group.targets.filter((target) => target.id === id).forEach((target) => onPush(target, digest)),
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
    return { target, digest, steps: progress.steps(target.id), metadata }
  })
  return { built, warnings: annotateWarnings(progress.warnings(), targets, workspace) }
}

function groupFailure(
  { node, targets }: TargetGroup,
  progress: Progress,
  exitCode: number,
  lost: string | undefined,
): UserError {
  const failed = progress.failed()
  const cause = findCause(failed)
  const failing = targets.find(({ id }) => id === cause?.target) ?? (targets.length === 1 ? targets[0] : undefined)
  return explainFailure({
    target: failing ? targetLabel(failing) : targets.map(targetLabel).join(', '),
    node: node.spec.name,
    exitCode,
    failed,
    output: progress.output(),
    lost,
  })
}

interface BuildxCall extends Omit<BuildxRequest, keyof BakeOptions>, Pick<BakeOptions, 'dir' | 'settings'> {
  /** Ends buildx once it resolves. */
  readonly lost?: Promise<string>
  readonly writesForJob?: boolean
}

/**
 * Runs buildx with the environment and the entitlements of the run. Resolves with its exit code.
 *
 * @param read receives its standard error
 * @param onOutput receives its standard output
 */
export async function runBuildx(
  { buildx, dir, workspace, signal, env, settings, lost, writesForJob = false }: BuildxCall,
  args: readonly string[],
  read: ReadLines,
  onOutput?: (text: string) => void,
): Promise<number> {
  // Every path in the definition comes from the workflow, so bake does not have to check each.
  const flags = ['--progress', 'rawjson', '--allow', 'fs=*', ...entitlementFlags(settings)]
  const child = startProcess(buildx.command, [...args, ...flags], {
    cwd: workspace,
    env: runEnv(dir, env),
    stdio: ['ignore', onOutput ? 'pipe' : 'ignore', 'pipe'],
    writesForJob,
  })
  child.stdout?.setEncoding('utf8').on('data', (text: string) => onOutput?.(text))
  let kill: NodeJS.Timeout | undefined
  const end = (grace: number) => {
    // On SIGINT buildx also cancels the build in the daemon.
    child.kill('SIGINT')
    kill ??= setTimeout(() => child.kill('SIGKILL'), grace)
  }
  const stop = () => end(4000)
  void lost?.then(() => end(1000))
  signal.addEventListener('abort', stop, { once: true })
  if (signal.aborted) stop()
  try {
    const [code] = await Promise.all([waitForExit(child), readLines(child.stderr, read)])
    return code
  } finally {
    clearTimeout(kill)
    signal.removeEventListener('abort', stop)
  }
}

/**
 * Reads lines no faster than they are logged: buildx waits, and nothing accumulates here. Node's readline would hold up
 * to a thousand lines, each as long as a chunk of step output.
 */
async function readLines(stream: Readable | null, read: ReadLines): Promise<void> {
  let rest = ''
  for await (const chunk of stream?.setEncoding('utf8') ?? []) {
    const [first = '', ...lines] = String(chunk).split('\n')
    lines.unshift(rest + first)
    rest = lines.pop() ?? ''
    await read(lines)
  }
  if (rest !== '') await read([rest])
}
