import { asList, asRecord, asText, isRecord, tryParseJson } from '../plan/json.ts'

/** One message of `--progress=rawjson` (moby/buildkit, client/graph.go), as far as we read it. */
export interface SolveStatus {
  readonly vertexes: readonly Vertex[]
  readonly statuses: readonly VertexStatus[]
  readonly logs: readonly VertexLog[]
}

export interface Vertex {
  readonly digest: string
  readonly name: string
  /** Milliseconds since the epoch; undefined while it has not happened. */
  readonly started?: number
  readonly completed?: number
  readonly cached: boolean
  readonly error: string
}

/** Work within a vertex, named by what it does: `pushing manifest for …`. */
export interface VertexStatus {
  readonly vertex: string
  readonly id: string
}

export interface VertexLog {
  readonly vertex: string
  readonly data: Buffer
}

/** Undefined where the line is no such message: buildx prints its last words as plain text between them. */
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
