import { createHash, randomBytes } from 'node:crypto'
import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import type { Farm } from '../farm/farm.ts'
import { startRegistry2, type Registry2 } from '../farm/tools/registry2/registry2.ts'
import { farmJob } from '../e2e/harness.ts'
import { content, openHands, type Content } from '../unit/packages/oci/images.ts'
import { watchMemory } from './action.ts'
import { manualEnv, runDocker } from './manual.ts'
import { now, readProcessorTime } from './measure.ts'

/** One copy of an image with a layer of 200 MB. Times in milliseconds, memory in MB. */
export interface MeasuredCopy {
  readonly action: number
  readonly imagetools: number
  /** Processor time of the same; a machine that does other work at the time lengthens it far less. */
  readonly actionWork: number
  readonly imagetoolsWork: number
  readonly memory: number
}

export const copyKinds = ['between registries', 'within one registry'] as const
export type CopyKind = (typeof copyKinds)[number]

const layerSize = 200_000_000
const repository = 'bench/source'

/** Copies an image by the action and by `imagetools create`, in turns, each time to a new repository. */
export async function measureCopies(
  farm: Farm,
  scratch: string,
  rounds: number,
): Promise<Record<CopyKind, MeasuredCopy[]>> {
  const [source, target] = await Promise.all([startRegistry2(farm.dir), startRegistry2(farm.dir)])
  const measured: Record<CopyKind, MeasuredCopy[]> = { 'between registries': [], 'within one registry': [] }
  try {
    await pushLargeImage(source)
    const from = `${source.host}/${repository}:1`
    for (let round = 1; round <= rounds; round++)
      for (const kind of copyKinds) {
        const { host } = kind === 'within one registry' ? source : target
        const to = (method: string) => `${host}/bench/${method}-${round}:1`
        const turns = [() => copyByAction(farm, from, to('action')), () => copyByHand(farm, scratch, from, to('hand'))]
        const results: Partial<MeasuredCopy> = {}
        for (const turn of round % 2 === 1 ? turns : turns.reverse()) Object.assign(results, await turn())
        measured[kind].push(results as MeasuredCopy)
      }
  } finally {
    await Promise.all([source.stop(), target.stop()])
  }
  return measured
}

async function pushLargeImage({ host }: Registry2): Promise<void> {
  const bytes = randomBytes(layerSize)
  const layer: Content = {
    bytes,
    digest: `sha256:${createHash('sha256').update(bytes).digest('hex')}`,
    mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
  }
  const config = content('{"os":"linux","architecture":"amd64"}', 'application/vnd.oci.image.config.v1+json')
  const [described, layers] = [config, layer].map(({ mediaType, digest, bytes: { length } }) => ({
    mediaType,
    digest,
    size: length,
  }))
  const mediaType = 'application/vnd.oci.image.manifest.v1+json'
  const index = content(JSON.stringify({ schemaVersion: 2, mediaType, config: described, layers: [layers] }), mediaType)
  await openHands(host, repository).push({ index, children: [], intermediates: [], blobs: [config, layer] }, ['1'])
}

async function copyByAction(farm: Farm, from: string, to: string): Promise<Partial<MeasuredCopy>> {
  const job = farmJob(farm)
  try {
    const [began, before] = [now(), readProcessorTime()]
    const running = job.startCopy({ from, to })
    const memory = watchMemory(running)
    const result = await running.result
    const action = now() - began
    if (result.code !== 0) throw new Error(`copy failed:\n${result.log}`)
    return { action, actionWork: readProcessorTime() - before, memory: memory() }
  } finally {
    job.end()
  }
}

async function copyByHand(farm: Farm, scratch: string, from: string, to: string): Promise<Partial<MeasuredCopy>> {
  const env = manualEnv(farm, mkdtempSync(join(scratch, 'imagetools-')))
  const [began, before] = [now(), readProcessorTime()]
  await runDocker(farm, env, ['imagetools', 'create', '--tag', to, from])
  return { imagetools: now() - began, imagetoolsWork: readProcessorTime() - before }
}
