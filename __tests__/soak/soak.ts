// npm run soak [-- --kills N] [--seed S]: kills main or post at random moments on a farm of its own. After the post
// step, one garbage collection and one cleanup nothing may be left. A failure is reported with the seed and the case
// that reproduce it.
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { EngineClient } from '../../src/nodes/engine/client.ts'
import { startPlatformApi, type PlatformApi } from '../e2e/platform-api.ts'
import type { Job } from '../e2e/runner.ts'
import {
  waitFor,
  farmInputs,
  farmJob,
  freshImage,
  oneNodeInputs,
  processesMentioning,
  mapConcurrently,
  storedTags,
} from '../e2e/harness.ts'
import { startFarm, type Farm } from '../farm/farm.ts'
import { mix, seeded } from '../ghcr/random.ts'
import { describeCase, drawCase, runCase, type Case, type Usual } from './case.ts'

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '200' },
    seed: { type: 'string' },
    batch: { type: 'string', default: '12' },
  },
})
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31))
const kills = Number(values.kills)
const batchSize = Number(values.batch)

interface Setup {
  readonly farm: Farm
  readonly platformApi: PlatformApi
  /** The runner's temporary directory, which all jobs share. */
  readonly temp: string
  /** The payload of a pull request of the repository itself, which may keep daemons. */
  readonly event: string
}

function open({ farm, platformApi, temp, event }: Setup): Job {
  const files = {
    Dockerfile: `FROM ${farm.images.base}\nRUN head -c 2000000 /dev/urandom > /some\nRUN echo talking; sleep 0.4\n`,
  }
  return farmJob(farm, {
    files,
    event: 'pull_request',
    env: { RUNNER_TEMP: temp, GITHUB_API_URL: platformApi.url, GITHUB_EVENT_PATH: event },
  })
}

function inputsOf(
  { farm }: Setup,
  image: string,
  { nodes, keep }: Pick<Case, 'nodes' | 'keep'>,
): Record<string, string> {
  const more = { image, 'github-token': 'a-token', ...(keep && { 'keep-builder': 'true' }) }
  return nodes === 'one' ? oneNodeInputs(farm, more) : farmInputs(farm, more)
}

async function runBatch(setup: Setup, cases: readonly Case[], usual: Usual): Promise<string[]> {
  const images: string[] = []
  const outcomes = await mapConcurrently(
    cases,
    async (one) => {
      const image = freshImage(setup.farm)
      images.push(image)
      const job = open(setup)
      const { problems } = await runCase(one, job, inputsOf(setup, image, one), usual)
      setup.platformApi.finish(job.runId)
      const home = readdirSync(job.home).map((name) => `${name} in HOME`)
      job.end()
      return [...problems, ...home].map((text) => `${describeCase(one)}: ${text}`)
    },
    3,
  )
  // A runner ends what a killed step leaves running before it takes the next job.
  await waitFor('the end of the killed builds', () =>
    processesMentioning(setup.temp).every((line) => !line.includes('--metadata-file')),
  )
  await collectGarbage(setup, images)
  return [...outcomes.flat(), ...(await listLeftovers(setup, images))]
}

/** A later run and the cleanup action, as every repository that uses the action has them. */
async function collectGarbage(setup: Setup, images: readonly string[]): Promise<void> {
  const job = open(setup)
  const main = await job.main({
    ...inputsOf(setup, freshImage(setup.farm), { nodes: 'two', keep: false }),
    push: 'false',
  })
  const post = await job.post()
  // A repository to which a killed run has pushed nothing does not exist, which is an error of the cleanup.
  const existing = await mapConcurrently(images, async (image) => ((await isStored(setup, image)) ? [image] : []))
  const cleanup = await job.cleanup({
    image: existing.flat().join('\n'),
    'github-token': 'a-token',
    'older-than': '10 minutes',
    untagged: 'true',
    'dry-run': 'false',
    'packages-api': 'auto',
  })
  for (const { code, log } of [main, post, cleanup])
    if (code !== 0) throw new Error(`the garbage collection failed:\n${log}`)
  job.end()
}

async function isStored({ farm }: Setup, image: string): Promise<boolean> {
  const path = image.slice(farm.registry.host.length + 1)
  return (await fetch(`http://${farm.registry.host}/v2/${path}/tags/list`)).ok
}

