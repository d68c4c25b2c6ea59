import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { createHash, randomBytes } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { createPackage } from '../ghcr/state.ts'
import { startGhcr, type Ghcr } from '../ghcr/server.ts'
import { createFake, type Fake } from '../ghcr/fake.ts'
import { startGitea, type Gitea } from '../farm/gitea.ts'
import { startRegistry2, type Registry2 } from '../farm/tools/registry2/registry2.ts'
import { ociIndex, ociManifest } from '../../src/registry/manifest.ts'
import { content, openHands, type Content, type Hands, type Login } from '../unit/packages/oci/images.ts'
import { farmInputs, freshImage, storedIndex, type Farm } from '../e2e/harness.ts'
import { useFarm } from '../e2e/setup.ts'
import type { Job, StepResult } from '../e2e/runner.ts'

const setup = useFarm()
let farm: Farm
let old: Registry2
let gitea: Gitea
let giteaLogin: Login
let fake: Fake
let ghcr: Ghcr
let job: Job
/** An image with attestations, from a real build: `farm registry/acme/…:1.2.3`. */
let image: string
let digest: string
let built: StepResult

const config = content('{"os":"linux","architecture":"amd64"}', 'application/vnd.oci.image.config.v1+json')
const ghcrLogin = { username: 'ci-user', password: 'secret' }

beforeAll(async () => {
  farm = setup.farm
  fake = createFake()
  createPackage(fake.state, { owner: 'acme', name: 'app', repository: 'acme/app' })
  fake.state.tokens.set('secret', { kind: 'actions', repository: 'acme/app', packages: 'write', actions: 'read' })
  ;[old, gitea, ghcr] = await Promise.all([startRegistry2(farm.dir), startGitea(farm.dir), startGhcr(fake)])
  giteaLogin = { username: 'farm', password: await gitea.token('farm', ['write:package']) }
  job = setup.job()
  image = freshImage(farm)
  // No connection is allowed to port 1.
  const mirrors = [mirror(), '127.0.0.1:1/acme/unreachable'].map((name) => `name=${name},required=false`)
  built = await job.main(
    farmInputs(farm, { image: [image, ...mirrors].join('\n'), tags: '1.2.3', provenance: 'mode=max' }),
  )
  if (built.code !== 0) throw new Error(built.log)
  await job.post()
  digest = built.outputs['digest'] ?? ''
  await attach(pathOf(image), digest)
}, 1_200_000)

afterAll(async () => {
  await Promise.all([old.stop(), gitea.stop(), ghcr.close()])
})

const mirror = (): string => `${old.host}/acme/mirror`
const pathOf = (name: string): string => name.slice(name.indexOf('/') + 1)
const copy = (inputs: Readonly<Record<string, string>>): Promise<StepResult> => job.startCopy(inputs).result
const auth = (logins: readonly (Login & { readonly registry: string })[]): string =>
  logins.map((login) => `- ${JSON.stringify(login)}`).join('\n')

let names = 0
const freshPath = (owner: string): string => `${owner}/copy-${process.pid}-${names++}`

/** A signature as cosign stores it where there is no referrers API, and one in the classic form. */
async function attach(path: string, subject: string): Promise<void> {
  const hands = openHands(farm.registry.host, path)
  const index = await farm.registry.manifest(path, subject)
  const size = Buffer.byteLength(JSON.stringify(index?.json))
  const bundle = content('bundle', 'application/vnd.dev.sigstore.bundle.v0.3+json')
  const classic = content('classic', 'application/vnd.dev.cosign.simplesigning.v1+json')
  const refer = { subject: { mediaType: ociIndex, digest: subject, size } }
  for (const [tag, layer, more] of [
    [subject.replace(':', '-'), bundle, refer],
    [`${subject.replace(':', '-')}.sig`, classic, {}],
  ] as const) {
    const manifest = imageOf([layer], more)
    await hands.push({ index: manifest, children: [], intermediates: [], blobs: [config, layer] }, [])
    const entry = { mediaType: ociManifest, digest: manifest.digest, size: manifest.bytes.length }
    const list = content(JSON.stringify({ schemaVersion: 2, mediaType: ociIndex, manifests: [entry] }), ociIndex)
    await hands.put(tag, tag.endsWith('.sig') ? manifest : list)
  }
}

