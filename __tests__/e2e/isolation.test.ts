import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Job, StepResult } from './runner.ts'
import { farmInputs, farmJob, freshImage, leftovers, attachFarm, stored, tryRead, type Farm } from './world.ts'

const names = ['a', 'b', 'c', 'd'] as const
type Name = (typeof names)[number]

interface Member {
  readonly name: Name
  readonly job: Job
  readonly image: string
  readonly main: StepResult
  readonly post: StepResult
  readonly dir: string
}

let farm: Farm
let shared: string
let home: string
let temp: string
let before: Readonly<Record<string, string>>
let after: Readonly<Record<string, string>>
let members: readonly Member[]
/** What stood in the shared temporary directory when all four had built and none had cleaned up. */
let atOnce: readonly { readonly path: string; readonly mode: number; readonly kind: 'dir' | 'file' | 'socket' }[]
/** The lines of processes that name one of the directories. */
let environments: readonly string[]
const texts = new Map<string, string>()

beforeAll(async () => {
  farm = await attachFarm()
  shared = mkdtempSync(join(tmpdir(), 'host-'))
  home = join(shared, 'home')
  temp = join(shared, 'temp')
  mkdirSync(temp)
  for (const [name, text] of Object.entries({
    // The job's own login for another registry, and settings that only make sense to its own tools.
    '.docker/config.json': JSON.stringify({ auths: { 'other.example.com': { auth: 'bm9ib2R5Om5vdGhpbmc=' } }, currentContext: 'elsewhere', credsStore: '' }),
    '.docker/buildx/current': '{"Key":"unix:///nowhere","Name":"mine","Global":false}',
    '.ssh/known_hosts': '# mine\n',
    '.ssh/config': 'Host *\n  ProxyCommand false\n  IdentityFile /nowhere\n',
    '.gitconfig': '[user]\n\tname = me\n',
  })) {
    mkdirSync(join(home, name, '..'), { recursive: true })
    writeFileSync(join(home, name), text)
  }
  before = fingerprint(home)
  await startAll()
  after = fingerprint(home)
})
afterAll(() => {
  members.forEach(({ job }) => job.end())
  rmSync(shared, { recursive: true, force: true })
})

async function startAll(): Promise<void> {
  const built = await Promise.all(
    names.map(async (name) => {
      const files = { Dockerfile: `FROM ${farm.images.base}\nARG NAME\nRUN echo "$NAME" > /name && sleep 1\n` }
      const job = farmJob(farm, { files, runId: '4711', env: { HOME: home, RUNNER_TEMP: temp } })
      const image = freshImage(farm)
      const login = { username: `user-of-${name}`, password: `password-of-${name}` }
      const main = await job.main(farmInputs(farm, { image, ...login, 'build-args': `NAME=${name}`, tags: name }))
      return { name, job, image, main, dir: main.state['dir'] ?? '' }
    }),
  )
  atOnce = below(temp)
  for (const { path } of atOnce.filter(({ kind }) => kind === 'file')) texts.set(path, tryRead(path))
  environments = readdirSync('/proc').filter((pid) => /^\d+$/.test(pid)).map((pid) => tryRead(`/proc/${pid}/cmdline`).replaceAll('\0', ' ')).filter((line) => line.includes(`${temp}/`))
  members = await Promise.all(built.map(async (member) => ({ ...member, post: await member.job.post() })))
}

function below(dir: string): (typeof atOnce)[number][] {
  return readdirSync(dir).flatMap((name) => {
    const path = join(dir, name)
    const found = lstatSync(path)
    const kind = found.isDirectory() ? 'dir' : found.isSocket() ? 'socket' : 'file'
    return [{ path, mode: found.mode & 0o777, kind }, ...(kind === 'dir' ? below(path) : [])]
  })
}

/** Every file with its content, mode and time. */
function fingerprint(dir: string): Record<string, string> {
  return Object.fromEntries(readdirSync(dir, { recursive: true, withFileTypes: true }).map((entry) => {
    const path = join(entry.parentPath, entry.name)
    const { mode, mtimeMs } = lstatSync(path)
    return [path, [mode, mtimeMs, entry.isFile() ? readFileSync(path, 'utf8') : ''].join(' ')]
  }))
}

describe('four jobs of one run at once, on one host with one HOME and one temporary directory', () => {
  test('all succeed, each with its own image', async () => {
    for (const { name, image, main, post } of members) {
      expect([main.code, main.log]).toEqual([0, main.log])
      expect([post.code, post.warnings]).toEqual([0, []])
      expect((await stored(farm, image, name))?.digest).toBe(main.outputs['digest'])
    }
    expect(new Set(members.map(({ main }) => main.outputs['digest'])).size).toBe(4)
  })

  test('each has a directory of its own that nobody else may enter, and a builder of its own', () => {
    const tops = atOnce.filter(({ path }) => join(path, '..') === temp)
    expect(tops.map(({ path }) => path).sort()).toEqual(members.map(({ dir }) => dir).sort())
    expect(new Set(tops.map(({ mode, kind }) => `${kind} ${mode.toString(8)}`))).toEqual(new Set(['dir 700']))
    expect(new Set(members.map(({ main }) => main.outputs['builder'])).size).toBe(4)
  })

  test('everything in it is for this user alone, sockets and logins too', () => {
    // What buildx writes of a build, it gives modes of its own; the directory around it keeps others out.
    const ofBuildx = /\/buildx\/refs\/|\.metadata\.json$/
    expect(atOnce.filter(({ path, mode }) => (mode & 0o077) !== 0 && !ofBuildx.test(path))).toEqual([])
    for (const { dir } of members) {
      const sockets = atOnce.filter(({ path, kind }) => kind === 'socket' && path.startsWith(`${dir}/`)).map(({ path }) => path.slice(dir.length + 1))
      expect(sockets).toEqual(expect.arrayContaining(['agent.sock', 'n0.sock', 'n1.sock']))
    }
  })

  test('no file of one job holds the login, the builder or the directory of another', () => {
    for (const [path, text] of texts) {
      for (const { name, dir, main } of members) {
        if (path.startsWith(`${dir}/`)) continue
        for (const other of [dir, `user-of-${name}`, `password-of-${name}`, Buffer.from(`user-of-${name}:password-of-${name}`).toString('base64'), main.outputs['builder'] ?? '']) {
          expect({ path, holds: text.includes(other) ? other : '' }).toEqual({ path, holds: '' })
        }
      }
    }
    expect([...texts.keys()].filter((path) => path.endsWith('/docker/config.json'))).toHaveLength(4)
  })

  test('no process of one job names the directory of another', () => {
    expect(environments.length).toBeGreaterThanOrEqual(4 * 3)
    for (const line of environments) expect(members.filter(({ dir }) => line.includes(`${dir}/`))).toHaveLength(1)
  })

  test('none leaves or changes anything, in HOME or on a node', async () => {
    expect(after).toEqual(before)
    expect(readdirSync(temp)).toEqual([])
    for (const { job } of members) expect(await leftovers(farm, job)).toEqual([])
  })
})
