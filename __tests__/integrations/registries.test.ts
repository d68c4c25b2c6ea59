import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { startGitea, type Gitea } from '../farm/gitea.ts'
import { startZot } from '../farm/tools/zot/zot.ts'
import { startRegistry2, type Registry2 } from '../farm/tools/registry2/registry2.ts'
import type { PackageBackend, PackageVersion } from '../../src/packages/backend.ts'
import { createForgejoBackend } from '../../src/packages/forgejo/backend.ts'
import { createOciBackend } from '../../src/packages/oci/backend.ts'
import { deleteRunArtifacts } from '../../src/cleanup/run-image-cleanup.ts'
import { createPackageRepository } from '../../src/packages/repository.ts'
import { createRunStatusCache } from '../../src/forge/run-status.ts'
import { cleanUpRepository } from '../../src/cleanup/registry-cleanup.ts'
import { createRegistryClient, type RegistryClient } from '../../src/registry/client.ts'
import { ociIndex, ociManifest } from '../../src/registry/manifest.ts'
import {
  content,
  makeImage,
  openHands,
  type Content,
  type Hands,
  type Login,
  type TestImage,
} from '../unit/packages/oci/images.ts'
import type { Farm } from '../e2e/harness.ts'
import { useFarm } from '../e2e/setup.ts'

const setup = useFarm()
let farm: Farm
let old: Registry2
let keeping: Registry2
let zot: Registry2
let gitea: Gitea
/** Its password: Gitea takes 5 ms of processor time for each request with a token. */
let giteaLogin: Login
let giteaToken: string
let unique = 0

/** The tools that only this file uses are built once per host. */
beforeAll(async () => {
  farm = setup.farm
  ;[old, keeping, gitea, zot] = await Promise.all([
    startRegistry2(farm.dir),
    startRegistry2(farm.dir, { deletes: false }),
    startGitea(farm.dir),
    startZot(farm.dir),
  ])
  giteaLogin = gitea.user
  giteaToken = await gitea.token('farm', ['write:package'])
}, 1_200_000)

afterAll(async () => {
  await Promise.all([old.stop(), keeping.stop(), gitea.stop(), zot.stop()])
})

interface TestRepository {
  readonly hands: Hands
  readonly api: PackageBackend
  readonly client: RegistryClient
  readonly repository: string
}

function ociRepository(host: string, repository: string, login?: Login): TestRepository {
  const client = createRegistryClient({ registry: host, ...(login && { credentials: login }) })
  return {
    client,
    repository,
    hands: openHands(host, repository, login),
    api: createOciBackend({ client, repository }),
  }
}

function forgejoRepository(name: string, token = giteaToken, owner = 'farm'): TestRepository {
  const { client, repository, hands } = ociRepository(gitea.host, `${owner}/${name}`, giteaLogin)
  return { client, repository, hands, api: createForgejoBackend({ serverUrl: gitea.url, token, owner, name, fetch }) }
}

const repositories: Record<string, (name: string) => TestRepository> = {
  'distribution 3': (name) => ociRepository(farm.registry.host, `acme/${name}`),
  'distribution 2.8': (name) => ociRepository(old.host, `acme/${name}`),
  Zot: (name) => ociRepository(zot.host, `acme/${name}`),
  'Gitea as a plain registry': (name) => ociRepository(gitea.host, `farm/${name}`, giteaLogin),
  'Gitea by its packages API': (name) => forgejoRepository(name),
}

function freshName(): string {
  return `app-${process.pid}-${Date.now()}-${unique++}`
}

/**
 * Deletes what a run pushed: its tag, and the image unless it has another tag.
 */
async function endRun(api: PackageBackend, image: TestImage, tag: string): Promise<void> {
  const found = await api.read(versionOf(image.index, tag))
  if (found?.tags.some((other) => other !== tag)) {
    await api.untag(found, tag)
    return
  }
  for (const part of [image.index, ...image.children, ...image.intermediates]) {
    const version = await api.read(versionOf(part))
    if (version) await api.remove(version)
  }
}

