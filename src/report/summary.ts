import { formatBytes, formatDuration } from '../lib/format.ts'
import { formatTagReference } from '../registry/reference.ts'
import type { PlatformReport, RunReport, VariantReport } from './run-report.ts'

interface Column {
  readonly title: string
  readonly alignment: '---' | '---:'
  readonly cell: (row: PlatformReport) => string
}

/** The columns of the table of a variant. */
const columns: readonly Column[] = [
  { title: 'platform', alignment: '---', cell: ({ platform }) => platform },
  { title: 'node', alignment: '---', cell: ({ node, emulated }) => `${node}${emulated ? ' (emulated)' : ''}` },
  { title: 'machine', alignment: '---', cell: ({ machine }) => machine },
  { title: 'time', alignment: '---:', cell: ({ took }) => formatDuration(took) },
  { title: 'steps from cache', alignment: '---:', cell: ({ steps }) => `${steps.cached} of ${steps.total}` },
  { title: 'size', alignment: '---:', cell: ({ size }) => (size === 0 ? '–' : formatBytes(size)) },
]

/** PURE: the job summary, as GitHub-flavoured Markdown. */
export function renderSummary({ variants, took, notes }: RunReport): string {
  const images = variants.map((variant) => [...heading(variant), '', ...table(variant.platforms)].join('\n'))
  const quoted = notes.length > 0 ? [notes.map((note) => `> ${note}`).join('\n>\n')] : []
  return [...images, ...quoted, `Took ${formatDuration(took)}.`, ''].join('\n\n')
}

function heading({ variant, published }: VariantReport): string[] {
  const title = variant.name === '' ? 'Image' : `Image \`${variant.name}\``
  if (!published) return [`### ${title}: built, not pushed`]
  const tags = published.tags.map((tag) => `- \`${formatTagReference(tag)}\``)
  const images = published.images.map((image) => `\`${image}\``)
  return [`### ${title}`, ...images, '', ...(tags.length > 0 ? tags : ['- no tag'])]
}

function table(rows: readonly PlatformReport[]): string[] {
  return [
    formatRow(columns.map(({ title }) => title)),
    `|${columns.map(({ alignment }) => alignment).join('|')}|`,
    ...rows.map((row) => formatRow(columns.map(({ cell }) => escapeCell(cell(row))))),
  ]
}

function formatRow(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`
}

function escapeCell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ')
}
