import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { generateKeyPairSync } from 'node:crypto'
import { dirname } from 'node:path'
import { ensureCosign } from '../farm/optional-tools.ts'
import { startRegistry2 } from '../farm/tools/registry2/registry2.ts'
import { startZot } from '../farm/tools/zot/zot.ts'
import { appFiles, farmInputs, keptBuilder, type Farm } from '../e2e/harness.ts'
import { openGitea, openPlain, type PlainHost } from './optional-hosts.ts'
import type { StepResult } from '../e2e/runner.ts'
import { useFarm } from '../e2e/setup.ts'

// What docs/operations.md#registries says about these registries. Other tests use distribution 3.
const setup = useFarm({ keepsBuilders: true })
const { privateKey } = generateKeyPairSync('ec', {
  namedCurve: 'P-256',
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  publicKeyEncoding: { type: 'spki', format: 'pem' },
})

const open: Readonly<Record<string, (farm: Farm) => Promise<PlainHost>>> = {
  'distribution 2.8': (farm) => openPlain(farm, startRegistry2),
  Zot: (farm) => openPlain(farm, startZot),
  Gitea: openGitea,
}
const hosts = new Map<string, PlainHost>()

beforeAll(async () => {
  await Promise.all(Object.entries(open).map(async ([name, start]) => hosts.set(name, await start(setup.farm))))
}, 1_200_000)
afterAll(async () => await Promise.all([...hosts.values()].map((host) => host.stop())))

/** Builders that all registries share, so that each boots once: one for the first releases, one for the second ones. */
function builderInputs(release: string): Readonly<Record<string, string>> {
  const { images } = setup.farm
  const registries = [...hosts.values()].flatMap(({ inputs }) => inputs['registries'] ?? []).join('\n')
  const options = [`image=${images.buildkit}`, 'network=host', `env.RELEASE=${release}`].join('\n')
  return { ...keptBuilder, registries, 'driver-opts': options }
}

interface Result {
  readonly targets: readonly { readonly steps: { readonly cached: number; readonly total: number } }[]
}

const cachedSteps = ({ outputs }: StepResult) =>
  (JSON.parse(outputs['results'] ?? '[]') as readonly Result[])
    .flatMap(({ targets }) => targets)
    .map(({ steps: { cached, total } }) => cached === total && total > 0)

describe.each(Object.keys(open))('%s', (name) => {
  let host: PlainHost
  let image: string
  const releases: StepResult[] = []

  beforeAll(async () => {
    const { farm } = setup
    host = hosts.get(name)!
    image = host.freshImage()
    const path = [dirname(await ensureCosign()), farm.tools.bin, process.env['PATH'] ?? ''].join(':')
    // No other registry has these steps, and no other release this builder: only the registry has the cache of them.
    const files = { ...appFiles(farm), 'deps.txt': name }
    const signed = { sign: 'key', 'sign-key': privateKey, 'sign-log': 'false' }
    for (const [tags, more] of Object.entries({ 1: signed, 2: {} })) {
      const job = setup.job({ files, env: { PATH: path } })
      const inputs = { ...host.inputs, ...builderInputs(tags), ...more, image, tags }
      releases.push(await job.main(farmInputs(farm, inputs)))
      expect((await job.post()).warnings).toEqual([])
    }
  }, 1_200_000)

  test('stores images of both platforms', async () => {
    expect(releases.map(({ code, log }) => (code === 0 ? '' : log))).toEqual(['', ''])
    for (const tag of ['1', '2']) {
      const { manifests = [] } = (await host.read(image, tag)) ?? {}
      const built = manifests.map(({ platform }) => platform?.architecture).filter((name) => name !== 'unknown')
      expect(built).toEqual(['amd64', 'arm64'])
    }
  })

  test('stores the cache from which the next release takes every step', () => {
    expect(releases.map(cachedSteps)).toEqual([
      [false, false],
      [true, true],
    ])
  })

  /** From the fallback tag, or if the registry has the referrers API, from there. */
  async function referrersOf(digest: string): Promise<readonly unknown[]> {
    const listed = (await host.read(image, digest.replace(':', '-')))?.manifests
    if (listed) return listed
    const [, server = '', path = ''] = /^([^/]+)\/(.*)$/.exec(image) ?? []
    const answer = await fetch(`http://${server}/v2/${path}/referrers/${digest}`)
    return answer.ok ? ((await answer.json()) as { readonly manifests: readonly unknown[] }).manifests : []
  }

  // The action has verified each of them before it updated the tag.
  test('stores a signature of the index and of each manifest in it', async () => {
    const { digest = '', manifests = [] } = (await host.read(image, '1')) ?? {}
    const digests = [digest, ...manifests.map((manifest) => manifest.digest)]
    const lists = await Promise.all(digests.map(referrersOf))
    expect(lists.map((list) => list.length > 0)).toEqual(digests.map(() => true))
  })
})
