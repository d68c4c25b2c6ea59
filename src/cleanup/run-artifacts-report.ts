import type { Entry } from '../run/journal.ts'
import { formatRepository, type Repository } from '../registry/reference.ts'
import type { Own } from './ownership.ts'
import type { Outcome } from './run-artifacts-state.ts'

export interface OwnIn extends Own {
  readonly repository: Repository
}

/**
 * PURE: what a run's journal says of each repository. Tags are its own if they bear its id, or all if it was so asked.
 */
export function ownByRepository(entries: readonly Entry[], which: 'auto' | 'always' | 'never', nonce: string): OwnIn[] {
  if (which === 'never') return []
  const places = new Map<string, Repository>()
  const tags = entries
    .filter((entry) => entry.kind === 'tag')
    .filter(({ ephemeral }) => which === 'always' || ephemeral)
  const manifests = entries.filter((entry) => entry.kind === 'manifest').filter(({ ours }) => ours)
  for (const { registry, path } of [...tags, ...manifests])
    places.set(formatRepository({ registry, path }), { registry, path })
  return [...places.values()].map((repository) => {
    const isHere = ({ registry, path }: Repository) => registry === repository.registry && path === repository.path
    return {
      repository,
      nonce,
      tags: tags.filter(isHere).map(({ tag, digest }) => ({ tag, digest })),
      manifests: [...new Set(manifests.filter(isHere).map(({ digest }) => digest))],
    }
  })
}

export interface Told {
  readonly deleted: readonly string[]
  /** One line for each reason. */
  readonly kept: readonly string[]
}

/**
 * PURE: what is said of it; many that were kept for one reason are one line. What bears no tag, in a registry that does
 * not delete, is not worth a word: a release would warn of it for ever.
 */
export function tellOutcomes(name: string, outcomes: readonly Outcome[]): Told {
  const called = ({ subject }: Outcome) => `${name}${subject.includes(':') ? '@' : ':'}${subject}`
  const byReason = new Map<string, Outcome[]>()
  for (const outcome of outcomes) {
    if (outcome.reason === undefined || (outcome.isUnsupported && outcome.subject.includes(':'))) continue
    const alike = outcome.reason.replace(/@sha256:[0-9a-f]{64}/g, '')
    byReason.set(alike, [...(byReason.get(alike) ?? []), outcome])
  }
  const kept = [...byReason.values()].map(([first, ...rest]) => {
    const others =
      rest.length === 0
        ? ''
        : rest.every(({ subject }) => !subject.includes(':'))
          ? `, ${rest.map(called).join(', ')}`
          : ` and ${rest.length} more`
    return `Kept ${first ? called(first) : name}${others}: ${first?.reason ?? ''}`
  })
  return { deleted: outcomes.filter(({ deleted, subject }) => deleted && !subject.includes(':')).map(called), kept }
}
