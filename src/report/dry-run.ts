import { shorten } from '../lib/issues.ts'

/** What `dry-run` tells: the plan, and how far it holds. */
export interface ExaminationReport {
  /** One line each: what the node is, how it is reached, which daemon builds there. */
  readonly nodes: readonly string[]
  readonly targets: readonly TargetReport[]
  readonly tags: readonly TagReport[]
  /** What may be done with the logins and the token, as far as that can be asked. */
  readonly permissions: readonly string[]
  /** What the post step of such a run deletes. */
  readonly post: readonly string[]
  /** What the author may take for granted, and is not so; the plan works all the same. */
  readonly doubts: readonly string[]
  /** Why the plan would not work. */
  readonly problems: readonly string[]
}

export interface TargetReport {
  readonly platform: string
  readonly variant: string
  readonly node: string
  readonly emulated: boolean
  /** Empty where none is kept. */
  readonly cache: string
  readonly cacheState: 'filled' | 'empty' | 'unknown'
}

export interface TagReport {
  /** `ghcr.io/acme/app:1.2` */
  readonly tag: string
  /** The digest it names now; empty: it is new; undefined: the registry did not say. */
  readonly now: string | undefined
}

/** PURE: for the log. */
export function renderExamination(report: ExaminationReport): string[] {
  return [
    'Plan (dry-run: nothing was made and nothing pushed)',
    ...sections(report).flatMap(([title, lines]) => [`${title}:`, ...lines.map((line) => `  ${shortenLine(line)}`)]),
  ]
}

/** PURE: the same as GitHub-flavoured Markdown. */
export function renderExaminationSummary(report: ExaminationReport): string {
  const verdict =
    report.problems.length === 0 ? 'This would work. Nothing was made and nothing pushed.' : 'This would **not** work.'
  const parts = sections(report).map(([title, lines]) =>
    [`#### ${title}`, ...lines.map((line) => `- ${escapeMarkdown(shortenLine(line))}`)].join('\n'),
  )
  return [`### Plan`, verdict, ...parts, ''].join('\n\n')
}

function sections({
  nodes,
  targets,
  tags,
  permissions,
  post,
  doubts,
  problems,
}: ExaminationReport): (readonly [string, readonly string[]])[] {
  const all: (readonly [string, readonly string[]])[] = [
    ['Nodes', nodes],
    ['Targets', targets.map(describeTarget)],
    ['Tags', tags.map(describeTag)],
    ['Permissions', permissions],
    ['The post step deletes', post],
    ['Not as one might think', doubts],
    ['Why this would not work', problems],
  ]
  return all.filter(([, lines]) => lines.length > 0)
}

function describeTarget({ platform, variant, node, emulated, cache, cacheState }: TargetReport): string {
  const kept =
    cache === ''
      ? 'no cache is kept'
      : `cache ${cache}${{ filled: '', empty: ' (none there yet)', unknown: ' (the registry did not say whether there is one)' }[cacheState]}`
  return `${[platform, variant].join(' ').trim()}: on ${node}${emulated ? ' (emulated)' : ''}, ${kept}`
}

function describeTag({ tag, now }: TagReport): string {
  return `${tag}: ${now === undefined ? 'the registry did not say whether it is there' : now === '' ? 'new' : `moves away from ${now}`}`
}

function shortenLine(line: string): string {
  return line.length > 100
    ? Array.from(line)
        .map((character) => (/[\p{Cc}\p{Zl}\p{Zp}]/u.test(character) ? ' ' : character))
        .join('')
    : shorten(line)
}

/** Names come from the repository, so none of them may become markup. */
function escapeMarkdown(text: string): string {
  return text.replace(/[\\`*_<>[\]|#&]/g, (character) => `\\${character}`)
}
