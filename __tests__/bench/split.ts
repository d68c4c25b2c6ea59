import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { asRecord, asText } from '../../src/lib/json.ts'
import { farmInputs, farmJob } from '../e2e/harness.ts'
import type { Farm } from '../farm/farm.ts'
import { benchApp, releaseFile } from './app.ts'
import { alternate, pairRounds, type Benchmark } from './compare.ts'
import { createBuilder, manualEnv, removeBuilder, runDocker } from './manual.ts'
import { now } from './measure.ts'

const jobs = { amd: 'linux/amd64', arm: 'linux/arm64' } as const
type JobName = keyof typeof jobs
const jobNames = Object.keys(jobs) as JobName[]

/** Milliseconds: the slower of the build jobs, and the job that merges. */
interface MeasuredSplit {
  readonly build: number
  readonly merge: number
}

interface Release {
  readonly image: string
  readonly files: Readonly<Record<string, string>>
  readonly tag: string
}

/**
 * The second release of a split build: a job per platform at the same time, each with a node of its own in place of a
 * hosted runner, and a job that merges. By hand, the transfer of the digests from job to job is not counted.
 */
export async function measureSplit(farm: Farm, scratch: string, rounds: number): Promise<Benchmark> {
  const methods = { action: splitByAction, other: splitByHand } as const
  const measure = async (method: keyof typeof methods, round: number) => {
    const image = `${farm.registry.host}/bench/split-${method}-${round}`
    const files = benchApp(farm)
    const release = async (tag: string, text: string) => {
      await Promise.all(Object.values(farm.nodes).map((node) => node.wipe()))
      const dir = mkdtempSync(join(scratch, 'split-'))
      return await methods[method](farm, dir, { image, tag, files: { ...files, [releaseFile]: `${text}\n` } })
    }
    await release('1.0.1', '1')
    return await release('1.0.2', '2')
  }
  const { action, other } = await alternate(rounds, {
    action: (round) => measure('action', round),
    other: (round) => measure('other', round),
  })
  const by = 'build by digest, `imagetools create` and `inspect`'
  const row = (title: string, read: (measured: MeasuredSplit) => number) =>
    ({ title, other: by, unit: 's', rounds: pairRounds(action.map(read), other.map(read)) }) as const
  return {
    details: '',
    comparisons: [
      row('split build, second release', ({ build, merge }) => build + merge),
      row('of it the build jobs', ({ build }) => build),
      row('of it the job that merges', ({ merge }) => merge),
    ],
  }
}

async function splitByAction(farm: Farm, _: string, { image, files, tag }: Release): Promise<MeasuredSplit> {
  const runId = String(Date.now() * 1000)
  const began = now()
  await Promise.all(
    jobNames.map(async (name) => {
      const job = farmJob(farm, { runId, files })
      try {
        const nodes = `${jobs[name]} = ${farm.nodes[name].endpoint}`
        assertOk(await job.main(farmInputs(farm, { image, nodes, platforms: jobs[name], partial: 'true' })))
        assertOk(await job.post())
      } finally {
        job.end()
      }
    }),
  )
  const built = now()
  const job = farmJob(farm, { runId })
  try {
    assertOk(await job.merge({ image, platforms: Object.values(jobs).join('\n'), tags: tag }))
    assertOk(await job.post())
  } finally {
    job.end()
  }
  return { build: built - began, merge: now() - built }
}

function assertOk({ code, log }: { readonly code: number; readonly log: string }): void {
  if (code !== 0) throw new Error(log)
}

async function splitByHand(farm: Farm, dir: string, release: Release): Promise<MeasuredSplit> {
  const { image, tag } = release
  const began = now()
  const digests = await Promise.all(jobNames.map((name) => buildByHand(farm, join(dir, name), name, release)))
  const built = now()
  const own = join(dir, 'merge')
  mkdirSync(own)
  const env = manualEnv(farm, own)
  const target = `${image}:${tag}`
  await runDocker(farm, env, [
    'imagetools',
    'create',
    '--tag',
    target,
    ...digests.map((digest) => `${image}@${digest}`),
  ])
  await runDocker(farm, env, ['imagetools', 'inspect', target])
  return { build: built - began, merge: now() - built }
}

/** One job: a builder, a build with a cache of its own that pushes by digest. @returns the digest */
async function buildByHand(farm: Farm, dir: string, name: JobName, { image, files }: Release): Promise<string> {
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, 'app', file)), { recursive: true })
    writeFileSync(join(dir, 'app', file), text)
  }
  const env = manualEnv(farm, dir)
  const metadata = join(dir, 'metadata.json')
  const cache = `type=registry,ref=${image}:buildcache-${name}`
  await createBuilder(farm, env, 'by-hand', [name])
  try {
    await runDocker(farm, env, [
      'build',
      ...['--builder', 'by-hand', '--platform', jobs[name], '--metadata-file', metadata, '--progress=rawjson'],
      ...['--output', `type=image,name=${image},push-by-digest=true,push=true`],
      ...['--cache-from', cache, '--cache-to', `${cache},mode=max`],
      join(dir, 'app'),
    ])
  } finally {
    await removeBuilder(farm, env, 'by-hand')
  }
  return asText(asRecord(JSON.parse(readFileSync(metadata, 'utf8')))['containerimage.digest'])
}
