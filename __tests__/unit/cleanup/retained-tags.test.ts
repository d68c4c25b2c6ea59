import { describe, expect, test } from '@jest/globals'
import { RetainedTags } from '../../../src/cleanup/retained-tags.ts'
import { parseManifestInfo, type ManifestInfo } from '../../../src/packages/manifest-info.ts'
import { createPackageRepository } from '../../../src/packages/repository.ts'
import { ociIndex, ociManifest } from '../../../src/registry/manifest.ts'
import { RegistryError } from '../../../src/registry/error.ts'
import type { PackageBackend } from '../../../src/packages/backend.ts'
import { sha256 } from '../registry/server.ts'

const day = 86_400_000
const now = Date.UTC(2026, 0, 31)
const encode = (document: unknown): Uint8Array<ArrayBuffer> => new Uint8Array(Buffer.from(JSON.stringify(document)))

/** A registry whose API has no dates. */
function store() {
  const blobs = new Map<string, Uint8Array<ArrayBuffer>>()
  const manifests = new Map<string, { readonly bytes: Uint8Array<ArrayBuffer>; readonly mediaType: string }>()
  const notFound = () => new RegistryError('not found', { kind: 'not-found', host: 'r', status: 404 })
  const put = (bytes: Uint8Array<ArrayBuffer>, mediaType: string) => {
    const digest = sha256(bytes)
    manifests.set(digest, { bytes, mediaType })
    return digest
  }
  const image = (created: unknown) => {
    const config = encode({ created, at: blobs.size })
    blobs.set(sha256(config), config)
    return put(encode({ schemaVersion: 2, config: { digest: sha256(config) }, layers: [] }), ociManifest)
  }
  const index = (images: readonly string[]) =>
    put(encode({ schemaVersion: 2, manifests: images.map((digest) => ({ digest })) }), ociIndex)
  const found = <T>(value: T | undefined) => (value === undefined ? Promise.reject(notFound()) : Promise.resolve(value))
  const repository = createPackageRepository({
    backend: { capabilities: { listsById: false } } as unknown as PackageBackend,
    registry: {
      getManifest: async (_, digest) => ({ ...(await found(manifests.get(digest))), digest }),
      getBlob: (_, digest) => found(blobs.get(digest)),
      headManifest: () => Promise.resolve(undefined),
      putManifest: () => Promise.resolve(''),
      listTags: () => Promise.resolve([]),
    },
    repository: 'acme/app',
    name: 'r/acme/app',
    clock: { now: () => now, sleep: () => Promise.resolve() },
    deadline: Infinity,
  })
  const infos = (): Map<string, ManifestInfo> =>
    new Map(
      [...manifests].map(([digest, { bytes, mediaType }]) => [digest, parseManifestInfo(digest, bytes, mediaType)]),
    )
  return { repository, image, index, infos, blobs }
}

/** Why each tag stays or is deleted. */
async function reasons(
  { repository, infos }: ReturnType<typeof store>,
  tags: Readonly<Record<string, string>>,
): Promise<Record<string, string>> {
  const retained = new RetainedTags(repository, { patterns: ['n-*'], keep: 1, olderThan: 3 * day })
  const manifests = infos()
  await retained.update({
    digests: new Map(Object.entries(tags)),
    manifests,
    pushedAt: () => 0,
    isExcluded: () => false,
  })
  return Object.fromEntries(
    Object.entries(tags).map(([tag, digest]) => [tag, retained.selection.keepReason(tag, manifests.get(digest))]),
  )
}

const ago = (days: number) => new Date(now - days * day).toISOString()

describe('the date of an image, where the API has none', () => {
  test('is that of its configuration; of several platforms the latest', async () => {
    const here = store()
    const [old, mixed, last] = [
      here.image(ago(9)),
      here.index([here.image(ago(20)), here.image(ago(8))]),
      here.image(ago(7)),
    ]
    expect(await reasons(here, { 'n-1': old, 'n-2': mixed, 'n-3': last })).toEqual({
      'n-1': 'not one of the 1 newest of `n-*`',
      'n-2': 'not one of the 1 newest of `n-*`',
      'n-3': 'one of the 1 newest of `n-*`.',
    })
    expect(await reasons(here, { 'n-1': old, 'n-2': mixed })).toMatchObject({ 'n-2': 'one of the 1 newest of `n-*`.' })
  })

  test.each([undefined, '', 'yesterday', '1970-01-01T00:00:00Z', '1980-01-01T00:00:01Z', '0001-01-01T00:00:00Z', 7])(
    'is unknown if the configuration has %p',
    async (created) => {
      const here = store()
      const tags = { 'n-1': here.image(created), 'n-2': here.image(ago(9)), 'n-3': here.image(ago(8)) }
      expect(await reasons(here, tags)).toMatchObject({
        'n-1': 'nothing tells when the image was made.',
        'n-2': 'not one of the 1 newest of `n-*`',
      })
    },
  )

  test('is unknown if the configuration does not exist', async () => {
    const here = store()
    const tags = { 'n-1': here.image(ago(9)), 'n-2': here.image(ago(8)) }
    here.blobs.clear()
    expect(new Set(Object.values(await reasons(here, tags)))).toEqual(
      new Set(['nothing tells when the image was made.']),
    )
  })

  test('in the future keeps the image, and is not counted', async () => {
    const here = store()
    const tags = { 'n-1': here.image(ago(9)), 'n-2': here.image(ago(-400)) }
    expect(await reasons(here, tags)).toEqual({
      'n-1': 'one of the 1 newest of `n-*`.',
      'n-2': 'the image is younger than `older-than`.',
    })
  })
})
