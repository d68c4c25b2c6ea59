import type { PackageBackend, PackageVersion } from '../../src/packages/backend.ts'
import type { ManifestStore, PackageRepository } from '../../src/packages/repository.ts'
import { claimedImage } from './adversary.ts'
import type { Mutation } from './history.ts'
import { parseRunId, type RunState } from '../../src/forge/run-status.ts'
import { parseConfigDigest, type ManifestInfo } from '../../src/packages/manifest-info.ts'
import { annotatedRun } from '../../src/run/names.ts'
import { days } from '../ghcr/clock.ts'
import { isOfNight } from './model.ts'

const api = (change: (api: PackageBackend, packages: PackageRepository) => Partial<PackageBackend>): Mutation => ({
  packages: (packages) => ({ ...packages, backend: { ...packages.backend, ...change(packages.backend, packages) } }),
})
const registry = (change: (registry: ManifestStore) => Partial<ManifestStore>): Mutation => ({
  packages: (packages) => ({ ...packages, registry: { ...packages.registry, ...change(packages.registry) } }),
})
const answers = (change: (answer: RunState) => RunState): Mutation => ({
  ask: (ask) => async (run) => change(await ask(run)),
})
const both = (one: Mutation, other: Mutation): Mutation => ({
  ...one,
  ...other,
  packages: (packages) => other.packages?.(one.packages?.(packages) ?? packages) ?? packages,
})

const longOver: RunState = { completed: true, createdAt: 0, endedAt: 0 }
const isTemporary = (tag: string) => tag.startsWith('pr-') || tag.startsWith('build-')
const onlyTemporary = (version: PackageVersion): PackageVersion => ({
  ...version,
  tags: version.tags.filter(isTemporary),
})

async function* mapPages(
  pages: AsyncIterable<readonly PackageVersion[]>,
  change: (page: readonly PackageVersion[]) => readonly PackageVersion[],
): AsyncIterable<readonly PackageVersion[]> {
  for await (const page of pages) yield change(page)
}

async function* firstOf(pages: AsyncIterable<readonly PackageVersion[]>): AsyncIterable<readonly PackageVersion[]> {
  for await (const page of pages) {
    yield page
    return
  }
}

/** As if `created` in a configuration were the time at which the tags of the image were pushed. */
async function* withConfigTimes(
  pages: AsyncIterable<readonly PackageVersion[]>,
  { registry, repository, manifest }: PackageRepository,
): AsyncIterable<readonly PackageVersion[]> {
  const createdOf = async (digest: string): Promise<number> => {
    const image = (await manifest(digest))?.refs[0] ?? digest
    const { bytes } = await registry.getManifest(repository, image)
    const config = await registry.getBlob(repository, parseConfigDigest(bytes) ?? '')
    return Date.parse(/"created":"([^"]*)"/.exec(new TextDecoder().decode(config))?.[1] ?? '')
  }
  for await (const page of pages)
    yield await Promise.all(
      page.map(async (version) => {
        const taggedAt = version.tags.some(isOfNight) ? await createdOf(version.digest) : NaN
        return Number.isNaN(taggedAt) ? version : { ...version, taggedAt }
      }),
    )
}

async function all(packages: PackageBackend): Promise<PackageVersion[]> {
  const found: PackageVersion[] = []
  for await (const page of packages.list()) found.push(...page)
  return found
}

/** Deletes more along with an index that bears a tag. */
const removingFirst = (
  more: (packages: PackageRepository, index: PackageVersion, version: PackageVersion) => Promise<boolean>,
): Mutation =>
  api((inner, packages) => ({
    remove: async (version) => {
      if (version.tags.length > 0)
        for (const other of await all(inner))
          if (other.tags.length === 0 && (await more(packages, version, other))) await inner.remove(other)
      await inner.remove(version)
    },
  }))

const readsNothingAgain = api(() => ({ read: (version) => Promise.resolve(version) }))
const asksNoRegistry = registry(() => ({ listTags: () => Promise.resolve([]) }))
const seesNothingNew = api((inner) => {
  let known: Set<string> | undefined
  return {
    list: () => {
      const seen = known
      known ??= new Set()
      return mapPages(inner.list(), (page) => {
        if (seen) return page.filter(({ id }) => seen.has(id))
        page.forEach(({ id }) => known?.add(id))
        return page
      })
    },
  }
})
const hidesDeleted = api((inner) => {
  const removed = new Set<string>()
  return {
    list: () => mapPages(inner.list(), (page) => page.filter(({ id }) => !removed.has(id))),
    remove: async (version) => {
      await inner.remove(version)
      removed.add(version.id)
    },
  }
})

