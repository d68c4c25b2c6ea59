import { runOfNonce, type Facts } from '../packages/manifest-info.ts'
import { lookAround, neededBy } from './snapshot.ts'
import { readAll } from '../packages/repository.ts'
import { isRunId, matches, runOfTag } from '../forge/run-of.ts'
import { findOrphans } from './orphans.ts'
import { planSweep, type Item, type Plan } from './plan.ts'
import type { Sweeping } from './state.ts'

/** Reads the whole list, all the registry's tags, and every manifest that is new to us. */
export async function mark(sweeping: Sweeping): Promise<void> {
  const { place, seen } = sweeping
  const shown = new Set<string>()
  for await (const page of place.api.list()) {
    sweeping.pages++
    for (const version of page) {
      const known = seen.get(version.digest)
      const times = (known?.version.id === version.id ? known.times : 0) + (shown.has(version.digest) ? 0 : 1)
      shown.add(version.digest)
      seen.set(version.digest, { version, times })
    }
    await learn(
      sweeping,
      page.map(({ digest }) => digest),
    )
  }
  sweeping.look = await lookAround(place, Infinity)
  await learn(sweeping, sweeping.look.digests.values())
}

/** Reads manifests, and who made them. */
async function learn({ place, facts, runs }: Sweeping, digests: Iterable<string>): Promise<void> {
  const found = await readAll(
    place,
    [...digests].filter((digest) => !facts.has(digest)),
  )
  for (const [digest, one] of found) facts.set(digest, one)
  await runs.learn([...found.values()].flatMap(({ nonce }) => runOfNonce(nonce) ?? []))
}

/** A page of what is newest, for what has come, or was given a tag, since the lists were read. */
export async function glance(sweeping: Sweeping): Promise<void> {
  const { place, seen, needed, look } = sweeping
  if (place.api.kind !== 'github') return
  for await (const page of place.api.list()) {
    const fresh = page.filter(
      ({ digest, id, tags }) =>
        seen.get(digest)?.version.id !== id || tags.some((tag) => look.digests.get(tag) !== digest),
    )
    for (const digest of await neededBy(
      place,
      fresh.map(({ digest }) => digest),
    ))
      needed.add(digest)
    return
  }
}

/** A plan with the picture that it was made of. */
export interface Planned extends Plan {
  readonly items: ReadonlyMap<string, Item>
}

/** What is known now, as one picture. Decides nothing. */
function itemsOf({ seen, removed, facts, look, place }: Sweeping): Map<string, Item> {
  const tags = new Map<string, string[]>()
  for (const [tag, digest] of look.digests) tags.set(digest, [...(tags.get(digest) ?? []), tag])
  const items = new Map<string, Item>()
  const isGone = (digest: string, id: string) => removed.get(digest)?.id === id
  for (const [digest, { version, times }] of seen) {
    if (isGone(digest, version.id) || !facts.has(digest)) continue
    const all = [
      ...new Set([
        ...version.tags.filter((tag) => !look.digests.has(tag) || look.digests.get(tag) === digest),
        ...(tags.get(digest) ?? []),
      ]),
    ]
    items.set(digest, { id: version.id, digest, tags: all, confirmed: times > 1 || place.api.kind !== 'github' })
  }
  for (const [digest, named] of tags)
    if (!items.has(digest) && facts.has(digest)) items.set(digest, { id: '', digest, tags: named, confirmed: false })
  return items
}

export async function plan(sweeping: Sweeping): Promise<Planned> {
  const { request, runs, facts, claimed, spared, needed } = sweeping
  const items = itemsOf(sweeping)
  await runs.learn(
    [...items.values()].flatMap(({ tags }) =>
      tags.filter((tag) => matches(tag, request.tags)).flatMap((tag) => runOfTag(tag) ?? []),
    ),
  )
  await learnHidden(sweeping, items)
  const isDead = (run: string | undefined) => run !== undefined && runs.judge(run).dead
  const input = {
    items: withHidden(sweeping, items),
    facts,
    claimed,
    spared: new Set([...spared, ...needed]),
    orphans: sweeping.orphans,
    isDeadMark: (nonce: string | undefined) => isDead(runOfNonce(nonce)),
    isDoomedTag: (tag: string, digest: string) => isDoomedTag(sweeping, tag, facts.get(digest)),
    untagged: request.untagged,
    caches: request.runId === undefined,
  }
  if (request.untagged) for (const orphan of await findOrphans(sweeping, input.items, isDead)) input.orphans.add(orphan)
  return { ...planSweep(input), items: input.items }
}

/** Where lists show tagged manifests only, what is under temporary ones has to be read. */
async function learnHidden(sweeping: Sweeping, items: ReadonlyMap<string, Item>): Promise<void> {
  const { place, facts } = sweeping
  if (place.api.kind === 'github') return
  const temporary = [...items.values()].filter(({ digest, tags }) =>
    tags.some((tag) => isDoomedTag(sweeping, tag, facts.get(digest))),
  )
  await learn(
    sweeping,
    temporary.flatMap(({ digest }) => facts.get(digest)?.refs ?? []),
  )
}

/**
 * And added: but where nothing untagged is listed, only what its mark shows to be its run's alone, as an index that
 * somebody uses by its digest might need the rest.
 */
function withHidden({ place, facts, claimed, removed }: Sweeping, items: Map<string, Item>): Map<string, Item> {
  if (place.api.kind === 'github') return items
  const isMarked = (digest: string) => runOfNonce(facts.get(digest)?.nonce) !== undefined
  const attested = new Set(
    [...facts.values()].flatMap(({ attests }) =>
      [...attests].flatMap(([child, image]) => (isMarked(image) ? [child] : [])),
    ),
  )
  const below = [...items.keys()].flatMap((digest) => facts.get(digest)?.refs ?? [])
  for (const digest of [...below, ...claimed]) {
    if (items.has(digest) || removed.has(digest) || !facts.has(digest)) continue
    if (place.api.kind === 'forgejo' || isMarked(digest) || attested.has(digest))
      items.set(digest, { id: digest, digest, tags: [], confirmed: true })
  }
  return items
}

/**
 * Named so by its run, which is over. A small number may be a pull request's, so there the image has to say it, too.
 */
export function isDoomedTag(
  { request, runs }: Pick<Sweeping, 'request' | 'runs'>,
  tag: string,
  facts: Facts | undefined,
): boolean {
  const run = matches(tag, request.tags) ? runOfTag(tag) : undefined
  if (run === undefined || !runs.judge(run).dead) return false
  return isRunId(run) || runOfNonce(facts?.nonce) === run
}
