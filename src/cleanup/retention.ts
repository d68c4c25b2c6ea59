import { matchesPattern } from '../forge/run-status.ts'
import type { ImageAge } from './image-age.ts'

/** A tag of an image, and when that was published. */
export interface DatedTag {
  readonly tag: string
  readonly digest: string
  readonly age: ImageAge
}

export interface RetentionRules {
  /** Patterns of tags: each keeps its own images. */
  readonly patterns: readonly string[]
  /** How many images of each pattern stay. */
  readonly keep: number
  /** Younger images stay and are not counted; milliseconds. */
  readonly olderThan: number
  readonly now: number
}

export interface TagVerdict {
  readonly isExpired: boolean
  readonly digest: string
  /** Why the tag stays, or why it is deleted. */
  readonly reason: string
}

/**
 * How many images a cleanup deletes at most by their number. Only their index tells what belongs to them, and a cleanup
 * that is ended in between would leave that behind: so it must be able to delete all of it in its time.
 */
export const maxExpired = 100

/**
 * PURE: which tags are not among the newest of any pattern that they match. Of images with the same date, all or none
 * are among the newest; an image of unknown age stays.
 */
export function decideRetention(tags: readonly DatedTag[], rules: RetentionRules): Map<string, TagVerdict> {
  const counts = rules.patterns.map((pattern) => countNewer(pattern, tags, rules))
  const verdicts = new Map(tags.map((tag) => [tag.tag, decideTag(tag, counts, rules)]))
  return limit(verdicts, tags)
}

interface PatternCount {
  readonly pattern: string
  /** How many images of the pattern that are counted were published later. */
  readonly newerThan: (publishedAt: number) => number
}

function countNewer(pattern: string, tags: readonly DatedTag[], rules: RetentionRules): PatternCount {
  const counted = tags.filter((tag) => matchesPattern(tag.tag, [pattern]) && isOld(tag, rules))
  const byDigest = new Map(counted.map(({ digest, age: { publishedAt = 0 } }) => [digest, publishedAt]))
  const dates = [...byDigest.values()].sort((a, b) => b - a)
  const ranks = new Map<number, number>()
  dates.forEach((date, at) => ranks.set(date, ranks.get(date) ?? at))
  return { pattern, newerThan: (publishedAt) => ranks.get(publishedAt) ?? 0 }
}

const isOld = ({ age: { publishedAt = Infinity } }: DatedTag, { now, olderThan }: RetentionRules): boolean =>
  now - publishedAt >= olderThan

function decideTag(tag: DatedTag, counts: readonly PatternCount[], rules: RetentionRules): TagVerdict {
  const { digest, age } = tag
  const keep = (reason: string): TagVerdict => ({ isExpired: false, digest, reason })
  const matching = counts.filter(({ pattern }) => matchesPattern(tag.tag, [pattern]))
  if (age.publishedAt === undefined) return keep(`its age is unknown: ${age.unknown}.`)
  if (!isOld(tag, rules)) return keep('the image is younger than `older-than`.')
  const { publishedAt } = age
  const keeping = matching.find(({ newerThan }) => newerThan(publishedAt) < rules.keep)
  if (keeping) return keep(`one of the ${rules.keep} newest of \`${keeping.pattern}\`.`)
  const [{ pattern } = { pattern: '' }] = matching
  const reason =
    rules.keep === 0 ? `\`${pattern}\` keeps none` : `not one of the ${rules.keep} newest of \`${pattern}\``
  return { isExpired: true, digest, reason }
}

/** The oldest images first. */
function limit(verdicts: Map<string, TagVerdict>, tags: readonly DatedTag[]): Map<string, TagVerdict> {
  const expired = tags.filter(({ tag }) => verdicts.get(tag)?.isExpired)
  const oldestFirst = [...expired].sort((a, b) => (a.age.publishedAt ?? 0) - (b.age.publishedAt ?? 0))
  const now = new Set([...new Set(oldestFirst.map(({ digest }) => digest))].slice(0, maxExpired))
  const reason = `one cleanup deletes at most ${maxExpired} images with \`keep-n-tagged\`. A later cleanup deletes it.`
  for (const { tag, digest } of expired) if (!now.has(digest)) verdicts.set(tag, { isExpired: false, digest, reason })
  return verdicts
}
