import { RegistryError } from '../registry/error.ts'
import { formatRepository, formatTagReference, isSameRepository, type Repository } from '../registry/reference.ts'
import { deadlinePassed } from '../packages/repository.ts'
import { NotDeletedError } from '../packages/backend.ts'
import { errorMessage } from '../lib/errors.ts'
import type { Entry } from '../run/journal.ts'
import type { RunArtifacts } from './ownership.ts'

interface RepositoryArtifacts extends RunArtifacts {
  readonly repository: Repository
}

/**
 * PURE: what the journal of a run contains for each repository. Tags belong to the run if they contain its id, or all
 * of them with `cleanup: always`, or none with `cleanup: never`. Untagged manifests that no tag needs belong to it in
 * any case: a later cleanup cannot find them in a registry that does not list them.
 */
export function artifactsByRepository(
  entries: readonly Entry[],
  cleanup: 'auto' | 'always' | 'never',
  runAnnotation: string,
): RepositoryArtifacts[] {
  const parts = entries.filter((entry) => entry.kind === 'part')
  const isPart = (tag: TagEntry) => parts.some((part) => sameTag(part, tag))
  const updated = entries.filter((entry) => entry.kind === 'tag')
  const mayDelete = { auto: ({ ephemeral }: TagEntry) => ephemeral, always: () => true, never: () => false }[cleanup]
  const merged = cleanup === 'never' ? [] : entries.filter((entry) => entry.kind === 'merged')
  const own = updated.filter((tag) => mayDelete(tag) && !isPart(tag))
  // The last of its own tags stands in for the merged parts until all of them are deleted.
  const tags = [...merged, ...own]
  const manifests = entries.filter((entry) => entry.kind === 'manifest')
  const repositories = new Map<string, Repository>()
  for (const { registry, path } of [...tags, ...manifests])
    repositories.set(formatRepository({ registry, path }), { registry, path })
  return [...repositories.values()].map((repository) => {
    const isHere = (other: Repository) => isSameRepository(other, repository)
    const kept = updated.filter((tag) => isHere(tag) && !own.includes(tag)).map(({ digest }) => digest)
    const pushed = new Set(manifests.filter(isHere).map(({ digest }) => digest))
    return {
      repository,
      runAnnotation,
      partAnnotations: [...new Set(merged.filter(isHere).map(({ owner }) => owner))],
      tags: tags.filter(isHere).map(({ tag, digest }) => ({ tag, digest })),
      manifests: [...pushed].filter((digest) => !kept.includes(digest)),
      kept,
    }
  })
}

type TagEntry = Extract<Entry, { readonly kind: 'tag' }>
type PartEntry = Extract<Entry, { readonly kind: 'part' }>

function sameTag(one: PartEntry, other: TagEntry): boolean {
  return formatTagReference(one) === formatTagReference(other) && one.digest === other.digest
}

/** What happened to one tag or digest. */
export interface Outcome {
  readonly subject: string
  readonly deleted: boolean
  /** Why it was not deleted. */
  readonly reason?: string
  /** The registry never deletes this, with any login. */
  readonly isUnsupported?: true
}

/** PURE: the outcome of an error. */
export function toOutcome(error: unknown, subject: string): Outcome {
  return {
    subject,
    deleted: false,
    reason: isTimeout(error) ? deadlinePassed : withWayOut(error),
    ...(error instanceof NotDeletedError && error.isUnsupported && { isUnsupported: true }),
  }
}

const temporary = ['network', 'server', 'too-many']

/** A registry that is down now deletes later. */
function withWayOut(error: unknown): string {
  const message = errorMessage(error)
  const cause = error instanceof NotDeletedError ? error.cause : error
  const isTemporary = cause instanceof RegistryError && temporary.includes(cause.kind)
  return isTemporary ? `${message.replace(/\.$/, '')}. The \`cleanup\` action removes it later.` : message
}

function isTimeout(error: unknown): boolean {
  return error instanceof Error && (error.name === 'TimeoutError' || isTimeout(error.cause))
}

export interface OutcomeLines {
  readonly deleted: readonly string[]
  /** One line for each reason. */
  readonly kept: readonly string[]
}

const isDigest = (subject: string): boolean => subject.includes(':')

/**
 * PURE: the lines of the log; everything that stays for the same reason is one line. Untagged manifests in a registry
 * that does not delete are left out: every release would warn about them.
 */
export function formatOutcomes(name: string, outcomes: readonly Outcome[]): OutcomeLines {
  const reference = ({ subject }: Outcome) => `${name}${isDigest(subject) ? '@' : ':'}${subject}`
  const byReason = new Map<string, Outcome[]>()
  for (const outcome of outcomes) {
    if (outcome.reason === undefined || (outcome.isUnsupported && isDigest(outcome.subject))) continue
    const reason = outcome.reason.replace(/@sha256:[0-9a-f]{64}/g, '')
    byReason.set(reason, [...(byReason.get(reason) ?? []), outcome])
  }
  const kept = [...byReason.values()].map(([first, ...rest]) => {
    const areTags = rest.every(({ subject }) => !isDigest(subject))
    const others = areTags ? rest.map((outcome) => `, ${reference(outcome)}`).join('') : ` and ${rest.length} more`
    return `Kept ${first ? reference(first) : name}${others}: ${first?.reason ?? ''}`
  })
  return { deleted: outcomes.filter(({ deleted, subject }) => deleted && !isDigest(subject)).map(reference), kept }
}
