import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from '@jest/globals'
import { RunRecord } from '../../../src/report/run-record.ts'
import { createMetrics } from '../../../src/telemetry/metrics.ts'
import { event } from '../fixtures/job.ts'
import { buildsBegan, testResult } from '../report/reports.ts'

const read = (path: string) => readFileSync(fileURLToPath(new URL(`../../../${path}`, import.meta.url)), 'utf8')

/** As Prometheus writes names: dots become `_`, and the unit follows. */
const suffixes: Readonly<Record<string, string>> = { s: '_seconds', By: '_bytes' }

const { record } = testResult(['slim'])
record.outcomes = record.outcomes.map(({ spec, node }) => ({
  spec,
  ...(node && { node: { ...node, took: 1, machine: { load: 1, free: 1, emulated: [] } } }),
}))
const end = { result: 'error', errorType: 'node' } as const
const copy = Object.assign(new RunRecord(), { uploaded: 1 })
const run = { event, pipeline: 'p', job: 'j', id: '1', end, now: buildsBegan }
const points = [
  ...createMetrics({ ...run, action: 'build', record }),
  ...createMetrics({ ...run, action: 'copy', record: copy }),
]
const metrics = new Set(points.map(({ name, unit }) => `${name.replaceAll('.', '_')}${suffixes[unit] ?? ''}`))
const labels = new Set(
  points.flatMap(({ attributes }) => Object.keys(attributes)).map((name) => name.replaceAll('.', '_')),
)

describe.each(['dashboard.json', 'rules.yml', 'README.md'])('docs/observability/%s', (name) => {
  test('names only metrics and attributes that a run sends', () => {
    const names = read(`docs/observability/${name}`).match(/\b(?:multiarch_build|cicd|vcs)_\w+/g) ?? []
    expect(names.length).toBeGreaterThan(10)
    expect(names.filter((each) => !metrics.has(each) && !labels.has(each))).toEqual([])
  })
})

test('the page lists every metric', () => {
  const page = read('docs/observability/README.md')
  const names = [...new Set(points.map((point) => point.name))]
  expect(names.filter((metric) => !page.includes(`\`${metric}\``))).toEqual([])
})

test('the page lists every variable that is read', () => {
  const page = read('docs/observability/README.md')
  const source = read('src/inputs/telemetry.ts')
  const variables = source.match(/(?<=env\[')(?:OTEL|TRACE)\w+(?='\])/g) ?? []
  const parts = source.match(/(?<=variable\(')\w+(?='\))/g)?.map((part) => `OTEL_EXPORTER_OTLP_${part}`) ?? []
  expect(parts.length).toBeGreaterThan(4)
  expect([...variables, ...parts].filter((variable) => !page.includes(variable))).toEqual([])
})
