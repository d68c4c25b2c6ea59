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

type Statement = Readonly<Record<string, unknown>>

const provenanceV1 = (finishedOn: unknown): Statement => ({
  predicateType: 'https://slsa.dev/provenance/v1',
  predicate: { runDetails: { metadata: { finishedOn } } },
})
const provenanceV02 = (buildFinishedOn: unknown): Statement => ({
  predicateType: 'https://slsa.dev/provenance/v0.2',
  predicate: { metadata: { buildFinishedOn } },
})

/** A registry whose API has no times. */
function store() {
  const blobs = new Map<string, Uint8Array<ArrayBuffer>>()
  const manifests = new Map<string, { readonly bytes: Uint8Array<ArrayBuffer>; readonly mediaType: string }>()
  const notFound = () => new RegistryError('not found', { kind: 'not-found', host: 'r', status: 404 })
  const put = (document: unknown, mediaType: string) => {
    const bytes = encode(document)
    const digest = sha256(bytes)
    manifests.set(digest, { bytes, mediaType })
    return digest
  }
  const putBlob = (document: unknown) => {
    const bytes = encode(document)
    blobs.set(sha256(bytes), bytes)
    return sha256(bytes)
  }
  const image = (created: unknown) =>
    put({ schemaVersion: 2, config: { digest: putBlob({ created, at: blobs.size }) }, layers: [] }, ociManifest)
  const attestation = (statement: Statement) => {
    const layer = {
      mediaType: 'application/vnd.in-toto+json',
      digest: putBlob({ ...statement, at: blobs.size }),
      annotations: { 'in-toto.io/predicate-type': statement['predicateType'] },
    }
    return put({ schemaVersion: 2, config: { digest: putBlob({}) }, layers: [layer] }, ociManifest)
  }
  const index = (entries: readonly string[]) =>
    put({ schemaVersion: 2, manifests: entries.map((digest) => ({ digest })) }, ociIndex)
  /** A platform for each statement. */
  const built = (created: unknown, ...statements: readonly Statement[]) =>
    index(statements.flatMap((statement) => [image(created), attestation(statement)]))
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
  return { repository, image, index, built, infos, blobs }
}

const unknown = 'its age is unknown: it has no provenance with the time of its build, and the registry reports no time.'

/** Why each tag stays or is deleted; the API reports the times of `taggedAt`. */
async function reasons(
  { repository, infos }: ReturnType<typeof store>,
  tags: Readonly<Record<string, string>>,
  taggedAt: ReadonlyMap<string, number> = new Map(),
): Promise<Record<string, string>> {
  const retained = new RetainedTags(repository, { patterns: ['n-*'], keep: 1, olderThan: 3 * day })
  const manifests = infos()
  await retained.update({
    digests: new Map(Object.entries(tags)),
    manifests,
    versionOf: (digest) => {
      const time = taggedAt.get(digest)
      return { id: digest, digest, tags: [], ...(time !== undefined && { taggedAt: time }) }
    },
    isExcluded: () => false,
  })
  return Object.fromEntries(
    Object.entries(tags).map(([tag, digest]) => [tag, retained.selection.keepReason(tag, manifests.get(digest))]),
  )
}

const ago = (days: number) => new Date(now - days * day).toISOString()