async function listLeftovers({ farm, temp }: Setup, images: readonly string[]): Promise<string[]> {
  const engines = [...Object.entries(farm.nodes), ['local', farm.local] as const]
  const onNodes = await Promise.all(
    engines.map(async ([name, engine]) =>
      [
        ...(await engine.containers()).map((container) => ({ what: container.name, state: container.state })),
        ...(await engine.volumes()).map((what) => ({ what, state: '' })),
      ].map((one) => ({ ...one, name })),
    ),
  )
  const stays = ({ what, state }: { readonly what: string; readonly state: string }) =>
    /mab-keep-.*(?:_state|_used_\d+|[0-9a-f]{8})$/.test(what) && state !== 'created'
  const tags = await Promise.all(
    images.map(async (image) =>
      (await storedTags(farm, image))
        .filter((tag) => !tag.startsWith('buildcache-'))
        .map((tag) => `tag ${image}:${tag}`),
    ),
  )
  return [
    ...onNodes
      .flat()
      .filter((one) => !stays(one))
      .map(({ what, state, name }) => `${what} ${state} on ${name}`),
    ...readdirSync(temp).map((name) => `${name} on the runner: ${readdirSync(join(temp, name)).join(', ')}`),
    ...processesMentioning(temp).map((line) => `process ${line}`),
    ...tags.flat(),
  ]
}

async function measure(setup: Setup): Promise<Usual> {
  const once = async () => {
    const job = open(setup)
    const main = await job.main(inputsOf(setup, freshImage(setup.farm), { nodes: 'one', keep: false }))
    const post = await job.post()
    job.end()
    return { main: main.took, post: post.took }
  }
  await once()
  // As slow as it is when three run at once.
  const [one, ...others] = await Promise.all([once(), once(), once()])
  return others.reduce(
    (longest, next) => ({ main: Math.max(longest.main, next.main), post: Math.max(longest.post, next.post) }),
    one,
  )
}

async function removePersistentBuilders({ farm }: Setup): Promise<void> {
  for (const engine of Object.values(farm.nodes)) {
    for (const { name } of await engine.containers())
      await new EngineClient(engine.dockerSocket, 20_000).removeContainer(name)
    for (const name of await engine.volumes()) await new EngineClient(engine.dockerSocket, 20_000).removeVolume(name)
  }
}

async function soak(): Promise<number> {
  console.log(`${kills} runs, most of them cut off; repeat with --seed ${seed}`)
  const began = performance.now()
  const dir = mkdtempSync(join(tmpdir(), 'soak-'))
  const setup: Setup = {
    farm: await startFarm(),
    platformApi: await startPlatformApi(),
    temp: mkdtempSync(join(dir, 't-')),
    event: join(dir, 'event.json'),
  }
  writeFileSync(setup.event, JSON.stringify({ pull_request: { head: { repo: { full_name: 'acme/app' } } } }))
  let failed = 0
  try {
    const usual = await measure(setup)
    console.log(`usually main takes ${Math.round(usual.main)} ms, post ${Math.round(usual.post)} ms`)
    const cases = Array.from({ length: kills }, (_, at) => drawCase(at, seeded(mix(seed, at))))
    for (let at = 0; at < cases.length; at += batchSize) {
      const batch = cases.slice(at, at + batchSize)
      const problems = await runBatch(setup, batch, usual)
      failed += problems.length
      console.log(
        `${at + batch.length} of ${kills}: ` +
          (problems.length === 0
            ? 'nothing left'
            : `LEFT (seed ${seed}):\n${problems.join('\n')}\nafter\n${batch.map(describeCase).join('\n')}`),
      )
      // Leftovers must not be reported again for the next batch.
      if (problems.length > 0) await removePersistentBuilders(setup)
    }
  } finally {
    await setup.farm.stop()
    setup.platformApi.close()
    rmSync(dir, { recursive: true, force: true })
  }
  console.log(
    (failed === 0 ? `${kills} runs: nothing left` : 'FAILED') +
      ` (${Math.round((performance.now() - began) / 1000)} s)`,
  )
  return failed === 0 ? 0 : 1
}

process.exit(await soak())
