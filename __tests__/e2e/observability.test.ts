import { beforeAll, describe, expect, test } from '@jest/globals'
import { asRecord } from '../../src/lib/json.ts'
import { schemaErrors } from '../unit/fixtures/results-schema.ts'
import {
  appFiles,
  buildkitdInputs,
  emptyBuildkitds,
  freshImage,
  oneBuildkitdInputs,
  startBuildkitds,
  type Farm,
} from './harness.ts'
import { useFarm } from './setup.ts'
import type { Job, JobOptions, StepResult } from './runner.ts'

// What a run tells about itself; integrations/prometheus.test.ts has its metrics and traces.
const setup = useFarm()
let farm: Farm

/** The post step too: tests after this one find nothing of it on the nodes. */
async function build(job: Job, inputs: Readonly<Record<string, string>>): Promise<StepResult> {
  const main = await job.main(inputs)
  expect((await job.post()).code).toBe(0)
  return main
}

beforeAll(async () => {
  farm = setup.farm
  await startBuildkitds(farm)
}, 1_200_000)

describe('the comparison with the previous run', () => {
  const compared = (summary: string) =>
    /(?:faster|slower|fast) (?:than|as) \[run (\d+)\]\([^)]*\) on `(\S+)`/.exec(summary)
  const plain = (options: JobOptions = {}) => setup.job(options)

  test('names the run before it on its branch, and each platform has its earlier time', async () => {
    const image = freshImage(farm)
    const files = { ...appFiles(farm), 'deps.txt': image }
    const jobs = [plain({ files }), plain({ files }), plain({ files, ref: 'refs/heads/feature' })]
    const results: StepResult[] = []
    for (const job of jobs) results.push(await job.main(buildkitdInputs(farm, { image })))
    expect(results.map(({ code, warnings }) => [code, warnings.filter((text) => !text.includes('emulation'))])).toEqual(
      results.map(() => [0, []]),
    )
    expect(results.map(({ summary }) => compared(summary)?.slice(1))).toEqual([
      undefined,
      [jobs[0]?.runId, 'main'],
      [jobs[1]?.runId, 'main'],
    ])
    expect(results[1]?.summary).toMatch(/\| linux\/arm64 \|.* \| [\d.]+ s, 0 of 4 cached \|/)
    expect(results.flatMap(({ outputs }) => schemaErrors(outputs['results'] ?? ''))).toEqual([])
    expect(results[1]?.outputs['results']).toContain(`"previous":{"runId":"${jobs[0]?.runId}"`)
  })

  test.each([
    ['is hostile', '[{"ref":"refs/heads/main","run":"1](https://evil.example)","seconds":1,"targets":{}}]'],
    ['is not JSON', '\n::error::hostile'],
    ['is huge', 'x'.repeat(1_000_000)],
  ])('content that %s costs only the comparison, and is replaced', async (_, history) => {
    const image = freshImage(farm)
    const inputs = oneBuildkitdInputs(farm, { image })
    expect((await plain().main(inputs)).code).toBe(0)
    const url = `http://${image.replace('/', '/v2/')}/manifests/buildcache-linux-amd64-stats`
    const accept = 'application/vnd.oci.image.manifest.v1+json'
    const stored = asRecord(await (await fetch(url, { headers: { accept } })).json())
    const body = JSON.stringify({ ...stored, annotations: { 'io.github.multiarch-build.history': history } })
    expect((await fetch(url, { method: 'PUT', headers: { 'content-type': accept }, body })).status).toBe(201)
    const job = plain()
    const second = await job.main(inputs)
    expect([second.code, second.warnings, second.errors]).toEqual([0, [], []])
    expect(second.summary + second.log).not.toMatch(/evil|hostile|xxxx| run \d+/)
    const third = await plain().main(inputs)
    expect(compared(third.summary)?.[1]).toBe(job.runId)
  })
})

test('the summary names the first step that no cache served, and why', async () => {
  const image = freshImage(farm)
  const files = appFiles(farm)
  const missed = async (changed: Readonly<Record<string, string>> = {}) => {
    await emptyBuildkitds(farm)
    const job = setup.job({ files: { ...files, ...changed } })
    const { code, summary } = await build(job, oneBuildkitdInputs(farm, { image }))
    return [code, /^#### First step .*\n\n- linux\/amd64: (.*)$/m.exec(summary)?.[1]]
  }
  const copied = 'a file that it copies has changed'
  const dockerfile = files['Dockerfile'] ?? ''
  expect([
    await missed(),
    await missed(),
    await missed({ Dockerfile: dockerfile.replace('cat /app.txt', 'sort /app.txt') }),
    await missed({ 'app.txt': 'release 2\n' }),
    await missed({ 'deps.txt': 'three\n' }),
  ]).toEqual([
    [0, '`[2/5] COPY deps.txt /deps.txt`: no step was cached: the cache does not exist yet or could not be read.'],
    [0, undefined],
    [0, '`[5/5] RUN sort /app.txt > /app.log`: the command, a build argument or a variable before it has changed.'],
    [0, `\`[4/5] COPY app.txt /app.txt\`: ${copied}.`],
    [0, `\`[2/5] COPY deps.txt /deps.txt\`: ${copied}, or the base image is another one.`],
  ])
})

test('a collector that is down does not fail the build, and costs one warning per signal', async () => {
  const job = setup.job()
  const inputs = { image: freshImage(farm), 'otlp-endpoint': 'http://127.0.0.1:1', summary: 'false' }
  const main = await build(job, oneBuildkitdInputs(farm, inputs))
  expect([main.code, main.summary]).toEqual([0, ''])
  expect(main.warnings.filter((warning) => warning.includes('127.0.0.1:1 cannot be reached'))).toHaveLength(2)
})
