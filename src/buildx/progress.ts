import { firstLine, formatDuration } from '../lib/format.ts'
import { keepTail, lastRewrite } from './output-tail.ts'
import { RetainedText } from './retained-text.ts'
import { longestText, parseSolveStatus, shortenText } from './solve-status.ts'
import type { Vertex, VertexStatus, VertexWarning } from './solve-status.ts'
import { isBoot, isClientWork, measureTarget, type TargetProgress } from './measure.ts'
import {
  formatEnd,
  formatStart,
  hasRun,
  isCacheExport,
  isCancel,
  isFrom,
  isOptional,
  isStep,
  nameVertex,
  stepPrefix,
  type VertexName,
} from './steps.ts'
import { formatMoved } from './transfers.ts'
import { newState, withTotalTime, type VertexState } from './vertex-state.ts'

export interface ProgressTarget {
  readonly id: string
  /** The prefix of each of its log lines: `linux/arm64 slim`. */
  readonly label: string
  /** The command, if the target runs one in an image that another target builds. */
  readonly command?: string
}

export interface FailedVertex {
  readonly target?: string
  readonly name: string
  readonly error: string
  /** The last lines that the step printed, and earlier ones with an error. */
  readonly output: readonly string[]
}

export interface RunningVertex {
  readonly name: string
  /** The targets that need it. */
  readonly targets: readonly string[]
  /** Milliseconds since it started, and since BuildKit last reported anything about it. */
  readonly runningFor: number
  readonly silentFor: number
  /** The parts of its work that are running: `pushing layers`. */
  readonly parts: readonly string[]
  /** The last lines that it printed. */
  readonly output: readonly string[]
}

/** A vertex that is running and printed nothing for so long gets a log line. Milliseconds. */
const heartbeatInterval = 30_000

