import type { Version } from '../packages/backend.ts'
import { withoutEvidence } from './evidence.ts'
import { claimFamily, judge, type Own, type OwnIndex } from './ownership.ts'
import { lookAround, tagsOn } from './snapshot.ts'
import { removeAll, restoreNeeded } from './children.ts'
import { keptBy, locate, mostTags, openWork, spare, type Outcome, type Work } from './run-artifacts-state.ts'
import { checkTime, notYet, readAll, readVersion, type Place } from '../packages/repository.ts'
import { keptAsLast } from '../packages/github/skip-reasons.ts'

export type { Outcome } from './run-artifacts-state.ts'

/**
 * Deletes what a run pushed for itself: its index, then the images and attestations under it, and the indexes of each
 * platform. On GitHub those go last, since they tell a sweep whose the attestations are if we die in between. Elsewhere
 * nobody ever lists them again, and some registries delete nothing that an index refers to: there they go before the
 * images. Never throws: what stays, stays with a reason.
 */
export async function removeOwn(place: Place, journal: Own): Promise<Outcome[]> {
  const outcomes: Outcome[] = []
  // Forgejo and Gitea keep tags in lower case only.
  const own =
    place.api.kind === 'forgejo'
      ? { ...journal, tags: journal.tags.map(({ tag, digest }) => ({ tag: tag.toLowerCase(), digest })) }
      : journal
  try {
    // Beside the reading, which takes as long.
    const refusing = place.api.refusal?.()
    refusing?.catch(() => undefined)
    const facts = await readAll(place, [...own.tags.map(({ digest }) => digest), ...own.manifests])
    const children = await readAll(
      place,
      [...facts.values()].flatMap(({ refs }) => refs),
    )
    const work = openWork({ place, own, outcomes, family: claimFamily(own, new Map([...facts, ...children])) })
    const { family } = work
    for (const { tag, digest } of own.tags) if (!facts.has(digest)) outcomes.push({ subject: tag, deleted: true })
    if (family.indexes.length + family.children.length + family.intermediates.length > 0) {
      const refusal = await refusing
      if (refusal)
        outcomes.push(
          ...[...family.indexes.flatMap(({ tags }) => tags), ...family.intermediates].map((subject) =>
            keptBy(refusal, subject),
          ),
        )
      else await removeFamily(work)
    }
  } catch (error) {
    const told = new Set(outcomes.map(({ subject }) => subject))
    const [first, ...rest] = [...own.tags.map(({ tag }) => tag), ...own.manifests].filter(
      (subject) => !told.has(subject),
    )
    const subjects = [
      ...(first === undefined ? [] : [first]),
      ...rest.filter((subject) => own.tags.some(({ tag }) => tag === subject)),
    ]
    outcomes.push(...subjects.map((subject) => keptBy(error, subject)))
  }
  return outcomes
}

async function removeFamily(work: Work): Promise<void> {
  const { place, family } = work
  await locate(work, [...family.indexes.map(({ digest }) => digest), ...family.children, ...family.intermediates])
  // Whoever removes no index looks around just before the rest goes.
  if (family.indexes.length > 0) work.look = await lookAround(place, mostTags)
  const onGithub = place.api.kind === 'github'
  await removeIndexes(work)
  if (!onGithub) await removeAll(work, family.intermediates)
  // The second list, which has to show that the indexes are gone.
  if (family.children.length > 0) await locate(work, [...family.children, ...family.intermediates])
  await removeAll(work, family.children)
  await restoreNeeded(work)
  if (onGithub) await removeAll(work, await withoutEvidence(place, family.intermediates))
}

async function removeIndexes(work: Work): Promise<void> {
  const { place, outcomes } = work
  for (const index of work.family.indexes) {
    try {
      checkTime(place)
      outcomes.push(...(await removeIndex(work, index)))
    } catch (error) {
      outcomes.push(...index.tags.map((subject) => keptBy(error, subject)))
    }
    if (!work.removed.has(index.digest)) await spare(work, index.digest)
  }
}

async function removeIndex(work: Work, { digest, tags, marked }: OwnIndex): Promise<Outcome[]> {
  const { place, look, needed } = work
  const listed = work.versions.get(digest)
  if (!listed) throw new Error(notYet)
  const now = await readVersion(place, listed)
  const moved = tags.filter((tag) => now !== undefined && !now.tags.includes(tag))
  const outcomes = moved.map((subject) => ({
    subject,
    deleted: false,
    reason: 'it names another image by now, so it is left alone.',
  }))
  const names = await namesOf(work, moved)
  const known = outcomes.map((outcome) =>
    names.has(outcome.subject) ? outcome : { subject: outcome.subject, deleted: true },
  )
  const mayGo = marked || !now || now.tags.length > 0
  if (!mayGo) return known
  const rest = tags.filter((tag) => !moved.includes(tag))
  const verdict = judge({
    digest,
    ours: rest,
    now,
    named: tagsOn(look, digest).filter((tag) => !moved.includes(tag)),
    needed,
  })
  return [...known, ...(await actOnIndex(work, now ?? listed, rest, verdict))]
}

/** Which of these tags are there at all. */
async function namesOf({ place }: Work, tags: readonly string[]): Promise<Set<string>> {
  const found = await Promise.all(tags.map((tag) => place.registry.headManifest(place.repository, tag)))
  return new Set(tags.filter((_, at) => found[at] !== undefined))
}

async function actOnIndex(
  work: Work,
  version: Version,
  tags: readonly string[],
  verdict: ReturnType<typeof judge>,
): Promise<Outcome[]> {
  const { place, look, removed } = work
  switch (verdict.act) {
    case 'gone':
      removed.set(version.digest, version)
      return tags.map((subject) => ({ subject, deleted: true }))
    case 'keep':
      return tags.map((subject) => ({ subject, deleted: false, reason: verdict.reason }))
    case 'untag':
      for (const tag of version.tags.filter((one) => tags.includes(one))) await place.api.untag(version, tag)
      return tags.map((subject) => ({ subject, deleted: true }))
    case 'remove': {
      const others = [...look.names].filter((tag) => !version.tags.includes(tag))
      if (place.api.kind === 'github' && version.tags.length > 0 && look.names.size > 0 && others.length === 0)
        throw keptAsLast(place.name)
      await place.api.remove(version)
      removed.set(version.digest, version)
      return tags.map((subject) => ({ subject, deleted: true }))
    }
  }
}
