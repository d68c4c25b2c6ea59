import { randomInt } from 'node:crypto'
import { basename, join } from 'node:path'
import { variableOf } from '../inputs/source.ts'
import { commandLineVariable } from '../lib/command-line.ts'
import { exec, inheritedEnv } from '../lib/exec.ts'
import { writePrivate } from '../lib/files.ts'
import type { Env } from '../lib/lists.ts'

/** Variables of a CI platform, which a build from a laptop must not see. */
const platformVariable = /^(GITHUB|FORGEJO|GITEA|ACTIONS|RUNNER|INPUT|STATE)_/

/** What Git says of the working directory. */
export interface Checkout {
  readonly name: string
  readonly branch: string
  readonly sha: string
  /** Whether files differ from the commit, or are not in it. */
  readonly isDirty: boolean
  /** The address of its repository; empty if there is none. */
  readonly url: string
}

export async function readCheckout(cwd: string): Promise<Checkout> {
  const git = (...args: string[]) => runGit(cwd, args)
  const [branch, sha, remote, changes] = await Promise.all([
    git('symbolic-ref', '--short', 'HEAD'),
    git('rev-parse', 'HEAD'),
    git('remote', 'get-url', 'origin'),
    readFilters(cwd).then((env) => runGit(cwd, ['status', '--porcelain', '--ignore-submodules=dirty'], env)),
  ])
  const url = webAddress(remote)
  return {
    name: basename(url) || basename(cwd) || 'image',
    branch: branch || 'local',
    sha,
    isDirty: changes !== '',
    url,
  }
}

/**
 * The repository may be hostile: a directory of a commit may be one itself, and a `.git` directory may be unpacked. So
 * Git runs no program that its configuration names, as in buildx/git-config.ts.
 */
async function runGit(cwd: string, args: readonly string[], env: Env = {}): Promise<string> {
  const safe = ['safe.bareRepository=explicit', 'core.fsmonitor=false', 'core.hooksPath=/dev/null']
  const settings = safe.flatMap((setting) => ['-c', setting])
  const options = { env: { ...inheritedEnv(), ...gitVariables, ...env }, deadline: 5000 }
  const { code, stdout } = await exec('git', ['-C', cwd, ...settings, ...args], options).catch(() => failed)
  return code === 0 ? stdout.trim() : ''
}

const gitVariables = { GIT_ALLOW_PROTOCOL: 'none', GIT_NO_LAZY_FETCH: '1', GIT_OPTIONAL_LOCKS: '0' }
const failed = { code: 1, stdout: '' }

/** Variables that replace the filters of the repository, which `git status` would run, by none. */
async function readFilters(cwd: string): Promise<Env> {
  const found = await runGit(cwd, ['config', '--show-scope', '--name-only', '--get-regexp', '^filter[.]'])
  const names = [...found.matchAll(/^(?:local|worktree)\t(.+)$/gm)].map(([, name = '']) => name)
  const first = Number(process.env['GIT_CONFIG_COUNT'] ?? '') || 0
  const entries = names.flatMap((name, index) => [
    [`GIT_CONFIG_KEY_${first + index}`, name],
    [`GIT_CONFIG_VALUE_${first + index}`, ''],
  ])
  return Object.fromEntries([...entries, ['GIT_CONFIG_COUNT', String(first + names.length)]]) as Env
}

/** PURE: the page of a repository; empty for a remote that has none. User and password are dropped. */
export function webAddress(remote: string): string {
  const [, host, path] =
    /^(?:https?:\/\/|ssh:\/\/)?(?:[^@/\s]+@)?([\w.-]+)(?::\d+(?=\/))?[:/](\S+?)(?:\.git)?\/?$/.exec(remote) ?? []
  return host === undefined || path === undefined || !host.includes('.') ? '' : `https://${host}/${path}`
}

interface StepOptions {
  readonly checkout: Checkout
  readonly cwd: string
  /** Use the caches of the default branch. Persistent builders stay separate, because the scope differs. */
  readonly trusted: boolean
  /** Act for the repository of the remote: a cleanup asks which of its runs have finished. */
  readonly forRemote?: boolean
}

/**
 * The environment of a step as a runner would set it. Run ids are random, and builds have a scope of their own: runs of
 * the CI never take what they find of this run for theirs, and remove it only by its age.
 */
export function stepEnvironment(env: Env, dir: string, { checkout, cwd, trusted, forRemote }: StepOptions): Env {
  const payload = join(dir, 'event.json')
  const { name, branch, sha, isDirty, url } = checkout
  const repository = { name, html_url: url, ...(trusted && { default_branch: branch }) }
  writePrivate(payload, JSON.stringify({ repository, is_dirty: isDirty }))
  return {
    ...withoutPlatform(env),
    [commandLineVariable]: 'true',
    GITHUB_ACTIONS: 'true',
    GITHUB_WORKSPACE: cwd,
    GITHUB_REPOSITORY:
      forRemote === true && url !== '' ? new URL(url).pathname.slice(1) : `local/${name.replace(/[^\w.-]/g, '-')}`,
    GITHUB_SERVER_URL: url === '' ? 'https://github.com' : new URL(url).origin,
    GITHUB_RUN_ID: String(randomInt(1e12, 1e14)),
    GITHUB_RUN_ATTEMPT: '1',
    GITHUB_EVENT_NAME: 'push',
    GITHUB_EVENT_PATH: payload,
    GITHUB_REF: `refs/heads/${branch}`,
    GITHUB_SHA: sha,
    RUNNER_TEMP: dir,
  }
}

/** The environment without the variables of a job. */
export function withoutPlatform(env: Env): Env {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !platformVariable.test(name)))
}

/** The inputs as a runner passes them. */
export function inputVariables(values: Readonly<Record<string, string>>): Env {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [variableOf(name), value]))
}
