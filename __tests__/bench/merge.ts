import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import type { Farm } from '../farm/farm.ts'
import { farmInputs, farmJob, storedTags } from '../e2e/harness.ts'
import type { Job } from '../e2e/runner.ts'
import { manualEnv, runDocker } from './manual.ts'
import { now, readProcessorTime } from './measure.ts'

/** One merge of all variants and platforms, by the action and by commands. Milliseconds. */
export interface MeasuredMerge {
  readonly action: number
  readonly imagetools: number
  /** Processor time. */
  readonly actionWork: number
  readonly imagetoolsWork: number
  /** The post step, which deletes the parts; the commands leave them. */
  readonly post: number
}

const variants = ['a', 'b', 'c', 'd']
const platforms = ['linux/amd64', 'linux/386', 'linux/arm64']

/** Merges the parts of a split build by the action and by `imagetools create` and `inspect` per tag, in turns. */
export async function measureMerges(farm: Farm, scratch: string, rounds: number): Promise<MeasuredMerge[]> {
  const measured: MeasuredMerge[] = []
  for (let round = 1; round <= rounds; round++) {
    const image = `${farm.registry.host}/bench/merge-${round}-${Date.now()}`
    const runId = String(Date.now() * 1000)
    await pushParts(farm, image, runId)
    const tags = await storedTags(farm, image)
    const job = farmJob(farm, { runId })
    try {
      const byHand = async () => await measure(() => mergeByHand(farm, scratch, image, tags))
      const byAction = async () => await measure(() => mergeByAction(job, image))
      const [hand, action] =
        round % 2 === 1 ? [await byHand(), await byAction()] : (await turned(byAction, byHand)).reverse()
      const post = await measure(async () => assertOk(await job.post()))
      if (!hand || !action) throw new Error('a turn is missing')
      measured.push({
        action: action.took,
        imagetools: hand.took,
        actionWork: action.work,
        imagetoolsWork: hand.work,
        post: post.took,
      })
    } finally {
      job.end()
    }
  }
  return measured
}

interface Turn {
  readonly took: number
  readonly work: number
}

async function turned(...turns: readonly (() => Promise<Turn>)[]): Promise<Turn[]> {
  const results: Turn[] = []
  for (const turn of turns) results.push(await turn())
  return results
}

async function measure(work: () => Promise<unknown>): Promise<Turn> {
  const [began, before] = [now(), readProcessorTime()]
  await work()
  return { took: now() - began, work: readProcessorTime() - before }
}

async function pushParts(farm: Farm, image: string, runId: string): Promise<void> {
  const files = {
    Dockerfile: 'FROM scratch\nARG VARIANT\nLABEL variant=$VARIANT\nCOPY app.txt /\n',
    'app.txt': 'app\n',
  }
  const job = farmJob(farm, { runId, files })
  try {
    assertOk(
      await job.main(
        farmInputs(farm, {
          image,
          partial: 'true',
          cache: 'off',
          nodes: `linux/amd64,linux/386 = ${farm.nodes.amd.endpoint}\nlinux/arm64 = ${farm.nodes.arm.endpoint}`,
          variants: variants.map((name) => `${name}: {build-args: VARIANT=${name}}`).join('\n'),
        }),
      ),
    )
    assertOk(await job.post())
  } finally {
    job.end()
  }
}

async function mergeByAction(job: Job, image: string): Promise<void> {
  assertOk(await job.merge({ image, platforms: platforms.join('\n'), variants: variants.join('\n'), tags: '1.0.0' }))
}

function assertOk({ code, log }: { readonly code: number; readonly log: string }): void {
  if (code !== 0) throw new Error(`the merge failed:\n${log}`)
}

async function mergeByHand(farm: Farm, scratch: string, image: string, tags: readonly string[]): Promise<void> {
  const env = manualEnv(farm, mkdtempSync(join(scratch, 'merge-')))
  const imagetools = async (...args: string[]) => await runDocker(farm, env, ['imagetools', ...args])
  for (const variant of variants) {
    const parts = tags.filter((tag) => tag.startsWith('build-') && tag.endsWith(`-${variant}`))
    if (parts.length !== platforms.length) throw new Error(`the parts of ${variant}: ${tags.join(' ')}`)
    const target = `${image}:hand-${variant}`
    await imagetools('create', '--tag', target, ...parts.map((tag) => `${image}:${tag}`))
    await imagetools('inspect', target)
  }
}
