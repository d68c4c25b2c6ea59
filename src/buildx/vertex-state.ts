import { StringDecoder } from 'node:string_decoder'
import { OutputCapture, OutputTail } from './output-tail.ts'
import type { Vertex, VertexStatus } from './solve-status.ts'
import { isFrom } from './steps.ts'
import { Transfers } from './transfers.ts'

/** What is known about a vertex while its call runs. */
export interface VertexState {
  vertex: Vertex
  readonly targets: Set<string>
  announced: boolean
  finished: boolean
  /** The label of its log lines, and of how many targets it is. */
  prefix: string
  prefixTargets: number
  /** Output after the last line end. */
  partial: string
  /** A character may arrive in two parts. */
  readonly decoder: StringDecoder
  readonly output: OutputTail
  /** Everything that a command of `test` prints. */
  readonly capture: OutputCapture | undefined
  readonly transfers: Transfers
  /** The parts of its work, such as layers that are pulled. */
  readonly parts: Map<string, VertexStatus>
  /** Milliseconds of all its executions, and when the last one ended. */
  took: number
  completed: number | undefined
  /** When it started, by this machine's clock (`performance.now()`); undefined if it is not running. */
  openSince: number | undefined
  /** When BuildKit last reported anything about it. */
  progressAt: number
  loggedAt: number
}

export function newState(vertex: Vertex, isTest: boolean): VertexState {
  return {
    vertex,
    capture: isTest ? new OutputCapture() : undefined,
    targets: new Set(),
    announced: false,
    finished: false,
    prefix: '',
    prefixTargets: -1,
    partial: '',
    decoder: new StringDecoder('utf8'),
    output: new OutputTail(),
    transfers: new Transfers(),
    parts: new Map(),
    took: 0,
    completed: undefined,
    openSince: undefined,
    progressAt: 0,
    loggedAt: 0,
  }
}

/** The vertex as if all of its executions were one. */
export function withTotalTime(state: VertexState): Vertex {
  const { started, completed = 0 } = state.vertex
  if (completed !== state.completed) state.took += completed - (started ?? completed)
  state.completed = completed
  return isFrom(state.vertex.name) ? { ...state.vertex, started: completed - state.took } : state.vertex
}
