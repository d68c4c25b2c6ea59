import { Kept } from '../packages/backend.ts'
import { judge } from './ownership.ts'
import { lookAround, neededByTags, tagsOn } from './snapshot.ts'
import { heed, keptBy, mostTags, tooManyTags, type Outcome, type Work } from './run-artifacts-state.ts'
import { checkTime, notYet, readVersion } from '../packages/repository.ts'
import { severalAtOnce } from '../lib/concurrency.ts'

/** Deletes what bears no tag and is needed by nobody else. */
export async function removeAll(work: Work, digests: readonly string[]): Promise<void> {
  if (digests.length === 0) return
  await recheck(work)
  // A release has nothing else to delete; to ask so often for that, each time, would serve nobody.
  if (work.place.api.kind === 'oci' && work.family.indexes.length === 0 && work.look.names.size > tooManyTags) {
    const why = new Kept(
      `the repository has ${work.look.names.size} tags, and what each names would have to be asked. The registry’s own garbage collection takes what no tag needs.`,
      undefined,
      true,
    )
    work.outcomes.push(...digests.map((digest) => keptBy(why, digest)))
    return
  }
  const rest = digests.filter((one) => !work.spared.has(one))
  const tryOne = async (digest: string): Promise<readonly Outcome[]> => {
    try {
      checkTime(work.place)
      return await removeOne(work, digest)
    } catch (error) {
      return [keptBy(error, digest)]
    }
  }
  // GitHub wants its deletions one after the other:
  // https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api
  if (work.place.api.kind === 'github') for (const digest of rest) work.outcomes.push(...(await tryOne(digest)))
  else work.outcomes.push(...(await severalAtOnce(rest, tryOne)).flat())
}

/** What kept it; nothing where it is gone. */
async function removeOne(work: Work, digest: string): Promise<readonly Outcome[]> {
  const { place, removed, versions, fresh, look, needed } = work
  const listed = versions.get(digest)
  if (!listed) throw new Error(notYet)
  const now = fresh ? listed : await readVersion(place, listed)
  const verdict = judge({ digest, ours: [], now, named: tagsOn(look, digest), needed })
  if (verdict.act === 'keep' || verdict.act === 'untag')
    return [{ subject: digest, deleted: false, reason: verdict.reason }]
  if (now) await place.api.remove(now)
  removed.set(digest, now ?? listed)
  return []
}

/** By the registry's tags: who needs any of it by now? */
async function recheck(work: Work): Promise<void> {
  const { place, own } = work
  work.look = await lookAround(place, mostTags, work.look)
  const ours = new Set(own.tags.map(({ tag }) => tag))
  const leaving = (tag: string) => ours.has(tag) && work.removed.has(work.look.digests.get(tag) ?? '')
  await heed(work, await neededByTags(place, work.look, leaving))
}

/** Somebody may have pushed an index over our images between our last look and the deletion. */
export async function restoreNeeded(work: Work): Promise<void> {
  const { place, removed } = work
  if (removed.size === 0) return
  work.look = await lookAround(place, mostTags, work.look)
  const needed = await neededByTags(place, work.look, () => false)
  for (const [digest, version] of [...removed]) {
    if (!needed.has(digest)) continue
    const back = await place.api.restore(version)
    removed.delete(digest)
    work.outcomes.push({
      subject: digest,
      deleted: false,
      reason: back
        ? 'another image refers to it by now, so it was restored.'
        : 'another image refers to it by now, and it could not be restored.',
    })
  }
}
