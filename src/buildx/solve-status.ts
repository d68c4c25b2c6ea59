import { asList, asRecord, asText, isRecord, tryParseJson } from '../lib/json.ts'

/** One message of `--progress=rawjson` (moby/buildkit, client/graph.go), as far as it is used. */
interface SolveStatus {
  readonly vertexes: readonly Vertex[]
  readonly statuses: readonly VertexStatus[]
  readonly logs: readonly VertexLog[]
  readonly warnings: readonly VertexWarning[]
}

export interface Vertex {
  readonly digest: string
  readonly name: string
  /** Milliseconds since the epoch; undefined if it has not happened yet. */
  readonly started?: number
  readonly completed?: number
  readonly cached: boolean
  readonly error: string
}

/** A part of the work of a vertex, such as `pushing manifest for …`. */
export interface VertexStatus {
  readonly vertex: string
  readonly id: string
  /** Bytes, if it is a transfer. */
  readonly current: number
  /** Milliseconds since the epoch. */
  readonly started?: number
  readonly completed?: number
}

interface VertexLog {
  readonly vertex: string
  readonly data: Buffer
}

/** A result of the Dockerfile checks that run with every build (moby/buildkit, frontend/dockerfile/linter). */
export interface Warning {
  readonly rule: string
  readonly message: string
  /** Empty if there is none. */
  readonly url: string
  readonly line?: number
}

export interface VertexWarning extends Warning {
  readonly vertex: string
}

/** Undefined if the line is not a status message: buildx also prints plain text, such as its final error. */
export function parseSolveStatus(line: string): SolveStatus | undefined {
  const message = line.startsWith('{') ? tryParseJson(line) : undefined
  if (!isRecord(message)) return undefined
  return {
    vertexes: asList(message['vertexes']).map(asRecord).map(parseVertex),
    statuses: asList(message['statuses']).map(asRecord).map(parseStatus),
    logs: asList(message['logs'])
      .map(asRecord)
      .map((log) => ({ vertex: asText(log['vertex']), data: Buffer.from(asText(log['data']), 'base64') })),
    warnings: asList(message['warnings']).map(asRecord).map(parseWarning),
  }
}

/** `short` has the form `Rule: message (line 3)`. */
function parseWarning(warning: Record<string, unknown>): VertexWarning {
  const short = Buffer.from(asText(warning['short']), 'base64').toString('utf8')
  const [, rule = '', message = short] = /^([A-Za-z]+): (.*?)(?: \(line \d+\))?$/s.exec(short) ?? []
  const line = asRecord(asRecord(asList(warning['range'])[0])['start'])['line']
  return {
    vertex: asShortText(warning['vertex'], longestName),
    rule: asShortText(rule, longestName),
    message: asShortText(message, longestMessage),
    url: asShortText(warning['url'], longestName),
    ...(typeof line === 'number' && { line }),
  }
}

function parseStatus(status: Record<string, unknown>): VertexStatus {
  const { current } = status
  return {
    vertex: asShortText(status['vertex'], longestName),
    id: asShortText(status['id'], longestName),
    current: typeof current === 'number' ? current : 0,
    ...parseTimes(status),
  }
}

function parseVertex(vertex: Record<string, unknown>): Vertex {
  return {
    digest: asShortText(vertex['digest'], longestName),
    name: asShortText(vertex['name']),
    cached: vertex['cached'] === true,
    error: asShortText(vertex['error']),
    ...parseTimes(vertex),
  }
}

/** Characters of a text of the daemon that are kept; of a digest, the name of a part, or the result of a check. */
export const longestText = 1 << 16
const longestName = 1024
const longestMessage = 4096

function asShortText(value: unknown, most = longestText): string {
  return shortenText(asText(value), most)
}

/** PURE: the beginning of a text, as a copy: a part of a string keeps all of it in memory. */
export function shortenText(text: string, most = longestText): string {
  return text.length > most ? Buffer.from(text.slice(0, most)).toString('utf8') : text
}

function parseTimes(fields: Record<string, unknown>): Pick<Vertex, 'started' | 'completed'> {
  const started = asTime(fields['started'])
  const completed = asTime(fields['completed'])
  return { ...(started !== undefined && { started }), ...(completed !== undefined && { completed }) }
}

function asTime(value: unknown): number | undefined {
  const time = Date.parse(asText(value))
  return Number.isNaN(time) ? undefined : time
}