function versionOf({ digest }: { readonly digest: string }, ...tags: readonly string[]): PackageVersion {
  return { id: digest, digest, tags }
}

async function collect(api: PackageBackend): Promise<Map<string, readonly string[]>> {
  const versions = new Map<string, readonly string[]>()
  for await (const page of api.list()) for (const { digest, tags } of page) versions.set(digest, [...tags].sort())
  return versions
}

describe.each(Object.keys(repositories))('%s', (place) => {
  const open = (): TestRepository => repositories[place]!(freshName())

  test('a run deletes its own image completely, and nothing else', async () => {
    const { hands, api } = open()
    const [release, temporary] = [makeImage('release'), makeImage('run 1')]
    await hands.push(release, ['v1', 'latest'])
    await hands.push(temporary, ['pr-1'])
    await endRun(api, temporary, 'pr-1')
    expect(await hands.tags()).toEqual(['latest', 'v1'])
    expect(await hands.missing('v1')).toEqual([])
    for (const part of [temporary.index, ...temporary.children, ...temporary.intermediates])
      expect(await hands.digest(part.digest)).toBeUndefined()
    for (const part of [...release.children, ...release.intermediates])
      expect(await hands.digest(part.digest)).toBe(part.digest)
    await endRun(api, temporary, 'pr-1')
    expect(await hands.missing('latest')).toEqual([])
  })

  test('the post step deletes everything of its run except an image with another tag', async () => {
    const { hands, api, client, repository } = open()
    const run = '4711-1-x'
    const [release, temporary, promoted] = [makeImage('release'), makeImage(run), makeImage(`${run} too`)]
    await hands.push(release, ['v1'])
    await hands.push(temporary, ['pr-4711'])
    await hands.push(promoted, ['pr-4711-full', 'v2'])
    const clock = { now: Date.now, sleep: () => Promise.resolve() }
    const place = createPackageRepository({
      backend: api,
      registry: client,
      repository,
      name: repository,
      clock,
      deadline: Date.now() + 60_000,
    })
    const own = {
      tags: [
        { tag: 'pr-4711', digest: temporary.index.digest },
        { tag: 'pr-4711-full', digest: promoted.index.digest },
      ],
      manifests: temporary.intermediates.map(({ digest }) => digest),
      runAnnotation: run,
    }
    const outcomes = await deleteRunArtifacts(place, own)
    expect(outcomes).toEqual(
      expect.arrayContaining([
        { subject: 'pr-4711', deleted: true },
        { subject: 'pr-4711-full', deleted: true },
      ]),
    )
    expect(await hands.tags()).toEqual(['v1', 'v2'])
    expect([...(await hands.missing('v1')), ...(await hands.missing('v2'))]).toEqual([])
    for (const part of [temporary.index, ...temporary.children, ...temporary.intermediates])
      expect(await hands.digest(part.digest)).toBeUndefined()
  })

  test('cleanup of a run deletes its images, and only its tag from an image with another tag', async () => {
    const { hands, api, client, repository } = open()
    const [release, temporary, promoted] = [makeImage('release'), makeImage('4711-1-x'), makeImage('4711-1-y')]
    await hands.push(release, ['v1'])
    await hands.push(temporary, ['pr-4711'])
    await hands.push(promoted, ['pr-4711-full', 'v2'])
    const clock = { now: Date.now, sleep: () => Promise.resolve() }
    const runs = createRunStatusCache(
      () => Promise.reject(new Error('unexpected request for a run')),
      () => ({ now: Date.now(), olderThan: 0, runId: '4711' }),
    )
    const result = await cleanUpRepository(
      createPackageRepository({
        backend: api,
        registry: client,
        repository,
        name: repository,
        clock,
        deadline: Infinity,
      }),
      { tags: ['pr-*'], untagged: true, dryRun: false, runId: '4711' },
      runs,
    )
    expect(result).toMatchObject({ restored: [], audit: { tags: 2, broken: [] } })
    expect(await hands.tags()).toEqual(['v1', 'v2'])
    // Cleanup finds untagged manifests only if the API lists them.
    const seen = [
      temporary.index,
      ...temporary.children,
      ...(api.capabilities.listsUntagged ? temporary.intermediates : []),
    ]
    for (const part of seen) expect(await hands.digest(part.digest)).toBeUndefined()
    for (const image of [release, promoted])
      for (const part of [image.index, ...image.children]) expect(await hands.digest(part.digest)).toBe(part.digest)
  })

  test('an image with another tag stays', async () => {
    const { hands, api } = open()
    const image = makeImage('run 2')
    await hands.push(image, ['pr-2', 'v2'])
    await expect(api.remove(versionOf(image.index, 'pr-2'))).rejects.toThrow('it also has the tag v2')
    await endRun(api, image, 'pr-2')
    expect(await hands.tags()).toEqual(['v2'])
    expect(await hands.digest('v2')).toBe(image.index.digest)
    expect(await hands.missing('v2')).toEqual([])
  })

  test('a tag that now refers to another image stays', async () => {
    const { hands, api } = open()
    const [image, other] = [makeImage('run 3'), makeImage('run 4')]
    await hands.push(image, ['pr-3'])
    await hands.push(other, ['pr-3'])
    await expect(api.untag(versionOf(image.index, 'pr-3'), 'pr-3')).rejects.toThrow('was moved to another image')
    expect(await api.read(versionOf(image.index, 'pr-3'))).toEqual(versionOf(image.index))
    expect(await hands.missing('pr-3')).toEqual([])
  })

  test('removing the last tag keeps the manifest that an index needs', async () => {
    const { hands, api } = open()
    const image = makeImage('joined from tags')
    await hands.pushByTags(image, ['build-amd64', 'build-arm64'], 'v5')
    const [child] = image.children
    await api.untag(versionOf(child!, 'build-amd64'), 'build-amd64')
    expect(await hands.tags()).toEqual(['build-arm64', 'v5'])
    expect(await hands.missing('v5')).toEqual([])
  })

  test('lists digests with all their tags, and restores what it removed', async () => {
    const { hands, api } = open()
    const [one, two] = [makeImage('one'), makeImage('two')]
    await hands.push(one, ['a', 'c'])
    await hands.push(two, ['b'])
    const listed = await collect(api)
    expect(listed.get(one.index.digest)).toEqual(['a', 'c'])
    expect(listed.get(two.index.digest)).toEqual(['b'])
    await api.remove(versionOf(two.index, 'b'))
    expect(await hands.tags()).toEqual(['a', 'c'])
    expect(await api.restore(versionOf(two.index))).toBe(true)
    expect(await hands.missing('b')).toEqual([])
    expect(await api.restore(versionOf(one.index))).toBe(false)
  })
})

