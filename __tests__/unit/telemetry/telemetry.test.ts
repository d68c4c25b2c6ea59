import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { gunzipSync } from 'node:zlib'
import { afterEach, describe, expect, test } from '@jest/globals'
import { UserError, UserErrors } from '../../../src/lib/errors.ts'
import { InputError } from '../../../src/lib/issues.ts'
import { describeEnd, type MeasuredRun } from '../../../src/telemetry/attributes.ts'
import { exportSignal } from '../../../src/telemetry/export.ts'
import { RunRecord } from '../../../src/report/run-record.ts'
import { createMetrics } from '../../../src/telemetry/metrics.ts'
import { encodeMetrics, encodeTraces } from '../../../src/telemetry/otlp.ts'
import { createRoot, sendTelemetry } from '../../../src/telemetry/send.ts'
import { createSpans } from '../../../src/telemetry/spans.ts'
import { event } from '../fixtures/job.ts'
import { buildsBegan, testResult } from '../report/reports.ts'

const root = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16) }

function measured(change: Partial<MeasuredRun> = {}): MeasuredRun {
  const { record } = testResult(['slim'])
  const now = buildsBegan + 70_000
  return {
    action: 'build',
    record,
    event,
    pipeline: 'ci',
    job: 'image',
    id: '4711-1-x',
    end: { result: 'success' },
    now,
    ...change,
  }
}

function spansOf(run: MeasuredRun) {
  let count = 0
  return createSpans(run, { root, parent: undefined, createId: () => `id-${count++}` })
}

describe('metrics', () => {
  test('gauges with the attributes that a dashboard groups by', () => {
    const points = createMetrics(measured())
    const find = (name: string) => points.filter((point) => point.name === `multiarch_build.${name}`)
    expect(find('run.duration')).toMatchObject([{ unit: 's', value: 73 }])
    expect(find('target.duration').map(({ value }) => value)).toEqual([12.3, 65.4])
    expect(find('target.duration')[1]?.attributes).toEqual({
      'cicd.pipeline.name': 'ci',
      'cicd.pipeline.task.name': 'image',
      'multiarch_build.action': 'build',
      'vcs.repository.url.full': 'https://github.com/acme/app',
      'vcs.ref.head.name': 'main',
      'vcs.ref.head.type': 'branch',
      'vcs.change.id': undefined,
      'multiarch_build.platform': 'linux/arm64',
      'multiarch_build.variant': 'slim',
      'multiarch_build.emulated': false,
      'multiarch_build.fallback': undefined,
      'cicd.worker.name': 'arm',
      'cicd.pipeline.task.run.result': 'success',
    })
    expect(find('target.phase.duration').map(({ attributes }) => attributes['multiarch_build.phase'])).toEqual([
      ...['queue', 'boot', 'context', 'build', 'export', 'push'],
      ...['queue', 'boot', 'context', 'build', 'export', 'push'],
    ])
    expect(find('target.steps.cached').map(({ value }) => value)).toEqual([2, 2])
    expect(find('node.available').map(({ value }) => value)).toEqual([1, 1])
    expect(find('node.cpus').map(({ value }) => value)).toEqual([4])
  })

  test('a merge sends its duration and the sizes of its images, a copy what it uploaded', () => {
    const { record: built } = testResult(['slim'])
    const record = new RunRecord(buildsBegan)
    record.published = built.published
    const merged = createMetrics(measured({ action: 'merge', record }))
    expect(merged.map(({ name, value }) => [name, value])).toEqual([
      ['multiarch_build.run.duration', 70],
      ['multiarch_build.image.size', 28_000_000],
      ['multiarch_build.image.size', 28_000_000],
    ])
    expect(merged[1]?.attributes).toMatchObject({
      'multiarch_build.action': 'merge',
      'multiarch_build.platform': 'linux/amd64',
      'multiarch_build.variant': 'slim',
    })
    const copy = new RunRecord(buildsBegan)
    copy.uploaded = 5000
    copy.phases.push({ phase: 'copy', start: buildsBegan, end: buildsBegan + 1000 })
    const run = measured({ action: 'copy', record: copy })
    expect(createMetrics(run).map(({ name, value }) => [name, value])).toEqual([
      ['multiarch_build.run.duration', 70],
      ['multiarch_build.copy.transfer', 5000],
    ])
    expect(spansOf(run).map(({ name }) => name)).toEqual(['multiarch-build copy', 'copy'])
    expect(spansOf(run)[0]?.attributes).toMatchObject({ 'cicd.pipeline.task.type': 'deploy' })
  })

  test('a node that was unavailable or lost, and a target of which nothing was built', () => {
    const run = measured({ end: { result: 'cancellation', errorType: 'cancelled' } })
    const [first, second] = run.record.outcomes
    run.record.outcomes = [{ spec: first!.spec }, second!]
    run.record.lost = [second!.node!]
    run.record.groups = []
    const points = createMetrics(run)
    expect(points.map(({ name, value }) => [name.replace('multiarch_build.', ''), value])).toEqual([
      ['run.duration', 73],
      ['target.attempts', 0],
      ['image.size', 28_000_000],
      ['target.attempts', 0],
      ['image.size', 28_000_000],
      ['node.available', 0],
      ['node.available', 0],
    ])
    expect(points[0]?.attributes).toMatchObject({
      'cicd.pipeline.task.run.result': 'cancellation',
      'error.type': 'cancelled',
    })
  })
})

