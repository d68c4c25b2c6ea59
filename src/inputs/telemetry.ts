import { shorten } from '../lib/issues.ts'
import { splitList, type Env } from '../lib/lists.ts'
import { failFor } from './diagnostics.ts'
import type { InputSource } from './source.ts'

/** Where metrics or traces are sent. */
export interface SignalSettings {
  readonly url: string
  /** Secrets. */
  readonly headers: Readonly<Record<string, string>>
  /** Milliseconds. */
  readonly timeout: number
  readonly gzip: boolean
  /** Path of the certificates that the collector's is verified with; empty for the usual authorities. */
  readonly certificate: string
}

export interface TelemetrySettings {
  /** Undefined if they are not sent. */
  readonly traces?: SignalSettings
  readonly metrics?: SignalSettings
  /** Attributes of the resource, with `service.name`. */
  readonly resource: Readonly<Record<string, string>>
  /** The span of the caller. */
  readonly parent?: TraceContext
  readonly traceState: string
}

export interface TraceContext {
  readonly traceId: string
  readonly spanId: string
}

type TelemetrySource = Pick<InputSource, 'env' | 'text' | 'report' | 'warn'>
type Signal = 'traces' | 'metrics'

/** The specification's default, which is more than a run may lose. Milliseconds. */
const defaultTimeout = 10_000
const generalEndpoint = 'OTEL_EXPORTER_OTLP_ENDPOINT'
const endpointForm = 'is not an http or https URL without a password, such as `https://collector.example.com:4318`'
const grpcProtocol =
  'since OTEL_EXPORTER_OTLP_PROTOCOL is `grpc` and this action uses HTTP: set `otlp-endpoint`, usually port 4318'

/**
 * `otlp-endpoint`, and the variables of
 * https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables
 */
export function parseTelemetry(source: TelemetrySource): TelemetrySettings {
  const { env } = source
  const resource = { 'service.name': 'multiarch-build', ...parsePairs(env['OTEL_RESOURCE_ATTRIBUTES']) }
  const name = env['OTEL_SERVICE_NAME'] ?? ''
  const parent = parseTraceparent(env['TRACEPARENT'] ?? '')
  const traces = isSampled(env) ? parseSignal('traces', source) : undefined
  const metrics = parseSignal('metrics', source)
  return {
    ...(traces && { traces }),
    ...(metrics && { metrics }),
    resource: name === '' ? resource : { ...resource, 'service.name': name },
    ...(parent && { parent }),
    traceState: parent ? (env['TRACESTATE'] ?? '') : '',
  }
}

/** Values of headers, which are usually tokens. */
export function telemetrySecrets(env: Env): readonly string[] {
  const headers = ['', 'TRACES_', 'METRICS_'].map((signal) => env[`OTEL_EXPORTER_OTLP_${signal}HEADERS`] ?? '')
  const values = headers.flatMap((text) => [...text.split(',').map(valueOf), ...Object.values(parsePairs(text))])
  // `Bearer token`: the token is a secret also without the word before it.
  return values.flatMap((value) => [value, value.replace(/^(?:Bearer|Basic|Api-Token|Token)(?: |%20)/i, '')])
}

const valueOf = (pair: string): string => pair.slice(pair.indexOf('=') + 1).trim()

/** Off if the job says so, or if the caller does not record its own trace. */
function isSampled(env: Env): boolean {
  const isRecorded = !/^[0-9a-f]{2}-.*-[0-9a-f][02468ace]$/.test(env['TRACEPARENT'] ?? '')
  const samplers: Readonly<Record<string, boolean>> = {
    always_on: true,
    always_off: false,
    parentbased_always_on: isRecorded,
    parentbased_always_off: isRecorded && env['TRACEPARENT'] !== undefined,
  }
  return samplers[env['OTEL_TRACES_SAMPLER'] ?? ''] ?? isRecorded
}

