import { escapeMarkup, formatBytes, formatDuration, formatRow } from '../lib/format.ts'
import { targetLabel } from '../plan/target.ts'
import { formatTagReference } from '../registry/reference.ts'
import type { Verification } from '../publish/sign/verification.ts'
import { compareRuns, formatPrevious } from './comparison.ts'
import { renderNotes } from './notes.ts'
import { renderMisses, renderSlowestSteps, renderTimeline } from './summary-details.ts'
import { measureTargets, type TargetMeasurement, type TargetResult } from './measurements.ts'
import type { RunRecord } from './run-record.ts'
import type { RunReport, VariantReport } from './run-report.ts'

export interface Column<Row> {
  readonly title: string
  readonly alignment: '---' | '---:'
  readonly cell: (row: Row) => string
}

/** The columns of the table of a variant. */
const columns: readonly Column<TargetMeasurement>[] = [
  { title: 'platform', alignment: '---', cell: ({ platform }) => platform },
  {
    title: 'node',
    alignment: '---',
    cell: ({ entry: { node, emulated } }) => `${node}${emulated ? ' (emulated)' : ''}`,
  },
  { title: 'machine', alignment: '---', cell: ({ machine }) => machine },
  { title: 'time', alignment: '---:', cell: ({ took }) => formatDuration(took) },
  { title: 'steps from cache', alignment: '---:', cell: ({ entry: { steps } }) => `${steps.cached} of ${steps.total}` },
  { title: 'size', alignment: '---:', cell: ({ entry: { size } }) => (size === null ? '–' : formatBytes(size)) },
]

/** PURE: the job summary, as GitHub-flavoured Markdown. */
export function renderSummary(report: RunReport): string {
  const { variants, took, notes } = report
  const targets = variants.flatMap(({ platforms }) => platforms)
  const first = variants.length > 1 ? [overview(variants)] : []
  const parts = [
    headline(targets, took) + capitalize(compareRuns(report, true)),
    ...first,
    ...variants.map((variant) => renderImage(variant, columnsOf(variant))),
    ...renderNotes(notes),
    ...renderMisses(targets),
    ...renderSlowestSteps(targets),
    ...renderTimeline(targets),
  ]
  return [...parts, ''].join('\n\n')
}

/** `2 images in 1 min 10 s, 4 of 10 steps from cache.` */
function headline(targets: readonly TargetMeasurement[], took: number): string {
  const sum = (key: 'total' | 'cached') => targets.reduce((total, { entry }) => total + entry.steps[key], 0)
  const built = targets.length === 0 ? 'Nothing was built' : `Built ${countOf(targets.length, 'image')}`
  const cached = sum('total') === 0 ? '' : `, ${sum('cached')} of ${countOf(sum('total'), 'step')} from cache`
  const exceptions = [
    [targets.filter(({ entry }) => entry.emulated).length, 'under emulation'],
    [targets.filter(({ entry }) => entry.fallback !== null).length, 'on another node than planned'],
  ] as const
  const noted = exceptions.flatMap(([count, how]) => (count === 0 ? [] : [`, ${count} ${how}`]))
  return `${built} in ${formatDuration(took)}${cached}${noted.join('')}.`
}

/** Another sentence. */
function capitalize(text: string): string {
  return text === '' ? '' : ` ${text.charAt(0).toUpperCase()}${text.slice(1)}.`
}

