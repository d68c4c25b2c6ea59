import { formatBytes, formatRow } from '../lib/format.ts'

interface Line {
  /** Tags and digest. */
  readonly subject: string
  readonly reason: string
}

/** Whether every tag exists with everything below it. */
export interface Audit {
  readonly tags: number
  /** Tag → digests that do not exist. */
  readonly broken: readonly { readonly tag: string; readonly missing: readonly string[] }[]
}

/** What the cleanup of one repository did. */
export interface CleanupResult {
  readonly name: string
  readonly deleted: (Line & { readonly digest: string })[]
  /** An empty subject: the cleanup stopped. */
  readonly kept: Line[]
  readonly restored: Line[]
  /** Why the action fails: internal errors, and a repository that does not exist. */
  readonly errors: Error[]
  /** Digest → bytes that were stored for what was deleted; other images may use some of it as well. */
  readonly blobs: Map<string, number>
  audit: Audit | undefined
  readonly dryRun: boolean
  /** How many pages of lists were read. */
  readonly pages: () => number
}

export function createResult(name: string, dryRun: boolean, pages: () => number = () => 0): CleanupResult {
  const lists = { deleted: [], kept: [], restored: [], errors: [] }
  return { name, ...lists, blobs: new Map(), audit: undefined, dryRun, pages }
}

/** PURE: the outputs `deleted`, `kept` and `report`. */
export function renderCleanup(results: readonly CleanupResult[]): {
  readonly deleted: string
  readonly kept: string
  readonly report: string
} {
  const list = (lines: 'deleted' | 'kept') =>
    JSON.stringify(
      results.flatMap((result) =>
        result[lines].map(({ subject, reason }) => ({ image: result.name, subject, reason })),
      ),
    )
  return { deleted: list('deleted'), kept: list('kept'), report: results.map(renderRepository).join('\n') }
}

const maxRows = 100

function renderRepository({ name, deleted, kept, restored, audit, blobs, dryRun }: CleanupResult): string {
  const size = [...blobs.values()].reduce((sum, bytes) => sum + bytes, 0)
  const done = dryRun ? 'would be deleted' : 'deleted'
  const rows = [
    ...deleted.map(({ subject, reason }) => [done, subject, reason]),
    ...restored.map(({ subject, reason }) => ['restored', subject, reason]),
    ...kept.map(({ subject, reason }) => ['kept', subject, reason]),
  ].map(formatRow)
  const more = rows.length > maxRows ? ['', `… and ${rows.length - maxRows} more, in the outputs.`] : []
  const table = rows.length === 0 ? [] : ['', '| | what | why |', '|---|---|---|', ...rows.slice(0, maxRows), ...more]
  const total = `${deleted.length} ${done}${size === 0 ? '' : ` (up to ${formatBytes(size)})`}, ${kept.length} kept.`
  return [`### Cleanup of \`${name}\``, '', `${total} ${formatAudit(audit)}`, ...table, ''].join('\n')
}

function formatAudit(audit: Audit | undefined): string {
  if (!audit) return 'The remaining tags were not checked, because the cleanup stopped.'
  if (audit.broken.length === 0) return `All manifests that the ${audit.tags} tags refer to exist.`
  const broken = audit.broken.map(
    ({ tag, missing }) => `\`${tag}\` to ${missing.map((digest) => `\`${digest}\``).join(', ')}`,
  )
  return (
    `${audit.broken.length} of ${audit.tags} tags refer to missing manifests: ${broken.join('; ')}. ` +
    'On GitHub, you can restore deleted versions in the settings of the package within 30 days.'
  )
}