function parseSignal(signal: Signal, source: TelemetrySource): SignalSettings | undefined {
  const { env } = source
  const variable = (name: string): string =>
    firstGiven(env[`OTEL_EXPORTER_OTLP_${signal.toUpperCase()}_${name}`], env[`OTEL_EXPORTER_OTLP_${name}`])
  const exporters = splitList(env[`OTEL_${signal.toUpperCase()}_EXPORTER`] ?? '')
  const isOff = env['OTEL_SDK_DISABLED']?.toLowerCase() === 'true'
  const url = parseEndpoint(signal, source, variable('PROTOCOL'))
  if (url === '' || isOff || (exporters.length > 0 && !exporters.includes('otlp'))) return undefined
  const timeout = Number(variable('TIMEOUT') || defaultTimeout)
  return {
    url,
    headers: Object.fromEntries(Object.entries(parsePairs(variable('HEADERS'))).filter(isHeader)),
    timeout: timeout > 0 ? timeout : defaultTimeout,
    gzip: variable('COMPRESSION') === 'gzip',
    certificate: variable('CERTIFICATE'),
  }
}

/** An empty variable is as good as none (specification). */
function firstGiven(...texts: readonly (string | undefined)[]): string {
  return texts.find((text) => text !== undefined && text !== '') ?? ''
}

/** Empty if the signal has no endpoint, or none that can be used. */
function parseEndpoint(signal: Signal, { env, text, report, warn }: TelemetrySource, protocol: string): string {
  const given = text('otlp-endpoint')
  const own = `OTEL_EXPORTER_OTLP_${signal.toUpperCase()}_ENDPOINT`
  if (given !== '' && !isEndpoint(given)) failFor(report, 'otlp-endpoint', withoutPassword(given))(endpointForm)
  const endpoints = { [own]: env[own], 'otlp-endpoint': given, [generalEndpoint]: env[generalEndpoint] }
  const [name, endpoint = ''] = Object.entries(endpoints).find(([, url]) => firstGiven(url) !== '') ?? []
  if (name === undefined) return ''
  const problem = name === 'otlp-endpoint' ? undefined : findProblem(endpoint, protocol)
  if (problem !== undefined) warn(`No ${signal} are sent to ${name}, ${problem}.`)
  if (problem !== undefined || !isEndpoint(endpoint)) return ''
  return name === own ? endpoint : withPath(endpoint, `v1/${signal}`)
}

/** Why the endpoint of a variable cannot be used. */
function findProblem(endpoint: string, protocol: string): string | undefined {
  if (protocol === 'grpc') return grpcProtocol
  return isEndpoint(endpoint) ? undefined : `since it ${endpointForm}`
}

/** The specification adds the path to that of the endpoint, and uses the endpoint of a single signal as it is. */
function withPath(endpoint: string, path: string): string {
  const url = new URL(endpoint)
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/${path}`
  return url.href
}

function isEndpoint(text: string): boolean {
  if (!URL.canParse(text)) return false
  const { protocol, username, password } = new URL(text)
  return /^https?:$/.test(protocol) && username === '' && password === ''
}

function withoutPassword(text: string): string {
  return shorten(text.replace(/\/\/[^/@]*@/, '//***@'))
}

/** `key=value,key=value`, percent-encoded as in W3C Baggage; pairs that are not valid are left out. */
function parsePairs(text = ''): Record<string, string> {
  const pairs = text.split(',').flatMap((pair): [string, string][] => {
    const [, key = ''] = /^([^=]+)=/.exec(pair) ?? []
    const value = valueOf(pair)
    return key.trim() === '' ? [] : [[key.trim(), /%(?![0-9a-f]{2})/i.test(value) ? value : decode(value)]]
  })
  return Object.fromEntries(pairs)
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** An error of `fetch` about a header would contain its value. */
function isHeader([name, value]: readonly [string, string]): boolean {
  return /^[\w!#$%&'*+.^`|~-]+$/.test(name) && /^[\t\x20-\x7e\x80-\xff]*$/.test(value)
}

function parseTraceparent(text: string): TraceContext | undefined {
  const [, traceId = '', spanId = ''] =
    /^(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(?:-.*)?$/.exec(text) ?? []
  return /[1-9a-f]/.test(traceId) && /[1-9a-f]/.test(spanId) ? { traceId, spanId } : undefined
}
