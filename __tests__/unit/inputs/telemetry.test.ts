import { describe, expect, test } from '@jest/globals'
import { secretsToMask } from '../../../src/inputs/secrets-to-mask.ts'
import { parseTelemetry } from '../../../src/inputs/telemetry.ts'

const general = 'OTEL_EXPORTER_OTLP_ENDPOINT'
const collector = 'https://collector.example.com:4318'
const traceparent = (flags: string) => `00-${'a'.repeat(32)}-${'b'.repeat(16)}-${flags}`

function parse(env: Readonly<Record<string, string>>, endpoint = '') {
  const issues: string[] = []
  const warnings: string[] = []
  const settings = parseTelemetry({
    env,
    text: (name) => (name === 'otlp-endpoint' ? endpoint : ''),
    report: ({ input, given = '', expected }) => issues.push(`${input}: "${given}" ${expected}`),
    warn: (text) => warnings.push(text),
  })
  return { ...settings, issues, warnings }
}

describe('where telemetry is sent', () => {
  test.each<[string, Readonly<Record<string, string>>, string, readonly (string | undefined)[]]>([
    ['nothing is set', {}, '', [undefined, undefined]],
    ['the input', {}, `${collector}/`, [`${collector}/v1/traces`, `${collector}/v1/metrics`]],
    [
      'the input with a path',
      {},
      'http://p:9090/api/v1/otlp',
      ['http://p:9090/api/v1/otlp/v1/traces', 'http://p:9090/api/v1/otlp/v1/metrics'],
    ],
    ['the variable', { [general]: 'http://c:4318' }, '', ['http://c:4318/v1/traces', 'http://c:4318/v1/metrics']],
    [
      'both: the input counts',
      { [general]: 'http://c:4318' },
      collector,
      [`${collector}/v1/traces`, `${collector}/v1/metrics`],
    ],
    [
      'the variable of one signal is used as it is',
      { OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'http://m/push' },
      '',
      [undefined, 'http://m/push'],
    ],
    ['no exporter for traces', { OTEL_TRACES_EXPORTER: 'none' }, collector, [undefined, `${collector}/v1/metrics`]],
    [
      'an exporter that does not exist here',
      { OTEL_METRICS_EXPORTER: 'prometheus' },
      collector,
      [`${collector}/v1/traces`, undefined],
    ],
    ['switched off', { OTEL_SDK_DISABLED: 'true' }, collector, [undefined, undefined]],
    [
      'gRPC for other programs of the job',
      { OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' },
      collector,
      [`${collector}/v1/traces`, `${collector}/v1/metrics`],
    ],
    ['no sampling', { OTEL_TRACES_SAMPLER: 'always_off' }, collector, [undefined, `${collector}/v1/metrics`]],
    [
      'a caller that is not recorded',
      { TRACEPARENT: traceparent('00') },
      collector,
      [undefined, `${collector}/v1/metrics`],
    ],
  ])('%s', (_, env, endpoint, expected) => {
    const { traces, metrics, issues, warnings } = parse(env, endpoint)
    expect([traces?.url, metrics?.url]).toEqual(expected)
    expect([issues, warnings]).toEqual([[], []])
  })

  test('an invalid input is an issue, an invalid variable a warning; neither shows a password', () => {
    expect(parse({}, 'collector:4318').issues[0]).toMatch(
      /^otlp-endpoint: "collector:4318" is not an http or https URL/,
    )
    expect(parse({}, 'https://me:s3cret@c').issues[0]).toMatch(/^otlp-endpoint: "https:\/\/\*\*\*@c" is not /)
    const { warnings, traces, metrics } = parse({ [general]: 'https://me:s3cret@c' })
    expect([warnings.length, traces, metrics]).toEqual([2, undefined, undefined])
    expect(warnings.join()).toMatch(/^No traces are sent to OTEL_EXPORTER_OTLP_ENDPOINT, since it is not/)
    expect(warnings.join()).not.toContain('s3cret')
  })

  test('an endpoint for gRPC is not used', () => {
    const { warnings, metrics } = parse({ [general]: 'http://c:4317', OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' })
    expect([metrics, warnings[0]]).toEqual([undefined, expect.stringContaining('set `otlp-endpoint`')])
  })
})

test('headers, time limit, compression and certificate, for both signals or for one', () => {
  const { traces, metrics } = parse(
    {
      OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20abc, x-scope = team,bad name=1,broken',
      OTEL_EXPORTER_OTLP_METRICS_HEADERS: 'api-key=x=y%zz',
      OTEL_EXPORTER_OTLP_TIMEOUT: '500',
      OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: 'soon',
      OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip',
      OTEL_EXPORTER_OTLP_CERTIFICATE: '/ca.pem',
    },
    collector,
  )
  expect(traces).toMatchObject({
    headers: { authorization: 'Bearer abc', 'x-scope': 'team' },
    timeout: 10_000,
    gzip: true,
    certificate: '/ca.pem',
  })
  expect(metrics).toMatchObject({ headers: { 'api-key': 'x=y%zz' }, timeout: 500 })
})

test('a header whose value has a line break is not sent', () => {
  const { metrics } = parse({ OTEL_EXPORTER_OTLP_HEADERS: 'a=b%0d%0ac: d,ok=1' }, collector)
  expect(metrics?.headers).toEqual({ ok: '1' })
})

test('resource and caller', () => {
  const env = { OTEL_RESOURCE_ATTRIBUTES: 'service.name=a,team=build%20infra', TRACESTATE: 'x=1' }
  expect(parse(env)).toMatchObject({ resource: { 'service.name': 'a', team: 'build infra' }, traceState: '' })
  expect(parse({ ...env, OTEL_SERVICE_NAME: 'b', TRACEPARENT: traceparent('01') })).toMatchObject({
    resource: { 'service.name': 'b' },
    parent: { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16) },
    traceState: 'x=1',
  })
  for (const invalid of ['', `00-${'0'.repeat(32)}-${'b'.repeat(16)}-01`, `ff-${'a'.repeat(32)}-${'b'.repeat(16)}-01`])
    expect(parse({ TRACEPARENT: invalid }).parent).toBeUndefined()
})

test('values of headers are masked, as they are written and as they are sent', () => {
  const masks = secretsToMask({ OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20abcdef,x=%C3%A4ther' })
  expect(masks).toEqual(expect.arrayContaining(['Bearer abcdef', 'abcdef', 'Bearer%20abcdef', '%C3%A4ther', 'äther']))
})