const empty = content('{}', 'application/vnd.oci.empty.v1+json')
const descriptorOf = ({ digest, mediaType, bytes }: Content) => ({ digest, mediaType, size: bytes.length })

/** A manifest about an image, as signing tools push it. */
function makeArtifact(layer: Content, subject?: Content): TestImage {
  const document = {
    schemaVersion: 2,
    mediaType: ociManifest,
    artifactType: layer.mediaType,
    config: descriptorOf(empty),
    layers: [descriptorOf(layer)],
    ...(subject && { subject: descriptorOf(subject) }),
  }
  return {
    index: content(JSON.stringify(document), ociManifest),
    children: [],
    intermediates: [],
    blobs: [empty, layer],
  }
}

const hexOf = ({ digest }: Content) => digest.slice('sha256:'.length)
const statementOf = (image: Content) => JSON.stringify({ subject: [{ name: 'app', digest: { sha256: hexOf(image) } }] })

/** What signing tools push for an image; each returns what has to go with it. */
const signers: Readonly<Record<string, (hands: Hands, image: Content) => Promise<readonly Content[]>>> = {
  'a referrer, and its list where there is no API for it': async (hands, image) => {
    const artifact = makeArtifact(
      content(`bundle of ${image.digest}`, 'application/vnd.dev.sigstore.bundle.v0.3+json'),
      image,
    )
    await hands.push(artifact, [])
    const list = { schemaVersion: 2, mediaType: ociIndex, manifests: [descriptorOf(artifact.index)] }
    const index = content(JSON.stringify(list), ociIndex)
    if (await hands.hasReferrers(image.digest)) return [artifact.index]
    await hands.put(`sha256-${hexOf(image)}`, index)
    return [artifact.index, index]
  },
  'cosign’s classic signature': async (hands, image) => {
    const payload = JSON.stringify({ critical: { image: { 'docker-manifest-digest': image.digest } } })
    const artifact = makeArtifact(content(payload, 'application/vnd.dev.cosign.simplesigning.v1+json'))
    await hands.push(artifact, [`sha256-${hexOf(image)}.sig`])
    return [artifact.index]
  },
  'cosign’s classic attestation': async (hands, image) => {
    const payload = JSON.stringify({ payload: Buffer.from(statementOf(image)).toString('base64') })
    const artifact = makeArtifact(content(payload, 'application/vnd.dsse.envelope.v1+json'))
    await hands.push(artifact, [`sha256-${hexOf(image)}.att`])
    return [artifact.index]
  },
}

