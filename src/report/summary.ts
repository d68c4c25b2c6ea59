import { formatBytes, formatDuration, formatRow } from '../lib/format.ts'
import { targetLabel } from '../plan/target.ts'
import { formatTagReference } from '../registry/reference.ts'
import type { Verification } from '../publish/sign/verification.ts'
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
export function renderSummary({ variants, took, notes }: RunReport): string {
  const images = variants.map((variant) => renderImage(variant, columns))
  const quoted = notes.length > 0 ? [notes.map((note) => `> ${note}`).join('\n>\n')] : []
  const first = variants.length > 1 ? [overview(variants)] : []
  return [...first, ...images, ...quoted, `Took ${formatDuration(took)}.`, ''].join('\n\n')
}

/** PURE: how users verify the signatures of an image; empty if it is not signed. */
export function renderVerification(images: readonly string[], verification: Verification | undefined): string {
  if (!verification) return ''
  const { command, publicKey } = verification
  const key = publicKey === undefined ? [] : ['', 'with `cosign.pub`:', '', ...fence(publicKey.trim().split('\n'))]
  return ['Verify the signatures:', '', ...fence(images.map((image) => `${command} ${image}`)), ...key].join('\n')
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
    [`**${escapeHtml(message)}**`, ...fence(details), escapeHtml(hint)].join('\n\n'),
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

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}

/** PURE: the job summary of a step that failed before or after its builds. */
export function renderErrorSummary(headline: string, details: string): string {
  const lines = details.split('\n').filter((line) => line !== '')
  return [`### Failed`, `**${escapeHtml(headline)}**`, ...fence(lines), ''].join('\n\n')
}

/** PURE: a summary without secrets, also where they are escaped. Longer ones first: one may contain another. */
export function maskSecrets(markdown: string, secrets: Iterable<string>): string {
  const texts = [...secrets].filter((secret) => secret !== '').sort((a, b) => b.length - a.length)
  return texts
    .flatMap((secret) => [secret, escapeHtml(secret)])
    .reduce((text, secret) => text.replaceAll(secret, '***'), markdown)
}