describe('spans', () => {
  test('one for the run, its phases, each target and its phases, each inside its parent', () => {
    const spans = spansOf(measured())
    const phases = ['boot', 'context', 'build', 'export', 'push']
    expect(spans.map(({ name }) => name)).toEqual([
      'multiarch-build',
      ...['connect', 'build'],
      ...['linux/amd64 slim', ...phases, 'linux/arm64 slim', ...phases],
    ])
    for (const { parent, start, end } of spans.slice(1)) {
      const outer = spans.find(({ id }) => id === parent)
      expect(start).toBeGreaterThanOrEqual(outer?.start ?? Infinity)
      expect(end).toBeLessThanOrEqual(outer?.end ?? 0)
    }
  })

  test('attributes of OpenTelemetry’s conventions for CI/CD', () => {
    const spans = spansOf(measured({ end: { result: 'failure', errorType: 'build' } }))
    const url = 'https://github.com/acme/app/actions/runs/4711'
    expect(spans[0]).toMatchObject({
      id: root.spanId,
      failed: true,
      attributes: {
        'cicd.pipeline.run.id': '4711',
        'cicd.pipeline.run.url.full': url,
        'cicd.pipeline.task.name': 'image',
        'cicd.pipeline.task.run.id': '4711-1-x',
        'cicd.pipeline.task.run.url.full': url,
        'cicd.pipeline.task.run.result': 'failure',
        'error.type': 'build',
      },
    })
    expect(spans[3]?.attributes).toMatchObject({
      'cicd.pipeline.task.name': 'linux/amd64 slim',
      'cicd.pipeline.task.run.id': '4711-1-x/slim-linux-amd64',
      'cicd.worker.name': 'amd',
    })
  })

  test('neither commands nor arguments of the Dockerfile are in any attribute', () => {
    const run = measured()
    expect(JSON.stringify([spansOf(run), createMetrics(run)])).not.toMatch(/RUN|COPY|make|FROM/)
  })

  test('without a caller all jobs of a run share a trace; with one it is the caller’s', () => {
    const other = { ...event, runAttempt: 2 }
    const ids = [event, event, other].map((each) => createRoot({}, each))
    expect(ids[0]?.traceId).toBe(ids[1]?.traceId)
    expect(ids[0]?.spanId).not.toBe(ids[1]?.spanId)
    expect(ids[2]?.traceId).not.toBe(ids[0]?.traceId)
    expect(createRoot({ parent: root }, event).traceId).toBe(root.traceId)
    const forgejo = (repository: string) => ({
      ...event,
      serverUrl: 'https://git.example.com',
      apiUrl: 'https://git.example.com/api/v1',
      repository,
    })
    expect(createRoot({}, forgejo('a/b')).traceId).not.toBe(createRoot({}, forgejo('a/c')).traceId)
  })
})

test('the JSON form of OTLP', () => {
  const attributes = { a: 'x', b: true, c: 3, d: 1.5, e: undefined }
  const encoded = [
    { key: 'a', value: { stringValue: 'x' } },
    { key: 'b', value: { boolValue: true } },
    { key: 'c', value: { intValue: '3' } },
    { key: 'd', value: { doubleValue: 1.5 } },
  ]
  const point = { name: 'm', unit: 's', description: 'd', attributes }
  const at = 1_700_000_000_123.5
  expect(
    encodeMetrics(
      { r: 1 },
      [
        { ...point, value: 1 },
        { ...point, value: 2 },
      ],
      at,
    ),
  ).toMatchObject({
    resourceMetrics: [
      {
        resource: { attributes: [{ key: 'r', value: { intValue: '1' } }] },
        scopeMetrics: [
          {
            metrics: [
              {
                name: 'm',
                unit: 's',
                description: 'd',
                gauge: {
                  dataPoints: [
                    { attributes: encoded, timeUnixNano: '1700000000123500000', asDouble: 1 },
                    { asDouble: 2 },
                  ],
                },
              },
            ],
          },
        ],
      },
    ],
  })
  const span = { id: '1', parent: undefined, name: 's', start: 5, end: 4, attributes: {}, failed: true }
  expect(encodeTraces({}, { traceId: 't', traceState: 'x=1', spans: [span, { ...span, parent: '1' }] })).toMatchObject({
    resourceSpans: [
      {
        scopeSpans: [
          {
            spans: [
              {
                traceId: 't',
                spanId: '1',
                traceState: 'x=1',
                kind: 1,
                startTimeUnixNano: '5000000',
                endTimeUnixNano: '5000000',
                status: { code: 2 },
              },
              { parentSpanId: '1' },
            ],
          },
        ],
      },
    ],
  })
})