/** Takes the tag on a manifest for what the manifest says itself; `read` finds it in the tag. */
const believesTags = (
  key: 'versionRun' | 'pullRequest' | 'version',
  read: (tag: string) => string | undefined,
): Mutation => ({
  packages: (packages) => {
    const values = new Map<string, string>()
    return {
      ...packages,
      registry: {
        ...packages.registry,
        headManifest: async (repository, reference) => {
          const digest = await packages.registry.headManifest(repository, reference)
          const value = read(reference)
          if (digest !== undefined && value !== undefined) values.set(digest, value)
          return digest
        },
      },
      // Read when it is used: the tags are resolved after the manifests are read.
      manifest: async (digest) => {
        const found = await packages.manifest(digest)
        const get = () => values.get(digest) ?? found?.[key]
        return found && Object.defineProperty({ ...found }, key, { get, enumerable: true })
      },
    }
  },
})

/** Takes what an index says for what its entries say themselves; `read` finds it in the index. */
const believesIndexes = (
  key: 'versionRun' | 'runAnnotation',
  read: (index: ManifestInfo) => string | undefined,
): Mutation => ({
  packages: (packages) => {
    const values = new Map<string, string>()
    return {
      ...packages,
      manifest: async (digest) => {
        const found = await packages.manifest(digest)
        if (!found) return undefined
        const value = read({ ...found, [key]: found[key] ?? values.get(digest) })
        if (value !== undefined) found.refs.forEach((ref) => values.set(ref, value))
        // Read when it is used: entries are read together with their index.
        return Object.defineProperty({ ...found }, key, { get: () => values.get(digest) ?? found[key] ?? value })
      },
    }
  },
})

const ignoresReferences: Mutation = {
  packages: (packages) => ({
    ...packages,
    manifest: async (digest) => {
      const found = await packages.manifest(digest)
      return found?.kind === 'index' && found.runAnnotation === undefined ? { ...found, refs: [] } : found
    },
  }),
}

/** Takes any image with a name as that of a pull request for an image of this one. */
const believesPullRequests = believesTags('pullRequest', (tag) => (tag.startsWith('pr-') ? 'shop-7' : undefined))

/** Takes the tag of a night for the version that the image has by its annotation. */
const believesNights = believesTags('version', (tag) => (isOfNight(tag) ? tag : undefined))

