import { readBoolean, readChoice } from '../lib/choice.ts'
import type { Event } from '../forge/event.ts'
import { splitLines, splitList } from '../lib/lists.ts'
import { shorten, type IssueSink } from '../lib/issues.ts'
import { lowerForgeNames, parseRepository, type Repository } from '../registry/reference.ts'
import { packagesChoices, type PackagesChoice } from '../packages/select.ts'

export interface SweepInputs {
  readonly images: readonly Repository[]
  readonly tags: readonly string[]
  /** Milliseconds. */
  readonly olderThan: number
  readonly runId: string | undefined
  readonly untagged: boolean
  readonly dryRun: boolean
  readonly packagesApi: PackagesChoice
}

/** PURE: the inputs of cleanup/action.yml; `report` hears of every mistake. */
export function readSweepInputs(input: (name: string) => string, event: Event, report: IssueSink): SweepInputs {
  const images = splitLines(input('image')).flatMap(
    ({ text }) =>
      parseRepository(lowerForgeNames(text, event), (expected) =>
        report({ input: 'image', given: shorten(text), expected }),
      ) ?? [],
  )
  if (splitLines(input('image')).length === 0)
    report({ input: 'image', expected: 'is missing: write the repositories to sweep, for example `ghcr.io/acme/app`' })
  const tags = splitList(input('tags') || 'pr-*,build-*')
  const runId = input('run-id')
  if (!/^\d*$/.test(runId))
    report({ input: 'run-id', given: shorten(runId), expected: 'is no number: write `${{ github.run_id }}`' })
  return {
    images,
    tags,
    olderThan: readAge(input('older-than') || '3 days', report),
    runId: runId === '' ? undefined : runId,
    untagged: readBoolean('untagged', input('untagged') || 'true', report),
    dryRun: readBoolean('dry-run', input('dry-run') || 'false', report),
    packagesApi: readChoice<PackagesChoice>('packages-api', input('packages-api'), packagesChoices, report) ?? 'auto',
  }
}

const units: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 }

/** `3 days`, `12 hours`, `90m`, `2 weeks` → milliseconds. */
function readAge(text: string, report: IssueSink): number {
  const [, count = '', unit = ''] =
    /^(\d+(?:\.\d+)?)\s*(m|minutes?|h|hours?|d|days?|w|weeks?)$/i.exec(text.trim()) ?? []
  const length = units[unit.charAt(0).toLowerCase()]
  if (count !== '' && length !== undefined) return Number(count) * length
  report({
    input: 'older-than',
    given: shorten(text),
    expected: 'is no length of time: write `3 days`, `12 hours` or `2 weeks`',
  })
  return Infinity
}
