import { buildPhases, type BuildPhase, type Interval, type StepTime, type TargetProgress } from '../buildx/measure.ts'
import type { BuiltTarget, GroupResult } from '../buildx/run.ts'
import { isEmulated, type Node } from '../nodes/node.ts'
import { targetLabel, type Target } from '../plan/target.ts'
import type { PastTarget } from '../publish/history/runs.ts'
import type { PreviousRun, RunRecord } from './run-record.ts'

/** Names of OpenTelemetry's conventions for CI/CD; `skip`: left out by `fallback: skip`, or never started. */
export type TargetResult = 'success' | 'failure' | 'error' | 'cancellation' | 'skip'

type SecondsKey = 'queue' | BuildPhase | 'test' | 'total'

/** What `results` has about a target, as in docs/results.schema.json. */
export interface TargetEntry {
  readonly platform: string
  /** Of the image manifest; empty if it was not pushed. */
  readonly digest: string
  /** Bytes of configuration and layers, compressed; null if it was not pushed. */
  readonly size: number | null
  readonly node: string
  readonly emulated: boolean
  /** The choice of `fallback` by which it was built on this node; null if none was needed. */
  readonly fallback: string | null
  readonly attempts: number
  /** Null for phases that did not take place. `total`: of its own steps and exports. */
  readonly seconds: Readonly<Record<SecondsKey, number | null>>
  readonly steps: TargetProgress['steps']
  /** Null where BuildKit reports no bytes. */
  readonly bytes: Readonly<Record<keyof TargetProgress['bytes'], number | null>>
  /** The same target in the previous run of the branch; null if that is not known. */
  readonly previous: ({ readonly runId: string } & PastTarget) | null
  /** Absent without `test`. */
  readonly test?: { readonly output: string }
}

/** A target of a run, measured: log, summary, outputs and telemetry are rendered from these. */
export interface TargetMeasurement {
  readonly target: Target
  readonly platform: string
  readonly result: TargetResult
  readonly entry: TargetEntry
  /** What the engine of the node reports, such as `amd64, 4 CPUs, Docker 28.5`; empty if there is none. */
  readonly machine: string
  /** Milliseconds of its own steps and exports. */
  readonly took: number
  /** When it was built; undefined if nothing of it started. */
  readonly whole: Interval | undefined
  readonly phases: TargetProgress['phases']
  readonly stepTimes: readonly StepTime[]
  readonly cachesFound: TargetProgress['cachesFound']
  /** Bake's metadata. */
  readonly metadata: BuiltTarget['metadata']
}

/** PURE: measures every target that was planned, in the order of the inputs. */
export function measureTargets(record: RunRecord): readonly TargetMeasurement[] {
  return record.targets.map((target) => measureTarget(target, record))
}

/** The progress of a target of which nothing was built. */
const noProgress: TargetProgress = {
  whole: undefined,
  phases: {},
  steps: { total: 0, cached: 0 },
  stepTimes: [],
  bytes: { context: undefined, pulled: undefined, pushed: undefined },
  cachesFound: undefined,
}

function measureTarget(planned: Target, record: RunRecord): TargetMeasurement {
  const { id } = planned
  const group = findGroup(record.groups, planned)
  const target = group?.group.targets.find((each) => each.id === id) ?? planned
  const progress = group?.progress.get(id) ?? noProgress
  const { whole, phases, stepTimes, cachesFound } = progress
  const built = group?.built.find((each) => each.target.id === id)
  const measured = { ...describeProgress(progress, record, built?.test), attempts: group?.attempts ?? 0 }
  return {
    target,
    platform: target.platform,
    result: targetResult(target, group),
    entry: { ...describeTarget(target, record), ...measured },
    machine: describeMachine(target.node),
    took: whole ? whole.end - whole.start : 0,
    whole,
    phases,
    stepTimes,
    cachesFound,
    metadata: built?.metadata ?? {},
  }
}

function describeMachine({ engine }: Node): string {
  return engine ? `${engine.arch}, ${engine.cpus} CPUs, Docker ${engine.version}` : ''
}

function findGroup(groups: readonly GroupResult[], { id }: Target): GroupResult | undefined {
  return groups.findLast(({ group }) => group.targets.some((target) => target.id === id))
}

function targetResult({ id }: Target, group: GroupResult | undefined): TargetResult {
  if (!group) return 'skip'
  if (group.built.some(({ target }) => target.id === id)) return 'success'
  const { failure, failing } = group
  if (!failure) return 'skip'
  const isCause = failing === undefined || failing.id === id
  if (failure.code === 'cancelled' || !isCause) return 'cancellation'
  return failure.code === 'build' ? 'failure' : 'error'
}

function describeTarget({ platform, variant, node, fallback }: Target, { published, previous }: RunRecord) {
  const image = published.find((each) => each.variant === variant)
  const pushed = image?.platforms.find((part) => part.platform === platform)
  return {
    platform,
    digest: pushed?.digest ?? '',
    size: pushed?.size ?? null,
    node: node.spec.name,
    emulated: isEmulated(node, platform),
    fallback: fallback ?? null,
    previous: findPrevious({ platform, variant }, previous),
  }
}

function findPrevious(
  target: Pick<Target, 'platform' | 'variant'>,
  run: PreviousRun | undefined,
): TargetEntry['previous'] {
  const past = run?.targets.get(targetLabel(target))
  return run && past ? { runId: run.runId, ...past } : null
}

function describeProgress(
  progress: TargetProgress,
  record: RunRecord,
  test: BuiltTarget['test'],
): Pick<TargetEntry, 'seconds' | 'steps' | 'bytes' | 'test'> {
  const { steps, bytes, phases } = progress
  const timed = Object.fromEntries(buildPhases.map((phase) => [phase, toSeconds(phases[phase])]))
  return {
    seconds: {
      queue: toSeconds(queueOf(progress, record)),
      ...(timed as Record<BuildPhase, number | null>),
      test: toSeconds(test?.time),
      total: toSeconds(progress.whole),
    },
    steps,
    bytes: { context: bytes.context ?? null, pulled: bytes.pulled ?? null, pushed: bytes.pushed ?? null },
    ...(test && { test: { output: test.output } }),
  }
}

/**
 * How long a target waited from the start of the builds to its first step, without the boot of the daemon: for
 * earlier attempts, for a busy registry, and for targets before it on its node.
 */
function queueOf({ whole, phases: { boot } }: TargetProgress, { phases }: RunRecord): Interval | undefined {
  const build = phases.find(({ phase }) => phase === 'build')
  if (!build || !whole) return undefined
  const waited = whole.start - build.start - (boot ? boot.end - boot.start : 0)
  return { start: build.start, end: build.start + Math.max(0, waited) }
}

/** With milliseconds. */
function toSeconds(interval: Interval | undefined): number | null {
  return interval ? Math.round(interval.end - interval.start) / 1000 : null
}
