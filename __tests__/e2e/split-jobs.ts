import { expect } from '@jest/globals'
import { farmInputs } from './harness.ts'
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
  /** Those of each job, with commas between them; by default one job for each. */
  readonly platforms?: readonly string[]
  /** The jobs that fail. */
  readonly failing?: readonly string[]
}

/** The jobs of split builds on a registry, and what they leave there. */
export function splitBuilds(setup: FarmSetup, host: PackageHost) {
  const jobOf = (runId: string, options: JobOptions = {}): Job =>
    setup.job({ ...options, runId, env: { ...host.env, ...options.env } })

  /** The jobs of a split build at once, each with its post step. */
  async function buildParts(split: Split): Promise<StepResult[]> {
    const { image, runId = newRun(), options, inputs, failing = [] } = split
    const { nodes } = setup.farm
    const endpoints = { 'linux/amd64': nodes.amd.endpoint, 'linux/arm64': nodes.arm.endpoint }
    return await Promise.all(
      (split.platforms ?? Object.keys(endpoints)).map(async (platforms) => {
        const job = jobOf(runId, options)
        const own = Object.entries(endpoints).filter(([platform]) => platforms.split(',').includes(platform))
        const given = own.map(([platform, endpoint]) => `${platform} = ${endpoint}`).join('\n')
        const part = { ...host.inputs, image, partial: 'true', nodes: given, ...inputs }
        const main = await job.main(farmInputs(setup.farm, part))
        const post = await job.post()
        expect([platforms, post.code, post.warnings]).toEqual([platforms, 0, []])
        expect([platforms, main.code, main.log]).toEqual([platforms, failing.includes(platforms) ? 1 : 0, main.log])
        return main
      }),
    )
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