test.each([
  [undefined, false, { result: 'success' }],
  [new Error('x'), true, { result: 'cancellation', errorType: 'cancelled' }],
  [new Error('x'), false, { result: 'error', errorType: 'internal' }],
  [
    new UserErrors([new UserError({ code: 'build', message: '', hint: '' })]),
    false,
    { result: 'failure', errorType: 'build' },
  ],
  [new UserError({ code: 'node', message: '', hint: '' }), false, { result: 'error', errorType: 'node' }],
  [new InputError([]), false, { result: 'error', errorType: 'inputs' }],
])('the end of a run: %p, cancelled: %p', (error, isCancelled, expected) => {
  expect(describeEnd(error, isCancelled)).toEqual(expected)
})

describe('a collector', () => {
  const servers: Server[] = []
  afterEach(() => {
    for (const server of servers.splice(0)) {
      server.close()
      server.closeAllConnections()
    }
  })

  interface Request {
    readonly url: string
    readonly headers: IncomingMessage['headers']
    readonly body: string
  }

  type Answer = readonly [status: number, body?: string, headers?: Readonly<Record<string, string>>]

  async function collector(answer: Answer | undefined): Promise<{ url: string; requests: Request[] }> {
    const requests: Request[] = []
    const server = createServer((request, response) => {
      void text(request).then((body) => {
        requests.push({ url: request.url ?? '', headers: request.headers, body })
        if (answer) response.writeHead(answer[0], answer[2]).end(answer[1])
      })
    })
    servers.push(server)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests }
  }

  const settings = { headers: { authorization: 'Bearer abc' }, timeout: 10_000, gzip: false, certificate: '' }

  test.each<[string, Answer, RegExp | undefined]>([
    ['accepts', [200, '{}'], undefined],
    ['answers with nothing', [200], undefined],
    ['fails', [503, '{"message":"no space\\nleft"}'], /answers 503: no space\\nleft$/],
    [
      'redirects',
      [307, '', { location: 'http://127.0.0.1:1/' }],
      /redirects to another address, which is not followed/,
    ],
    [
      'rejects a part',
      [200, '{"partialSuccess":{"rejectedSpans":"2","errorMessage":"old"}}'],
      /rejects 2 of them: old/,
    ],
  ])('%s', async (_, answer, expected) => {
    const { url, requests } = await collector(answer)
    const problem = await exportSignal({ ...settings, url: `${url}/v1/traces` }, { a: 1 }, {})
    expect(problem ?? '').toMatch(expected ?? /^$/)
    expect(problem ?? '').not.toContain('abc')
    expect(requests).toMatchObject([
      {
        url: '/v1/traces',
        body: '{"a":1}',
        headers: { authorization: 'Bearer abc', 'content-type': 'application/json' },
      },
    ])
  })

  test('that is down or does not answer costs a warning per signal and at most two seconds', async () => {
    const { url } = await collector(undefined)
    expect(await exportSignal({ ...settings, url, timeout: 50 }, {}, {})).toMatch(
      /^127\.0\.0\.1:\d+ did not answer in time$/,
    )
    const down = { ...settings, url: 'http://127.0.0.1:1/v1/metrics' }
    const request = {
      settings: { traces: down, metrics: down, resource: {}, traceState: '' },
      run: measured(),
      root,
      env: {},
    }
    expect(await sendTelemetry(request)).toEqual([
      expect.stringMatching(/^The metrics of this run were not accepted: 127\.0\.0\.1:1 cannot be reached: /),
      expect.stringMatching(/^The traces of this run were not accepted: 127\.0\.0\.1:1 cannot be reached: /),
    ])
  })

  test('that sends only the beginning of its answer is late', async () => {
    const server = createServer((_, response) => void response.writeHead(200).write('{'))
    servers.push(server)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
    expect(await exportSignal({ ...settings, url, timeout: 500 }, {}, {})).toMatch(/ did not answer in time$/)
  })

  test('that never answers ends an export long before the limit of its variables', async () => {
    const { url } = await collector(undefined)
    expect(await exportSignal({ ...settings, url, timeout: 60_000 }, {}, {})).toMatch(/ did not answer in time$/)
  }, 30_000)

  test('gets compressed requests if it should', async () => {
    const chunks: Buffer[] = []
    const server = createServer((request, response) => {
      request.on('data', (chunk: Buffer) => chunks.push(chunk)).on('end', () => response.end())
    })
    servers.push(server)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
    expect(await exportSignal({ ...settings, url, gzip: true }, { a: 1 }, {})).toBeUndefined()
    expect(gunzipSync(Buffer.concat(chunks)).toString()).toBe('{"a":1}')
  })

  test('the instance is one run, unless the job names another', async () => {
    const { url, requests } = await collector([200])
    const metrics = { ...settings, url }
    const resource = { 'service.name': 'multiarch-build' }
    await sendTelemetry({ settings: { metrics, resource, traceState: '' }, run: measured(), root, env: {} })
    expect(requests[0]?.body).toContain('{"key":"service.instance.id","value":{"stringValue":"4711-1-x"}}')
    const named = { ...resource, 'service.instance.id': 'ci' }
    await sendTelemetry({ settings: { metrics, resource: named, traceState: '' }, run: measured(), root, env: {} })
    expect(requests[1]?.body).not.toContain('4711-1-x')
  })
})
