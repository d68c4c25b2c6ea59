import { spawn } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isolatedEnv, run } from '../farm/exec.ts'
import { ensureAct } from '../farm/optional-tools.ts'
import type { Farm } from '../e2e/harness.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

export interface WorkflowRun {
  /** The workflow; `uses: ./` is this action. */
  readonly workflow: string
  /** Files of the checkout. */
  readonly files: Readonly<Record<string, string | Uint8Array>>
  /** Directories with programs of the runner. */
  readonly path?: readonly string[]
  readonly secrets?: Readonly<Record<string, string>>
  readonly variables?: Readonly<Record<string, string>>
  readonly event?: string
  readonly payload?: Readonly<Record<string, unknown>>
  readonly repository?: string
  /** Variables of the platform that differ from those of GitHub. */
  readonly platformEnv?: Readonly<Record<string, string>>
}

const exported = ['action.yml', 'cleanup', 'merge', 'copy', 'dist']

/** Runs a workflow in a repository below `dir` that holds this action, as a self-hosted runner would. */
export async function runWorkflow(
  farm: Farm,
  dir: string,
  given: WorkflowRun,
): Promise<{ code: number; log: string; home: string }> {
  const { workflow, files, secrets = {}, variables = {}, event = 'push', repository = 'acme/app' } = given
  const { path = [], platformEnv = {} } = given
  const act = await ensureAct()
  const [checkout, home] = [mkdtempSync(join(dir, 'repository-')), mkdtempSync(join(dir, 'home-'))]
  for (const path of exported) cpSync(join(root, path), join(checkout, path), { recursive: true })
  for (const [name, text] of Object.entries({ ...files, '.github/workflows/image.yml': workflow })) {
    mkdirSync(dirname(join(checkout, name)), { recursive: true })
    writeFileSync(join(checkout, name), text)
  }
  await commitAll(checkout, home, repository)
  // act itself sends a payload without the repository, which GitHub and Forgejo always describe.
  const repo = { full_name: repository, default_branch: 'main' }
  const pull = { head: { ref: 'feature', repo }, base: { ref: 'main', repo } }
  const described = { repository: repo, ...(event === 'pull_request' && { pull_request: pull }), ...given.payload }
  const file = join(home, 'payload.json')
  writeFileSync(file, JSON.stringify(described))
  const platforms = ['ubuntu-latest', 'docker'].flatMap((label) => ['-P', `${label}=-self-hosted`])
  // Secrets by name only: act reads the values from its environment, so that none is in its arguments.
  const names = [
    ...Object.keys(secrets).flatMap((name) => ['-s', name]),
    ...Object.entries(variables).flatMap(([name, value]) => ['--var', `${name}=${value}`]),
    ...Object.entries(platformEnv).flatMap(([name, value]) => ['--env', `${name}=${value}`]),
  ]
  const env = {
    PATH: [...path, farm.tools.bin, process.env['PATH'] ?? ''].join(':'),
    HOME: home,
    DOCKER_HOST: farm.local.dockerHost,
    GITHUB_TOKEN: 'none',
    ...secrets,
  }
  const child = spawn(act, [event, '-e', file, ...platforms, ...names], { cwd: checkout, env, stdio: 'pipe' })
  let log = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (log += text))
  const code = await new Promise<number>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (status) => resolve(status ?? -1))
  })
  return { code, log, home }
}

async function commitAll(checkout: string, home: string, repository: string): Promise<void> {
  const git = (...args: string[]) =>
    run('git', ['-c', 'user.name=ci', '-c', 'user.email=ci@example.com', ...args], {
      cwd: checkout,
      env: isolatedEnv(home, { GIT_CONFIG_NOSYSTEM: '1' }),
    })
  await git('init', '-q', '-b', 'main')
  await git('remote', 'add', 'origin', `https://github.com/${repository}`)
  await git('add', '-A')
  await git('commit', '-qm', 'app')
}
