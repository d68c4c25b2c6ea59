import { firstLine } from '../lib/format.ts'
import { targetLabel, type Target } from '../plan/target.ts'
import { countSteps, isStep } from './steps.ts'
import type { VertexState } from './vertex-state.ts'

/** What a target is doing, for a view that is drawn again and again. */
export interface TargetState {
  readonly id: string
  /** `linux/arm64 slim` */
  readonly label: string
  readonly node: string
  readonly state: 'running' | 'done' | 'failed'
  /** What is running: `[build 2/3] RUN make`; empty if nothing is. */
  readonly step: string
  /** Milliseconds since its call of buildx began, or of its steps and exports if it has ended. */
  readonly took: number
  /** Steps that were cached, of those that have ended or run. */
  readonly cached: number
  readonly total: number
  /** Bytes that were sent to the node or pushed to the registry so far. */
  readonly sent: number
}

export type ReportLive = (states: readonly TargetState[]) => void

/** Milliseconds between two reports of a group. */
const interval = 250

/** Parts of vertexes that send bytes (moby/buildkit, util/progress). */
const sending = /^(?:transferring |pushing layer)/

/** PURE: what a target that is built is doing, by its vertexes. */
function describeLive(target: Target, vertexes: readonly VertexState[], took: number): TargetState {
  const running = vertexes.filter(({ openSince }) => openSince !== undefined)
  const isOfFile = ({ vertex }: VertexState) => isStep(vertex.name)
  const current = running.findLast(isOfFile) ?? running.at(-1)
  const parts = vertexes.flatMap((each) => [...each.parts.values()]).filter(({ id }) => sending.test(id))
  const known = vertexes.map(({ vertex }) => vertex).filter((vertex) => vertex.cached || vertex.started !== undefined)
  return {
    id: target.id,
    label: targetLabel(target),
    node: target.node.spec.name,
    state: 'running',
    step: firstLine(current?.vertex.name ?? ''),
    took,
    ...countSteps(known),
    sent: parts.reduce((sum, { current: bytes }) => sum + bytes, 0),
  }
}

interface LiveRequest {
  readonly targets: readonly Target[]
  /** The vertexes of a target. */
  readonly vertexes: (id: string) => readonly VertexState[]
  readonly report: ReportLive
}

/** How a group has ended. */
interface LiveEnd {
  readonly isBuilt: boolean
  /** Milliseconds of a target. */
  readonly took: (id: string) => number
}

/** Reports what the targets of a group are doing, until the returned function is called. */
export function startLive({ targets, vertexes, report }: LiveRequest): (end: LiveEnd) => void {
  const began = performance.now()
  const describe = () => targets.map((target) => describeLive(target, vertexes(target.id), performance.now() - began))
  const timer = setInterval(() => report(describe()), interval)
  report(describe())
  return ({ isBuilt, took }) => {
    clearInterval(timer)
    const ended = { state: isBuilt ? 'done' : 'failed', step: '' } as const
    report(describe().map((state) => ({ ...state, ...ended, took: took(state.id) })))
  }
}
