import { wordingOf } from '../forge/wording.ts'
import { shorten } from '../lib/issues.ts'

/** The report of a dry run: the plan, and whether it would work. */
export interface DryRunReport {
  /** One line each: what the node is, how it is reached, which BuildKit builds there. */
  readonly nodes: readonly string[]
  /** What the nodes have and reach, one line each. */
  readonly checks?: readonly string[]
  readonly targets: readonly TargetReport[]
  /** What a merge assembles, one line per part. */
  readonly parts?: readonly string[]
  readonly tags: readonly TagReport[]
  /** What the logins and the token may do, as far as that can be queried. */
  readonly permissions: readonly string[]
  /** What the post step of such a run deletes. */
  readonly post: readonly string[]
  /** What the user may not expect; the plan works all the same. */
  readonly warnings: readonly string[]
  /** Why the plan would not work. */
  readonly problems: readonly string[]
}

export interface TargetReport {
  readonly platform: string
  readonly variant: string
  readonly node: string
  readonly emulated: boolean
  /** Empty without a cache. */
  readonly cache: string
  readonly cacheState: 'filled' | 'empty' | 'unknown'
  /** The other cache that the build reads; empty or undefined if there is none. */
  readonly reads?: string
}

export interface TagReport {
  /** `ghcr.io/acme/app:1.2` */
  readonly tag: string
  /** The digest of the tag; empty: it is new; undefined: the registry did not report. */
  readonly now: string | undefined
}

const messages = {
  title: 'Plan (dry run: nothing was built or pushed)',
  works: 'This would work. Nothing was built or pushed.',
  fails: 'This would **not** work.',
  unknownTag: 'the registry did not report whether it exists',
}

const cacheStates: Readonly<Record<TargetReport['cacheState'], string>> = {
  filled: '',
  empty: 'does not exist yet',
  unknown: 'the registry did not report whether it exists',
}

/** The sections of the report; empty ones are omitted. */
const sections: readonly (readonly [title: string, lines: (report: DryRunReport) => readonly string[]])[] = [
  ['Nodes', ({ nodes }) => nodes],
  ['Checks on the nodes', ({ checks = [] }) => checks],
  ['Targets', ({ targets }) => targets.map(formatTarget)],
  ['Parts', ({ parts = [] }) => parts],
  ['Tags', ({ tags }) => tags.map(formatTag)],
  ['Permissions', ({ permissions }) => permissions],
  [wordingOf('afterwards'), ({ post }) => post],
  ['Warnings', ({ warnings }) => warnings],
  ['Why this would not work', ({ problems }) => problems],
]

/** PURE: the log lines of a dry run. */
export function renderDryRun(report: DryRunReport): string[] {
  const parts = filledSections(report).flatMap(({ title, lines }) => [
    `${title}:`,
    ...lines.map((line) => `  ${toOneLine(line)}`),
  ])
  return [messages.title, ...parts]
}

/** PURE: the job summary of a dry run, as GitHub-flavoured Markdown. */
export function renderDryRunSummary(report: DryRunReport): string {
  const parts = filledSections(report).map(({ title, lines }) =>
    [`#### ${title}`, ...lines.map((line) => `- ${escapeMarkdown(toOneLine(line))}`)].join('\n'),
  )
  return ['### Plan', report.problems.length === 0 ? messages.works : messages.fails, ...parts, ''].join('\n\n')
}

function filledSections(report: DryRunReport): { readonly title: string; readonly lines: readonly string[] }[] {
  return sections.map(([title, lines]) => ({ title, lines: lines(report) })).filter(({ lines }) => lines.length > 0)
}

function formatTarget({ platform, variant, node, emulated, cache, cacheState, reads = '' }: TargetReport): string {
  const notes = [cacheStates[cacheState], reads === '' ? '' : `reads ${reads}`].filter((note) => note !== '')
  const cached = cache === '' ? 'no cache' : `cache ${cache}${notes.length > 0 ? ` (${notes.join('; ')})` : ''}`
  return `${[platform, variant].join(' ').trim()}: on ${node}${emulated ? ' (emulated)' : ''}, ${cached}`
}

function formatTag({ tag, now }: TagReport): string {
  if (now === undefined) return `${tag}: ${messages.unknownTag}`
  return `${tag}: ${now === '' ? 'new' : `replaces ${now}`}`
}

/** A line without control characters; `shorten` escapes them, and would cut a long line. */
function toOneLine(line: string): string {
  if (line.length <= 100) return shorten(line)
  return Array.from(line, (character) => (/[\p{Cc}\p{Zl}\p{Zp}]/u.test(character) ? ' ' : character)).join('')
}

/** Names come from the repository, so none of them may become markup. */
function escapeMarkdown(text: string): string {
  return text.replace(/[\\`*_<>[\]|#&]/g, (character) => `\\${character}`)
}
