import { isEvidence } from './evidence.ts'
import { judge } from './ownership.ts'
import { tagsOn } from './snapshot.ts'
import { checkTime, readVersion, type Place } from '../packages/repository.ts'
import { runOfTag } from '../forge/run-of.ts'
import type { RunBook } from '../forge/runs.ts'
import { auditTags, restoreNeeded } from './audit.ts'
import { glance, isDoomedTag, mark, plan, type Planned } from './collect.ts'
import { beginResult, measure, type Result } from './result.ts'
import { errorMessage } from '../lib/errors.ts'
import { keptAsLast } from '../packages/github/skip-reasons.ts'
import { openSweep, type Sweeping, type SweepRequest } from './state.ts'

/**
 * Removes what dead runs left in one repository. Lists twice before it deletes anything, and again once the images
 * under temporary tags are gone; reads each version right before; restores what somebody turns out to need. Dying at
 * any moment leaves a state from which the next sweep goes on.
 */
export async function sweep(place: Place, request: SweepRequest, runs: RunBook): Promise<Result> {
  const sweeping = openSweep({ place, request, runs })
  const result = beginResult(place.name, request.dryRun, () => sweeping.pages)
  try {
    await mark(sweeping)
    await mark(sweeping)
    const first = await plan(sweeping)
    result.kept.push(...livingTags(sweeping))
    if (request.dryRun) await foretell(sweeping, first, result)
    else await carryOut(sweeping, first, result)
    result.audit = await auditTags(sweeping)
  } catch (error) {
    result.kept.push({ subject: '', reason: `${errorMessage(error)} Nothing more was deleted.` })
  }
  return result
}

async function carryOut(sweeping: Sweeping, first: Planned, result: Result): Promise<void> {
  for (const { digest, tag } of first.untag)
    await attempt(sweeping, result, tag, () => untag(sweeping, digest, tag, result))
  await removeAll(sweeping, first.first, first, result)
  if (first.first.length > 0 || first.untag.length > 0) await mark(sweeping)
  const second = await plan(sweeping)
  await removeAll(sweeping, second.then, second, result)
  if (sweeping.removed.size > 0 || second.last.length > 0) await restoreNeeded(sweeping, result)
  const third = await plan(sweeping)
  await removeAll(sweeping, third.last, third, result)
  if (third.last.length > 0) await restoreNeeded(sweeping, result)
  result.kept.push(...third.kept)
}

async function removeAll(
  sweeping: Sweeping,
  digests: readonly string[],
  planned: Planned,
  result: Result,
): Promise<void> {
  for (const digest of digests) {
    await attempt(sweeping, result, digest, async () => {
      const version = await mayGo(sweeping, digest, planned)
      if (typeof version === 'string') result.kept.push({ subject: digest, reason: version })
      else if (version) {
        const blobs = await measure(sweeping.place, digest)
        await sweeping.place.api.remove(version)
        sweeping.facts.get(digest)?.refs.forEach((ref) => sweeping.claimed.add(ref))
        result.deleted.push({
          subject: [...version.tags, digest].join(' '),
          reason: planned.why.get(digest) ?? '',
          digest,
        })
        blobs.forEach((size, blob) => result.blobs.set(blob, size))
      }
      if (typeof version === 'string') sweeping.spared.add(digest)
      else sweeping.removed.set(digest, version ?? { id: idOf(sweeping, digest), digest, tags: [] })
    })
  }
}

/** The last look: the version as it may be deleted, why it must not be, or undefined where it is gone. */
async function mayGo(sweeping: Sweeping, digest: string, { items, needed }: Planned) {
  const { place, facts, look } = sweeping
  const listed = { digest, id: idOf(sweeping, digest), tags: items.get(digest)?.tags ?? [] }
  const doomed = listed.tags.filter((tag) => isDoomedTag(sweeping, tag, facts.get(digest)))
  if (doomed.length > 0) {
    for (const run of new Set(doomed.flatMap((tag) => runOfTag(tag) ?? []))) {
      const again = await sweeping.runs.again(run)
      if (!again.dead) return again.reason
    }
  } else if (facts.get(digest)?.kind !== 'index') await glance(sweeping)
  else if (await isEvidence(place, digest)) return 'an attestation is left that nothing else shows to be its run’s.'
  const now = await readVersion(place, listed)
  const verdict = judge({
    digest,
    ours: doomed,
    now,
    named: tagsOn(look, digest),
    needed: { has: (one) => needed.has(one) || sweeping.needed.has(one) },
  })
  if (verdict.act === 'keep' || verdict.act === 'untag') return verdict.reason
  if (now && now.tags.length > 0 && place.api.kind === 'github' && isLast(sweeping, now.tags))
    return keptAsLast(place.name).message
  return now
}

/** GitHub keeps the last version that has a tag. */
function isLast({ look, removed }: Sweeping, tags: readonly string[]): boolean {
  return look.digests.size > 0 && [...look.digests].every(([tag, digest]) => tags.includes(tag) || removed.has(digest))
}

async function untag(sweeping: Sweeping, digest: string, tag: string, result: Result): Promise<void> {
  const { place } = sweeping
  const again = await sweeping.runs.again(runOfTag(tag) ?? '')
  const now = again.dead ? await place.api.read({ digest, id: idOf(sweeping, digest), tags: [] }) : undefined
  const others = now?.tags.filter((other) => other !== tag) ?? []
  if (!again.dead) result.kept.push({ subject: tag, reason: again.reason })
  else if (now?.tags.includes(tag) && others.length > 0) {
    await place.api.untag(now, tag)
    result.deleted.push({
      subject: tag,
      reason: `its run is over; the image stays under ${others.join(', ')}`,
      digest: '',
    })
  }
}

async function attempt(
  sweeping: Sweeping,
  result: Result,
  subject: string,
  work: () => Promise<unknown>,
): Promise<void> {
  try {
    checkTime(sweeping.place)
    await work()
  } catch (error) {
    sweeping.spared.add(subject)
    result.kept.push({ subject, reason: errorMessage(error) })
  }
}

function idOf({ seen }: Sweeping, digest: string): string {
  return seen.get(digest)?.version.id ?? digest
}

/** Tags that look temporary and stay. */
function livingTags(sweeping: Sweeping): Result['kept'] {
  const { look, request, runs, facts } = sweeping
  return [...look.digests].flatMap(([tag, digest]) => {
    const run = runOfTag(tag)
    if (run === undefined || request.runId !== undefined || isDoomedTag(sweeping, tag, facts.get(digest))) return []
    const judged = runs.judge(run)
    return [
      {
        subject: tag,
        reason: judged.dead
          ? `${run} may be a pull request’s number, and the image bears no mark of that run.`
          : judged.reason,
      },
    ]
  })
}

async function foretell(
  sweeping: Sweeping,
  { first, then, last, untag, why, kept, items }: Planned,
  result: Result,
): Promise<void> {
  for (const { tag, digest } of untag)
    result.deleted.push({
      subject: tag,
      reason: `its run is over; the image stays under ${
        items
          .get(digest)
          ?.tags.filter((other) => other !== tag)
          .join(', ') ?? ''
      }`,
      digest: '',
    })
  for (const digest of [...first, ...then, ...last]) {
    result.deleted.push({
      subject: [...(items.get(digest)?.tags ?? []), digest].join(' '),
      reason: why.get(digest) ?? '',
      digest,
    })
    ;(await measure(sweeping.place, digest)).forEach((size, blob) => result.blobs.set(blob, size))
  }
  result.kept.push(...kept)
}
