import type { TargetState } from '../buildx/live.ts'
import type { Env } from '../lib/lists.ts'
import { displayWidth, renderFrame, type ShownTarget, type Size } from './frame.ts'
import { safeLine } from './output.ts'

/** Milliseconds between two drawings. */
const interval = 100
/** Lines that are written at once, even before the next drawing is due. */
const mostPending = 500

/** The part of a terminal that the view uses. */
interface Terminal {
  readonly columns: number
  readonly rows: number
  write(text: string): boolean
  once(event: 'drain', listener: () => void): unknown
}

/** Whether there is a terminal that can show the view. `BUILDKIT_PROGRESS=plain` is Docker's variable. */
export function canShowView(stream: { readonly isTTY?: boolean }, env: Env): boolean {
  const isSet = (name: string) => !['', undefined, 'false', '0'].includes(env[name])
  return stream.isTTY === true && !isSet('CI') && env['TERM'] !== 'dumb' && env['BUILDKIT_PROGRESS'] !== 'plain'
}

const colors = { running: '', done: '\x1b[32m', failed: '\x1b[31m' } as const

/**
 * A log with a view below it, which shows what each target is doing. Every drawing ends in the first column of the line
 * after the view, and no mode of the terminal is changed: however this process ends, the terminal is as before.
 */
export class Screen {
  readonly #terminal: Terminal
  readonly #isColored: boolean
  readonly #targets = new Map<string, ShownTarget & { readonly at: number }>()
  readonly #pending: string[] = []
  readonly #timer: NodeJS.Timeout
  /** The lines of the view as they were drawn, without colors. */
  #drawn: readonly string[] = []
  #isOver = false

  constructor(terminal: Terminal, env: Env) {
    this.#terminal = terminal
    this.#isColored = (env['NO_COLOR'] ?? '') === ''
    this.#timer = setInterval(() => this.#draw(), interval)
  }

  /** Adds a line to the log. @returns false if the terminal cannot take more for now */
  print(line: string): boolean {
    this.#pending.push(line)
    return this.#pending.length < mostPending || this.#draw()
  }

  /** Calls back when the terminal can take more. */
  onDrain(listener: () => void): void {
    this.#terminal.once('drain', listener)
  }

  update(states: readonly TargetState[], now = performance.now()): void {
    for (const state of states) {
      const before = this.#targets.get(state.id)
      const seconds = before ? (now - before.at) / 1000 : 0
      const current = before && seconds > 0 ? Math.max(0, (state.sent - before.sent) / seconds) : 0
      const rate = state.state === 'running' ? ((before?.rate ?? 0) + current) / 2 : 0
      this.#targets.set(state.id, { ...state, rate, at: now })
    }
  }

  /** Removes the view; what was printed stays. */
  close(): void {
    clearInterval(this.#timer)
    this.#isOver = true
    this.#draw()
  }

  #draw(): boolean {
    const log = this.#pending.splice(0).map((line) => `${safeLine(line)}\n`)
    const frame = this.#isOver ? [] : this.#frame()
    // Nothing to do, as long as there is no build.
    if (log.length + frame.length + this.#drawn.length === 0) return true
    const text = `${eraseLines(this.#drawn, this.#terminal)}${log.join('')}${frame.map((line) => `${line}\n`).join('')}`
    this.#drawn = frame.map((line) => line.replace(colorSequences, ''))
    return this.#terminal.write(text)
  }

  #frame(): string[] {
    const now = performance.now()
    const targets = [...this.#targets.values()].map((target) =>
      target.state === 'running' ? { ...target, took: target.took + now - target.at } : target,
    )
    const paint = (line: string, state: TargetState['state']) =>
      this.#isColored && colors[state] !== '' ? `${colors[state]}${line}\x1b[0m` : line
    return renderFrame(targets, this.#terminal, paint)
  }
}

const colorSequences = /\x1b\[[\d;]*m/g

/** PURE: moves to the first line of the view, which takes more rows if the terminal is narrower now, and erases it. */
function eraseLines(drawn: readonly string[], { columns }: Size): string {
  const rows = drawn.reduce((sum, line) => sum + Math.max(1, Math.ceil(displayWidth(line) / Math.max(1, columns))), 0)
  return rows === 0 ? '' : `\r\x1b[${rows}A\x1b[J`
}