/** Wrong versions of the algorithm, each of which loses or leaves something sooner or later. */
export const mutations: Readonly<Record<string, Mutation>> = {
  'reads no version again': readsNothingAgain,
  'asks no registry': asksNoRegistry,
  'takes what everybody may need along with the index': removingFirst(
    async ({ manifest: facts }, index, { digest }) => (await facts(index.digest))?.refs.includes(digest) ?? false,
  ),
  'takes everything untagged for a dead run’s': {
    packages: (packages) => ({
      ...packages,
      manifest: async (digest) => {
        const found = await packages.manifest(digest)
        return found && { ...found, runAnnotation: found.runAnnotation ?? '1-1-nobody' }
      },
    }),
    ask: (ask) => async (run) => (run === '1' ? longOver : await ask(run)),
  },
  'ignores other tags on a version': {
    packages: (packages) => ({
      ...packages,
      registry: {
        ...packages.registry,
        listTags: async (repository) => (await packages.registry.listTags(repository)).filter(isTemporary),
      },
      backend: {
        ...packages.backend,
        list: () => mapPages(packages.backend.list(), (page) => page.map(onlyTemporary)),
        read: async (version) => {
          const now = await packages.backend.read(version)
          return now && onlyTemporary(now)
        },
      },
    }),
  },
  'ignores that others refer to it by now': ignoresReferences,
  'trusts lists that are stale, and nothing else': both(hidesDeleted, asksNoRegistry),
  'takes unknown runs for dead': answers((answer) => (answer === 'unknown' ? longOver : answer)),
  'takes runs that go on for dead': answers((answer) => (typeof answer === 'string' ? answer : longOver)),
  'takes the time of a version for its age': answers((answer) =>
    typeof answer === 'string' ? answer : { ...answer, completed: true, endedAt: answer.createdAt },
  ),
  'never asks the registry, nor looks at what is new': both(asksNoRegistry, seesNothingNew),
  'stops at the first page': api((inner) => ({ list: () => firstOf(inner.list()) })),
  'restores nothing': api(() => ({ restore: () => Promise.resolve(false) })),
  'deletes what tells whose the rest is first': removingFirst(async ({ manifest: facts }, index, { digest }) => {
    const [joined, other] = [await facts(index.digest), await facts(digest)]
    return (
      joined?.runAnnotation !== undefined && other?.kind === 'index' && other.runAnnotation === joined.runAnnotation
    )
  }),
  'deletes whatever its tag names by now': {
    own: async (own, { registry: store, repository }) => {
      const named = await Promise.all(
        own.tags.map(async ({ tag }) => ({ tag, digest: (await store.headManifest(repository, tag)) ?? '' })),
      )
      return { ...own, tags: named.filter(({ digest }) => digest !== '') }
    },
  },
  'deletes the release along with the parts that were merged': {
    own: (own) => {
      const release = [0, 1].flatMap((at) => (own.kept ?? []).map((digest) => ({ tag: `merged-${at}`, digest })))
      return Promise.resolve({ ...own, tags: [...own.tags, ...release], kept: [] })
    },
  },
  'takes the images of merged parts for the parts’': both(
    believesIndexes('runAnnotation', ({ attests, runAnnotation }) => (attests.size > 0 ? runAnnotation : undefined)),
    ignoresReferences,
  ),
  'takes what an API does not show yet for gone': {
    packages: (packages) => ({
      ...packages,
      registry: {
        ...packages.registry,
        headManifest: async (repository, reference) =>
          reference.includes(':') ? undefined : await packages.registry.headManifest(repository, reference),
      },
    }),
  },
  'takes any content under a temporary tag for its run’s': both(
    answers((answer) => (typeof answer === 'string' ? answer : { ...answer, createdAt: 0 })),
    believesTags('versionRun', parseRunId),
  ),
  'takes any content that was pushed during a run for its run’s': believesTags('versionRun', parseRunId),
  'takes what an index lists for content of the run that the index names': believesIndexes(
    'versionRun',
    ({ versionRun }) => versionRun,
  ),
  'takes what a part lists for content of the run that the part names': believesIndexes(
    'versionRun',
    ({ isPart, runAnnotation }) => (isPart ? annotatedRun(runAnnotation) : undefined),
  ),
  'believes an index that calls something an attestation': {
    packages: (packages) => ({
      ...packages,
      manifest: async (digest) => {
        const found = await packages.manifest(digest)
        if (!found || found.runAnnotation !== undefined || found.subject !== undefined) return found
        return { ...found, kind: 'attestation', subject: claimedImage }
      },
    }),
  },
  'takes whatever an index of a run lists for its run’s': believesIndexes(
    'runAnnotation',
    ({ runAnnotation }) => runAnnotation,
  ),
  'decides by the name of a tag for which pull request an image was built': believesPullRequests,
  'takes the tag of a night for what the image says itself': believesNights,
  'deletes with an old night what newer ones need': removingFirst(
    async ({ manifest }, { digest: index, tags }, { digest }) =>
      tags.some(isOfNight) && ((await manifest(index))?.refs.includes(digest) ?? false),
  ),
  'counts nights that are too young': api((inner) => ({
    list: () =>
      mapPages(inner.list(), (page) =>
        page.map((version) => ({ ...version, createdAt: (version.createdAt ?? 0) - 30 * days })),
      ),
  })),
  'takes the first push of an image for its last one': api((inner) => ({
    list: () =>
      mapPages(inner.list(), (page) =>
        page.map(({ createdAt, ...version }) => ({
          ...version,
          ...(createdAt !== undefined && { createdAt, taggedAt: createdAt }),
        })),
      ),
  })),
  'believes the configuration of an image': api((inner, packages) => ({
    list: () => withConfigTimes(inner.list(), packages),
  })),
  'deletes what an artifact of a run has as its subject': removingFirst(
    async ({ manifest }, index, { digest }) => (await manifest(index.digest))?.subject === digest,
  ),
  'believes a tag that calls something a referrer': {
    packages: (packages) => {
      const tags = new Map<string, string>()
      return {
        ...packages,
        registry: {
          ...packages.registry,
          headManifest: async (repository, reference) => {
            const digest = await packages.registry.headManifest(repository, reference)
            const [, hex] = /^sha256-([0-9a-f]{64})/.exec(reference) ?? []
            if (digest !== undefined && hex !== undefined) tags.set(digest, `sha256:${hex}`)
            return digest
          },
        },
        manifest: async (digest) => {
          const found = await packages.manifest(digest)
          const subject = found?.subject ?? tags.get(digest)
          return found && subject !== undefined ? { ...found, subject } : found
        },
      }
    },
  },
}