function imageOf(layers: readonly Content[], more: object = {}): Content {
  const describe = ({ mediaType, digest: id, bytes }: Content) => ({ mediaType, digest: id, size: bytes.length })
  const document = {
    schemaVersion: 2,
    mediaType: ociManifest,
    config: describe(config),
    layers: layers.map(describe),
    ...more,
  }
  return content(JSON.stringify(document), ociManifest)
}

interface Destination {
  readonly to: string
  readonly hands: Hands
  readonly inputs: Readonly<Record<string, string>>
}

const destinations: Readonly<Record<string, () => Destination>> = {
  'distribution 2.8': () => {
    const path = freshPath('acme')
    return { to: `${old.host}/${path}`, hands: openHands(old.host, path), inputs: {} }
  },
  Gitea: () => {
    const path = freshPath('farm')
    const { username, password } = giteaLogin
    return {
      to: `${gitea.host}/${path}`,
      hands: openHands(gitea.host, path, gitea.user),
      inputs: { username, password },
    }
  },
  GHCR: () => {
    const inputs = { 'registry-auth': auth([{ registry: ghcr.registry, ...ghcrLogin }]) }
    return { to: `${ghcr.registry}/acme/app`, hands: openHands(ghcr.registry, 'acme/app', ghcrLogin), inputs }
  },
  'another repository of the registry': () => {
    const path = freshPath('acme')
    return { to: `${farm.registry.host}/${path}`, hands: openHands(farm.registry.host, path), inputs: {} }
  },
}

test('a build with mirrors: one has the image, the other is a warning', async () => {
  expect(await openHands(old.host, 'acme/mirror').missing('1.2.3')).toEqual([])
  expect(await openHands(old.host, 'acme/mirror').digest('1.2.3')).toBe(digest)
  const results = JSON.parse(built.outputs['results'] ?? '') as { image: string; tags: string[]; failure?: string }[]
  expect(results.map(({ image: name, tags }) => [name, ...tags])).toEqual([
    [`${image}@${digest}`, `${image}:1.2.3`],
    [`${mirror()}@${digest}`, `${mirror()}:1.2.3`],
    ['127.0.0.1:1/acme/unreachable'],
  ])
  expect(results[2]?.failure).toContain('no answer')
  expect(built.warnings.join('\n')).toContain('The mirror 127.0.0.1:1/acme/unreachable is not up to date')
  expect(built.summary).toContain(`- \`${mirror()}:1.2.3\``)
  expect(built.summary).toContain('> The mirror 127.0.0.1:1/acme/unreachable is not up to date')
})

describe.each(Object.keys(destinations))('to %s', (name) => {
  test('a whole image with its attestations and signatures, and again', async () => {
    const { to, hands, inputs } = destinations[name]!()
    await farm.registry.resetRequests()
    const result = await copy({ from: `${image}:1.2.3`, to, ...inputs })
    expect(result.errors).toEqual([])
    expect(result.code).toBe(0)
    expect(result.outputs).toEqual({ digest, images: `${to}@${digest}` })
    expect(result.summary).toContain(`| \`${to}:1.2.3\` | new | `)
    if (name !== 'GHCR') {
      expect(await hands.digest('1.2.3')).toBe(digest)
      expect(await hands.missing('1.2.3')).toEqual([])
      expect(await hands.missing(digest.replace(':', '-'))).toEqual([])
      expect(await hands.missing(`${digest.replace(':', '-')}.sig`)).toEqual([])
    } else expect(fake.state.packages.size).toBeGreaterThan(0)
    const index = await storedIndex(farm, image, '1.2.3')
    expect(index?.manifests.filter(({ annotations }) => annotations?.['vnd.docker.reference.type'])).toHaveLength(2)
    if (name.startsWith('another')) {
      const requests = await farm.registry.requests()
      const mounts = requests.filter(({ path }) => path.includes('mount='))
      expect(mounts.length).toBeGreaterThan(5)
      expect(mounts.filter(({ status }) => status !== 201)).toEqual([])
      const transfers = requests.filter(({ method, path }) => /GET|PUT|PATCH/.test(method) && path.includes('/blobs/'))
      expect(transfers).toEqual([])
    }
    const again = await copy({ from: `${image}@${digest}`, to: `${to}:1.2.3`, ...inputs })
    expect(again.summary).toContain('has this digest already')
    expect(again.summary).not.toContain('uploaded')
  })
})

