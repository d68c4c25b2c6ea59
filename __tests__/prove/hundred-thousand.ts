// Sweeps a package of so many versions that exist only when they are asked for, and prints the heap it took, in MiB.
import { RegistryError } from '../../src/registry/error.ts'
import type { PackageBackend, PackageVersion } from '../../src/packages/backend.ts'
import { createPackageRepository } from '../../src/packages/repository.ts'
import { createRunStatusCache } from '../../src/forge/run-status.ts'
import { cleanUpRepository } from '../../src/cleanup/registry-cleanup.ts'
import { ownershipAnnotation } from '../../src/run/names.ts'
import { ociIndex, ociManifest } from '../../src/registry/manifest.ts'

/** An index with its tag, two images and their attestations, and the index of each platform. */
const each = 7
const versions = each * Math.ceil(Number(process.argv[2] ?? 100_000) / each)
const pageSize = 100
/** Every so many releases is the left-over of a dead run. */
const deadEvery = 1000

const digestOf = (at: number): string => `sha256:${at.toString(16).padStart(64, '0')}`
const numberOf = (digest: string): number => Number(`0x${digest.slice(7)}`)
const isDead = (at: number): boolean => Math.floor(at / each) % deadEvery === 1
const tagOf = (at: number): string =>
  isDead(at) ? `pr-${17_000_000_000 + Math.floor(at / each)}` : `v${Math.floor(at / each)}`

function manifestOf(at: number): { readonly mediaType: string; readonly document: object } {
  const [release, part] = [at - (at % each), at % each]
  const annotations = isDead(at) ? { [ownershipAnnotation]: `${17_000_000_000 + release / each}-1-mab` } : {}
  const image = (one: number) => ({ mediaType: ociManifest, digest: digestOf(release + one), size: 500 })
  const attestation = (one: number, of: number) => ({
    ...image(one),
    annotations: {
      'vnd.docker.reference.digest': digestOf(release + of),
      'vnd.docker.reference.type': 'attestation-manifest',
    },
  })
  const layer = {
    mediaType: part === 2 || part === 4 ? 'application/vnd.in-toto+json' : 'application/vnd.oci.image.layer.v1.tar',
    digest: digestOf(2 ** 40 + at),
    size: 1000,
  }
  switch (part) {
    case 0:
      return {
        mediaType: ociIndex,
        document: {
          schemaVersion: 2,
          annotations,
          manifests: [image(1), attestation(2, 1), image(3), attestation(4, 3)],
        },
      }
    case 5:
    case 6:
      return {
        mediaType: ociIndex,
        document: {
          schemaVersion: 2,
          annotations,
          manifests: [image(2 * part - 9), attestation(2 * part - 8, 2 * part - 9)],
        },
      }
    default:
      return {
        mediaType: ociManifest,
        document: {
          schemaVersion: 2,
          ...(part % 2 && { annotations }),
          config: { ...layer, mediaType: 'application/vnd.oci.image.config.v1+json' },
          layers: [layer],
        },
      }
  }
}

const gone = new Set<string>()
let most = 0

const versionOf = (at: number): PackageVersion => ({
  id: String(at + 1),
  digest: digestOf(at),
  tags: at % each === 0 ? [tagOf(at)] : [],
})
const exists = (digest: string): boolean => !gone.has(digest) && numberOf(digest) < versions

const api: PackageBackend = {
  title: 'a generated list',
  capabilities: {
    listsById: true,
    listsUntagged: true,
    resolvesEachTag: false,
    deletesReferenced: true,
    deletesConcurrently: false,
    lowercasesTags: false,
  },
  list: async function* () {
    for (let end = versions; end > 0; end -= pageSize) {
      most = Math.max(most, process.memoryUsage().heapUsed)
      yield await Promise.resolve(
        Array.from({ length: Math.min(end, pageSize) }, (_, at) => versionOf(end - 1 - at)).filter(({ digest }) =>
          exists(digest),
        ),
      )
    }
  },
  read: ({ digest }) => Promise.resolve(exists(digest) ? versionOf(numberOf(digest)) : undefined),
  remove: ({ digest }) => {
    gone.add(digest)
    return Promise.resolve()
  },
  untag: () => Promise.reject(new Error('nothing shares a digest here')),
  restore: () => Promise.resolve(false),
}

const packages = createPackageRepository({
  backend: api,
  repository: 'acme/app',
  name: 'ghcr.io/acme/app',
  clock: { now: () => 0, sleep: () => Promise.resolve() },
  deadline: Infinity,
  registry: {
    getManifest: (_, digest) => {
      if (!exists(digest)) return Promise.reject(new RegistryError('gone', { kind: 'not-found', host: 'ghcr.io' }))
      const { mediaType, document } = manifestOf(numberOf(digest))
      return Promise.resolve({ digest, mediaType, bytes: new TextEncoder().encode(JSON.stringify(document)) })
    },
    headManifest: (_, reference) => {
      const [, run] = /^pr-17(\d+)$/.exec(reference) ?? []
      const digest = reference.startsWith('sha256:') ? reference : digestOf(each * Number(run ?? reference.slice(1)))
      return Promise.resolve(exists(digest) ? digest : undefined)
    },
    putManifest: () => Promise.reject(new Error('nothing is pushed here')),
    listTags: () =>
      Promise.resolve(
        Array.from({ length: Math.ceil(versions / each) }, (_, at) => at * each)
          .filter((at) => exists(digestOf(at)))
          .map(tagOf),
      ),
    // The statement of an attestation, about the image that was pushed before it.
    getBlob: (_, digest) => {
      const image = digestOf(numberOf(digest) - 2 ** 40 - 1).slice('sha256:'.length)
      return Promise.resolve(new TextEncoder().encode(JSON.stringify({ subject: [{ digest: { sha256: image } }] })))
    },
  },
})

const runs = createRunStatusCache(
  () => Promise.resolve({ completed: true, createdAt: -1e12, endedAt: -1e12 }),
  () => ({ now: 0, olderThan: 1 }),
)
const { deleted, kept, audit } = await cleanUpRepository(
  packages,
  { tags: ['pr-*'], untagged: true, dryRun: false },
  runs,
)
console.log(
  JSON.stringify({
    versions,
    deleted: deleted.length,
    kept: kept.length,
    broken: audit?.broken.length,
    heap: Math.round(most / 2 ** 20),
  }),
)