const cases = Object.keys(repositories).flatMap((place) =>
  Object.keys(signers).map((signer) => [place, signer] as const),
)

describe.each(cases)('%s: %s', (place, signer) => {
  const open = async () => {
    const { hands, api, client, repository } = repositories[place]!(freshName())
    const [release, temporary] = [makeImage('release'), makeImage('4711-1-x')]
    await hands.push(release, ['v1'])
    await hands.push(temporary, ['pr-4711'])
    const kept = await signers[signer]!(hands, release.index)
    const signed = [temporary.index, ...temporary.children]
    const leaving: Content[][] = []
    // One after the other: distribution 2.8 does not know a blob for a moment while it is uploaded again.
    for (const image of signed) leaving.push([...(await signers[signer]!(hands, image))])
    const clock = { now: Date.now, sleep: () => Promise.resolve() }
    const options = { backend: api, registry: client, repository, name: repository, clock, deadline: Infinity }
    return { hands, place: createPackageRepository(options), temporary, kept, leaving: [...leaving.flat(), ...signed] }
  }
  const expectDeleted = async ({ hands, kept, leaving }: Awaited<ReturnType<typeof open>>) => {
    const left = await Promise.all(leaving.map(({ digest }) => hands.digest(digest)))
    expect(left.filter(Boolean)).toEqual([])
    expect(await Promise.all(kept.map(({ digest }) => hands.digest(digest)))).toEqual(kept.map(({ digest }) => digest))
    expect([await hands.missing('v1'), (await hands.tags()).filter((tag) => tag.startsWith('pr-'))]).toEqual([[], []])
  }

  test('the post step deletes it with the image of the run, and keeps that of a release', async () => {
    const opened = await open()
    const { index, intermediates } = opened.temporary
    await deleteRunArtifacts(opened.place, {
      tags: [{ tag: 'pr-4711', digest: index.digest }],
      manifests: intermediates.map(({ digest }) => digest),
      runAnnotation: '4711-1-x',
    })
    await expectDeleted(opened)
  })

  test('cleanup deletes it with the image of the run, and keeps that of a release', async () => {
    const opened = await open()
    const unexpected = () => Promise.reject(new Error('unexpected request for a run'))
    const runs = createRunStatusCache(unexpected, () => ({ now: Date.now(), olderThan: 0, runId: '4711' }))
    const request = { tags: ['pr-*'], untagged: true, dryRun: false, runId: '4711' }
    expect((await cleanUpRepository(opened.place, request, runs)).errors).toEqual([])
    await expectDeleted(opened)
  })
})

