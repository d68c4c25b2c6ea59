import { readFileSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { asRecord, asText, tryParseJson } from '../lib/json.ts'
import { renderBake, writesForJob, type BakeOptions } from './bake-definition.ts'
import { allowances } from './bake-fields.ts'
import type { UserError } from '../lib/errors.ts'
import { writeDefinition } from './build-env.ts'
import { runEnv, type Buildx } from './find.ts'
import { ended, start } from '../lib/exec.ts'
import { sleep } from '../lib/time.ts'
import { explainLane } from './errors.ts'
import type { Annotation } from '../lib/log.ts'
import { followProgress, type Failed, type Steps } from './progress.ts'
import { annotateWarnings } from './checks.ts'
import { targetLabel, type TargetGroup, type Target } from '../plan/target.ts'

type Read = (lines: readonly string[]) => Promise<unknown> | undefined

/** What every call of buildx needs; `buildx/` and `docker/` in `dir` are its configuration and login. */
export interface BuildxRequest extends BakeOptions {
  readonly buildx: Buildx
  /** Variables that only buildx gets. */
  readonly env: Readonly<Record<string, string>>
  readonly workspace: string
  readonly signal: AbortSignal
}

export interface GroupRequest extends BuildxRequest {
  readonly lane: TargetGroup
  /** Names the files of this call; no other call of the run has it. */
  readonly name: string
  /** The builder that holds just this lane's node. */
  readonly builder: string
  /** Settles when the node can no longer be counted on, with the reason. */
  readonly lost: Promise<string>
  /** Called whenever the daemon has said something. */
  readonly onProgress: () => void
  /** Hears of every digest as its push begins, whatever becomes of the call; more than once. */
  readonly onPush: (target: Target, digest: string) => void
  /** Tells lines; undefined, or what to wait for before more is told. */
  readonly emit: Read
}

export interface BuiltTarget {
  readonly target: Target
  /** What was pushed: an index with an attestation, or a manifest; empty where nothing was pushed. */
  readonly digest: string
  readonly steps: Steps
  /** Bake's metadata of this target. */
  readonly metadata: Record<string, unknown>
}

export interface GroupResult {
  readonly lane: TargetGroup
  /** Milliseconds. */
  readonly took: number
  readonly built: readonly BuiltTarget[]
  readonly lostCaches: readonly Failed[]
  /** What checks of the Dockerfiles found. */
  readonly warnings: readonly Annotation[]
  readonly failure?: UserError
}

/**
 * Builds the targets of one node with one call of buildx. A lane that fails says why in `failure`; it does not throw.
 */
export async function buildGroup(request: GroupRequest): Promise<GroupResult> {
  const { lane, dir } = request
  const began = performance.now()
  const metadata = dir.metadata(request.name)
  const bake = writeDefinition(dir, request.name, renderBake(lane.targets, request))
  const told: string[] = []
  const tell = () => (told.length > 0 ? request.emit(told.splice(0)) : undefined)
  const progress = followProgress(
    lane.targets.map((target) => ({ id: target.id, label: targetLabel(target) })),
    (line) => told.push(line),
    (id, digest) =>
      lane.targets.filter((target) => target.id === id).forEach((target) => request.onPush(target, digest)),
  )
  const read = (lines: readonly string[]) => {
    request.onProgress()
    lines.forEach(progress.read)
    return tell()
  }
  let lost: string | undefined
  void request.lost.then((words) => (lost = words))
  const code = await runBuildx(
    { ...request, writesForJob: writesForJob(lane.targets, request) },
    ['bake', '--file', bake, '--builder', request.builder, '--metadata-file', metadata],
    read,
  )
  const took = performance.now() - began
  progress.end()
  await tell()
  const lostCaches = progress.lostCaches()
  if (code === 0) {
    const results = asRecord(tryParseJson(readFileSync(metadata, 'utf8')))
    const built = lane.targets.map((target) =>
      builtTarget(target, asRecord(results[target.id]), progress.steps(target.id)),
    )
    return {
      lane,
      took,
      built,
      lostCaches,
      warnings: annotateWarnings(progress.warnings(), lane.targets, request.workspace),
    }
  }
  // buildx may notice a cut connection a moment before ssh has ended.
  if (lane.node.lost) await Promise.race([request.lost, sleep(500)])
  const failed = progress.failed()
  const named =
    lane.targets.find(({ id }) => failed.some(({ target }) => target === id)) ??
    (lane.targets.length === 1 ? lane.targets[0] : undefined)
  const what = named ? targetLabel(named) : lane.targets.map(targetLabel).join(', ')
  const failure = explainLane({ what, node: lane.node.spec.name, code, failed, words: progress.words(), lost })
  return { lane, took, built: [], lostCaches, warnings: [], failure }
}

/**
 * Runs buildx with the environment and the allowances of the run; resolves with its exit code. `hear` gets its standard
 * output.
 */
export async function runBuildx(
  {
    buildx,
    dir,
    workspace,
    signal,
    env: more,
    settings,
    lost,
    writesForJob = false,
  }: BuildxRequest & { readonly lost?: Promise<string>; readonly writesForJob?: boolean },
  args: readonly string[],
  read: Read,
  hear?: (text: string) => void,
): Promise<number> {
  const env = runEnv(dir, more)
  // Every path in the definition is one the author gave us, so bake need not ask about each.
  const child = start(buildx.command, [...args, '--progress', 'rawjson', '--allow', 'fs=*', ...allowances(settings)], {
    cwd: workspace,
    env,
    stdio: ['ignore', hear ? 'pipe' : 'ignore', 'pipe'],
    writesForJob,
  })
  child.stdout?.setEncoding('utf8').on('data', (text: string) => hear?.(text))
  let grace: NodeJS.Timeout | undefined
  const end = (patience: number) => {
    // Asked politely, buildx cancels the build on the daemon too.
    child.kill('SIGINT')
    grace ??= setTimeout(() => child.kill('SIGKILL'), patience)
  }
  const stop = () => end(4000)
  void lost?.then(() => end(1000))
  signal.addEventListener('abort', stop, { once: true })
  if (signal.aborted) stop()
  const reading = readLines(child.stderr, read)
  try {
    const [code] = await Promise.all([ended(child), reading])
    return code
  } finally {
    clearTimeout(grace)
    signal.removeEventListener('abort', stop)
  }
}

/**
 * Lines as they come, and no faster than they can be told: buildx waits, and nothing piles up here. Node's readline
 * would hold up to a thousand lines, and one of these can be as long as what a step prints in a moment.
 */
async function readLines(stream: Readable | null, read: Read): Promise<void> {
  let rest = ''
  for await (const chunk of stream?.setEncoding('utf8') ?? []) {
    const [first = '', ...lines] = String(chunk).split('\n')
    lines.unshift(rest + first)
    rest = lines.pop() ?? ''
    await read(lines)
  }
  if (rest !== '') await read([rest])
}

function builtTarget(target: Target, metadata: Record<string, unknown>, steps: Steps): BuiltTarget {
  return { target, digest: asText(metadata['containerimage.digest']), steps, metadata }
}
