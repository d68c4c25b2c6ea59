import { escapeMarkup, formatBytes, formatDuration, formatRow } from '../lib/format.ts'
import type { Transfer } from '../publish/copy/store.ts'
import type { CopiedTag, TagState } from '../publish/copy/tags.ts'
import type { Verification } from '../publish/sign/verification.ts'
import { formatRepository, formatTagReference } from '../registry/reference.ts'
import { renderVerification } from './summary.ts'

/** What a run of the copy action did. */
export interface CopyResult {
  /** As in the input. */
  readonly from: string
  readonly digest: string
  /** The digest of the source; it differs if platforms were left out. */
  readonly sourceDigest: string
  /** How many manifests describe the image: signatures and attestations outside its index. */
  readonly referrers: number
  readonly tags: readonly CopiedTag[]
  readonly notes: readonly string[]
  /** Undefined if it was not signed. */
  readonly verification?: Verification
}

/** PURE: the outputs `digest` and `images`. */
export function renderCopyOutputs({ digest, tags }: CopyResult): Record<'digest' | 'images', string> {
  const copied = tags.filter(({ transfer }) => transfer)
  const images = copied.map(({ reference }) => `${formatRepository(reference)}@${digest}`)
  return { digest, images: [...new Set(images)].join('\n') }
}

/** PURE: the log lines of a finished copy. */
export function renderCopyLines(result: CopyResult, took: number): string[] {
  const { from, digest, sourceDigest, tags } = result
  const reduced = digest === sourceDigest ? '' : `, reduced from ${sourceDigest}`
  return [
    `${from} → ${digest}${reduced}${formatReferrers(result)}`,
    ...tags.map((tag) => `  ${formatTagReference(tag.reference)}: ${formatState(tag)}${formatTransfer(tag.transfer)}`),
    `Took ${formatDuration(took)}.`,
  ]
}

/** PURE: the job summary of a finished copy. */
export function renderCopySummary(result: CopyResult, took: number): string {
  const { from, digest, sourceDigest, tags, notes } = result
  const rows = tags.map((tag) =>
    formatRow([`\`${formatTagReference(tag.reference)}\``, formatState(tag), formatTransfer(tag.transfer).slice(2)]),
  )
  const table = ['| tag | state | transfer |', '|---|---|---|', ...rows].join('\n')
  const quoted = notes.map((note) => `> ${escapeMarkup(note)}`)
  const reduced = digest === sourceDigest ? '' : `; its reduced copy is \`${digest}\``
  const source = `\`${from}\` is \`${sourceDigest}\`${reduced}${formatReferrers(result)}.`
  const signed = renderVerification(renderCopyOutputs(result).images.split('\n'), result.verification)
  const rest = [...(signed === '' ? [] : [signed]), ...quoted]
  return ['### Copied image', source, table, ...rest, `Took ${formatDuration(took)}.`, ''].join('\n\n')
}

function formatReferrers({ referrers }: CopyResult): string {
  return referrers === 0
    ? ''
    : `, with ${referrers === 1 ? '1 signature or attestation' : `${referrers} signatures or attestations`}`
}

const states: Readonly<Record<TagState, string>> = {
  created: 'new',
  updated: 'updated',
  unchanged: 'has this digest already',
  kept: 'not updated, since `existing` is `keep`',
}

function formatState({ state, before }: CopiedTag): string {
  const digest = state === 'updated' ? `, was ${before ?? ''}` : state === 'kept' ? `: ${before ?? ''}` : ''
  return `${states[state]}${digest}`
}

function formatTransfer(transfer: Transfer | undefined): string {
  if (!transfer) return ''
  const { blobs, bytes } = transfer
  const parts = [
    [blobs.uploaded, `uploaded (${formatBytes(bytes)})`],
    [blobs.mounted, 'mounted'],
    [blobs.existing, 'already there'],
  ] as const
  const counted = parts.flatMap(([count, what]) => (count === 0 ? [] : [`${count} ${what}`]))
  return `; layers: ${counted.length === 0 ? 'nothing to transfer' : counted.join(', ')}`
}