describe('how simple tools break images, which proves that these servers show it', () => {
  test.each(Object.keys(repositories))(
    '%s: a DELETE by digest deletes a release with the same digest',
    async (place) => {
      const { hands } = repositories[place]!(freshName())
      const image = makeImage('promoted')
      await hands.push(image, ['pr-6', 'v6'])
      expect(await hands.delete((await hands.digest('pr-6'))!)).toBe(202)
      expect(await hands.tags()).toEqual([])
      expect(await hands.missing('v6')).toEqual(['v6'])
    },
  )

  test.each(Object.keys(repositories))('%s: deleting untagged manifests breaks a multi-arch image', async (place) => {
    const { hands } = repositories[place]!(freshName())
    const image = makeImage('release')
    await hands.push(image, ['v7'])
    for (const child of image.children) await hands.delete(child.digest)
    expect(await hands.missing('v7')).toEqual(image.children.map(({ digest }) => digest))
  })

  test('Gitea: deleting all untagged versions breaks a multi-arch image, and the backend refuses it', async () => {
    const name = freshName()
    const { hands, api } = forgejoRepository(name)
    const image = makeImage('release')
    await hands.push(image, ['v8'])
    const untagged = [...(await collect(api))].flatMap(([digest, tags]) => (tags.length === 0 ? [digest] : []))
    expect(untagged.sort()).toEqual([...image.children, ...image.intermediates].map(({ digest }) => digest).sort())
    for (const child of image.children)
      await expect(api.remove(versionOf(child))).rejects.toThrow('the image with the tag v8 needs it')
    expect(await hands.missing('v8')).toEqual([])
    const headers = { authorization: `token ${giteaToken}` }
    for (const digest of untagged)
      expect(
        (await fetch(`${gitea.url}/api/v1/packages/farm/container/${name}/${digest}`, { method: 'DELETE', headers }))
          .status,
      ).toBe(204)
    expect(await hands.missing('v8')).toEqual(image.children.map(({ digest }) => digest))
  })
})

describe('distribution 2.8 with deletion disabled', () => {
  test('keeps everything and names the setting to enable', async () => {
    const { hands, api } = ociRepository(keeping.host, `acme/${freshName()}`)
    const image = makeImage('run 9')
    await hands.push(image, ['pr-9', 'v9'])
    const version = await api.read(versionOf(image.index))
    expect([...version!.tags].sort()).toEqual(['pr-9', 'v9'])
    await expect(api.untag(version!, 'pr-9')).rejects.toThrow('REGISTRY_STORAGE_DELETE_ENABLED=true')
    await expect(api.remove(version!)).rejects.toThrow('REGISTRY_STORAGE_DELETE_ENABLED=true')
    expect(await hands.tags()).toEqual(['pr-9', 'v9'])
    expect(await hands.digest('pr-9')).toBe(image.index.digest)
    expect(await hands.missing('v9')).toEqual([])
  })
})

describe('distribution 3 that requires a login', () => {
  test('keeps everything without a login, and deletes with it', async () => {
    const { host, username, password } = farm.privateRegistry
    const name = `acme/${freshName()}`
    const { hands, api } = ociRepository(host, name, { username, password })
    const image = makeImage('run 15')
    await hands.push(image, ['pr-15'])
    const wrong = [ociRepository(host, name), ociRepository(host, name, { username, password: 'wrong' })]
    for (const place of wrong) {
      await expect(place.api.remove(versionOf(image.index, 'pr-15'))).rejects.toThrow(
        'Give the login the right to delete',
      )
      await expect(place.api.untag(versionOf(image.index, 'pr-15'), 'pr-15')).rejects.toThrow(
        'Give the login the right to delete',
      )
    }
    expect(await hands.missing('pr-15')).toEqual([])
    await endRun(api, image, 'pr-15')
    expect(await hands.tags()).toEqual([])
  })
})

