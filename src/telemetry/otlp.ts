/** The JSON form of OTLP (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding). */

export type Attributes = Readonly<Record<string, string | number | boolean | undefined>>

/** One value of a metric. */
export interface Point {
  readonly name: string
  /** In the notation of UCUM: `s`, `By`, `{step}`. */
  readonly unit: string
  readonly description: string
  readonly value: number
  readonly attributes: Attributes
}

export interface Span {
  readonly id: string
  /** Undefined for the root of a trace. */
  readonly parent: string | undefined
  readonly name: string
  /** Milliseconds since the epoch. */
  readonly start: number
  readonly end: number
  readonly attributes: Attributes
  readonly failed: boolean
}

const scope = { name: 'multiarch-build' }
/** `SPAN_KIND_INTERNAL`, `STATUS_CODE_ERROR` */
const [internal, error] = [1, 2]

/** PURE: a request for the path `/v1/metrics`: every metric is a gauge. */
export function encodeMetrics(resource: Attributes, points: readonly Point[], now: number): object {
  const names = [...new Set(points.map(({ name }) => name))]
  const metrics = names.map((name) => {
    const some = points.filter((point) => point.name === name)
    const [{ unit, description } = { unit: '', description: '' }] = some
    const dataPoints = some.map(({ value, attributes }) => ({
      attributes: encodeAttributes(attributes),
      timeUnixNano: toNanoseconds(now),
      asDouble: value,
    }))
    return { name, unit, description, gauge: { dataPoints } }
  })
  return { resourceMetrics: [{ resource: encodeResource(resource), scopeMetrics: [{ scope, metrics }] }] }
}

interface Trace {
  readonly traceId: string
  readonly traceState: string
  readonly spans: readonly Span[]
}

/** PURE: a request for the path `/v1/traces`. */
export function encodeTraces(resource: Attributes, { traceId, traceState, spans }: Trace): object {
  const encoded = spans.map(({ id, parent, name, start, end, attributes, failed }) => ({
    traceId,
    spanId: id,
    ...(parent !== undefined && { parentSpanId: parent }),
    ...(traceState !== '' && { traceState }),
    name,
    kind: internal,
    startTimeUnixNano: toNanoseconds(start),
    endTimeUnixNano: toNanoseconds(Math.max(start, end)),
    attributes: encodeAttributes(attributes),
    ...(failed && { status: { code: error } }),
  }))
  return { resourceSpans: [{ resource: encodeResource(resource), scopeSpans: [{ scope, spans: encoded }] }] }
}

function encodeResource(attributes: Attributes): object {
  return { attributes: encodeAttributes(attributes) }
}

interface KeyValue {
  readonly key: string
  readonly value: object
}

/** Those without a value are left out. */
function encodeAttributes(attributes: Attributes): readonly KeyValue[] {
  return Object.entries(attributes).flatMap(([key, value]): KeyValue[] => {
    if (value === undefined) return []
    if (typeof value === 'string') return [{ key, value: { stringValue: value } }]
    if (typeof value === 'boolean') return [{ key, value: { boolValue: value } }]
    return [{ key, value: Number.isInteger(value) ? { intValue: String(value) } : { doubleValue: value } }]
  })
}

/** 64-bit integers are strings in JSON; a double has too few digits for nanoseconds. */
function toNanoseconds(ms: number): string {
  return `${Math.round(ms * 1000)}000`
}