describe('the age of an image, where the API reports no times', () => {
  test('is that of its build, whatever its configuration says; of several platforms the latest', async () => {
    const here = store()
    const [old, mixed, last] = [
      here.built(ago(1), provenanceV02(ago(9))),
      here.built(ago(1), provenanceV1(ago(20)), provenanceV1(ago(8))),
      here.built(ago(400), provenanceV1(ago(7))),
    ]
    expect(await reasons(here, { 'n-1': old, 'n-2': mixed, 'n-3': last })).toEqual({
      'n-1': 'not one of the 1 newest of `n-*`',
      'n-2': 'not one of the 1 newest of `n-*`',
      'n-3': 'one of the 1 newest of `n-*`.',
    })
    expect(await reasons(here, { 'n-1': old, 'n-2': mixed })).toMatchObject({ 'n-2': 'one of the 1 newest of `n-*`.' })
  })

  test('is that of the build, not of the step from the cache: builds A, B, A', async () => {
    const here = store()
    const builds = [
      [9, 9],
      [8, 8],
      [9, 7],
    ].map(([created = 0, finished = 0]) => here.built(ago(created), provenanceV1(ago(finished))))
    const [first = '', second = '', third = ''] = builds
    expect(await reasons(here, { 'n-1': first, 'n-2': second, 'n-3': third })).toEqual({
      'n-1': 'not one of the 1 newest of `n-*`',
      'n-2': 'not one of the 1 newest of `n-*`',
      'n-3': 'one of the 1 newest of `n-*`.',
    })
    expect(await reasons(here, { 'n-4': here.built(ago(9), provenanceV1(ago(1))) })).toEqual({
      'n-4': 'the image is younger than `older-than`.',
    })
  })

  test.each([undefined, '', 'yesterday', '1970-01-01T00:00:00Z', '1980-01-01T00:00:01Z', 7])(
    'is unknown if the provenance has %p: the image stays and is not counted',
    async (time) => {
      const here = store()
      const dated = (days: number) => here.built(ago(days), provenanceV1(ago(days)))
      const tags = { 'n-1': here.built(ago(9), provenanceV1(time)), 'n-2': dated(9), 'n-3': dated(8) }
      expect(await reasons(here, tags)).toEqual({
        'n-1': unknown,
        'n-2': 'not one of the 1 newest of `n-*`',
        'n-3': 'one of the 1 newest of `n-*`.',
      })
    },
  )

  test('is unknown without provenance, or if it does not exist', async () => {
    const here = store()
    const sbom = { predicateType: 'https://spdx.dev/Document', predicate: { metadata: { buildFinishedOn: ago(9) } } }
    const tags = {
      'n-1': here.image(ago(9)),
      'n-2': here.index([here.image(ago(8)), here.image(ago(8))]),
      'n-3': here.built(ago(9), sbom),
    }
    expect(await reasons(here, tags)).toEqual({ 'n-1': unknown, 'n-2': unknown, 'n-3': unknown })
    const gone = here.built(ago(9), provenanceV1(ago(9)))
    here.blobs.clear()
    expect(await reasons(here, { 'n-4': gone })).toEqual({ 'n-4': unknown })
  })

  test('is unknown with several tags: the image may have been published again', async () => {
    const here = store()
    const [image, other] = [here.built(ago(9), provenanceV1(ago(9))), here.built(ago(8), provenanceV1(ago(8)))]
    const several = 'its age is unknown: it has the tags n-1, n-3, so it may be an older image that was pushed again.'
    expect(await reasons(here, { 'n-1': image, 'n-2': other, 'n-3': image })).toEqual({
      'n-1': several,
      'n-2': 'one of the 1 newest of `n-*`.',
      'n-3': several,
    })
    // A tag that the cleanup is not about does not matter.
    expect(await reasons(here, { 'n-1': image, 'n-2': other, other: image })).toMatchObject({
      'n-1': 'not one of the 1 newest of `n-*`',
    })
  })

  test('in the future keeps the image, and is not counted', async () => {
    const here = store()
    const tags = { 'n-1': here.built('', provenanceV1(ago(9))), 'n-2': here.built('', provenanceV1(ago(-400))) }
    expect(await reasons(here, tags)).toEqual({
      'n-1': 'one of the 1 newest of `n-*`.',
      'n-2': 'the image is younger than `older-than`.',
    })
  })
})

test('where the API reports when a tag was pushed, this is the age, also with several tags', async () => {
  const here = store()
  const [image, other] = [here.image(ago(1)), here.built(ago(9), provenanceV1(ago(2)))]
  const times = new Map([
    [image, now - 7 * day],
    [other, now - 8 * day],
  ])
  expect(await reasons(here, { 'n-1': image, 'n-2': other, 'n-3': image }, times)).toEqual({
    'n-1': 'one of the 1 newest of `n-*`.',
    'n-2': 'not one of the 1 newest of `n-*`',
    'n-3': 'one of the 1 newest of `n-*`.',
  })
})
