import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EngineClient } from '../../src/nodes/engine/client.ts'
import { startPlatformApi, type PlatformApi } from './platform-api.ts'
import type { Job } from './runner.ts'
import { waitFor, freshImage, leftovers, oneNodeInputs, processesMentioning, type Farm } from './harness.ts'
import { useFarm } from './setup.ts'

const setup = useFarm()
let farm: Farm
let platformApi: PlatformApi
let temp: string

beforeAll(async () => {
  farm = setup.farm
  platformApi = await startPlatformApi()
  temp = mkdtempSync(join(tmpdir(), 'host-'))
})
afterAll(() => {
  platformApi.close()
  rmSync(temp, { recursive: true, force: true })
})

function open(env: Readonly<Record<string, string>> = {}, seconds = 6): Job {
  const files = { Dockerfile: `FROM ${farm.images.base}\nRUN echo talking; sleep ${seconds}\n` }
  return setup.job({ files, env: { RUNNER_TEMP: temp, GITHUB_API_URL: platformApi.url, ...env } })
}

const inputs = () => oneNodeInputs(farm, { push: 'false', image: freshImage(farm), 'github-token': 'a-token' })
const onNode = async () => (await farm.nodes.amd.containers()).map(({ name }) => name)
const of = (names: readonly string[], job: Job) => names.filter((name) => name.includes(`-${job.runId}-1-0`))

/** Kills main during the build; no post step runs, as if the machine was lost. */
async function killMain(job: Job): Promise<string> {
  const running = job.start(inputs())
  await running.waitForOutput(/\] talking/)
  running.process.kill('SIGKILL')
  return (await running.result).state['dir'] ?? ''
}

test('a run removes leftovers of finished runs from nodes and runner, not those of active or other runs', async () => {
  const [finished, elsewhere, waiting, next] = [
    open(),
    open({ GITHUB_REPOSITORY: 'acme/other' }),
    open({}, 1),
    open(),
  ] as const
  const engine = farm.nodes.amd.dockerSocket
  const today = new Date().toISOString().slice(0, 10).replaceAll('-', '')
  const foreign = [
    'buildx_buildkit_mine0_state',
    'buildx_buildkit_mab-keep-01234567-trusted-01234567_state',
    `buildx_buildkit_mab-keep-01234567-trusted-01234567_used_${today}`,
  ]
  const unused = [
    'buildx_buildkit_mab-keep-01234567-pr-01234567_state',
    'buildx_buildkit_mab-keep-01234567-pr-01234567_used_20200101',
  ]
  for (const name of [...foreign, ...unused]) await new EngineClient(engine, 10_000).createVolume(name)
  const [deadDir, elsewhereDir, main] = await Promise.all([
    killMain(finished),
    killMain(elsewhere),
    waiting.main({ ...inputs(), use: 'true' }),
  ])
  expect([main.code, main.log]).toEqual([0, main.log])
  expect(of(await onNode(), finished)).toHaveLength(1)
  await waitFor('the end of the killed builds', () => processesMentioning(temp).every((line) => !line.includes('bake')))

  platformApi.finish(finished.runId)
  const healthy = await next.main(inputs())
  expect([healthy.code, healthy.log]).toEqual([0, healthy.log])
  expect(healthy.log).toMatch(
    new RegExp(`Removed leftovers of finished runs on \\S+: .*mab-[0-9a-f]{10}-[0-9a-f]{8}-${finished.runId}-1-0`),
  )
  const names = await onNode()
  expect([finished, elsewhere, waiting].map((job) => of(names, job).length)).toEqual([0, 1, 1])
  const volumes = await farm.nodes.amd.volumes()
  expect(volumes).toEqual(expect.arrayContaining(foreign))
  expect(volumes.filter((name) => unused.includes(name) || name.includes(`-${finished.runId}-`))).toEqual([])
  // Only runs of the same repository are queried.
  expect(new Set(platformApi.requests)).toEqual(
    new Set([finished, waiting].map(({ runId }) => `/repos/acme/app/actions/runs/${runId}`)),
  )

  const post = await next.post()
  expect([post.code, post.warnings, post.log]).toEqual([0, [], post.log])
  expect(post.log).toContain(`Removed leftovers of finished runs on this runner: ${deadDir}.`)
  expect(
    [deadDir, elsewhereDir, main.state['dir'] ?? ''].map((dir) => [
      existsSync(dir),
      processesMentioning(`${dir}/`).length > 0,
    ]),
  ).toEqual([
    [false, false],
    [true, true],
    [true, true],
  ])

  // A runner that deletes its directories leaves agents behind.
  rmSync(elsewhereDir, { recursive: true })
  // Any post step on this host may remove it.
  expect((await waiting.post()).code).toBe(0)
  expect(processesMentioning(temp)).toEqual([])

  await new EngineClient(engine, 10_000).removeContainer(of(names, elsewhere)[0] ?? '')
  for (const name of [...foreign, `${of(names, elsewhere)[0] ?? ''}_state`])
    await new EngineClient(engine, 10_000).removeVolume(name)
  for (const job of setup.jobs) expect(await leftovers(farm, job)).toEqual([])
}, 90_000)

test('a run that fails at once waits for the removal, because leftovers may fill the node', async () => {
  const finished = open()
  await killMain(finished)
  await waitFor('the end of the killed build', () => processesMentioning(temp).every((line) => !line.includes('bake')))
  platformApi.finish(finished.runId)
  const failing = setup.job({
    files: { Dockerfile: `FROM ${farm.images.base}\nRUN false\n` },
    env: { RUNNER_TEMP: temp, GITHUB_API_URL: platformApi.url },
  })
  const main = await failing.main(inputs())
  expect([main.code, main.errors]).toEqual([1, [expect.stringContaining('RUN false failed')]])
  expect(main.log).toMatch(new RegExp(`Removed leftovers of finished runs on \\S+: .*-${finished.runId}-1-0`))
  await failing.post()
  for (const job of [finished, failing]) expect(await leftovers(farm, job)).toEqual([])
})