/** BuildKit reports it once before and once after the push (moby/buildkit, util/push/push.go). */
const pushing = /^pushing manifest for .*@(sha256:[0-9a-f]{64})$/
const keptOutput = 30
/** Characters without a line end that are kept until it comes. */
const longestLine = 1 << 22
/** Characters of such lines of all vertexes. */
const longestLines = 4 * longestLine
/** More than any build has: a daemon may be hostile, and must not exhaust the memory of the run. */
const most = { vertexes: 10_000, parts: 10_000, warnings: 1000 }

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
  readonly #retained = new RetainedText()
  #partialLength = 0
  #captures = 0
  /** When buildx printed its last line, and when its silence was last logged. */
  #readAt = performance.now()
  #idleLoggedAt = 0
  /** Milliseconds by which this machine's clock is ahead of the daemon's, with the shortest delay of a message. */
  #ahead = Infinity

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
    this.#readAt = performance.now()
    const status = parseSolveStatus(line)
    if (!status) {
      if (line.trim() !== '') keepTail(this.#output, shortenText(line), keptOutput)
      return
    }
    for (const vertex of status.vertexes)
      if (!isFull(this.#states, most.vertexes, vertex.digest)) this.#readVertex(vertex)
    for (const part of status.statuses) this.#readStatus(part)
    for (const warning of status.warnings) if (this.#warnings.length < most.warnings) this.#warnings.push(warning)
    for (const { vertex, data } of status.logs) {
      const state = this.#states.get(vertex)
      if (!state) continue
      state.progressAt = performance.now()
      state.capture?.push(data)
      this.#print(state, state.decoder.write(data))
    }
  }

  /** Prints output without a line end. Not when a step ends: BuildKit may send the rest of its output later. */
  end(): void {
    for (const state of this.#states.values()) {
      this.#print(state, state.decoder.end())
      if (state.partial !== '') this.#print(state, '\n')
    }
  }

  /** Logs every vertex that is running and was not logged for a while. `now` as of `performance.now()`. */
  heartbeat(now: number): void {
    for (const state of this.#states.values()) {
      const { openSince, loggedAt, vertex, parts } = state
      if (openSince === undefined || now - Math.max(openSince, loggedAt) < heartbeatInterval) continue
      const took = now - openSince
      this.#log(
        state,
        `${firstLine(vertex.name)}: running for ${formatDuration(took)}${formatMoved(parts.values(), took)}`,
      )
      state.loggedAt = now
    }
    this.#logIdle(now)
  }

  /** Nothing is running, as while buildx connects or fetches a token. */
  #logIdle(now: number): void {
    const isRunning = [...this.#states.values()].some(({ openSince }) => openSince !== undefined)
    if (isRunning || now - Math.max(this.#readAt, this.#idleLoggedAt) < heartbeatInterval) return
    this.#idleLoggedAt = now
    const labels = [...new Set(this.#targets.map(({ label }) => label.split(' ')[0]))].join(', ')
    this.#emit(`${labels} │ waiting for buildx: no output for ${formatDuration(now - this.#readAt)}`)
  }

  /** The vertexes that are running. */
  running(now: number): readonly RunningVertex[] {
    return [...this.#states.values()].flatMap(({ vertex: { name }, targets, output, openSince, progressAt, parts }) => {
      if (openSince === undefined) return []
      const times = { runningFor: now - openSince, silentFor: now - progressAt }
      const running = [...parts.values()].filter(({ completed }) => completed === undefined).map(({ id }) => id)
      return [{ name, targets: [...targets], ...times, parts: running, output: output.lines() }]
    })
  }

  /** The times of a target so far. The boot of the daemon counts for each target of the call. */
  measure(target: string): TargetProgress {
    const own = this.states(target).map(({ vertex, took, parts }) => ({ vertex, took, parts: [...parts.values()] }))
    return measureTarget(own, Number.isFinite(this.#ahead) ? this.#ahead : 0)
  }

  /** What is known of the vertexes of a target, with the boot of the daemon. */
  states(target: string): readonly VertexState[] {
    return [...this.#states.values()].filter(({ vertex, targets }) => targets.has(target) || isBoot(vertex.name))
  }

  /** What the command of a target printed. */
  captured(target: string): string {
    const states = [...this.#states.values()].filter(({ targets }) => targets.has(target))
    return states.map(({ capture }) => capture?.text() ?? '').join('')
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
        const { name, error } = vertex
        return { ...(target !== undefined && { target }), name, error, output: output.lines() }
      })
  }

  #readStatus(status: VertexStatus): void {
    const state = this.#states.get(status.vertex)
    if (!state || isFull(state.parts, most.parts, status.id)) return
    state.progressAt = performance.now()
    if (!state.parts.has(status.id) && !this.#retained.addPart()) return
    const digest = pushing.exec(status.id)?.[1]
    if (digest !== undefined) state.targets.forEach((target) => this.#onPush(target, digest))
    state.parts.set(status.id, status)
    state.transfers.update(status)
    const line = status.completed === undefined ? undefined : state.transfers.take()
    if (line !== undefined)
      this.#log(state, `${isStep(state.vertex.name) ? stepPrefix(state.vertex.name) : state.vertex.name} ${line}`)
  }

  #readVertex(update: Vertex): void {
    const named = nameVertex(update, this.#targets)
    if (!named) return
    const state = this.#update(update, named)
    const { vertex } = state
    const isRunning = vertex.started !== undefined && vertex.completed === undefined
    state.progressAt = performance.now()
    state.openSince = isRunning ? (state.openSince ?? state.progressAt) : undefined
    const start = state.announced ? undefined : formatStart(vertex)
    if (start !== undefined) {
      state.announced = true
      this.#log(state, start)
    }
    if (vertex.completed === undefined || state.finished) return
    const end = this.#ranBefore(state) ? undefined : formatEnd(withTotalTime(state))
    // FROM runs several times: for its manifest, for its layers, and to extract them.
    state.finished = end !== undefined && !isFrom(vertex.name)
    if (end !== undefined) this.#log(state, end)
  }

  #update(update: Vertex, { target, name, isTest }: VertexName): VertexState {
    const known = this.#states.get(update.digest)
    const state = known ?? newState(update, isTest && this.#addCapture())
    // BuildKit reports a failed step again as cancelled once the build has ended because of it.
    const error = known && known.vertex.error !== '' && isCancel(update.error) ? known.vertex.error : update.error
    const texts = { name: this.#retained.limit(name), error: this.#retained.limit(error) }
    this.#retained.add(texts.name.length + texts.error.length)
    if (known) this.#retained.add(-known.vertex.name.length - known.vertex.error.length)
    state.vertex = { ...update, ...texts, cached: update.cached || (known?.vertex.cached ?? false) }
    if (target !== undefined) state.targets.add(target)
    this.#states.set(update.digest, state)
    this.#compareClocks(state.vertex)
    return state
  }

  #compareClocks({ name, started, completed = started }: Vertex): void {
    if (completed !== undefined && !isClientWork(name)) this.#ahead = Math.min(this.#ahead, Date.now() - completed)
  }

  /** Each target runs at most one command. @returns false if there are more */
  #addCapture(): boolean {
    return ++this.#captures <= this.#targets.length
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
    this.#partialLength -= state.partial.length
    state.partial = lines.pop() ?? ''
    // A progress bar may never end its line; only its last state is kept.
    if (state.partial.length > longestText && text.includes('\r')) state.partial = lastRewrite(state.partial)
    // Nor may a line; it is logged in parts.
    if (state.partial.length > longestLine || this.#partialLength + state.partial.length > longestLines) {
      lines.push(state.partial)
      state.partial = ''
    }
    this.#partialLength += state.partial.length
    const prefix = isStep(state.vertex.name) ? stepPrefix(state.vertex.name) : undefined
    for (const line of lines.map(lastRewrite)) {
      this.#retained.add(state.output.push(this.#retained.limit(line)))
      if (prefix !== undefined) this.#log(state, `${prefix} ${line}`)
    }
  }

  #log(state: VertexState, text: string): void {
    state.loggedAt = performance.now()
    // A step may print many lines, and a call may have many targets.
    if (state.prefixTargets !== state.targets.size) state.prefix = this.#prefix(state)
    state.prefixTargets = state.targets.size
    this.#emit(`${state.prefix} │ ${text}`)
  }

  #prefix({ targets }: VertexState): string {
    const labels = this.#targets.map(({ label }) => label)
    const own = [...new Set(this.#targets.filter(({ id }) => targets.has(id)).map(({ label }) => label))]
    // Work for the whole call, such as booting the daemon, gets what its targets have in common: the platform.
    const label = own.length > 0 ? own : [...new Set(labels.map((label) => label.split(' ')[0]))]
    const width = Math.max(...labels.map(({ length }) => length))
    return label.join(', ').padEnd(width)
  }
}

function isFull(map: ReadonlyMap<string, unknown>, size: number, key: string): boolean {
  return map.size >= size && !map.has(key)
}
