import { formatBytes, formatDuration } from '../lib/format.ts'
import { formatTagReference } from '../registry/reference.ts'
import type { Published } from '../publish/publish.ts'
import type { MergedPart } from '../publish/select-parts.ts'
import type { VariantReport } from './run-report.ts'
import { renderImage, type Column } from './summary.ts'

/** A part that was merged. */
interface PartReport {
  readonly platform: string
  readonly attempt: number
  /** Bytes of the compressed layers. */
  readonly size: number
  /** The digest of the image. */
  readonly image: string
  readonly metadata: Readonly<Record<string, unknown>>
}

export interface MergeReport {
  readonly variants: readonly VariantReport<PartReport>[]
  /** Milliseconds. */
  readonly took: number
}

const columns: readonly Column<PartReport>[] = [
  { title: 'platform', alignment: '---', cell: ({ platform }) => platform },
  { title: 'image', alignment: '---', cell: ({ image }) => `\`${image}\`` },
  { title: 'built in attempt', alignment: '---:', cell: ({ attempt }) => String(attempt) },
  { title: 'size', alignment: '---:', cell: ({ size }) => formatBytes(size) },
]

/** PURE: the report of a merge. */
export function createMergeReport(
  { published, parts }: { readonly published: readonly Published[]; readonly parts: readonly MergedPart[] },
  took: number,
): MergeReport {
  const variants = published.map((image): VariantReport<PartReport> => ({
    variant: image.variant,
    published: image,
    platforms: image.platforms.map(({ platform, digest, size }) => {
      const part = parts.find(({ info }) => info.variant === image.variant.name && info.platform === platform)
      const attempt = part?.info.runAttempt ?? 0
      return { platform, attempt, size, image: digest, metadata: { 'containerimage.digest': part?.digest ?? digest } }
    }),
  }))
  return { variants, took }
}

/** PURE: the log lines of a merge: one per part, then the images and their tags. */
export function renderMergeLines({ variants, took }: MergeReport): string[] {
  const lines = variants.flatMap(({ variant, published, platforms }) => [
    ...platforms.map(
      ({ platform, image, size }) => `  ${[platform, variant.name].join(' ').trim()}: ${image}, ${formatBytes(size)}`,
    ),
    ...(published?.images ?? []).map((image) => `  ${image}`),
    ...(published?.tags ?? []).map((tag) => `  → ${formatTagReference(tag)}`),
  ])
  return [...lines, `Took ${formatDuration(took)}.`]
}

/** PURE: the job summary of a merge, as GitHub-flavoured Markdown. */
export function renderMergeSummary({ variants, took }: MergeReport): string {
  const images = variants.map((variant) => renderImage(variant, columns))
  return [...images, `Took ${formatDuration(took)}.`, ''].join('\n\n')
}
