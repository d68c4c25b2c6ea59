import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { load } from 'js-yaml'
import { asList, asRecord, asText } from '../../src/lib/json.ts'
import { startPrometheus, type Prometheus } from '../farm/prometheus.ts'
import { schemaErrors } from '../unit/fixtures/results-schema.ts'
import {
  buildkitdInputs,
  farmInputs,
  freshImage,
  oneBuildkitdInputs,
  startBuildkitds,
  waitFor,
  type Farm,
} from '../e2e/harness.ts'
import { useFarm } from '../e2e/setup.ts'
import type { Job, JobOptions, StepResult } from '../e2e/runner.ts'

const docs = (name: string) =>
  readFileSync(fileURLToPath(new URL(`../../docs/observability/${name}`, import.meta.url)), 'utf8')
const secret = 'Bearer hidden-token-of-the-collector'

const setup = useFarm()
let farm: Farm
let prometheus: Prometheus
let collector: Collector

interface Trace {
  readonly headers: Readonly<Record<string, unknown>>
  readonly spans: readonly Record<string, unknown>[]
}

interface Collector {
  readonly server: Server
  readonly url: string
  readonly traces: Trace[]
}

/** A collector of traces: Prometheus receives only metrics. */
async function startCollector(): Promise<Collector> {
  const traces: Trace[] = []
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      const [resource] = asList(asRecord(JSON.parse(body))['resourceSpans']).map(asRecord)
      const [scope] = asList(resource?.['scopeSpans']).map(asRecord)
      traces.push({ headers: request.headers, spans: asList(scope?.['spans']).map(asRecord) })
      response.end('{}')
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/traces`, traces }
}

function open(options: JobOptions = {}): Job {
  return setup.job({
    ...options,
    env: {
      OTEL_EXPORTER_OTLP_ENDPOINT: `${prometheus.url}/api/v1/otlp`,
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: collector.url,
      OTEL_EXPORTER_OTLP_TRACES_HEADERS: `authorization=${encodeURIComponent(secret)}`,
      GITHUB_WORKFLOW: 'release',
      GITHUB_JOB: 'image',
      ...options.env,
    },
  })
}

/** The post step too: tests after this one find nothing of it on the nodes. */
async function build(job: Job, inputs: Readonly<Record<string, string>>): Promise<StepResult> {
  const main = await job.main(farmInputs(farm, inputs))
  expect((await job.post()).code).toBe(0)
  return main
}

const attributesOf = (span: Record<string, unknown> | undefined) =>
  Object.fromEntries(
    asList(span?.['attributes'])
      .map(asRecord)
      .map(({ key, value }) => [asText(key), Object.values(asRecord(value))[0]]),
  )

beforeAll(async () => {
  farm = setup.farm
  ;[prometheus, collector] = await Promise.all([
    startPrometheus(farm.dir, docs('rules.yml')),
    startCollector(),
    startBuildkitds(farm),
  ])
}, 1_200_000)
afterAll(async () => {
  collector.server.close()
  await prometheus.stop()
})

describe('builds on the farm: cold, warm, failing, with fallback, cancelled', () => {
  const main: Partial<Record<'cold' | 'warm' | 'failing' | 'fallback' | 'broken' | 'cancelled', StepResult>> = {}

  beforeAll(async () => {
    const image = freshImage(farm)
    const { amd, arm } = farm.nodes
    const traceparent = `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01`
    main.cold = await build(open({ env: { TRACEPARENT: traceparent } }), { image })
    main.warm = await build(open(), { image })
    const failing = { Dockerfile: `FROM ${farm.images.base}\nRUN echo printed; false\n` }
    main.failing = await build(open({ files: failing }), buildkitdInputs(farm, { image, cache: 'off' }))
    const nodes = `linux/amd64 = ${amd.endpoint}\nlinux/arm64 = nobody@${arm.host}`
    main.fallback = await build(open(), { image, nodes, fallback: 'emulate' })
    main.broken = await build(open(), { image, nodes, fallback: 'fail' })
    const endless = { Dockerfile: `FROM ${farm.images.base}\nRUN echo working; sleep 60\n` }
    const cancelled = open({ files: endless })
    const running = cancelled.start(buildkitdInputs(farm, { image, cache: 'off' }))
    await running.waitForOutput(/working/)
    running.process.kill('SIGINT')
    main.cancelled = await running.result
    expect((await cancelled.post()).code).toBe(0)
  })

  test('end as they should, without a warning about telemetry', () => {
    expect(main.cold?.errors).toEqual([])
    expect(Object.values(main).map(({ code }) => code)).toEqual([0, 0, 1, 0, 1, 1])
    for (const { warnings } of Object.values(main)) expect(warnings.join('\n')).not.toMatch(/metrics|traces/)
  })

  test('`results` follows its schema, also after a fallback', () => {
    for (const { outputs } of [main.cold, main.warm, main.fallback].flatMap((each) => each ?? []))
      expect(schemaErrors(outputs['results'] ?? '')).toEqual([])
    const [{ targets }] = JSON.parse(main.fallback?.outputs['results'] ?? '') as [{ targets: unknown }]
    expect(targets).toMatchObject([
      { platform: 'linux/amd64', emulated: false, fallback: null },
      { platform: 'linux/arm64', emulated: true, fallback: 'emulate' },
    ])
  })

  test('Prometheus has every run with its result, and what its caches served', async () => {
    const runs = await prometheus.query(
      'sum by (cicd_pipeline_task_run_result, error_type) (count_over_time(multiarch_build_run_duration_seconds[1h]))',
    )
    const byResult = runs.map(({ metric, value }) => [
      metric['cicd_pipeline_task_run_result'],
      metric['error_type'] ?? '',
      value,
    ])
    expect(byResult.sort()).toEqual([
      ['cancellation', 'cancelled', 1],
      ['error', 'node', 1],
      ['failure', 'build', 1],
      ['success', '', 3],
    ])
    const cached = await prometheus.query(
      'sum by (instance) (last_over_time(multiarch_build_target_steps_cached[1h])) / ' +
        'sum by (instance) (last_over_time(multiarch_build_target_steps[1h]))',
    )
    expect(
      cached
        .map(({ value }) => value)
        .sort()
        .slice(-2),
    ).toEqual([1, 1])
    expect(cached.some(({ value }) => value === 0)).toBe(true)
  })

  test('every query of the dashboard returns data', async () => {
    const { panels } = JSON.parse(docs('dashboard.json')) as {
      panels: { title: string; targets: { expr: string }[] }[]
    }
    expect(panels.length).toBeGreaterThan(10)
    const empty: string[] = []
    for (const { title, targets } of panels)
      for (const { expr } of targets) {
        const query = expr.replaceAll('$repository', '.*').replace(/\$(?:__range|window)/g, '1h')
        const found = await prometheus.query(query)
        if (found.length === 0 || found.some(({ value }) => Number.isNaN(value))) empty.push(`${title}: ${query}`)
      }
    expect(empty).toEqual([])
  })

  test('every alert rule is valid, and fires where it should', async () => {
    const names = asList(asRecord(asList(asRecord(load(docs('rules.yml')))['groups'])[0])['rules']).map((rule) =>
      asText(asRecord(rule)['alert']),
    )
    const rules = await waitFor('the evaluation of the rules', async () => {
      const found = await prometheus.rules()
      return found.every(({ health }) => health !== 'unknown') && found
    })
    expect(rules.map(({ name, health }) => [name, health])).toEqual(names.map((name) => [name, 'ok']))
    const firing: string[] = []
    for (const { name, query } of rules) if ((await prometheus.query(query)).length > 0) firing.push(name)
    expect(firing).toEqual(['MultiarchBuildNodeMissing', 'MultiarchBuildEmulated', 'MultiarchBuildFailing'])
    // The builds before configured the emulation of `linux/arm64`: only the one that fell back to it counts.
    const emulated = rules.find(({ name }) => name === 'MultiarchBuildEmulated')?.query ?? ''
    expect((await prometheus.query(emulated)).map(({ value }) => value)).toEqual([1])
    const dropped = rules.find(({ name }) => name === 'MultiarchBuildCacheHitRateDropped')?.query ?? ''
    // With a factor above 1 the rate of the day is always below that of the week.
    const [day] = await prometheus.query(dropped.replace('0.5 *', '1.5 *').replace('>= 5', '>= 1'))
    expect(day?.metric['multiarch_build_platform']).toMatch(/^linux\//)
  })

  test('the trace joins the caller’s, has a span per run, target and phase, and no header is printed', () => {
    expect(collector.traces).toHaveLength(6)
    const [cold] = collector.traces
    expect(cold?.headers['authorization']).toBe(secret)
    for (const { log, outputs } of Object.values(main))
      expect(log + JSON.stringify(outputs)).not.toContain('hidden-token')
    const [run, ...spans] = cold?.spans ?? []
    expect(run).toMatchObject({ traceId: '1'.repeat(32), parentSpanId: '2'.repeat(16), name: 'multiarch-build' })
    expect(attributesOf(run)).toMatchObject({
      'cicd.pipeline.name': 'release',
      'cicd.pipeline.task.name': 'image',
      'cicd.pipeline.task.run.result': 'success',
    })
    const names = spans.map(({ name }) => name)
    expect(names).toEqual(expect.arrayContaining(['connect', 'build', 'publish', 'linux/amd64', 'linux/arm64', 'boot']))
    const ids = new Set(cold?.spans.map(({ spanId }) => spanId))
    expect(spans.every(({ parentSpanId }) => ids.has(parentSpanId))).toBe(true)
    expect(JSON.stringify(collector.traces)).not.toMatch(/RUN |COPY |echo/)
  })

  test('without a caller each run has a trace of its own, that of the failed ones too', () => {
    const results = collector.traces.map(({ spans }) => [
      attributesOf(spans[0])['cicd.pipeline.task.run.result'],
      attributesOf(spans[0])['error.type'],
    ])
    expect(results).toEqual([
      ['success', undefined],
      ['success', undefined],
      ['failure', 'build'],
      ['success', undefined],
      ['error', 'node'],
      ['cancellation', 'cancelled'],
    ])
    expect(new Set(collector.traces.map(({ spans }) => spans[0]?.['traceId'])).size).toBe(6)
  })
})

test('merge and copy send their duration and trace, and what they pushed', async () => {
  const image = freshImage(farm)
  const options = { env: { GITHUB_RUN_ATTEMPT: '1' }, runId: String(Date.now() * 1000) }
  const part = oneBuildkitdInputs(farm, { image, platforms: 'linux/amd64', partial: 'true' })
  expect((await build(open(options), part)).code).toBe(0)
  const merged = await open(options).merge({ image, platforms: 'linux/amd64', tags: '1.0' })
  expect([merged.code, merged.errors]).toEqual([0, []])
  const copying = open(options).startCopy({ from: `${image}:1.0`, to: `${image}-copy:1.0` })
  expect((await copying.result).code).toBe(0)
  const names = ['run_duration_seconds', 'image_size_bytes', 'copy_transfer_bytes']
  const found = await Promise.all(
    names.map(async (name) => {
      const series = await prometheus.query(
        `last_over_time(multiarch_build_${name}{multiarch_build_action!="build"}[1h])`,
      )
      return series.map(({ metric, value }) => [metric['multiarch_build_action'], value > 0]).sort()
    }),
  )
  expect(found).toEqual([
    [
      ['copy', true],
      ['merge', true],
    ],
    [['merge', true]],
    // Nothing was uploaded: the registry mounts layers that it has.
    [['copy', false]],
  ])
  const roots = collector.traces.slice(-2).map(({ spans }) => spans.map(({ name }) => name))
  expect(roots).toEqual([
    ['multiarch-build merge', 'plan', 'publish'],
    ['multiarch-build copy', 'plan', 'copy', 'publish'],
  ])
})
