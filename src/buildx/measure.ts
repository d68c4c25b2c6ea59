import type { Vertex, VertexStatus } from './solve-status.ts'
import { countSteps, elapsed, hasRun, isCacheExport, isFrom, isStep, type Steps } from './steps.ts'

/** A part of a build. The runner's clock, in milliseconds since the epoch. */
export interface Interval {
  readonly start: number
  readonly end: number
}

/** The phases of a target in a call of buildx, in their usual order; some of them overlap. */
export const buildPhases = ['boot', 'context', 'cacheImport', 'build', 'export', 'push', 'cacheExport'] as const
export type BuildPhase = (typeof buildPhases)[number]

/** A step of the Dockerfile. */
export interface StepTime {
  /** `[build 2/3] RUN make` */
  readonly name: string
  /** Milliseconds. */
  readonly took: number
  readonly cached: boolean
}

/** What buildx reported about one target. */
export interface TargetProgress {
  /** From its first step to the end of its last export, without the boot of the daemon; undefined if none started. */
  readonly whole: Interval | undefined
  /** The phases that took place. */
  readonly phases: Readonly<Partial<Record<BuildPhase, Interval>>>
  readonly steps: Steps
  /** Every step and base image, in the order of their start. */
  readonly stepTimes: readonly StepTime[]
  readonly bytes: Readonly<Record<TransferKind, number | undefined>>
  /** Those of the caches that it should use which exist and could be read; undefined if it should use none. */
  readonly cachesFound: readonly string[] | undefined
}

/** A vertex of a target as far as it is measured. */
interface MeasuredVertex {
  readonly vertex: Vertex
  /** Milliseconds of all its executions. */
  readonly took: number
  /** The parts of its work that have started. */
  readonly parts: readonly VertexStatus[]
}

/** The parts of a vertex whose bytes BuildKit reports (moby/buildkit, util/progress). */
const transferKinds = { context: /^transferring /, pulled: /^sha256:[0-9a-f]{64}$/, pushed: /^pushing layer/ }
type TransferKind = keyof typeof transferKinds

/** Which vertexes belong to a phase; the first that matches. `push` is a part of the vertex that exports the image. */
const phaseOf: readonly (readonly [phase: BuildPhase, matches: (name: string) => boolean])[] = [
  ['boot', (name) => name.includes('booting buildkit')],
  ['cacheImport', (name) => name.includes('importing cache')],
  ['cacheExport', isCacheExport],
  ['export', (name) => name.startsWith('exporting ')],
  ['build', (name) => isStep(name) || name.startsWith('[internal] load metadata')],
  ['context', (name) => /^\[(?:internal|context [^\]]*)\] load (?!local bake)/.test(name)],
]

/** PURE: whether a vertex starts the daemon. */
export function isBoot(name: string): boolean {
  return findPhase(name) === 'boot'
}

/** PURE: whether buildx itself reports a vertex, not the daemon: before there is one, by the clock of this machine. */
export function isClientWork(name: string): boolean {
  return isBoot(name) || name.includes('load local bake definitions')
}

function findPhase(name: string): BuildPhase | undefined {
  return phaseOf.find(([, matches]) => matches(name))?.[0]
}

/**
 * PURE: measures a target.
 *
 * @param vertexes its own, and the boot of the daemon
 * @param ahead milliseconds by which the clock of this machine is ahead of the daemon's
 */
export function measureTarget(vertexes: readonly MeasuredVertex[], ahead: number): TargetProgress {
  const own = vertexes.filter(({ vertex }) => !isClientWork(vertex.name))
  return {
    whole: intervalOf(
      own.map(({ vertex }) => vertex),
      ahead,
    ),
    phases: measurePhases(vertexes, ahead),
    steps: countSteps(own.map(({ vertex }) => vertex)),
    stepTimes: measureSteps(own),
    bytes: measureBytes(own),
    cachesFound: findCaches(own),
  }
}

function measurePhases(vertexes: readonly MeasuredVertex[], ahead: number): TargetProgress['phases'] {
  const intervals = phaseOf.map(([phase]) => {
    const some = vertexes.filter(({ vertex }) => findPhase(vertex.name) === phase).map(({ vertex }) => vertex)
    return [phase, intervalOf(some, phase === 'boot' ? 0 : ahead)] as const
  })
  const pushes = vertexes.flatMap(({ parts }) => parts.filter(({ id }) => id.startsWith('pushing ')))
  const found = [...intervals, ['push', intervalOf(pushes, ahead)] as const]
  return Object.fromEntries(found.filter(([, interval]) => interval))
}

/** From the first start to the last end. */
function intervalOf(times: readonly Pick<Vertex, 'started' | 'completed'>[], ahead: number): Interval | undefined {
  const started = times.flatMap((time) => time.started ?? [])
  if (started.length === 0) return undefined
  const start = Math.min(...started) + ahead
  return { start, end: start + elapsed(times) }
}

/** A stage that several targets or variants share has its steps several times: one runs, the others wait for it. */
function measureSteps(vertexes: readonly MeasuredVertex[]): readonly StepTime[] {
  const steps = new Map<string, StepTime>()
  const inOrder = vertexes
    .filter(({ vertex }) => isStep(vertex.name) && vertex.started !== undefined)
    .sort((a, b) => (a.vertex.started ?? 0) - (b.vertex.started ?? 0))
  for (const { vertex, took } of inOrder) {
    const { name, started = 0, completed = started } = vertex
    const known = steps.get(name)
    steps.set(name, {
      name,
      took: Math.max(known?.took ?? 0, isFrom(name) ? took : completed - started),
      cached: !hasRun(vertex) && (known?.cached ?? true),
    })
  }
  return [...steps.values()]
}

function findCaches(vertexes: readonly MeasuredVertex[]): readonly string[] | undefined {
  const imports = vertexes.map(({ vertex }) => vertex).filter(({ name }) => findPhase(name) === 'cacheImport')
  if (imports.length === 0) return undefined
  return imports.filter(({ error }) => error === '').map(({ name }) => name.replace(/^.* from /, ''))
}

function measureBytes(vertexes: readonly MeasuredVertex[]): TargetProgress['bytes'] {
  const parts = vertexes.flatMap((each) => each.parts)
  const sum = (kind: RegExp): number | undefined => {
    const sizes = parts.filter(({ id }) => kind.test(id)).map(({ current }) => current)
    const size = sizes.reduce((total, each) => total + each, 0)
    return size > 0 ? size : undefined
  }
  const { context, pulled, pushed } = transferKinds
  return { context: sum(context), pulled: sum(pulled), pushed: sum(pushed) }
}
