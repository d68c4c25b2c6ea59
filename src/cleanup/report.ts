import type { Result } from './result.ts'
import { bytes } from '../lib/format.ts'

/** PURE: the outputs `deleted`, `kept` and `report`. */
export function renderSweep(results: readonly Result[]): {
  readonly deleted: string
  readonly kept: string
  readonly report: string
} {
  const list = (of: 'deleted' | 'kept') =>
    JSON.stringify(
      results.flatMap((result) => result[of].map(({ subject, reason }) => ({ image: result.name, subject, reason }))),
    )
  return { deleted: list('deleted'), kept: list('kept'), report: results.map(renderOne).join('\n') }
}

const mostRows = 100

function renderOne({ name, deleted, kept, restored, audit, blobs, dryRun }: Result): string {
  const size = [...blobs.values()].reduce((sum, one) => sum + one, 0)
  const done = dryRun ? 'would be deleted' : 'deleted'
  const rows = [
    ...deleted.map(({ subject, reason }) => [done, subject, reason]),
    ...restored.map(({ subject, reason }) => ['restored', subject, reason]),
    ...kept.map(({ subject, reason }) => ['kept', subject, reason]),
  ]
  const table =
    rows.length === 0
      ? []
      : [
          '',
          '| | what | why |',
          '|---|---|---|',
          ...rows.slice(0, mostRows).map((row) => `| ${row.map(escapeCell).join(' | ')} |`),
          ...(rows.length > mostRows ? ['', `… and ${rows.length - mostRows} more, in the outputs.`] : []),
        ]
  return [
    `### Cleanup of \`${name}\``,
    '',
    `${deleted.length} ${done}${size === 0 ? '' : ` (up to ${bytes(size)})`}, ${kept.length} kept. ${tellAudit(audit)}`,
    ...table,
    '',
  ].join('\n')
}

function tellAudit(audit: Result['audit']): string {
  if (!audit) return 'Whether all tags are whole could not be checked.'
  if (audit.broken.length === 0) return `All ${audit.tags} tags resolve with everything under them.`
  const broken = audit.broken.map(
    ({ tag, missing }) => `\`${tag}\` lacks ${missing.map((digest) => `\`${digest}\``).join(', ')}`,
  )
  return `${audit.broken.length} of ${audit.tags} tags are not whole: ${broken.join('; ')}. GitHub restores deleted versions for 30 days, in the package’s settings.`
}

function escapeCell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ')
}
