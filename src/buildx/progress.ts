import { StringDecoder } from 'node:string_decoder'
import { parseSolveStatus, type Vertex, type VertexWarning } from './solve-status.ts'
import {
  countSteps,
  formatEnd,
  formatStart,
  hasRun,
  isCancel,
  isOptional,
  isStep,
  splitName,
  stepPrefix,
} from './steps.ts'
import { isCacheExport, type Steps } from './steps.ts'

interface ProgressTarget {
  readonly id: string
  /** The prefix of each of its log lines: `linux/arm64 slim`. */
  readonly label: string
}

export interface FailedVertex {
  readonly target?: string
  readonly name: string
  readonly error: string
  /** The last lines that the step printed. */
  readonly output: readonly string[]
}

/** BuildKit reports it once before and once after the push (moby/buildkit, util/push/push.go). */
const pushing = /^pushing manifest for .*@(sha256:[0-9a-f]{64})$/
const keptStepOutput = 20
const keptOutput = 30
const longestPartial = 1 << 16

interface VertexState {
  vertex: Vertex
  readonly targets: Set<string>
  announced: boolean
  finished: boolean
  /** Output after the last line end. */
  partial: string
  /** A character may arrive in two parts. */
  readonly decoder: StringDecoder
  readonly output: string[]
}

/**
 * The progress of one buildx call: formats each step, its output and its end as they arrive, one line at a time under
 * the label of the target, so that the lines of several nodes can be mixed. Keeps only the tail of what steps print.
 */
export class Progress {
  readonly #targets: readonly ProgressTarget[]
  readonly #emit: (line: string) => void
  readonly #onPush: (target: string, digest: string) => void
  readonly #states = new Map<string, VertexState>()
  readonly #warnings: VertexWarning[] = []
  readonly #output: string[] = []

  /**
   * @param onPush receives each manifest when its push starts, since a call that fails does not report what it pushed
   */
  constructor(
    targets: readonly ProgressTarget[],
    emit: (line: string) => void,
    onPush: (target: string, digest: string) => void = () => undefined,
  ) {
    this.#targets = targets
    this.#emit = emit
    this.#onPush = onPush
  }

  /** Reads one line of buildx' standard error. */
  read(line: string): void {
    const status = parseSolveStatus(line)
    if (!status) {
      if (line.trim() !== '') keepTail(this.#output, line, keptOutput)
      return
    }
    for (const vertex of status.vertexes) this.#readVertex(vertex)
    for (const { vertex, id } of status.statuses) {
      const digest = pushing.exec(id)?.[1]
      if (digest !== undefined) this.#states.get(vertex)?.targets.forEach((target) => this.#onPush(target, digest))
    }
    this.#warnings.push(...status.warnings)
    for (const { vertex, data } of status.logs) {
      const state = this.#states.get(vertex)
      if (state) this.#print(state, state.decoder.write(data))
    }
  }

  /** Prints output without a line end. Not when a step ends: BuildKit may send the rest of its output later. */
  end(): void {
    for (const state of this.#states.values()) {
      this.#print(state, state.decoder.end())
      if (state.partial !== '') this.#print(state, '\n')
    }
  }

  steps(target: string): Steps {
    const states = [...this.#states.values()].filter(({ targets }) => targets.has(target))
    return countSteps(states.map(({ vertex }) => vertex))
  }

  failed(): readonly FailedVertex[] {
    return this.#withError(({ name }) => !isOptional(name))
  }

  /** Cache exports that failed, which must not fail the build. */
  lostCaches(): readonly FailedVertex[] {
    return this.#withError(({ name }) => isCacheExport(name))
  }

  /** The results of Dockerfile checks, with the target where it is known. */
  warnings(): readonly (VertexWarning & { readonly target?: string })[] {
    return this.#warnings.map((warning) => {
      const [target] = this.#states.get(warning.vertex)?.targets ?? []
      return { ...warning, ...(target !== undefined && { target }) }
    })
  }

  /** The last plain lines that buildx itself printed. */
  output(): readonly string[] {
    return this.#output
  }

  #withError(isWanted: (vertex: Vertex) => boolean): FailedVertex[] {
    return [...this.#states.values()]
      .filter(({ vertex }) => vertex.error !== '' && isWanted(vertex))
      .map(({ targets, vertex, output }) => {
        const [target] = targets
        return { ...(target !== undefined && { target }), name: vertex.name, error: vertex.error, output }
      })
  }

  #readVertex(update: Vertex): void {
    const state = this.#update(update)
    const { vertex } = state
    const start = state.announced ? undefined : formatStart(vertex)
    if (start !== undefined) {
      state.announced = true
      this.#log(state, start)
    }
    if (vertex.completed === undefined || state.finished) return
    state.finished = true
    const end = this.#ranBefore(state) ? undefined : formatEnd(vertex)
    if (end !== undefined) this.#log(state, end)
  }

  #update(update: Vertex): VertexState {
    const known = this.#states.get(update.digest)
    const state = known ?? newState(update)
    const { target, name } = splitName(
      update.name,
      this.#targets.map(({ id }) => id),
    )
    // BuildKit reports a failed step again as cancelled once the build has ended because of it.
    const error = known && known.vertex.error !== '' && isCancel(update.error) ? known.vertex.error : update.error
    state.vertex = { ...update, name, error, cached: update.cached || (known?.vertex.cached ?? false) }
    if (target !== undefined) state.targets.add(target)
    this.#states.set(update.digest, state)
    return state
  }

  /**
   * Targets that share a stage name its steps once each: a step that one of them has just run is not a cache hit of the
   * next.
   */
  #ranBefore({ vertex, targets }: VertexState): boolean {
    const ran = (other: VertexState) =>
      other.vertex.name === vertex.name &&
      hasRun(other.vertex) &&
      [...other.targets].some((target) => targets.has(target))
    return vertex.error === '' && isStep(vertex.name) && vertex.cached && [...this.#states.values()].some(ran)
  }

  #print(state: VertexState, text: string): void {
    const [first = '', ...rest] = text.split('\n')
    const lines = [state.partial + first, ...rest]
    state.partial = lines.pop() ?? ''
    // A progress bar may never end its line; only its last state is kept.
    if (state.partial.length > longestPartial) state.partial = lastRewrite(state.partial)
    for (const line of lines.map(lastRewrite)) {
      keepTail(state.output, line, keptStepOutput)
      if (isStep(state.vertex.name)) this.#log(state, `${stepPrefix(state.vertex.name)} ${line}`)
    }
  }

  #log({ targets }: VertexState, text: string): void {
    const labels = this.#targets.map(({ label }) => label)
    const own = this.#targets.filter(({ id }) => targets.has(id)).map(({ label }) => label)
    // Work for the whole call, such as booting the daemon, gets what its targets have in common: the platform.
    const label = own.length > 0 ? own : [...new Set(labels.map((label) => label.split(' ')[0]))]
    const width = Math.max(...labels.map(({ length }) => length))
    this.#emit(`${label.join(', ').padEnd(width)} │ ${text}`)
  }
}

function newState(vertex: Vertex): VertexState {
  return {
    vertex,
    targets: new Set(),
    announced: false,
    finished: false,
    partial: '',
    decoder: new StringDecoder('utf8'),
    output: [],
  }
}

/** A progress bar rewrites its line with carriage returns; its last state is kept. */
function lastRewrite(line: string): string {
  return line.replace(/\r+$/, '').split('\r').pop() ?? ''
}

function keepTail(lines: string[], line: string, most: number): void {
  lines.push(line)
  if (lines.length > most) lines.shift()
}
