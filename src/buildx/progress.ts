import { StringDecoder } from 'node:string_decoder'
import { parseSolveStatus, type Vertex, type VertexWarning } from './solve-status.ts'

interface ProgressTarget {
  readonly id: string
  /** What stands before each of its lines: `linux/arm64 slim`. */
  readonly label: string
}

export interface Failed {
  readonly target?: string
  readonly name: string
  readonly error: string
  /** The last lines the step printed. */
  readonly output: readonly string[]
}

export interface Steps {
  /** Steps of the Dockerfile that a cache can serve: all but FROM. */
  readonly total: number
  readonly cached: number
}

export interface Progress {
  /** Takes one line of buildx's standard error. */
  readonly read: (line: string) => void
  /** Tells what steps printed without an end of line. Not when they end: BuildKit may send the rest of it later. */
  readonly end: () => void
  readonly steps: (target: string) => Steps
  readonly failed: () => readonly Failed[]
  /** Cache exports that did not work, which must not fail the build. */
  readonly lostCaches: () => readonly Failed[]
  /** What checks of the Dockerfiles found, and for which target. */
  readonly warnings: () => readonly (VertexWarning & { readonly target?: string })[]
  /** The last plain lines that buildx itself printed. */
  readonly words: () => readonly string[]
}

/** BuildKit's words (moby/buildkit, util/push/push.go), once before and once after. */
const pushing = /^pushing manifest for .*@(sha256:[0-9a-f]{64})$/
/** As its back ends name themselves (moby/buildkit, cache/remotecache). */
const exportingCache = /exporting (?:cache to|to GitHub Actions Cache|inline cache)/
const keptOutput = 20
const keptWords = 30
const longestPartial = 1 << 16
/** Work inside BuildKit is told only if it took longer than this, in milliseconds. */
const worthTelling = 1000

interface State {
  vertex: Vertex
  targets: Set<string>
  announced: boolean
  finished: boolean
  /** Output after the last line end; a character may come in two parts. */
  partial: string
  decoder: StringDecoder
  output: string[]
}

/**
 * Follows one lane: tells each step, its output and its end as they come, one line at a time under the target's label,
 * so that several nodes can talk at once. Keeps only the tail of what steps print, however much it is.
 *
 * @param onPush hears of each manifest when its push begins, since a call that fails tells nothing of what it pushed
 */
export function followProgress(
  targets: readonly ProgressTarget[],
  emit: (line: string) => void,
  onPush?: (target: string, digest: string) => void,
): Progress {
  const states = new Map<string, State>()
  const words: string[] = []
  const warnings: VertexWarning[] = []
  const labels = new Map(targets.map(({ id, label }) => [id, label]))
  const tell = (state: State, text: string) => emit(`${labelOf(state, labels)} ${text}`)

  return {
    read(line) {
      const status = parseSolveStatus(line)
      if (!status) {
        if (line.trim() !== '') keepTail(words, line, keptWords)
        return
      }
      for (const vertex of status.vertexes) {
        const state = noteVertex(states, vertex, targets)
        tellStart(state, tell)
        if (vertex.completed !== undefined) tellEnd(state, tell, ranBefore(states, state))
      }
      for (const { vertex, id } of status.statuses) {
        const digest = pushing.exec(id)?.[1]
        if (digest !== undefined) states.get(vertex)?.targets.forEach((target) => onPush?.(target, digest))
      }
      warnings.push(...status.warnings)
      for (const { vertex, data } of status.logs) {
        const state = states.get(vertex)
        if (state) tellLines(state, state.decoder.write(data), tell)
      }
    },
    end() {
      for (const state of states.values()) {
        tellLines(state, state.decoder.end(), tell)
        if (state.partial !== '') tellLines(state, '\n', tell)
      }
    },
    steps: (target) => countSteps([...states.values()].filter((state) => state.targets.has(target))),
    failed: () => listFailed(states, (state) => !isOptional(state)),
    lostCaches: () => listFailed(states, (state) => exportingCache.test(state.vertex.name)),
    warnings: () =>
      warnings.map((warning) => {
        const [target] = states.get(warning.vertex)?.targets ?? []
        return { ...warning, ...(target !== undefined && { target }) }
      }),
    words: () => words,
  }
}

function noteVertex(states: Map<string, State>, vertex: Vertex, targets: readonly ProgressTarget[]): State {
  const known = states.get(vertex.digest)
  const state = known ?? {
    vertex,
    targets: new Set(),
    announced: false,
    finished: false,
    partial: '',
    decoder: new StringDecoder('utf8'),
    output: [],
  }
  const { target, name } = splitName(vertex.name, targets)
  // A step that failed is told again as cancelled, once the build has ended because of it.
  const error = known && known.vertex.error !== '' && isCancel(vertex.error) ? known.vertex.error : vertex.error
  state.vertex = { ...vertex, name, error, cached: vertex.cached || (known?.vertex.cached ?? false) }
  if (target !== undefined) state.targets.add(target)
  states.set(vertex.digest, state)
  return state
}

/** BuildKit's words for what ended only because something else had failed. */
export function isCancel(error: string): boolean {
  return /context canceled|CANCELED/i.test(error)
}

