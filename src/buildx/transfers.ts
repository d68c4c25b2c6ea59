import { formatBytes, formatDuration } from '../lib/format.ts'
import type { VertexStatus } from './solve-status.ts'

/** The parts of a vertex that move data (moby/buildkit, util/progress), with the verb for the log. */
const verbs: readonly (readonly [id: RegExp, verb: string])[] = [
  [/^sha256:[0-9a-f]{64}$/, 'pulled'],
  [/^transferring /, 'sent'],
  [/^pushing layers$/, 'pushed layers'],
]

/** Shorter transfers are not logged. Milliseconds. */
const shortestLogged = 1000

/** The transfers of one vertex: layers that are pulled or pushed, or the build context. */
export class Transfers {
  readonly #parts = new Map<string, VertexStatus>()

  update(status: VertexStatus): void {
    if (verbs.some(([id]) => id.test(status.id))) this.#parts.set(status.id, status)
  }

  /** The log line for the transfers that have completed since the last call; undefined while one of them is running. */
  take(): string | undefined {
    const parts = [...this.#parts.values()]
    if (parts.some(({ completed }) => completed === undefined)) return undefined
    this.#parts.clear()
    return formatTransfers(parts)
  }
}

/** PURE: `, 45 MB so far (1.5 MB/s)`: what parts of a vertex moved in `took` milliseconds; empty if nothing. */
export function formatMoved(parts: Iterable<VertexStatus>, took: number): string {
  const size = [...parts].reduce((sum, { current }) => sum + current, 0)
  return size > 0 && took > 0 ? `, ${formatBytes(size)} so far (${formatBytes(size / (took / 1000))}/s)` : ''
}

/** PURE: `pulled 45 MB in 3.2 s (14 MB/s)`; undefined if it took less than a second. */
function formatTransfers(parts: readonly VertexStatus[]): string | undefined {
  const start = Math.min(...parts.map(({ started, completed = 0 }) => started ?? completed))
  const took = Math.max(...parts.map(({ completed = 0 }) => completed)) - start
  if (!(took >= shortestLogged)) return undefined
  const [, verb = ''] = verbs.find(([id]) => parts.some((part) => id.test(part.id))) ?? []
  const size = parts.reduce((sum, { current }) => sum + current, 0)
  const rate = size > 0 ? ` (${formatBytes(size / (took / 1000))}/s)` : ''
  return `${verb}${size > 0 ? ` ${formatBytes(size)}` : ''} in ${formatDuration(took)}${rate}`
}
