import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseSolveStatus } from '../../src/buildx/solve-status.ts'
import { farmJob, oneNodeInputs } from '../e2e/harness.ts'
import type { Job } from '../e2e/runner.ts'
import type { Farm } from '../farm/farm.ts'
import { alternate, pairRounds, type Benchmark } from './compare.ts'
import { createBuilder, manualEnv, runDocker } from './manual.ts'
import { now } from './measure.ts'

/** Bytes. */
const size = 62_000_000
/** Bytes of an unchanged context that a persistent builder may receive. */
const goal = 1000

interface Upload {
  readonly bytes: number
  readonly took: number
}

const dockerfile = (farm: Farm, round: number) => `FROM ${farm.images.base}\nCOPY data /data\nRUN echo ${round}\n`

/** Builds a kept workspace of 62 MB again, with a BuildKit that has received it before. */
export async function measureContext(farm: Farm, scratch: string, rounds: number): Promise<Benchmark> {
  await farm.nodes.amd.wipe()
  const data = randomBytes(size)
  const job = farmJob(farm, { files: { Dockerfile: '' } })
  writeFileSync(join(job.workspace, 'data'), data)
  const manual = mkdtempSync(join(scratch, 'context-'))
  mkdirSync(join(manual, 'app'))
  writeFileSync(join(manual, 'app/data'), data)
  const byAction = (round: number) => uploadByAction(farm, job, round)
  const byHand = (round: number) => uploadManually(farm, manual, round)
  try {
    // The first upload of each has everything.
    for (const upload of [byAction, byHand])
      if (!((await upload(0)).bytes >= size)) throw new Error('the bytes of the first upload are not known')
    const { action, other } = await alternate(rounds, { action: byAction, other: byHand })
    const column = (results: readonly Upload[], key: keyof Upload) => results.map((result) => result[key])
    const by = { other: 'buildx in a fresh configuration, same builder' }
    const title = `unchanged context of ${size / 1e6} MB`
    const bytes = pairRounds(column(action, 'bytes'), column(other, 'bytes'))
    const times = pairRounds(column(action, 'took'), column(other, 'took'))
    return {
      details: '',
      comparisons: [
        { title: `${title}: bytes`, ...by, unit: 'B', rounds: bytes, goal: { kind: 'action', most: goal } },
        { title: `${title}: time`, ...by, unit: 's', rounds: times },
      ],
    }
  } finally {
    job.end()
  }
}

async function uploadByAction(farm: Farm, job: Job, round: number): Promise<Upload> {
  writeFileSync(join(job.workspace, 'Dockerfile'), dockerfile(farm, round))
  const image = `${farm.registry.host}/bench/context-action`
  const began = now()
  const inputs = { image, tags: 'latest', cache: 'off', 'keep-builder': 'true' }
  const { code, log, outputs } = await job.main(oneNodeInputs(farm, inputs))
  if (code !== 0) throw new Error(log)
  const post = await job.post()
  if (post.code !== 0) throw new Error(post.log)
  const [result] = JSON.parse(outputs['results'] ?? '[]') as [Results?]
  return { bytes: result?.targets[0]?.bytes.context ?? NaN, took: now() - began }
}

interface Results {
  readonly targets: readonly { readonly bytes: { readonly context: number | null } }[]
}

/** As in a job: a new configuration of buildx, and a container that an earlier job left on the node. */
async function uploadManually(farm: Farm, dir: string, round: number): Promise<Upload> {
  const env = manualEnv(farm, mkdtempSync(join(dir, 'job-')))
  writeFileSync(join(dir, 'app/Dockerfile'), dockerfile(farm, round))
  const image = `${farm.registry.host}/bench/context-manual:latest`
  const began = now()
  await createBuilder(farm, env, 'kept', ['amd'])
  const options = ['--builder', 'kept', '--provenance=false', '--push', '--tag', image, '--progress=rawjson']
  const progress = await runDocker(farm, env, ['build', ...options, join(dir, 'app')])
  const took = now() - began
  const sizes = new Map<string, number>()
  for (const line of progress.split('\n'))
    for (const { vertex, id, current } of parseSolveStatus(line)?.statuses ?? [])
      if (id.startsWith('transferring ')) sizes.set(`${vertex} ${id}`, current)
  return { bytes: [...sizes.values()].reduce((sum, bytes) => sum + bytes, 0), took }
}
