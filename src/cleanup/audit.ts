import type { Version } from '../packages/backend.ts'
import { runOfNonce } from '../packages/manifest-info.ts'
import { lookAround } from './snapshot.ts'
import { severalAtOnce } from '../lib/concurrency.ts'
import { readAll, resolveTags } from '../packages/repository.ts'
import type { Result, Audit } from './result.ts'
import type { Sweeping } from './state.ts'

/**
 * A tag that goes while we look is no broken one: whoever deletes an image takes its index first, so where the tag
 * still names it afterwards, what was missing is missed.
 */
export async function auditTags({ place }: Sweeping): Promise<Audit> {
  const { digests } = await lookAround(place, Infinity)
  const existing = new Map<string, Promise<boolean>>()
  const exists = (digest: string): Promise<boolean> => {
    const known =
      existing.get(digest) ?? place.registry.headManifest(place.repository, digest).then((found) => found !== undefined)
    existing.set(digest, known)
    return known
  }
  const missingUnder = async (digest: string): Promise<string[]> => {
    if (!(await exists(digest))) return [digest]
    const refs = (await place.facts(digest))?.refs ?? []
    return (await Promise.all(refs.map(missingUnder))).flat()
  }
  const found = await severalAtOnce([...digests], async ([tag, digest]) => ({
    tag,
    missing: [...new Set(await missingUnder(digest))],
  }))
  const lacking = found.filter(({ missing }) => missing.length > 0)
  const still = await resolveTags(
    place,
    lacking.map(({ tag }) => tag),
  )
  return { tags: digests.size, broken: lacking.filter(({ tag }) => still.get(tag) === digests.get(tag)) }
}

/** What a living tag needs, and was deleted by us, now or by a sweep that died: it comes back. */
export async function restoreNeeded(sweeping: Sweeping, result: Result): Promise<void> {
  for (let round = 0; round < 3; round++) {
    const { broken } = await auditTags(sweeping)
    if (broken.length === 0) return
    let restored = false
    const missing = new Set(broken.flatMap((tag) => tag.missing))
    for (const [digest, version] of await restorable(sweeping, missing)) {
      const back = await sweeping.place.api.restore(version)
      restored ||= back
      if (!back) continue
      sweeping.removed.delete(digest)
      sweeping.spared.add(digest)
      result.deleted.splice(0, Infinity, ...result.deleted.filter((one) => one.digest !== digest))
      result.restored.push({ subject: digest, reason: 'an image that stays refers to it by now' })
    }
    if (!restored) return
  }
}

/** Only what is provably ours: a person may have deleted the rest on purpose. */
async function restorable(sweeping: Sweeping, missing: ReadonlySet<string>): Promise<Map<string, Version>> {
  const { removed, place } = sweeping
  const found = new Map([...removed].filter(([digest]) => missing.has(digest)))
  const rest = await provablyOurs(
    sweeping,
    [...missing].filter((digest) => !found.has(digest)),
  )
  if (rest.size === 0 || !place.api.deleted) return found
  for await (const page of place.api.deleted())
    for (const version of page) if (rest.has(version.digest)) found.set(version.digest, version)
  return found
}

/** Named by something that bears a run's mark, or beside such in one index. */
async function provablyOurs({ facts, place, look }: Sweeping, digests: readonly string[]): Promise<Set<string>> {
  if (digests.length === 0) return new Set()
  const isMarked = (digest: string) => runOfNonce(facts.get(digest)?.nonce) !== undefined
  const tagged = await readAll(place, look.digests.values())
  const proving = [...facts.values(), ...tagged.values()].filter(
    ({ digest, refs }) => isMarked(digest) || refs.some(isMarked),
  )
  const ours = new Set(proving.flatMap(({ refs }) => refs))
  return new Set(digests.filter((digest) => ours.has(digest)))
}