/** Bake writes `[<target> 2/3] RUN …` where a call has several targets, `[2/3] RUN …` where it has one. */
function splitName(name: string, targets: readonly ProgressTarget[]): { target?: string; name: string } {
  const [only] = targets
  const match = /^\[(\S+?)(?: (.*?))?\] ?(.*)$/s.exec(name)
  if (match && targets.some(({ id }) => id === match[1])) {
    const [, target = '', step, rest = ''] = match
    return { target, name: step === undefined ? rest : `[${step}] ${rest}` }
  }
  return targets.length === 1 && only ? { target: only.id, name } : { name }
}

function labelOf({ targets }: State, labels: ReadonlyMap<string, string>): string {
  const all = [...labels.values()]
  const width = Math.max(...all.map((label) => label.length))
  const own = [...targets].map((id) => labels.get(id) ?? id)
  // What serves the whole call, such as booting the daemon, bears what its targets have in common: the platform.
  const text = own.length > 0 ? own.join(', ') : [...new Set(all.map((label) => label.split(' ')[0]))].join(', ')
  return `${text.padEnd(width)} │`
}

const step = /^\[(?:.* )?\d+\/\d+\] /
const isStep = ({ vertex }: State) => step.test(vertex.name)
const stepMark = ({ vertex }: State) => /^\[.*?\]/.exec(vertex.name)?.[0] ?? ''
/** What may fail without harm: a cache that is not there yet, or cannot be written. */
const isOptional = ({ vertex }: State) => vertex.name.includes('importing cache') || exportingCache.test(vertex.name)

type Tell = (state: State, text: string) => void

function tellStart(state: State, tell: Tell): void {
  if (state.announced || !isStep(state) || state.vertex.started === undefined || state.vertex.cached) return
  state.announced = true
  tell(state, firstLine(state.vertex.name))
}

function tellEnd(state: State, tell: Tell, repeated: boolean): void {
  if (state.finished) return
  state.finished = true
  const { vertex } = state
  const took = (vertex.completed ?? 0) - (vertex.started ?? vertex.completed ?? 0)
  if (vertex.error !== '') {
    if (!isOptional(state))
      tell(state, `${isStep(state) ? stepMark(state) : firstLine(vertex.name)} FAILED: ${firstLine(vertex.error)}`)
  } else if (isStep(state)) {
    if (!repeated)
      tell(state, vertex.cached ? `${firstLine(vertex.name)} CACHED` : `${stepMark(state)} done ${seconds(took)}`)
  } else if (took >= worthTelling) {
    tell(state, `${firstLine(vertex.name)} ${seconds(took)}`)
  }
}

/**
 * Targets that share a stage name its steps once each: what one of them has just run is no hit of a cache for the next.
 */
function ranBefore(states: ReadonlyMap<string, State>, { vertex, targets }: State): boolean {
  return (
    vertex.cached &&
    [...states.values()].some(
      (other) =>
        other.vertex.name === vertex.name &&
        hasRun(other.vertex) &&
        [...other.targets].some((target) => targets.has(target)),
    )
  )
}

function hasRun({ started, cached }: Vertex): boolean {
  return started !== undefined && !cached
}

function tellLines(state: State, text: string, tell: Tell): void {
  const [first = '', ...rest] = text.split('\n')
  const lines = [state.partial + first, ...rest]
  state.partial = lines.pop() ?? ''
  // A progress bar may never end its line; what it has rewritten is told by nobody.
  if (state.partial.length > longestPartial) state.partial = lastRewrite(state.partial)
  for (const line of lines) {
    const text = lastRewrite(line)
    keepTail(state.output, text, keptOutput)
    if (isStep(state)) tell(state, `${stepMark(state)} ${text}`)
  }
}

/** A progress bar rewrites its line with carriage returns; the last state of it counts. */
function lastRewrite(line: string): string {
  return line.replace(/\r+$/, '').split('\r').pop() ?? ''
}

function countSteps(states: readonly State[]): Steps {
  const cacheable = states
    .map(({ vertex }) => vertex)
    .filter(({ name }) => step.test(name) && !/^\[[^\]]*\] FROM /.test(name))
  // Of the same step of several targets one runs, and the others only wait for it.
  const all = new Set(cacheable.map(({ name }) => name))
  const ran = new Set(cacheable.filter(hasRun).map(({ name }) => name))
  return { total: all.size, cached: all.size - ran.size }
}

function listFailed(states: ReadonlyMap<string, State>, wanted: (state: State) => boolean): Failed[] {
  return [...states.values()]
    .filter((state) => state.vertex.error !== '' && wanted(state))
    .map(({ targets, vertex, output }) => {
      const [target] = targets
      return { ...(target !== undefined && { target }), name: vertex.name, error: vertex.error, output }
    })
}

function keepTail(lines: string[], line: string, most: number): void {
  lines.push(line)
  if (lines.length > most) lines.shift()
}

function firstLine(text: string): string {
  return text.split('\n')[0] ?? ''
}

function seconds(ms: number): string {
  return `${(Math.max(ms, 0) / 1000).toFixed(1)} s`
}