describe('back from', () => {
  test('a registry that needs a login, with a token that may only read', async () => {
    const path = freshPath('farm')
    const { username, password } = giteaLogin
    const up = await copy({ from: `${image}:1.2.3`, to: `${gitea.host}/${path}`, username, password })
    expect(up.code).toBe(0)
    const reader = await gitea.token('farm', ['read:package'])
    const to = `${old.host}/${freshPath('acme')}`
    const logins = auth([{ registry: gitea.host, username, password: reader }])
    const result = await copy({ from: `${gitea.host}/${path}:1.2.3`, to, 'registry-auth': logins })
    expect(result.errors).toEqual([])
    expect(result.outputs['digest']).toBe(digest)
    expect(result.masks).toContain(reader)
    const denied = await copy({ from: `${image}:1.2.3`, to: `${gitea.host}/${path}:2`, username, password: reader })
    expect(denied.code).toBe(1)
    expect(denied.errors[0]).toBe(`Nothing can be pushed to ${gitea.host}/${path}`)
  })

  test('GHCR, whose layers are at another server', async () => {
    const { to, inputs } = destinations['GHCR']!()
    expect((await copy({ from: `${image}:1.2.3`, to, ...inputs })).code).toBe(0)
    const there = `${old.host}/${freshPath('acme')}`
    const result = await copy({ from: `${to}:1.2.3`, to: there, ...inputs })
    expect(result.errors).toEqual([])
    expect(await openHands(old.host, pathOf(there)).missing('1.2.3')).toEqual([])
  })
})

test('a subset of platforms: the digest differs, and that is a warning', async () => {
  const to = `${old.host}/${freshPath('acme')}`
  const result = await copy({ from: `${image}:1.2.3`, to, platforms: 'linux/arm64' })
  expect(result.warnings).toEqual([expect.stringContaining(`instead of ${digest}`)])
  expect(await openHands(old.host, pathOf(to)).missing('1.2.3')).toEqual([])
  expect(result.outputs['digest']).not.toBe(digest)
})

test('existing tags: fail, keep, update; and a dry run writes nothing', async () => {
  const path = freshPath('acme')
  const hands = openHands(old.host, path)
  const other = imageOf([])
  await hands.push({ index: other, children: [], intermediates: [], blobs: [config] }, ['1.2.3'])
  const given = { from: `${image}:1.2.3`, to: `${old.host}/${path}\n${old.host}/${path}:new` }
  const planned = await copy({ ...given, 'dry-run': 'true' })
  expect(planned.log).toContain(`${old.host}/${path}:1.2.3: replaces ${other.digest}`)
  const failed = await copy({ ...given, existing: 'fail' })
  expect(failed.errors[0]).toContain('A tag of `to` exists with a different image')
  expect(await hands.tags()).toEqual(['1.2.3'])
  await copy({ ...given, existing: 'keep' })
  expect([await hands.digest('1.2.3'), await hands.digest('new')]).toEqual([other.digest, digest])
  const updated = await copy(given)
  expect(updated.summary).toContain(`updated, was ${other.digest}`)
  expect(await hands.digest('1.2.3')).toBe(digest)
})

