import type { PackageApi, Version } from '../../src/packages/backend.ts'
import type { ManifestStore, Place } from '../../src/packages/repository.ts'
import type { RunAnswer } from '../../src/forge/run-of.ts'
import type { Mutation } from './history.ts'

const api = (change: (api: PackageApi, place: Place) => Partial<PackageApi>): Mutation => ({
  place: (place) => ({ ...place, api: { ...place.api, ...change(place.api, place) } }),
})
const registry = (change: (registry: ManifestStore) => Partial<ManifestStore>): Mutation => ({
  place: (place) => ({ ...place, registry: { ...place.registry, ...change(place.registry) } }),
})
const answers = (change: (answer: RunAnswer) => RunAnswer): Mutation => ({
  ask: (ask) => async (run) => change(await ask(run)),
})
const both = (one: Mutation, other: Mutation): Mutation => ({
  ...one,
  ...other,
  place: (place) => other.place?.(one.place?.(place) ?? place) ?? place,
})

const longOver: RunAnswer = { completed: true, createdAt: 0, endedAt: 0 }
const isTemporary = (tag: string) => tag.startsWith('pr-') || tag.startsWith('build-')
const onlyTemporary = (version: Version): Version => ({ ...version, tags: version.tags.filter(isTemporary) })

async function* mapPages(
  pages: AsyncIterable<readonly Version[]>,
  change: (page: readonly Version[]) => readonly Version[],
): AsyncIterable<readonly Version[]> {
  for await (const page of pages) yield change(page)
}

async function* firstOf(pages: AsyncIterable<readonly Version[]>): AsyncIterable<readonly Version[]> {
  for await (const page of pages) {
    yield page
    return
  }
}

async function all(packages: PackageApi): Promise<Version[]> {
  const found: Version[] = []
  for await (const page of packages.list()) found.push(...page)
  return found
}

/** Deletes more along with an index that bears a tag. */
const removingFirst = (more: (place: Place, index: Version, version: Version) => Promise<boolean>): Mutation =>
  api((inner, place) => ({
    remove: async (version) => {
      if (version.tags.length > 0)
        for (const other of await all(inner))
          if (other.tags.length === 0 && (await more(place, version, other))) await inner.remove(other)
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
const hidesItsGhosts = api((inner) => {
  const removed = new Set<string>()
  return {
    list: () => mapPages(inner.list(), (page) => page.filter(({ id }) => !removed.has(id))),
    remove: async (version) => {
      await inner.remove(version)
      removed.add(version.id)
    },
  }
})

/** Wrong versions of the algorithm, each of which loses or leaves something sooner or later. */
export const mutations: Readonly<Record<string, Mutation>> = {
  'reads no version again': readsNothingAgain,
  'asks no registry': asksNoRegistry,
  'takes what everybody may need along with the index': removingFirst(
    async ({ facts }, index, { digest }) => (await facts(index.digest))?.refs.includes(digest) ?? false,
  ),
  'takes everything untagged for a dead run’s': {
    place: (place) => ({
      ...place,
      facts: async (digest) => {
        const found = await place.facts(digest)
        return found && { ...found, nonce: found.nonce ?? '1-1-nobody' }
      },
    }),
    ask: (ask) => async (run) => (run === '1' ? longOver : await ask(run)),
  },
  'ignores other tags on a version': {
    place: (place) => ({
      ...place,
      registry: {
        ...place.registry,
        listTags: async (repository) => (await place.registry.listTags(repository)).filter(isTemporary),
      },
      api: {
        ...place.api,
        list: () => mapPages(place.api.list(), (page) => page.map(onlyTemporary)),
        read: async (version) => {
          const now = await place.api.read(version)
          return now && onlyTemporary(now)
        },
      },
    }),
  },
  'ignores that others refer to it by now': {
    place: (place) => ({
      ...place,
      facts: async (digest) => {
        const found = await place.facts(digest)
        return found?.kind === 'index' && found.nonce === undefined ? { ...found, refs: [] } : found
      },
    }),
  },
  'trusts lists that are stale, and nothing else': both(hidesItsGhosts, asksNoRegistry),
  'takes unknown runs for dead': answers((answer) => (answer === 'unknown' ? longOver : answer)),
  'takes runs that go on for dead': answers((answer) => (typeof answer === 'string' ? answer : longOver)),
  'takes the time of a version for its age': answers((answer) =>
    typeof answer === 'string' ? answer : { ...answer, completed: true, endedAt: answer.createdAt },
  ),
  'never asks the registry, nor looks at what is new': both(asksNoRegistry, seesNothingNew),
  'stops at the first page': api((inner) => ({ list: () => firstOf(inner.list()) })),
  'restores nothing': api(() => ({ restore: () => Promise.resolve(false) })),
  'deletes what tells whose the rest is first': removingFirst(async ({ facts }, index, { digest }) => {
    const [joined, other] = [await facts(index.digest), await facts(digest)]
    return joined?.nonce !== undefined && other?.kind === 'index' && other.nonce === joined.nonce
  }),
  'deletes whatever its tag names by now': {
    own: async (own, { registry: store, repository }) => {
      const named = await Promise.all(
        own.tags.map(async ({ tag }) => ({ tag, digest: (await store.headManifest(repository, tag)) ?? '' })),
      )
      return { ...own, tags: named.filter(({ digest }) => digest !== '') }
    },
  },
  'takes what an API does not show yet for gone': {
    place: (place) => ({
      ...place,
      registry: {
        ...place.registry,
        headManifest: async (repository, reference) =>
          reference.includes(':') ? undefined : await place.registry.headManifest(repository, reference),
      },
    }),
  },
}
