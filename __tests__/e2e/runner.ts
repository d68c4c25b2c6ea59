import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))

export interface StepResult {
  readonly code: number
  /** The log as the runner shows it: masks applied, `add-mask` lines removed. */
  readonly log: string
  /** The unmodified output of the process. */
  readonly raw: string
  readonly masks: readonly string[]
  readonly outputs: Readonly<Record<string, string>>
  readonly state: Readonly<Record<string, string>>
  /** Variables for later steps. */
  readonly exported: Readonly<Record<string, string>>
  readonly summary: string
  readonly errors: readonly string[]
  readonly warnings: readonly string[]
  readonly took: number
}

export interface JobOptions {
  readonly event?: string
  readonly ref?: string
  /** The number of the pull request, in the payload. */
  readonly number?: number
  readonly runId?: string
  readonly env?: Readonly<Record<string, string>>
  /** Files of the checkout, by path. */
  readonly files?: Readonly<Record<string, string>>
  /** Receives what main sends to a program with a view, as the command line has one; a runner has none. */
  readonly onMessage?: (message: unknown) => void
  /** A command that starts each step: the command of the step follows it. */
  readonly launcher?: (job: Pick<Job, 'workspace'>) => readonly string[]
  /** The umask of the runner, 0o022 by default, independent of the host. */
  readonly umask?: number
}

/** One job of a runner: a workspace, a temporary directory, a HOME; steps spawn dist/ as the runner does. */
export interface Job {
  readonly dir: string
  readonly workspace: string
  readonly temp: string
  readonly home: string
  readonly runId: string
  main(inputs: Readonly<Record<string, string>>): Promise<StepResult>
  /** Starts main and returns it, to be killed. `post` then still has the state it saved. */
  start(inputs: Readonly<Record<string, string>>): Running
  /** The merge action in place of main; `post` is then its post step. */
  merge(inputs: Readonly<Record<string, string>>): Promise<StepResult>
  startMerge(inputs: Readonly<Record<string, string>>): Running
  post(): Promise<StepResult>
  startPost(): Running
  /** The cleanup action, as another step of this job. */
  cleanup(inputs: Readonly<Record<string, string>>): Promise<StepResult>
  /** The copy action, as another step of this job; it may be killed. */
  startCopy(inputs: Readonly<Record<string, string>>): Running
  end(): void
}

export interface Running {
  readonly process: ChildProcess
  /** Everything printed so far. */
  output(): string
  /** Resolves when the output matches. */
  waitForOutput(pattern: RegExp, deadline?: number): Promise<void>
  readonly result: Promise<StepResult>
}

let jobs = 0

export function createJob(options: JobOptions = {}): Job {
  const dir = mkdtempSync(join(tmpdir(), 'job-'))
  const [workspace, temp, home] = ['work', 'temp', 'home'].map((name) => join(dir, name)) as [string, string, string]
  for (const path of [workspace, temp, home]) mkdirSync(path)
  for (const [name, text] of Object.entries(options.files ?? {})) {
    mkdirSync(join(workspace, name, '..'), { recursive: true })
    writeFileSync(join(workspace, name), text)
  }
  const runId = options.runId ?? String(Date.now() * 100 + jobs++)
  const base = {
    PATH: process.env['PATH'] ?? '',
    HOME: home,
    GITHUB_ACTIONS: 'true',
    GITHUB_WORKSPACE: workspace,
    GITHUB_REPOSITORY: 'acme/app',
    GITHUB_ACTOR: 'ci-user',
    GITHUB_RUN_ID: runId,
    GITHUB_RUN_ATTEMPT: '1',
    GITHUB_EVENT_NAME: options.event ?? 'push',
    GITHUB_REF: options.ref ?? 'refs/heads/main',
    GITHUB_SHA: '0123456789abcdef0123456789abcdef01234567',
    GITHUB_SERVER_URL: 'https://github.com',
    RUNNER_TEMP: temp,
    GITHUB_EVENT_PATH: writePayload(dir, options),
    ...options.env,
  }
  let state: Readonly<Record<string, string>> = {}
  let inputsOfMain: Readonly<Record<string, string>> = {}
  const step = (entry: string, inputs: Readonly<Record<string, string>>, extra: Readonly<Record<string, string>>) =>
    withUmask(options.umask ?? 0o022, () =>
      startStep(
        dir,
        entry,
        { ...base, ...inputEnv(inputs, entry === 'main' || entry === 'post' ? defaults : {}), ...extra },
        {
          cwd: workspace,
          launcher: options.launcher?.({ workspace }) ?? [],
          ...(entry === 'main' && options.onMessage && { onMessage: options.onMessage }),
        },
      ),
    )
  const start = (inputs: Readonly<Record<string, string>>, entry = 'main'): Running => {
    inputsOfMain = inputs
    const running = step(entry, inputs, {})
    return { ...running, result: running.result.then((result) => ((state = result.state), result)) }
  }
  const post = (): Running =>
    step(
      'post',
      inputsOfMain,
      Object.fromEntries(Object.entries(state).map(([name, value]) => [`STATE_${name}`, value])),
    )
  return {
    dir,
    workspace,
    temp,
    home,
    runId,
    start: (inputs) => start(inputs),
    main: (inputs) => start(inputs).result,
    startMerge: (inputs) => start(inputs, 'merge'),
    merge: (inputs) => start(inputs, 'merge').result,
    startPost: post,
    post: () => post().result,
    cleanup: (inputs) => step('cleanup', inputs, {}).result,
    startCopy: (inputs) => step('copy', inputs, {}),
    end: () => rmSync(dir, { recursive: true, force: true }),
  }
}

