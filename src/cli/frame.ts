import type { TargetState } from '../buildx/live.ts'
import { formatBytes, formatDuration } from '../lib/format.ts'

/** A target as the view shows it. */
export interface ShownTarget extends TargetState {
  /** Bytes per second. */
  readonly rate: number
}

export interface Size {
  readonly columns: number
  readonly rows: number
}

/** Columns below which a part of the line is left out, the least important first. */
const needed = { rate: 90, cached: 70, node: 50 }
/** A smaller terminal has no view. */
const smallest: Size = { columns: 24, rows: 4 }
/** Bytes per second. */
const lowestRate = 1000

/**
 * PURE: the lines of the view, one per target; none of them reaches the last column, so that no terminal wraps it.
 * `paint` colors a whole line.
 */
export function renderFrame(
  targets: readonly ShownTarget[],
  size: Size,
  paint: (line: string, state: TargetState['state']) => string = (line) => line,
): string[] {
  const { columns, rows } = size
  if (columns < smallest.columns || rows < smallest.rows) return []
  const most = rows - 2
  const shown = targets.length <= most ? targets : mostInteresting(targets, most - 1)
  const widths = { label: widest(targets, 'label'), node: widest(targets, 'node') }
  const lines = shown.map((target) => paint(fit(renderTarget(target, columns, widths), columns - 1), target.state))
  const others = targets.length - shown.length
  return others === 0 ? lines : [...lines, fit(`… and ${others} more`, columns - 1)]
}

const order: readonly TargetState['state'][] = ['failed', 'running', 'done']

/** In the order of the targets. */
function mostInteresting(targets: readonly ShownTarget[], most: number): readonly ShownTarget[] {
  const sorted = [...targets].sort((a, b) => order.indexOf(a.state) - order.indexOf(b.state))
  const chosen = new Set(sorted.slice(0, most))
  return targets.filter((target) => chosen.has(target))
}

function widest(targets: readonly ShownTarget[], key: 'label' | 'node'): number {
  return Math.max(...targets.map((target) => displayWidth(printable(target[key]))))
}

interface Widths {
  readonly label: number
  readonly node: number
}

/** `linux/arm64  arm  [3/6] RUN make   12.3 s  2/5 cached  4.5 MB/s` */
function renderTarget(target: ShownTarget, columns: number, widths: Widths): string {
  const { state, step, took, cached, total, rate, node, label } = target
  const right = [
    formatDuration(took).padStart(columns >= needed.node ? 11 : 8),
    ...(columns >= needed.cached ? [(total === 0 ? '' : `${cached}/${total} cached`).padStart(13)] : []),
    ...(columns >= needed.rate ? [(rate < lowestRate ? '' : `↑ ${formatBytes(rate)}/s`).padStart(11)] : []),
  ].join('  ')
  const left = [
    pad(printable(label), widths.label),
    ...(columns >= needed.node ? [pad(printable(node), widths.node)] : []),
  ]
  const space = columns - 1 - displayWidth(left.join('  ')) - displayWidth(right) - 4
  const what = state === 'running' ? printable(step) : state
  return [...left, pad(fit(what, Math.max(0, space)), Math.max(0, space)), right].join('  ')
}

/** PURE: text without anything that moves the cursor or changes the terminal. */
function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, ' ')
}

function pad(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - displayWidth(text)))
}

/** PURE: a text that takes at most so many columns. */
function fit(text: string, columns: number): string {
  if (displayWidth(text) <= columns) return text
  let [kept, width] = ['', 0]
  for (const character of text) {
    width += displayWidth(character)
    if (width > columns - 1) break
    kept += character
  }
  return columns > 0 ? `${kept}…` : ''
}

/** Characters of two columns: https://www.unicode.org/reports/tr11/ */
const wide =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]/u

/** PURE: the columns that a text without control characters takes. */
export function displayWidth(text: string): number {
  let width = 0
  for (const character of text) width += /\p{M}/u.test(character) ? 0 : isWide(character) ? 2 : 1
  return width
}

function isWide(character: string): boolean {
  return wide.test(character) || /\p{Emoji_Presentation}/u.test(character)
}
