import { describe, expect, test } from '@jest/globals'
import { cleanUpRepository } from '../../../../src/cleanup/registry-cleanup.ts'
import { deleteRunArtifacts } from '../../../../src/cleanup/run-image-cleanup.ts'
import { createRunStatusCache } from '../../../../src/forge/run-status.ts'
import type { PackageBackend } from '../../../../src/packages/backend.ts'
import { createPackageRepository } from '../../../../src/packages/repository.ts'
import { createRegistryClient } from '../../../../src/registry/client.ts'
import { ociIndex, ociManifest } from '../../../../src/registry/manifest.ts'
import { ownershipAnnotation } from '../../../../src/run/names.ts'
import { user } from '../../registry/server.ts'
import { withForge } from '../forgejo/forge.ts'
import { behaviours, repository, withBehaviour } from './behaviour.ts'
import { content, makeImage, type Content, type Hands, type TestImage } from './images.ts'

const run = '17000000001'
const annotation = `${run}-1-x`

interface Registry {
  readonly host: string
  readonly path: string
  readonly backend: PackageBackend
  readonly hands: Hands
}

const registries: Readonly<Record<string, (use: (registry: Registry) => Promise<void>) => Promise<void>>> = {
  'distribution 3': (use) =>
    withBehaviour(behaviours['distribution 3'], ({ host, api, hands }) =>
      use({ host, path: repository, backend: api, hands }),
    ),
  Zot: (use) =>
    withBehaviour(behaviours.Zot, ({ host, api, hands }) => use({ host, path: repository, backend: api, hands })),
  Forgejo: (use) =>
    withForge((forge) =>
      use({ host: forge.host, path: 'acme/app', backend: forge.open('app'), hands: forge.hands('app') }),
    ),
}

const open = ({ host, path, backend }: Registry) =>
  createPackageRepository({
    backend,
    registry: createRegistryClient({ registry: host, credentials: user }),
    repository: path,
    name: `${host}/${path}`,
    clock: { now: () => 0, sleep: () => Promise.resolve() },
    deadline: Infinity,
  })

async function cleanUp(registry: Registry) {
  const runs = createRunStatusCache(
    () => Promise.resolve({ completed: true, createdAt: -1e12, endedAt: -1e12 }),
    () => ({ now: 0, olderThan: 1 }),
  )
  return await cleanUpRepository(open(registry), { tags: ['pr-*'], untagged: true, dryRun: false }, runs)
}

async function post(registry: Registry, { index, intermediates }: TestImage, forged: readonly Content[] = []) {
  return await deleteRunArtifacts(open(registry), {
    runAnnotation: annotation,
    tags: [{ tag: `pr-${run}`, digest: index.digest }],
    manifests: [...intermediates, ...forged].map(({ digest }) => digest),
  })
}

const parts = ({ index, children, intermediates }: TestImage) => [index, ...children, ...intermediates]
const missing = async ({ hands }: Registry, contents: readonly Content[]) => {
  const found = await Promise.all(contents.map(({ digest }) => hands.digest(digest)))
  return contents.filter((_, at) => found[at] === undefined).map(({ digest }) => digest)
}
const describeContent = ({ mediaType, digest, bytes }: Content) => ({ mediaType, digest, size: bytes.length })

function listing(contents: readonly Content[], more: object, annotations?: Record<string, string>): Content {
  const manifests = contents.map((one) => ({ ...describeContent(one), ...more }))
  return content(JSON.stringify({ schemaVersion: 2, mediaType: ociIndex, manifests, annotations }), ociIndex)
}

function artifact(subject: Content, annotations?: Record<string, string>): { manifest: Content; config: Content } {
  const config = content('{}', 'application/vnd.oci.empty.v1+json')
  const document = {
    schemaVersion: 2,
    mediaType: ociManifest,
    artifactType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
    config: describeContent(config),
    layers: [describeContent(config)],
    subject: describeContent(subject),
    annotations,
  }
  return { manifest: content(JSON.stringify(document), ociManifest), config }
}

const attests = (image: string) => ({
  annotations: { 'vnd.docker.reference.type': 'attestation-manifest', 'vnd.docker.reference.digest': image },
})

describe.each(Object.entries(registries))('%s: an image that is used by its digest stays', (name, withRegistry) => {
  test('any manifest that an attacker pushes over it, for cleanup and for the post step', async () => {
    await withRegistry(async (registry) => {
      const { hands } = registry
      const [victim, release, own] = [makeImage(), makeImage('release'), makeImage(annotation)]
      await hands.push(release, ['v1'])
      await hands.push(victim, [])
      await hands.push(own, [`pr-${run}`])
      const annotations = { [ownershipAnnotation]: annotation }
      const victims = [victim.index, ...victim.children]
      const { manifest: subject } = artifact(victim.index, annotations)
      const forged = [
        listing(victims, {}, annotations),
        listing(victims, attests(own.children[0]!.digest), annotations),
        listing(victims, attests(`sha256:${'1'.repeat(64)}`), annotations),
      ]
      for (const one of forged) expect(await hands.put(one.digest, one)).toBe(201)
      for (const [tag, one] of [
        [`pr-${run}-a`, victim.index],
        [`pr-${run}-b`, listing(victims, {})],
        [`pr-${run}-c`, forged[2]!],
        [`pr-${run}-d`, subject],
        [own.index.digest.replace(':', '-'), victim.index],
        [`${own.index.digest.replace(':', '-')}.sig`, victim.index],
      ] as const)
        expect(await hands.put(tag, one)).toBe(201)
      await post(registry, own, forged)
      expect(await missing(registry, victims)).toEqual([])
      expect(await missing(registry, [own.index])).toEqual([own.index.digest])
      await cleanUp(registry)
      expect(await missing(registry, victims)).toEqual([])
      expect(await hands.missing('v1')).toEqual([])
      expect((await hands.tags()).filter((tag) => tag.startsWith('pr-'))).toEqual([])
    })
  })

  test.each(['post', 'cleanup'])('and a signature goes with its image in %s', async (kind) => {
    await withRegistry(async (registry) => {
      const { hands } = registry
      const [release, own] = [makeImage('release'), makeImage(annotation)]
      await hands.push(release, ['v1'])
      // Zot keeps what an index without a tag refers to, and nothing lists that.
      await hands.push({ ...own, intermediates: [] }, [`pr-${run}`])
      const { manifest, config } = artifact(own.index)
      await hands.push({ ...own, blobs: [config], intermediates: [] }, [])
      expect(await hands.put(manifest.digest, manifest)).toBe(201)
      const list = listing([manifest], {})
      const isListed = name !== 'Zot'
      if (isListed) expect(await hands.put(own.index.digest.replace(':', '-'), list)).toBe(201)
      if (kind === 'post') await post(registry, own)
      else await cleanUp(registry)
      const all = [own.index, ...own.children, manifest, ...(isListed ? [list] : [])]
      expect(await missing(registry, all)).toEqual(all.map(({ digest }) => digest))
      expect(await hands.tags()).toEqual(['v1'])
      expect(parts(release).length - (await missing(registry, parts(release))).length).toBe(parts(release).length)
    })
  })
})
