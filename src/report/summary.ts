import { seconds, bytes } from '../lib/format.ts'

/** What the job's summary tells of one variant. */
export interface VariantReport {
  readonly name: string
  /** `ghcr.io/acme/app@sha256:…`, one a repository; empty where nothing was pushed. */
  readonly images: readonly string[]
  readonly digest: string
  /** Full references that were moved. */
  readonly tags: readonly string[]
  readonly platforms: readonly PlatformReport[]
}

export interface PlatformReport {
  readonly platform: string
  readonly node: string
  /** What the platform's node says of itself: `4 CPUs, 7.6 GiB, Docker 28.5`; empty where unknown. */
  readonly about: string
  /** Said where the node runs the platform under emulation. */
  readonly emulated: boolean
  /** Milliseconds of the node's whole lane. */
  readonly took: number
  readonly steps: { readonly total: number; readonly cached: number }
  /** Bytes of the compressed layers; 0 where nothing was pushed. */
  readonly size: number
}

export interface RunReport {
  readonly variants: readonly VariantReport[]
  /** Milliseconds from the first input read to the last tag moved. */
  readonly took: number
  readonly notes: readonly string[]
}

/** PURE: the job summary, as GitHub-flavoured Markdown. */
export function renderSummary({ variants, took, notes }: RunReport): string {
  const parts = variants.map((variant) => [...heading(variant), '', ...table(variant.platforms)].join('\n'))
  const closing = notes.map((note) => `> ${note}`)
  return [...parts, ...(closing.length > 0 ? [closing.join('\n>\n')] : []), `Took ${seconds(took)}.`, ''].join('\n\n')
}

function heading({ name, images, tags }: VariantReport): string[] {
  const title = name === '' ? 'Image' : `Image \`${name}\``
  if (images.length === 0) return [`### ${title}: built, not pushed`]
  const pulled = tags.length > 0 ? tags.map((tag) => `- \`${tag}\``) : ['- no tag']
  return [`### ${title}`, ...images.map((image) => `\`${image}\``), '', ...pulled]
}

function table(platforms: readonly PlatformReport[]): string[] {
  const rows = platforms.map((row) => {
    const node = `${row.node}${row.emulated ? ' (emulated)' : ''}`
    return `| ${row.platform} | ${escapeCell(node)} | ${escapeCell(row.about)} | ${seconds(row.took)} | ${row.steps.cached} of ${row.steps.total} | ${row.size === 0 ? '–' : bytes(row.size)} |`
  })
  return ['| platform | node | machine | time | steps from cache | size |', '|---|---|---|---:|---:|---:|', ...rows]
}

/** One line a platform for the log, where nobody renders Markdown. */
export function renderLines({ variants, took }: RunReport): string[] {
  const lines = variants.flatMap(({ name, images, tags, platforms }) => [
    ...platforms.map(
      ({ platform, node, took: lane, steps, size }) =>
        `  ${[platform, name].join(' ').trim()}: ${node}, ${seconds(lane)}, ${steps.cached} of ${steps.total} steps from cache${size === 0 ? '' : `, ${bytes(size)}`}`,
    ),
    ...images.map((image) => `  ${image}`),
    ...tags.map((tag) => `  → ${tag}`),
  ])
  return [...lines, `Took ${seconds(took)}.`]
}

function escapeCell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ')
}