function countOf(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

/** PURE: how users verify the signatures of an image; empty if it is not signed. */
export function renderVerification(images: readonly string[], verification: Verification | undefined): string {
  if (!verification) return ''
  const { command, publicKey } = verification
  const key = publicKey === undefined ? [] : ['', 'with `cosign.pub`:', '', ...fence(publicKey.trim().split('\n'))]
  return ['Verify the signatures:', '', ...fence(images.map((image) => `${command} ${image}`)), ...key].join('\n')
}

/** With columns for the previous run and for the tests, if there are any. */
function columnsOf({ platforms }: VariantReport): readonly Column<TargetMeasurement>[] {
  const optional = [
    [previousColumn, platforms.some(({ entry }) => entry.previous)],
    [testColumn, platforms.some(({ entry }) => entry.seconds.test !== null)],
  ] as const
  return [...columns, ...optional.flatMap(([column, isUsed]) => (isUsed ? [column] : []))]
}

const previousColumn: Column<TargetMeasurement> = { title: 'before', alignment: '---:', cell: formatPrevious }

const testColumn: Column<TargetMeasurement> = {
  title: 'test',
  alignment: '---:',
  cell: ({ entry: { seconds } }) => (seconds.test === null ? '–' : `passed, ${formatDuration(seconds.test * 1000)}`),
}

/** PURE: one image with its references, its tags and a table of its platforms. */
export function renderImage<Row>(variant: VariantReport<Row>, columns: readonly Column<Row>[]): string {
  const { images = [], verification } = variant.published ?? {}
  const signed = renderVerification(images, verification)
  const rows = [...heading(variant), '', ...table(columns, variant.platforms)]
  return [...rows, ...(signed === '' ? [] : ['', signed])].join('\n')
}

function heading({ variant, published }: Omit<VariantReport, 'platforms'>): string[] {
  const title = variant.name === '' ? 'Image' : `Image \`${variant.name}\``
  if (!published) return [`### ${title}: built, not pushed`]
  const mirrored = (published.mirrors ?? []).flatMap((mirror) => mirror.tags)
  const tags = [...published.tags, ...mirrored].map((tag) => `- \`${formatTagReference(tag)}\``)
  const images = published.images.map((image) => `\`${image}\``)
  return [`### ${title}`, ...images, '', ...(tags.length > 0 ? tags : ['- no tag'])]
}

/** One row per variant, with the time of each platform. */
function overview(variants: readonly VariantReport[]): string {
  const platforms = [...new Set(variants.flatMap((variant) => variant.platforms.map(({ platform }) => platform)))]
  const overviewColumns: readonly Column<VariantReport>[] = [
    { title: 'variant', alignment: '---', cell: ({ variant }) => variant.name },
    ...platforms.map((platform) => ({
      title: platform,
      alignment: '---:' as const,
      cell: (row: VariantReport) => formatTime(row.platforms.find((target) => target.platform === platform)),
    })),
    { title: 'tags', alignment: '---:', cell: ({ published }) => String(published?.tags.length ?? 0) },
  ]
  return ['### Overview', '', ...table(overviewColumns, variants)].join('\n')
}

function formatTime(target: TargetMeasurement | undefined): string {
  return target ? formatDuration(target.took) : '–'
}

function table<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string[] {
  return [
    formatRow(columns.map(({ title }) => title)),
    `|${columns.map(({ alignment }) => alignment).join('|')}|`,
    ...rows.map((row) => formatRow(columns.map(({ cell }) => cell(row)))),
  ]
}

const results: Readonly<Record<TargetResult, string>> = {
  success: 'built',
  failure: 'failed',
  error: 'failed',
  cancellation: 'cancelled',
  skip: 'not built',
}

const failedColumns: readonly Column<TargetMeasurement>[] = [
  { title: 'target', alignment: '---', cell: ({ target }) => targetLabel(target) },
  { title: 'node', alignment: '---', cell: ({ entry }) => entry.node },
  { title: 'result', alignment: '---', cell: ({ result }) => results[result] },
]

/** PURE: the job summary of a run in which a build failed: nothing was pushed under a tag. */
export function renderFailedSummary(record: RunRecord, took: number): string {
  const { groups } = record
  const rows = measureTargets(record)
  const failures = groups.flatMap(({ failure }) => (failure && failure.code !== 'cancelled' ? [failure] : []))
  const reasons = failures.map(({ message, details, hint }) =>
    [`**${escapeMarkup(message)}**`, ...fence(details), escapeMarkup(hint)].join('\n\n'),
  )
  const parts = ['### Build failed: no tag was updated', table(failedColumns, rows).join('\n'), ...reasons]
  return [...parts, `Took ${formatDuration(took)}.`, ''].join('\n\n')
}

/** Output of build steps as a code block that no content can end. */
function fence(lines: readonly string[]): string[] {
  if (lines.length === 0) return []
  const text = lines.join('\n')
  const ticks = '`'.repeat(Math.max(3, ...[...text.matchAll(/`+/g)].map(([run]) => run.length + 1)))
  return [[ticks, text, ticks].join('\n')]
}

/** PURE: the job summary of a step that failed before or after its builds. */
export function renderErrorSummary(headline: string, details: string): string {
  const lines = details.split('\n').filter((line) => line !== '')
  return [`### Failed`, `**${escapeMarkup(headline)}**`, ...fence(lines), ''].join('\n\n')
}

/** Bytes; the limit of GitHub is 1 MiB for each step, and a longer summary is not shown at all. */
const longestSummary = 1_000_000
const isCut = 'The rest of this summary is left out: GitHub shows at most 1 MiB. The log has everything.'

/** PURE: a summary of at most a megabyte, cut after a line and outside of a code block. */
export function limitSummary(markdown: string, most = longestSummary): string {
  if (Buffer.byteLength(markdown) <= most) return markdown
  const kept: string[] = []
  let size = Buffer.byteLength(isCut) + 100
  let fence = ''
  for (const line of markdown.split('\n')) {
    size += Buffer.byteLength(line) + 1
    if (size > most) break
    kept.push(line)
    const [ticks = ''] = /^`{3,}/.exec(line) ?? []
    if (fence === '') fence = ticks
    else if (line === fence) fence = ''
  }
  return [...kept, ...(fence === '' ? [] : [fence]), '', isCut, ''].join('\n')
}

/** PURE: a summary without secrets, also where they are escaped. Longer ones first: one may contain another. */
export function maskSecrets(markdown: string, secrets: Iterable<string>): string {
  const texts = [...secrets].filter((secret) => secret !== '').sort((a, b) => b.length - a.length)
  return texts.reduce((text, secret) => text.replace(anyEscaped(secret), '***'), markdown)
}

/** Finds a secret in text and in code, in and outside of tables: each escapes other characters. */
function anyEscaped(secret: string): RegExp {
  const characters = Array.from(secret, (character) =>
    /[!-/:-@[-`{-~]/.test(character) ? `\\\\?\\${character}` : character,
  )
  return new RegExp(characters.join(''), 'g')
}
