import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { writePrivate } from '../lib/files.ts'
import type { Env } from '../lib/lists.ts'

interface StepResult {
  readonly code: number
  /** What the step saved for its post step. */
  readonly state: Readonly<Record<string, string>>
}

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/**
 * Runs a bundle of dist/ as a runner does, and prints its log for a terminal. Signals go to the step, which then ends
 * in its own way.
 *
 * @param program path of the bundle
 */
export async function runStep(program: string, dir: string, env: Env, masks: Set<string>): Promise<StepResult> {
  const files = ['OUTPUT', 'STATE', 'STEP_SUMMARY', 'ENV', 'PATH'].map(
    (name) => [`GITHUB_${name}`, join(dir, name)] as const,
  )
  for (const [, path] of files) writePrivate(path, '')
  // In a process group of its own: Ctrl-C on a terminal would reach the step, ssh and buildx all at once.
  const child = spawn(process.execPath, [program], {
    env: { ...env, ...Object.fromEntries(files) },
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  })
  const forward = (signal: NodeJS.Signals) => void child.kill(signal)
  for (const signal of signals) process.on(signal, forward)
  const lines = createInterface({ input: child.stdout, crlfDelay: Infinity })
  const showDebug = env['RUNNER_DEBUG'] === '1'
  lines.on('line', (line) => {
    const shown = formatLine(line, masks, showDebug)
    if (shown !== undefined && !process.stdout.write(`${shown}\n`)) {
      lines.pause()
      process.stdout.once('drain', () => lines.resume())
    }
  })
  const [[code]] = (await Promise.all([once(child, 'exit'), once(lines, 'close')])) as [[number | null], unknown]
  for (const signal of signals) process.off(signal, forward)
  return { code: code ?? 1, state: readPairs(readFileSync(join(dir, 'STATE'), 'utf8')) }
}

const labels: Readonly<Record<string, string>> = { error: 'error: ', warning: 'warning: ', notice: 'note: ', group: '' }

/** A line of a step's log for a terminal; undefined if it is for a runner only. Adds to the masks. */
export function formatLine(line: string, masks: Set<string>, showDebug = false): string | undefined {
  const [, command, data = ''] = /^::([a-z-]+)(?: [^:]*)?::(.*)$/s.exec(line) ?? []
  if (command === undefined) return mask(line, masks)
  const text = data.replaceAll('%0D', '').replaceAll('%0A', '\n').replaceAll('%25', '%')
  if (command === 'add-mask') {
    for (const part of text.split('\n').filter((secret) => secret.trim().length > 2)) masks.add(part)
    return undefined
  }
  if (command === 'debug') return showDebug ? mask(`debug: ${text}`, masks) : undefined
  const label = labels[command]
  return label === undefined ? undefined : mask(`${label}${text}`, masks)
}

function mask(text: string, masks: ReadonlySet<string>): string {
  return [...masks].reduce((masked, secret) => masked.replaceAll(secret, '***'), text)
}

/** `name<<delimiter`, the value, and the delimiter, as actions write to the files of a runner. */
export function readPairs(text: string): Record<string, string> {
  const pairs: Record<string, string> = {}
  for (const [, name = '', , value = ''] of text.matchAll(/^([^\n=]+?)<<(\S+)\n(?:(.*?)\n)?\2$/gms)) pairs[name] = value
  return pairs
}
