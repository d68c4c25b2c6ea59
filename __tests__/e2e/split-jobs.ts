import { expect } from '@jest/globals'
import { farmInputs, leftovers } from './harness.ts'
import type { PackageHost, StoredManifest } from './package-hosts.ts'
import type { Job, JobOptions, StepResult } from './runner.ts'
import type { FarmSetup } from './setup.ts'

export const bothPlatforms = 'linux/amd64,linux/arm64'

let runs = 0
export const newRun = (): string => String(Date.now() * 1000 + runs++)

export interface Split {
  readonly image: string
  readonly runId?: string
  readonly options?: JobOptions
  readonly inputs?: Readonly<Record<string, string>>
  readonly platforms?: readonly string[]
  /** The jobs that fail. */
  readonly failing?: readonly string[]
}

/** The jobs of split builds on a registry, and what they leave there. */
export function splitBuilds(setup: FarmSetup, host: PackageHost) {
  const jobOf = (runId: string, options: JobOptions = {}): Job =>
    setup.job({ ...options, runId, env: { ...host.env, ...options.env } })

  /** One job per platform, each with its post step. */
  async function buildParts(split: Split): Promise<StepResult[]> {
    const { image, runId = newRun(), options, inputs, failing = [] } = split
    const { nodes } = setup.farm
    const endpoints = { 'linux/amd64': nodes.amd.endpoint, 'linux/arm64': nodes.arm.endpoint }
    const platforms = split.platforms ?? Object.keys(endpoints)
    const built = await Promise.all(
      platforms.map(async (platform) => {
        const job = jobOf(runId, options)
        const endpoint = endpoints[platform as keyof typeof endpoints]
        const part = { ...host.inputs, image, partial: 'true', nodes: `${platform} = ${endpoint}`, ...inputs }
        const main = await job.main(farmInputs(setup.farm, part))
        const post = await job.post()
        expect([platform, post.code, post.warnings]).toEqual([platform, 0, []])
        expect([platform, main.code, main.log]).toEqual([platform, failing.includes(platform) ? 1 : 0, main.log])
        return { job, main }
      }),
    )
    // The nodes are shared, so this is checked once every job has ended.
    for (const { job } of built) expect(await leftovers(setup.farm, job)).toEqual([])
    return built.map(({ main }) => main)
  }

  const mergeInputs = (image: string, more: Readonly<Record<string, string>> = {}) => ({
    ...host.inputs,
    image,
    platforms: bothPlatforms,
    ...more,
  })

  async function merge(runId: string, inputs: Readonly<Record<string, string>>, options?: JobOptions) {
    const job = jobOf(runId, options)
    const main = await job.merge(inputs)
    return { job, main }
  }

  /** What a reader of the image sees: platforms, labels, annotations, attestations. */
  async function describeImage(image: string, tag: string): Promise<unknown> {
    const { annotations, manifests = [] } = (await host.read(image, tag)) ?? {}
    const children = manifests.map(async ({ digest, platform, annotations: given = {} }) => {
      const child = await host.read(image, digest)
      return {
        platform,
        types: Object.keys(given),
        annotations: child?.annotations,
        layers: child?.layers?.map(({ mediaType }) => mediaType),
        ...(platform?.os !== 'unknown' && { labels: await labelsOf(image, child) }),
      }
    })
    return { annotations, manifests: await Promise.all(children) }
  }

  async function labelsOf(image: string, manifest: StoredManifest | undefined): Promise<unknown> {
    const { config } = (await host.readBlob(image, manifest?.config?.digest ?? '')) as { config: { Labels: unknown } }
    return config.Labels
  }

  /** Manifests that no tag refers to. */
  async function untagged(image: string): Promise<readonly string[]> {
    const needed = new Set<string>()
    const visit = async (reference: string): Promise<void> => {
      const { digest, manifests = [] } = (await host.read(image, reference)) ?? {}
      if (digest === undefined || needed.has(digest)) return
      needed.add(digest)
      await Promise.all(manifests.map((child) => visit(child.digest)))
    }
    await Promise.all((await host.tags(image)).map(visit))
    return (await host.digests(image)).filter((digest) => !needed.has(digest))
  }

  return { jobOf, buildParts, mergeInputs, merge, describeImage, untagged }
}
