import type { ChildProcess } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { copyFile, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { daemon, run, waitFor } from './exec.ts'
import { freePort } from './network.ts'
import { ensureGitea } from './optional-tools.ts'
import { locked } from './tools.ts'

export interface Gitea {
  /** `http://127.0.0.1:PORT` */
  url: string
  /** `127.0.0.1:PORT`, for image names too. */
  host: string
  /** Its administrator. */
  user: { username: string; password: string }
  addUser(username: string): Promise<void>
  addOrganisation(name: string): Promise<void>
  /** A personal access token, such as with `write:package`. */
  token(username: string, scopes: readonly string[]): Promise<string>
  stop(): Promise<void>
}

/** Only ends a failing start, also on a host with a lot of other work. */
const patience = 180_000
const admin = { username: 'farm', password: 'correct-horse-battery' }

/** A Gitea on loopback with a directory of its own below `base`; it ends with this process. */
export async function startGitea(base: string): Promise<Gitea> {
  const { program, dir } = await ensureGitea()
  const home = join(base, `gitea-${process.pid}-${Date.now()}`)
  await mkdir(home)
  const config = join(home, 'app.ini')
  const env = { PATH: process.env['PATH'] ?? '', HOME: home }
  await copyFile(await ensureDatabase(program, dir), join(home, 'gitea.db'))
  // Just before it is taken.
  const host = `127.0.0.1:${await freePort()}`
  await writeFile(config, settings(home, dir, host))
  const log = join(home, 'gitea.log')
  const child = daemon(program, ['--config', config, 'web'], log, { env, cwd: home })
  try {
    await waitFor(
      'Gitea to start',
      async () => {
        if (child.exitCode !== null) throw new Error('Gitea ended right away')
        return (await fetch(`http://${host}/api/v1/version`).catch(() => undefined))?.ok ?? false
      },
      patience,
    )
  } catch (error) {
    child.kill('SIGKILL')
    throw new Error(`${String(error)}\n${await readFile(log, 'utf8')}`, { cause: error })
  }
  return {
    url: `http://${host}`,
    host,
    user: admin,
    addUser: (name) => addUser(program, home, name),
    ...calls(host),
    stop: () => end(child, home),
  }
}

/**
 * A database with its tables and the administrator. Gitea takes seconds of processor time to create it, so that is done
 * once per host.
 */
async function ensureDatabase(program: string, dir: string): Promise<string> {
  const key = createHash('sha256')
    .update(JSON.stringify([settings('', dir, ''), admin]))
    .digest('hex')
    .slice(0, 12)
  const database = join(dir, `${key}.db`)
  await locked(async () => {
    if (existsSync(database)) return
    const home = await mkdtemp(join(tmpdir(), 'gitea-'))
    await writeFile(join(home, 'app.ini'), settings(home, dir, '127.0.0.1:0'))
    await execute(program, home, ['migrate'])
    await addUser(program, home, admin.username, '--admin')
    await copyFile(join(home, 'gitea.db'), `${database}.half`)
    await rename(`${database}.half`, database)
    await rm(home, { recursive: true })
  }, 'gitea-database')
  return database
}

async function execute(program: string, home: string, args: readonly string[]): Promise<void> {
  const env = { PATH: process.env['PATH'] ?? '', HOME: home }
  await run(program, ['--config', join(home, 'app.ini'), ...args], { env, cwd: home })
}

async function addUser(program: string, home: string, username: string, ...more: string[]): Promise<void> {
  const options = { username, password: admin.password, email: `${username}@example.test` }
  const named = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value])
  await execute(program, home, ['admin', 'user', 'create', ...named, '--must-change-password=false', ...more])
}

function calls(host: string): Pick<Gitea, 'addOrganisation' | 'token'> {
  const post = async (username: string, path: string, body: object): Promise<Record<string, unknown>> => {
    const authorization = `Basic ${Buffer.from(`${username}:${admin.password}`).toString('base64')}`
    const answer = await fetch(`http://${host}/api/v1/${path}`, {
      method: 'POST',
      headers: { authorization, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    if (!answer.ok) throw new Error(`Gitea answered POST ${path} with ${answer.status}: ${await answer.text()}`)
    return (await answer.json()) as Record<string, unknown>
  }
  let tokens = 0
  return {
    addOrganisation: async (name) => {
      await post(admin.username, 'orgs', { username: name })
    },
    token: async (username, scopes) =>
      String((await post(username, `users/${username}/tokens`, { name: `t${tokens++}`, scopes }))['sha1']),
  }
}

async function end(child: ChildProcess, home: string): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  }
  await run('rm', ['-rf', home])
}

function settings(home: string, dir: string, host: string): string {
  return `RUN_MODE = prod
RUN_USER = root
I_AM_BEING_UNSAFE_RUNNING_AS_ROOT = true
WORK_PATH = ${home}
[server]
STATIC_ROOT_PATH = ${dir}
HTTP_ADDR = 127.0.0.1
HTTP_PORT = ${host.split(':')[1]}
ROOT_URL = http://${host}/
DISABLE_SSH = true
LFS_START_SERVER = false
OFFLINE_MODE = true
[database]
DB_TYPE = sqlite3
PATH = ${home}/gitea.db
SQLITE_JOURNAL_MODE = MEMORY
[security]
INSTALL_LOCK = true
SECRET_KEY = farm
INTERNAL_TOKEN = farm
PASSWORD_HASH_ALGO = pbkdf2$1$50
[log]
MODE = console
LEVEL = Warn
[actions]
ENABLED = false
[indexer]
ISSUE_INDEXER_TYPE = db
`
}