/** Writes the event payload: by default a pull request comes from the repository itself. */
function writePayload(dir: string, { event, number }: JobOptions): string {
  const path = join(dir, 'event.json')
  const repository = { full_name: 'acme/app', default_branch: 'main', private: false }
  writeFileSync(
    path,
    JSON.stringify({
      repository,
      ...(number !== undefined && { number }),
      ...(event === 'pull_request' && { pull_request: { head: { repo: repository } } }),
    }),
  )
  return path
}

const defaults = { context: '.', cache: 'registry', cleanup: 'auto', 'github-token': '' }

/** The variables that the runner sets for inputs, with the defaults of action.yml. */
function inputEnv(
  inputs: Readonly<Record<string, string>>,
  defaults: Readonly<Record<string, string>>,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries({ ...defaults, ...inputs }).map(([name, value]) => [
      `INPUT_${name.replaceAll(' ', '_').toUpperCase()}`,
      value,
    ]),
  )
}

function withUmask<T>(umask: number, work: () => T): T {
  const usual = process.umask(umask)
  try {
    return work()
  } finally {
    process.umask(usual)
  }
}

let steps = 0

interface StepOptions extends Pick<JobOptions, 'onMessage'> {
  readonly cwd: string
  readonly launcher: readonly string[]
}

function startStep(dir: string, entry: string, env: Record<string, string>, options: StepOptions): Running {
  const { cwd, launcher, onMessage } = options
  const files = join(dir, `step-${steps++}`)
  mkdirSync(files)
  const file = (name: string) => join(files, name)
  for (const name of ['output', 'state', 'summary', 'env', 'path']) writeFileSync(file(name), '')
  const began = performance.now()
  const [command, ...args] = [...launcher, process.execPath, join(root, 'dist', entry, 'index.js')]
  const child = spawn(command, args, {
    cwd,
    env: {
      ...env,
      GITHUB_OUTPUT: file('output'),
      GITHUB_STATE: file('state'),
      GITHUB_STEP_SUMMARY: file('summary'),
      GITHUB_ENV: file('env'),
      GITHUB_PATH: file('path'),
    },
    stdio: ['ignore', 'pipe', 'pipe', ...(onMessage ? (['ipc'] as const) : [])],
  })
  if (onMessage) child.on('message', onMessage)
  let raw = ''
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (text: string) => (raw += text))
  const result = once(child, 'close').then(([code, signal]: (number | string | null)[]): StepResult => {
    const [warned] = /^\(node:\d+\) .*$/m.exec(raw) ?? []
    if (warned !== undefined) throw new Error(`Node warned in ${entry}: ${warned}`)
    const masks = [...raw.matchAll(/^::add-mask::(.*)$/gm)].map((match) => unescapeData(match[1] ?? ''))
    const log = mask(raw.replace(/^::add-mask::.*\n/gm, ''), masks)
    const commands = (name: string) =>
      [...log.matchAll(new RegExp(`^::${name}(?: [^:]*)?::(.*)$`, 'gm'))].map((match) => unescapeData(match[1] ?? ''))
    return {
      code: typeof code === 'number' ? code : signal === null ? -1 : 137,
      log,
      raw,
      masks,
      outputs: readPairs(file('output')),
      state: readPairs(file('state')),
      exported: readPairs(file('env')),
      summary: readFileSync(file('summary'), 'utf8'),
      errors: commands('error'),
      warnings: commands('warning'),
      took: performance.now() - began,
    }
  })
  const says = async (pattern: RegExp, deadline = 60_000) => {
    const end = Date.now() + deadline
    while (!pattern.test(raw)) {
      if (Date.now() > end || child.exitCode !== null) throw new Error(`no ${String(pattern)} in:\n${raw}`)
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }
  return { process: child, output: () => raw, waitForOutput: says, result }
}

/** The runner's file format: `name<<delimiter`, the value's lines, the delimiter. */
function readPairs(path: string): Record<string, string> {
  const text = readFileSync(path, 'utf8')
  return Object.fromEntries(
    [...text.matchAll(/^(\S+?)<<(\S+)\n([\s\S]*?)\n?\2$/gm)].map((match) => [match[1] ?? '', match[3] ?? '']),
  )
}

function mask(text: string, masks: readonly string[]): string {
  return masks.filter((secret) => secret !== '').reduce((masked, secret) => masked.replaceAll(secret, '***'), text)
}

function unescapeData(text: string): string {
  return text.replaceAll('%0D', '\r').replaceAll('%0A', '\n').replaceAll('%25', '%')
}