describe('trouble', () => {
  test('429 and 5xx of both sides, and lost connections', async () => {
    const path = freshPath('acme')
    const from = `${farm.registry.host}/${pathOf(image)}`
    const faults = [
      { method: 'GET', match: '/manifests/', status: 503, times: 2 },
      { method: 'GET', match: '/blobs/', status: 429, headers: { 'retry-after': '1' }, times: 2 },
      { method: 'GET', match: '/blobs/', cut: true, times: 1 },
      { method: 'PUT', match: '/blobs/uploads/', status: 500, times: 2 },
      { method: 'PUT', match: '/blobs/uploads/', cut: true, times: 1 },
      { method: 'POST', match: '/blobs/uploads/\\?mount', status: 403 },
    ]
    for (const fault of faults) await farm.registry.fault(fault)
    const result = await copy({ from: `${from}:1.2.3`, to: `${farm.registry.host}/${path}` })
    await farm.registry.clearFaults()
    expect(result.errors).toEqual([])
    expect(await openHands(farm.registry.host, path).missing('1.2.3')).toEqual([])
  })

  test('a kill in the middle; the next copy completes it, and no tag was there before', async () => {
    const path = freshPath('acme')
    const hands = openHands(farm.registry.host, path)
    await farm.registry.fault({ method: 'POST', match: `/${path}/blobs/uploads`, skip: 2, delayMs: 60_000 })
    const running = job.startCopy({ from: `${image}:1.2.3`, to: `${farm.registry.host}/${path}` })
    await running.waitForOutput(/Copying sha256/)
    running.process.kill('SIGKILL')
    await running.result
    await farm.registry.clearFaults()
    expect(await hands.digest('1.2.3')).toBeUndefined()
    const result = await copy({ from: `${image}:1.2.3`, to: `${farm.registry.host}/${path}` })
    expect(result.errors).toEqual([])
    expect(await hands.missing('1.2.3')).toEqual([])
  })

  test('a cancellation names itself, and updates no tag', async () => {
    const path = freshPath('acme')
    await farm.registry.fault({ method: 'POST', match: `/${path}/blobs/uploads/\\?`, delayMs: 60_000 })
    const running = job.startCopy({ from: `${image}:1.2.3`, to: `${farm.registry.host}/${path}` })
    await running.waitForOutput(/Copying sha256/)
    running.process.kill('SIGINT')
    const result = await running.result
    await farm.registry.clearFaults()
    expect(result.errors).toEqual(['Cancelled: no tag was updated'])
    expect(await openHands(farm.registry.host, path).tags()).toEqual([])
  })

  test('an error of inputs names all of them', async () => {
    const result = await copy({ from: 'ghcr.io/acme/app', to: 'quay.io/acme/app', existing: 'maybe' })
    expect(result.code).toBe(1)
    expect(result.errors[0]).toMatch(/^2 invalid inputs\nfrom: [\s\S]*\nexisting: /)
  })
})

test('a large layer is on no disk of the runner', async () => {
  const path = freshPath('acme')
  const bytes = randomBytes(40 * 1024 * 1024)
  const layer = {
    bytes,
    digest: `sha256:${createHash('sha256').update(bytes).digest('hex')}`,
    mediaType: 'application/vnd.oci.image.layer.v1.tar',
  }
  const hands = openHands(farm.registry.host, path)
  await hands.push({ index: imageOf([layer]), children: [], intermediates: [], blobs: [config, layer] }, ['large'])
  const to = freshPath('acme')
  const result = await copy({ from: `${farm.registry.host}/${path}:large`, to: `${old.host}/${to}` })
  expect(result.errors).toEqual([])
  expect(await openHands(old.host, to).missing('large')).toEqual([])
  expect([job.temp, job.home].flatMap((dir) => readdirSync(dir))).toEqual([])
})