describe('Gitea', () => {
  test('names with slashes in an organisation', async () => {
    const owner = `Org-${Date.now()}`
    await gitea.addOrganisation(owner)
    const name = 'app/tools/sub'
    const hands = openHands(gitea.host, `${owner.toLowerCase()}/${name}`, giteaLogin)
    const api = createForgejoBackend({ serverUrl: `${gitea.url}/`, token: giteaToken, owner, name, fetch })
    const [release, temporary] = [makeImage('release'), makeImage('run 10')]
    await hands.push(release, ['v10'])
    await hands.push(temporary, ['pr-10'])
    await endRun(api, temporary, 'pr-10')
    expect(await collect(api)).toEqual(
      new Map<string, readonly string[]>([
        [release.index.digest, ['v10']],
        ...[...release.children, ...release.intermediates].map(({ digest }): [string, readonly string[]] => [
          digest,
          [],
        ]),
      ]),
    )
    expect(await hands.missing('v10')).toEqual([])
  })

  test.each(['Gitea as a plain registry', 'Gitea by its packages API'])(
    'a tag in capitals is the one in small letters: %s',
    async (place) => {
      const { hands, api } = repositories[place]!(freshName())
      const image = makeImage('run 11')
      await hands.push(image, ['PR-11', 'v11'])
      expect(await hands.tags()).toEqual(['pr-11', 'v11'])
      await api.untag(versionOf(image.index, 'PR-11', 'v11'), 'PR-11')
      expect(await hands.tags()).toEqual(['v11'])
      expect(await hands.missing('v11')).toEqual([])
    },
  )

  test('a list of several pages, next to a package with a longer name', async () => {
    const name = freshName()
    const { hands, api } = forgejoRepository(name)
    const other = forgejoRepository(`${name}-other`)
    const [one, two] = [makeImage('one'), makeImage('two')]
    const tags = Array.from({ length: 60 }, (_, at) => `v${100 + at}`)
    await hands.push(one, tags)
    await other.hands.push(one, ['elsewhere'])
    await hands.push(two, ['pr-12'])
    expect((await collect(api)).get(one.index.digest)).toEqual(tags)
    expect(await api.read(versionOf(two.index))).toEqual(versionOf(two.index, 'pr-12'))
    expect((await api.read(versionOf(one.index)))?.tags).toHaveLength(60)
    await endRun(api, two, 'pr-12')
    expect(await hands.tags()).toEqual(tags)
  })

  test('versions older than the run are not read', async () => {
    const name = freshName()
    const { hands } = forgejoRepository(name)
    await hands.push(
      makeImage('old'),
      Array.from({ length: 20 }, (_, at) => `v${100 + at}`),
    )
    await new Promise((resolve) => setTimeout(resolve, 1100))
    const since = new Date(Math.floor(Date.now() / 1000) * 1000)
    const image = makeImage('run 13')
    await hands.push(image, ['pr-13'])
    const asked: string[] = []
    const counting: typeof fetch = (url, init) => {
      asked.push(`${init?.method ?? 'GET'} ${url instanceof Request ? url.url : url.toString()}`)
      return fetch(url, init)
    }
    const api = createForgejoBackend({
      serverUrl: gitea.url,
      token: giteaToken,
      owner: 'farm',
      name,
      fetch: counting,
      since,
    })
    await endRun(api, image, 'pr-13')
    expect(asked.filter((line) => line.includes('/manifests/v1'))).toEqual([])
    expect((await hands.tags()).length).toBe(20)
  })

  test('tokens without permission to delete', async () => {
    const name = freshName()
    const { hands } = forgejoRepository(name)
    const image = makeImage('run 14')
    await hands.push(image, ['pr-14', 'v14'])
    const stranger = `user${Date.now()}`
    await gitea.addUser(stranger)
    const tokens = [
      await gitea.token('farm', ['read:package']),
      await gitea.token(stranger, ['write:package']),
      'no-such-token',
      '',
    ]
    for (const token of tokens) {
      const { api } = forgejoRepository(name, token)
      await expect(api.remove(versionOf(image.index, 'pr-14', 'v14'))).rejects.toThrow(
        /write:package.*the default token of a job/,
      )
      await expect(api.untag(versionOf(image.index, 'pr-14', 'v14'), 'pr-14')).rejects.toThrow(/write:package/)
      const oci = ociRepository(
        gitea.host,
        `farm/${name}`,
        token === '' ? undefined : { username: 'farm', password: token },
      )
      await expect(oci.api.remove(versionOf(image.index, 'pr-14', 'v14'))).rejects.toThrow(/write:package/)
    }
    expect(await hands.tags()).toEqual(['pr-14', 'v14'])
    expect(await hands.missing('pr-14')).toEqual([])
  })
})
