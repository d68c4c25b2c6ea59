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
interface VertexStatus {
  readonly vertex: string
  readonly id: string
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
    statuses: asList(message['statuses'])
      .map(asRecord)
      .map((status) => ({ vertex: asText(status['vertex']), id: asText(status['id']) })),
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
    vertex: asText(warning['vertex']),
    rule,
    message,
    url: asText(warning['url']),
    ...(typeof line === 'number' && { line }),
  }
}

function parseVertex(vertex: Record<string, unknown>): Vertex {
  const started = asTime(vertex['started'])
  const completed = asTime(vertex['completed'])
  return {
    digest: asText(vertex['digest']),
    name: asText(vertex['name']),
    cached: vertex['cached'] === true,
    error: asText(vertex['error']),
    ...(started !== undefined && { started }),
    ...(completed !== undefined && { completed }),
  }
}

function asTime(value: unknown): number | undefined {
  const time = Date.parse(asText(value))
  return Number.isNaN(time) ? undefined : time
}
