import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import type { Job, StepResult } from './runner.ts'
import { farmInputs, freshImage, imageConfig, leftovers, storedIndex, tryRead, type Farm } from './harness.ts'
import { useFarm } from './setup.ts'

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

const setup = useFarm()
let farm: Farm
let shared: string
let home: string
let temp: string
let before: Readonly<Record<string, string>>
let after: Readonly<Record<string, string>>
let members: readonly Member[]
/** The content of the shared temporary directory after all four builds and before any cleanup. */
let atOnce: readonly { readonly path: string; readonly mode: number; readonly kind: 'dir' | 'file' | 'socket' }[]
/** Command lines of processes that contain one of the directories. */
let environments: readonly string[]
const texts = new Map<string, string>()

beforeAll(async () => {
  farm = setup.farm
  shared = mkdtempSync(join(tmpdir(), 'host-'))
  home = join(shared, 'home')
  temp = join(shared, 'temp')
  mkdirSync(temp)
  for (const [name, text] of Object.entries({
    // The job's login for another registry, and settings for its other tools.
    '.docker/config.json': JSON.stringify({
      auths: { 'other.example.com': { auth: 'bm9ib2R5Om5vdGhpbmc=' } },
      currentContext: 'elsewhere',
      credsStore: '',
    }),
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
  rmSync(shared, { recursive: true, force: true })
})

async function startAll(): Promise<void> {
  const built = await Promise.all(
    names.map(async (name) => {
      const files = { Dockerfile: `FROM ${farm.images.base}\nARG NAME\nRUN echo "$NAME" > /name && sleep 1\n` }
      const job = setup.job({ files, runId: '4711', env: { HOME: home, RUNNER_TEMP: temp } })
      const image = freshImage(farm)
      const login = { username: `user-of-${name}`, password: `password-of-${name}` }
      // With the builder kept for later steps, connections stay too.
      const inputs = { image, ...login, 'build-args': `NAME=${name}`, tags: name, use: 'true' }
      const main = await job.main(farmInputs(farm, inputs))
      return { name, job, image, main, dir: main.state['dir'] ?? '' }
    }),
  )
  atOnce = below(temp)
  for (const { path } of atOnce.filter(({ kind }) => kind === 'file')) texts.set(path, tryRead(path))
  environments = readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid))
    .map((pid) => tryRead(`/proc/${pid}/cmdline`).replaceAll('\0', ' '))
    .filter((line) => line.includes(`${temp}/`))
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
  return Object.fromEntries(
    readdirSync(dir, { recursive: true, withFileTypes: true }).map((entry) => {
      const path = join(entry.parentPath, entry.name)
      const { mode, mtimeMs } = lstatSync(path)
      return [path, [mode, mtimeMs, entry.isFile() ? readFileSync(path, 'utf8') : ''].join(' ')]
    }),
  )
}

describe('four jobs of one run at once, on one host with a shared HOME and temporary directory', () => {
  test('all succeed, each with its own image', async () => {
    for (const { name, image, main, post } of members) {
      expect([main.code, main.log]).toEqual([0, main.log])
      expect([post.code, post.warnings]).toEqual([0, []])
      expect((await storedIndex(farm, image, name))?.digest).toBe(main.outputs['digest'])
    }
    expect(new Set(members.map(({ main }) => main.outputs['digest'])).size).toBe(4)
  })

  test('each has a private directory and a builder of its own', () => {
    const tops = atOnce.filter(({ path }) => join(path, '..') === temp)
    expect(tops.map(({ path }) => path).sort()).toEqual(members.map(({ dir }) => dir).sort())
    expect(new Set(tops.map(({ mode, kind }) => `${kind} ${mode.toString(8)}`))).toEqual(new Set(['dir 700']))
    expect(new Set(members.map(({ main }) => main.outputs['builder'])).size).toBe(4)
  })

  test('everything in it is accessible to this user only, including sockets', () => {
    // buildx sets the modes of its build records; the directory around them is private.
    const ofBuildx = /\/buildx\/refs\/|\.metadata\.json$/
    expect(atOnce.filter(({ path, mode }) => (mode & 0o077) !== 0 && !ofBuildx.test(path))).toEqual([])
    for (const { dir } of members) {
      const sockets = atOnce
        .filter(({ path, kind }) => kind === 'socket' && path.startsWith(`${dir}/`))
        .map(({ path }) => path.slice(dir.length + 1))
      expect(sockets).toEqual(['b0.sock', 'b1.sock'])
    }
  })

  test('no file of one job contains the login, builder or directory of another', () => {
    for (const [path, text] of texts) {
      for (const { name, dir, main } of members) {
        if (path.startsWith(`${dir}/`)) continue
        for (const other of [
          dir,
          `user-of-${name}`,
          `password-of-${name}`,
          Buffer.from(`user-of-${name}:password-of-${name}`).toString('base64'),
          main.outputs['builder'] ?? '',
        ]) {
          expect({ path, holds: text.includes(other) ? other : '' }).toEqual({ path, holds: '' })
        }
      }
    }
  })

  test('no process of one job refers to the directory of another', () => {
    expect(environments.length).toBeGreaterThanOrEqual(4 * 2)
    for (const line of environments) expect(members.filter(({ dir }) => line.includes(`${dir}/`))).toHaveLength(1)
  })

  test('no job leaves or changes anything in HOME or on a node', async () => {
    expect(after).toEqual(before)
    expect(readdirSync(temp)).toEqual([])
    for (const { job } of members) expect(await leftovers(farm, job)).toEqual([])
  })
})

describe('a job with hostile names, a long temporary directory, no HOME and no umask', () => {
  let root: string
  let marker: string
  let hostile: string
  let job: Job
  let image: string
  let main: StepResult
  let post: StepResult
  let during: ReturnType<typeof below>
  let dockerConfig: Readonly<Record<string, string>>

  beforeAll(async () => {
    root = mkdtempSync(join(tmpdir(), 'hostile-'))
    marker = join(root, 'pwned')
    // Code injection for shell, HCL, ssh_config, CSV and workflow commands.
    hostile =
      `x";touch ${marker};"$(touch ${marker})\`touch ${marker}\`` +
      `\${HOME}%{if true},type=local,dest=${marker} %h ::error::x`
    const long = join(root, "a temporary 'directory' with a name that is far too long for any socket".padEnd(120, '-'))
    const workspace = join(root, `work $(touch ${marker.replaceAll('/', '_')})`)
    const settings = join(root, 'settings')
    for (const dir of [long, workspace, settings]) mkdirSync(dir, { recursive: true })
    writeFileSync(join(settings, 'config.json'), '{"auths":{"other.example.com":{"auth":"bm9ib2R5Om5vdGhpbmc="}}}')
    writeFileSync(join(workspace, 'Dockerfile'), `FROM ${farm.images.base}\nARG NAME\nRUN echo "told: $NAME"\n`)
    dockerConfig = fingerprint(settings)
    image = freshImage(farm)
    const env = {
      RUNNER_TEMP: long,
      HOME: join(root, 'nowhere'),
      DOCKER_CONFIG: settings,
      BUILDX_CONFIG: settings,
      BUILDX_BUILDER: 'mine',
      GITHUB_WORKSPACE: workspace,
      GITHUB_REPOSITORY: `acme/${hostile}`,
      GITHUB_ACTOR: hostile,
      GITHUB_HEAD_REF: hostile,
    }
    job = setup.job({ ref: `refs/heads/${hostile}`, env, umask: 0 })
    main = await job.main(
      // The sockets of the nodes stay until post.
      farmInputs(farm, {
        image,
        variant: 'a.b',
        'build-args': `NAME=${hostile}`,
        labels: `hostile=${hostile}`,
        use: 'true',
      }),
    )
    during = below(main.state['dir'] ?? root)
    post = await job.post()
  })
  afterAll(() => {
    rmSync(root, { recursive: true, force: true })
  })

  test('names are only data: the build receives them unchanged, and nothing executes them', async () => {
    expect([main.code, main.log]).toEqual([0, main.log])
    const [tag = ''] = (main.outputs['tags'] ?? '').split('\n')
    expect(tag.slice(image.length + 1)).toMatch(/^x-touch-[A-Za-z0-9._-]+$/)
    expect(await imageConfig(farm, image, tag.slice(image.length + 1), 'linux/amd64')).toMatchObject({
      config: { Labels: { hostile } },
    })
    expect(main.log).toContain(`told: ${hostile}`)
    expect(main.errors).toEqual([])
    // Only the path of the workspace contains it.
    expect(
      readdirSync(root, { recursive: true })
        .map((path) => basename(String(path)))
        .filter((name) => name.includes('pwned')),
    ).toEqual([expect.stringMatching(/^work \$\(touch /)])
  })

  test('its directory is short and private with any umask', () => {
    const dir = main.state['dir'] ?? ''
    expect(dir).toMatch(/^\/tmp\/mab-[0-9a-f]{10}$/)
    expect(
      during.filter(({ path, mode }) => (mode & 0o077) !== 0 && !/\/buildx\/refs\/|\.metadata\.json$/.test(path)),
    ).toEqual([])
    expect(during.filter(({ kind }) => kind === 'socket').map(({ path }) => path.length <= 104)).toEqual(
      expect.arrayContaining([true]),
    )
    expect(during.filter(({ kind, path }) => kind === 'socket' && path.length > 104)).toEqual([])
  })

  test("nothing is written to HOME or to the job's settings, and nothing is left", async () => {
    expect([post.code, post.warnings]).toEqual([0, []])
    expect(existsSync(join(root, 'nowhere'))).toBe(false)
    expect(fingerprint(join(root, 'settings'))).toEqual(dockerConfig)
    expect(existsSync(main.state['dir'] ?? '')).toBe(false)
    expect(await leftovers(farm, job)).toEqual([])
  })
})
