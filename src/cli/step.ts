import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import type { TargetState } from '../buildx/live.ts'
import { writePrivate } from '../lib/files.ts'
import { asList, asRecord, asText } from '../lib/json.ts'
import type { Env } from '../lib/lists.ts'
import { printError, type Output } from './output.ts'
import type { Signals } from './signals.ts'

interface StepRequest {
  /** The path of the bundle. */
  readonly program: string
  readonly dir: string
  readonly env: Env
  readonly masks: Set<string>
  readonly output: Output
  readonly signals: Signals
  /** Aborts when nothing can be printed any more. The step is then cancelled, as by Ctrl-C; a post step finishes. */
  readonly closed: AbortSignal
  readonly isPost?: boolean
}

/**
 * Runs a bundle of dist/ as a runner does, and prints its log for a terminal. Signals go to the step, which then ends
 * in its own way.
 *
 * @returns its exit code
 */
export async function runStep(request: StepRequest): Promise<number> {
  const { program, dir, env, masks, output, signals, closed, isPost = false } = request
  const files = ['OUTPUT', 'STATE', 'STEP_SUMMARY', 'ENV', 'PATH'].map(
    (name) => [`GITHUB_${name}`, join(dir, name)] as const,
  )
  // A post step reads the state of its step again if this command is killed.
  for (const [name, path] of files) if (!isPost || name !== 'GITHUB_STATE') writePrivate(path, '')
  // In a process group of its own: Ctrl-C on a terminal would reach the step, ssh and buildx all at once.
  const child = spawn(process.execPath, [program], {
    env: { ...env, ...Object.fromEntries(files) },
    stdio: output.update ? ['ignore', 'pipe', 'pipe', 'ipc'] : ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  const unlisten = signals.listen((signal) => void child.kill(signal))
  const cancel = () => void child.kill('SIGINT')
  if (!isPost) onAbort(closed, cancel)
  child.on('message', (message) => output.update?.(parseStates(message, masks)))
  const showDebug = env['RUNNER_DEBUG'] === '1'
  const print = (line: string, isError: boolean) => {
    const shown = formatLine(line, masks, showDebug)
    if (shown === undefined || closed.aborted) return true
    return isError || line.startsWith('::error') ? printError(shown, output) : output.print(shown)
  }
  const printed = [child.stdout, child.stderr].flatMap((stream) =>
    stream ? [printLines(stream, (line) => print(line, stream === child.stderr), { output, closed })] : [],
  )
  const [[code]] = (await Promise.all([once(child, 'exit'), ...printed])) as [[number | null], ...unknown[]]
  unlisten()
  closed.removeEventListener('abort', cancel)
  return code ?? 1
}

function onAbort(signal: AbortSignal, listener: () => void): void {
  if (signal.aborted) listener()
  else signal.addEventListener('abort', listener, { once: true })
}

/** @param print returns false if the output cannot take more for now */
async function printLines(
  stream: Readable,
  print: (line: string) => boolean,
  { output, closed }: Pick<StepRequest, 'output' | 'closed'>,
): Promise<void> {
  const lines = createInterface({ input: stream, crlfDelay: Infinity })
  lines.on('line', (line) => {
    if (print(line)) return
    lines.pause()
    output.onDrain(() => lines.resume())
  })
  // An output that is closed does not drain.
  const resume = () => void lines.resume()
  onAbort(closed, resume)
  await once(lines, 'close')
  closed.removeEventListener('abort', resume)
}

const states = ['running', 'done', 'failed'] as const

/** What a step sends about its targets, with secrets masked. */
export function parseStates(message: unknown, masks: ReadonlySet<string>): readonly TargetState[] {
  return asList(asRecord(message)['targets'])
    .map(asRecord)
    .map((target) => {
      const text = (name: string) => mask(asText(target[name]), masks)
      const number = (name: string) => Number(target[name]) || 0
      const state = states.find((one) => one === target['state']) ?? 'running'
      const names = { id: text('id'), label: text('label'), node: text('node'), step: text('step') }
      const [took, cached, total, sent] = [number('took'), number('cached'), number('total'), number('sent')]
      return { ...names, state, took, cached, total, sent }
    })
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
