import { firstLine, formatDuration } from '../lib/format.ts'
import type { Vertex } from './solve-status.ts'

export interface Steps {
  /** Steps of the Dockerfile that a cache can serve: all but FROM. */
  readonly total: number
  readonly cached: number
}

const step = /^\[(?:test|(?:.* )?\d+\/\d+)\] /
/** As the cache backends name themselves (moby/buildkit, cache/remotecache). */
const exportingCache = /exporting (?:cache to|to GitHub Actions Cache|inline cache)/
/** Work inside BuildKit is logged only if it took longer than this, in milliseconds. */
const shortestLogged = 1000

/** PURE: whether a vertex is a step of the Dockerfile. */
export function isStep(name: string): boolean {
  return step.test(name)
}

/** PURE: whether a vertex provides a base image. */
export function isFrom(name: string): boolean {
  return /^\[[^\]]*\] FROM /.test(name)
}

/** PURE: `[build 2/3]` of `[build 2/3] RUN make`. */
export function stepPrefix(name: string): string {
  return /^\[.*?\]/.exec(name)?.[0] ?? ''
}

/** PURE: whether a vertex exports a cache. */
export function isCacheExport(name: string): boolean {
  return exportingCache.test(name)
}

/** PURE: whether a vertex may fail without harm: a cache that does not exist yet, or cannot be written. */
export function isOptional(name: string): boolean {
  return name.includes('importing cache') || isCacheExport(name)
}

/** PURE: whether an error says that the vertex ended only because something else had failed. */
export function isCancel(error: string): boolean {
  // A step whose process BuildKit has killed ends with the exit code -1, as an unsigned number.
  return /context canceled|CANCELED|exit code: 4294967295/i.test(error)
}

/** PURE: whether a vertex was executed, and not served by a cache. */
export function hasRun({ started, cached }: Vertex): boolean {
  return started !== undefined && !cached
}

/**
 * PURE: the target and the rest of a vertex name: bake writes `[<target> 2/3] RUN …` if a call has several targets,
 * `[2/3] RUN …` if it has one.
 */
function splitName(name: string, targets: readonly string[]): { target?: string; name: string } {
  const [, target = '', step, rest = ''] = /^\[(\S+?)(?: (.*?))?\] ?(.*)$/s.exec(name) ?? []
  if (targets.includes(target)) return { target, name: step === undefined ? rest : `[${step}] ${rest}` }
  const [only] = targets
  return targets.length === 1 && only !== undefined ? { target: only, name } : { name }
}

/** The stage of the Dockerfile in which a command of `test` runs. */
export const testStage = 'test-of-image'
const testStep = new RegExp(`^\\[${testStage} \\d+/\\d+\\] (ONBUILD )?`)

export interface VertexName {
  readonly target?: string
  readonly name: string
  /** Whether it is the step that runs the command of `test`. */
  readonly isTest: boolean
}

/**
 * PURE: the target and the name of a vertex for the log: `[test] <command>` for the step that runs the command of
 * `test`. BuildKit reports the steps of an image again for the target that tests it: undefined for these.
 */
export function nameVertex(
  { name, error }: Pick<Vertex, 'name' | 'error'>,
  targets: readonly { readonly id: string; readonly command?: string }[],
): VertexName | undefined {
  const ids = targets.map(({ id }) => id)
  const split = splitName(name, ids)
  const command = targets.find(({ id }) => id === split.target)?.command
  if (command === undefined) return { ...split, isTest: false }
  const [isOwn, trigger] = testStep.exec(split.name) ?? []
  if (isOwn === undefined) return error === '' ? undefined : { ...split, isTest: false }
  return trigger === undefined ? { ...split, name: `[test] ${command}`, isTest: true } : { ...split, isTest: false }
}

/** PURE: the log line for a step that starts; undefined if there is none. */
export function formatStart(vertex: Vertex): string | undefined {
  return isStep(vertex.name) && hasRun(vertex) ? firstLine(vertex.name) : undefined
}

/** PURE: the log line for a vertex that has completed; undefined if there is none. */
export function formatEnd({ name, error, cached, started, completed = 0 }: Vertex): string | undefined {
  const took = Math.max(completed - (started ?? completed), 0)
  if (error !== '') return formatFailure(name, error)
  if (isStep(name) && cached) return `${firstLine(name)} CACHED`
  // BuildKit completes FROM when it has resolved the image, and again when its layers were pulled and extracted.
  if (isFrom(name) && took < shortestLogged) return undefined
  if (isStep(name)) return `${stepPrefix(name)} done ${formatDuration(took)}`
  return took >= shortestLogged ? `${firstLine(name)} ${formatDuration(took)}` : undefined
}

function formatFailure(name: string, error: string): string | undefined {
  const what = isStep(name) ? stepPrefix(name) : firstLine(name)
  const end = isCancel(error) ? 'CANCELLED' : `FAILED: ${firstLine(error)}`
  return isOptional(name) ? undefined : `${what} ${end}`
}

/** PURE: of the same step of several targets one runs, and the others only wait for it. */
export function countSteps(vertexes: readonly Vertex[]): Steps {
  const cacheable = vertexes.filter(({ name }) => isStep(name) && !isFrom(name))
  const all = new Set(cacheable.map(({ name }) => name))
  const ran = new Set(cacheable.filter(hasRun).map(({ name }) => name))
  return { total: all.size, cached: all.size - ran.size }
}

/** PURE: milliseconds from the start of the first vertex to the end of the last. */
export function elapsed(vertexes: readonly Pick<Vertex, 'started' | 'completed'>[]): number {
  const started = vertexes.flatMap((vertex) => vertex.started ?? [])
  const completed = vertexes.flatMap((vertex) => vertex.completed ?? [])
  return started.length === 0 || completed.length === 0 ? 0 : Math.max(0, Math.max(...completed) - Math.min(...started))
}
