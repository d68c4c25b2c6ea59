import { expect } from '@jest/globals'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Job, StepResult } from './runner.ts'
import { freshImage, storedIndex, storedTags, waitFor, type Farm } from './harness.ts'

interface Target {
  readonly platform: string
  readonly digest: string
  readonly node: string
  readonly test: { readonly output: string } | null
  readonly steps: { readonly total: number; readonly cached: number }
}

interface Result {
  readonly variant: string
  readonly targets: readonly Target[]
}

/** The output `results` of a build. */
export const resultsOf = ({ outputs }: StepResult) => JSON.parse(outputs['results'] ?? '[]') as readonly Result[]

/** `uname -m` of a machine of each platform. */
const machines = { 'linux/amd64': 'x86_64', 'linux/arm64': 'aarch64' }

/** The tags and digests with which manifests were pushed after the first `since` requests. */
async function pushedManifests(farm: Farm, since: number): Promise<readonly string[]> {
  return (await farm.registry.requests())
    .slice(since)
    .filter(({ method, path }) => method === 'PUT' && path.includes('/manifests/'))
    .map(({ path }) => path.split('/').at(-1) ?? '')
}

/** The digests of all indexes that were pushed by digest after the first `since` requests, and are still stored. */
export async function untaggedIndexes(farm: Farm, image: string, since: number): Promise<readonly string[]> {
  const digests = (await pushedManifests(farm, since)).filter((reference) => reference.startsWith('sha256:'))
  const stored = await Promise.all(digests.map(async (digest) => await storedIndex(farm, image, digest)))
  return digests.filter((_, index) => (stored[index]?.manifests.length ?? 0) > 0)
}

/** Adds a stage that fails for the third release; the image is built without it. */
function addTestStage({ workspace }: Job): void {
  const path = join(workspace, 'Dockerfile')
  const [from = '', ...lines] = readFileSync(path, 'utf8').split('\n')
  const stage = 'RUN echo "unit tests of $(cat /app.log) on $(uname -m)" && test "$(cat /app.log)" != "release 3"'
  writeFileSync(path, [`${from} AS app`, ...lines, 'FROM app AS unit', stage, 'FROM app', ''].join('\n'))
}

/**
 * Builds two releases with the same tag. The images of the first one pass their tests on every platform, that of the
 * second one fails on the last platform: its run must leave the tag and the registry as they were.
 *
 * @param job has the files of the app
 * @returns the steps of both releases
 */
export async function releaseTwice(
  farm: Farm,
  job: Job,
  platforms: readonly (keyof typeof machines)[],
  inputs: Readonly<Record<string, string>>,
): Promise<readonly StepResult[]> {
  const image = freshImage(farm)
  addTestStage(job)
  const release = async (text: string, test: string) => {
    writeFileSync(join(job.workspace, 'app.txt'), `${text}\n`)
    // Two kinds of nodes may reach the same daemon, which has the stage of the other one.
    const staged = { 'test-target': 'unit', 'no-cache-filters': 'unit' }
    // A push that is cancelled may end after its node has lost the connection, which no journal knows.
    const whole = { 'fail-fast': 'false' }
    const main = await job.main({ cache: 'off', ...inputs, image, tags: 'v1', ...staged, ...whole, test })
    return { main, post: await job.post() }
  }
  const tags = async () =>
    await Promise.all(
      (await storedTags(farm, image)).map(async (tag) => [tag, (await storedIndex(farm, image, tag))?.digest]),
    )

  const first = await release('release 1', 'cat /app.log; uname -m')
  expect([first.main.code, first.main.log]).toEqual([0, first.main.log])
  expect(resultsOf(first.main)[0]?.targets.map(({ platform, test }) => [platform, test?.output])).toEqual(
    platforms.map((platform) => [platform, `release 1\n${machines[platform]}\n`]),
  )
  for (const platform of platforms)
    expect(first.main.log).toMatch(new RegExp(`${platform} .*unit tests of release 1 on ${machines[platform]}\n`))
  const before = await tags()
  expect(before).toEqual([['v1', first.main.outputs['digest']]])

  const last = platforms.at(-1) ?? 'linux/amd64'
  const since = (await farm.registry.requests()).length
  const second = await release('release 2', `cat /app.log; test "$(uname -m)" != ${machines[last]}`)
  expect([second.main.code, second.main.errors]).toEqual([1, [`The test of ${last} failed with exit code: 1`]])
  expect(second.main.log).toMatch(/ {2}\| release 2\nNo tag was updated/)
  expect(await tags()).toEqual(before)
  expect(await untaggedIndexes(farm, image, since)).toEqual([])
  // Only a node whose images all passed may push them, by digest.
  expect(platforms.length > 1 ? [] : await pushedManifests(farm, since)).toEqual([])
  for (const { post } of [first, second]) expect([post.code, post.warnings]).toEqual([0, []])
  return [first.main, first.post, second.main, second.post]
}

/** After `releaseTwice`: a stage that fails. */
export async function expectFailingStage(
  farm: Farm,
  job: Job,
  inputs: Readonly<Record<string, string>>,
): Promise<void> {
  const image = freshImage(farm)
  writeFileSync(join(job.workspace, 'app.txt'), 'release 3\n')
  const main = await job.main({ cache: 'off', ...inputs, image, tags: 'v1', 'test-target': 'unit' })
  expect([main.code, main.errors]).toEqual([
    1,
    [expect.stringMatching(/^linux\/amd64: .*RUN echo.* failed: exit code: 1$/)],
  ])
  expect(main.log).toMatch(/unit tests of release 3 on x86_64/)
  expect(await storedTags(farm, image)).toEqual([])
  const post = await job.post()
  expect([post.code, post.warnings]).toEqual([0, []])
}

/** A test that takes too long ends on a node whose daemon continues to run. `seconds`: of no other test. */
export async function expectTimeout(
  farm: Farm,
  { job, seconds }: { readonly job: Job; readonly seconds: number },
  inputs: Readonly<Record<string, string>>,
): Promise<void> {
  const image = freshImage(farm)
  const slow = { test: `echo waiting; sleep ${seconds}`, 'test-timeout': '2s' }
  const running = job.start({ cache: 'off', ...inputs, ...slow, image, tags: 'v1' })
  const sleeps = async () => {
    const nodes = Object.values(farm.nodes)
    const found = await Promise.all(nodes.map(async (node) => await node.exec(`pgrep -f "[s]leep ${seconds}" || true`)))
    return found.some(({ stdout }) => stdout.trim() !== '')
  }
  await waitFor('the start of the test', sleeps)
  const main = await running.result
  expect([main.code, main.errors]).toEqual([1, ['The test of linux/amd64 did not end within 2.0 s']])
  expect(await storedTags(farm, image)).toEqual([])
  const post = await job.post()
  expect([post.code, post.warnings]).toEqual([0, []])
  await waitFor('the end of the test', async () => !(await sleeps()))
}
