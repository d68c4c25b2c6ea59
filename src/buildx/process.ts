import type { ChildProcess } from 'node:child_process'
import type { Readable } from 'node:stream'
import { inheritedEnv, startProcess, waitForExit } from '../lib/exec.ts'
import type { BakeOptions } from './bake-definition.ts'
import { entitlementFlags } from './bake-fields.ts'
import { runEnv, type Buildx } from './find.ts'
import { writeGitConfig } from './git-config.ts'
import { fileAccessFlags, type LocalPath } from './local-paths.ts'

/** Receives lines; returns what to wait for before more lines are read. */
export type ReadLines = (lines: readonly string[]) => Promise<unknown> | undefined

/** What every call of buildx needs. */
export interface BuildxRequest extends BakeOptions {
  readonly buildx: Buildx
  /** Variables that only buildx gets. */
  readonly env: Readonly<Record<string, string>>
  readonly workspace: string
  readonly signal: AbortSignal
}

interface BuildxCall extends Omit<BuildxRequest, keyof BakeOptions>, Pick<BakeOptions, 'dir' | 'settings'> {
  /** Ends buildx without the time that a cancelled build gets: its daemon or a registry does not respond. */
  readonly stop?: AbortSignal
  readonly writesForJob?: boolean
  /** The bake definition, once it is to be built: buildx starts before, and waits for it. */
  readonly definition: string | Promise<string>
  /** Paths on the runner that it may read and write. */
  readonly localPaths: readonly LocalPath[]
}

/**
 * Runs `buildx bake` with the environment and the entitlements of the run. Resolves with its exit code.
 *
 * @param read receives its standard error
 * @param onOutput receives its standard output
 */
export async function runBuildx(
  { buildx, dir, workspace, signal, env, settings, localPaths, stop, definition, writesForJob = false }: BuildxCall,
  args: readonly string[],
  read: ReadLines,
  onOutput?: (text: string) => void,
): Promise<number> {
  const access = fileAccessFlags(localPaths, { workspace, secrets: dir.secrets })
  const flags = ['--progress', 'rawjson', ...access, ...entitlementFlags(settings)]
  const child = startProcess(buildx.command, ['bake', '--file', '-', ...args, ...flags], {
    cwd: workspace,
    // Go takes the working directory from PWD if that leads to it; bake resolves relative paths with it.
    env: runEnv(dir, { ...env, ...writeGitConfig(dir, inheritedEnv()), PWD: workspace }),
    stdio: ['pipe', onOutput ? 'pipe' : 'ignore', 'pipe'],
    writesForJob,
  })
  child.stdout?.setEncoding('utf8').on('data', (text: string) => onOutput?.(text))
  void passDefinition(child, definition)
  let kill: NodeJS.Timeout | undefined
  const end = (grace: number) => {
    // On SIGINT buildx also cancels the build in the daemon.
    child.kill('SIGINT')
    child.stdin?.destroy()
    kill ??= setTimeout(() => child.kill('SIGKILL'), grace)
  }
  const cancel = () => end(4000)
  stop?.addEventListener('abort', () => end(1000), { once: true })
  signal.addEventListener('abort', cancel, { once: true })
  if (signal.aborted) cancel()
  try {
    const [code] = await Promise.all([waitForExit(child), readLines(child.stderr, read)])
    return code
  } finally {
    clearTimeout(kill)
    signal.removeEventListener('abort', cancel)
  }
}

/** Through its standard input, since it may have keys of a cache. */
async function passDefinition({ stdin }: ChildProcess, definition: string | Promise<string>): Promise<void> {
  // The exit code of a buildx that ends before it has read its input counts, not the broken pipe.
  stdin?.on('error', () => undefined)
  const text = await Promise.resolve(definition).catch(() => undefined)
  if (stdin?.writable) stdin.end(text)
}

/**
 * Reads lines no faster than they are logged: buildx waits, and nothing accumulates here. Node's readline would hold up
 * to a thousand lines, each as long as a chunk of step output.
 */
async function readLines(stream: Readable | null, read: ReadLines): Promise<void> {
  let rest = ''
  for await (const chunk of stream?.setEncoding('utf8') ?? []) {
    const [first = '', ...lines] = String(chunk).split('\n')
    lines.unshift(rest + first)
    rest = lines.pop() ?? ''
    await read(lines)
  }
  if (rest !== '') await read([rest])
}
