import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run } from '../farm/exec.ts'
import type { Job, StepResult } from './runner.ts'
import { farmInputs, farmJob, leftovers, attachFarm, tryRead, type Farm } from './harness.ts'

/** Observations of the processes and files of the run. */
interface Seen {
  readonly argvs: Set<string>
  readonly environments: Set<string>
  /** Files that contain a secret, by path. */
  readonly files: Map<string, string>
  /** Files and directories of the run that other users may read. */
  readonly open: Set<string>
  samples: number
}

let farm: Farm
let scratch: string
let job: Job
let main: StepResult
let post: StepResult
let seen: Seen
let keyLines: string[]
let between: string
let filesBetween: readonly string[]
const token = 'ghs_PlantedToken0123456789abcdefghijklmn'

/** Each secret in every usable form. */
const forms = (secret: string) => [
  secret,
  Buffer.from(secret).toString('base64').replace(/=+$/, ''),
  encodeURIComponent(secret),
]
const password = () => farm.privateRegistry.password
const login = () => `${farm.privateRegistry.username}:${password()}`
/** The first line of a key's body is the same in many keys: it encodes `none` and `ssh-ed25519`. */
const tellingLines = () => keyLines.filter((line) => !line.startsWith('b3BlbnNzaC1rZXktdjE'))
const everySecret = () => [...tellingLines(), ...forms(password()), ...forms(login()), ...forms(token)]
const find = (text: string): string | undefined => everySecret().find((secret) => text.includes(secret))

beforeAll(async () => {
  farm = await attachFarm()
  scratch = mkdtempSync(join(tmpdir(), 'keys-'))
  const kinds = { ecdsa: [], rsa: ['-b', '2048'] }
  const others = await Promise.all(
    Object.entries(kinds).map(async ([kind, options]) => {
      await run('ssh-keygen', ['-q', '-t', kind, ...options, '-N', '', '-C', '', '-f', join(scratch, kind)])
      return readFileSync(join(scratch, kind), 'utf8')
    }),
  )
  const keys = [...others, farm.privateKey].join('')
  keyLines = keys.split('\n').filter((line) => line !== '' && !line.startsWith('-----'))
  job = farmJob(farm, {
    files: {
      // The step prints secrets from a file, to prove that masks also apply inside the action's own lines.
      Dockerfile: [
        `FROM ${farm.images.privateBase}`,
        'RUN --mount=type=bind,source=leak.txt,target=/leak cat /leak && sleep 0.3',
        '',
      ].join('\n'),
      'leak.txt': [`password ${password()}`, `token ${token}`, ...keyLines.map((line) => `key ${line}`), ''].join('\n'),
    },
  })
  const { host, username } = farm.privateRegistry
  // With `use` the daemons continue to run for later steps.
  const running = job.start(
    farmInputs(farm, {
      image: `${host}/acme/secret`,
      username,
      password: password(),
      'github-token': token,
      'ssh-private-key': keys,
      use: 'true',
    }),
  )
  seen = { argvs: new Set(), environments: new Set(), files: new Map(), open: new Set(), samples: 0 }
  const over = new AbortController()
  const sampling = sample(over.signal)
  main = await running.result
  between = await onNodes()
  filesBetween = [...filesBelow(job.temp)].filter((path) => find(tryRead(path)) !== undefined)
  const cleaning = job.startPost()
  post = await cleaning.result
  over.abort()
  await sampling
})
afterAll(() => {
  job.end()
  rmSync(scratch, { recursive: true, force: true })
})

async function sample(signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      const argv = tryRead(`/proc/${pid}/cmdline`)
      const environment = tryRead(`/proc/${pid}/environ`)
      // Between fork and exec, a child process shows its parent's.
      if (!environment.includes(`HOME=${job.home}\0`) || argv !== tryRead(`/proc/${pid}/cmdline`)) continue
      seen.argvs.add(argv)
      // The action's process gets its inputs that way; its child processes must not.
      if (!/dist\/(main|post)\/index\.js/.test(argv)) seen.environments.add(environment)
    }
    for (const path of [...filesBelow(job.temp), ...filesBelow(job.home)]) {
      const secret = find(tryRead(path))
      if (secret !== undefined) seen.files.set(path, secret)
    }
    for (const name of readdirSync(job.temp))
      if ((lstatSync(join(job.temp, name), { throwIfNoEntry: false })?.mode ?? 0) & 0o077) seen.open.add(name)
    seen.samples++
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

function* filesBelow(dir: string): Generator<string> {
  let names: string[] = []
  try {
    names = readdirSync(dir)
  } catch {
    // Deleted in the meantime.
  }
  for (const name of names) {
    const path = join(dir, name)
    const found = lstatSync(path, { throwIfNoEntry: false })
    if (found?.isDirectory()) yield* filesBelow(path)
    else if (found?.isFile()) yield path
  }
}

/** Searches every path on both nodes that outlives a session for every secret. */
async function onNodes(): Promise<string> {
  const paths =
    '/home /root /tmp /var/tmp /run /etc /var/lib/docker/containers /var/lib/docker/volumes ' +
    '/proc/[0-9]*/environ /proc/[0-9]*/cmdline'
  const outcomes = await Promise.all(
    ['amd', 'arm'].map(async (name) => {
      // A directory shared by machine and host.
      const patterns = join(farm.dir, name, 'share/patterns')
      writeFileSync(patterns, everySecret().join('\n'))
      const found = await farm.nodes[name]!.exec(`grep -rlFf /share/patterns ${paths} 2>/dev/null`)
      rmSync(patterns)
      return found
    }),
  )
  return outcomes.map(({ stdout }) => stdout).join('')
}

test('the run succeeds and leaves nothing behind', async () => {
  expect([main.code, main.log]).toEqual([0, main.log])
  expect([post.code, post.warnings]).toEqual([0, []])
  expect(await leftovers(farm, job)).toEqual([])
})

describe('while it runs', () => {
  test('it was observed', () => {
    expect(seen.samples).toBeGreaterThan(20)
    const programs = [...seen.argvs].map((argv) => argv.split('\0')[0]?.split('/').at(-1))
    expect(programs).toEqual(expect.arrayContaining(['ssh', 'ssh-agent', 'buildx']))
  })

  test('no secret is in arguments, or in the environment of child processes', () => {
    expect([...seen.argvs].filter((argv) => find(argv) !== undefined)).toEqual([])
    expect(
      [...seen.environments]
        .flatMap((environment) => environment.split('\0'))
        .filter((variable) => find(variable) !== undefined),
    ).toEqual([])
  })

  test('no key or token is in a file, and the login only in the private Docker configuration', () => {
    const files = [...seen.files].map(([path, secret]) => [
      path.slice(job.temp.length).replace(/mab-\w+/, 'mab'),
      secret,
    ])
    expect(files).toEqual([['/mab/docker/config.json', Buffer.from(login()).toString('base64').replace(/=+$/, '')]])
    expect([...seen.open]).toEqual([])
  })
})

describe('the log', () => {
  test('every line of every key is masked, and so are password and token', () => {
    expect(main.masks).toEqual(expect.arrayContaining([...keyLines, password(), token]))
  })

  test('secrets in build output are masked', () => {
    expect(main.log).toMatch(/│ \[.*2\/2\] password \*\*\*$/m)
    expect(main.log.match(/│ \[.*2\/2\] key \*\*\*$/gm)?.length).toBe(2 * keyLines.length)
    expect([find(main.log), find(post.log)]).toEqual([undefined, undefined])
  })

  test('only the masks themselves contain secrets, in main and post', () => {
    const printed = [main.raw, post.raw]
      .flatMap((raw) => raw.split('\n'))
      .filter((line) => find(line) !== undefined && !line.startsWith('::add-mask::') && !/│ \[.*2\/2\] /.test(line))
    expect(printed).toEqual([])
  })
})

test('no secret is in outputs, state or summary', () => {
  expect(
    find(JSON.stringify([main.outputs, main.state, post.outputs, post.state]) + main.summary + post.summary),
  ).toBeUndefined()
})

test('between main and post no node and no file of the runner has a secret', () => {
  expect(between.split('\n').filter((path) => path !== '' && !path.includes('/var/lib/docker/volumes/'))).toEqual([])
  expect(filesBetween).toEqual([])
  // The state of the daemon contains a build secret, which proves that the search works.
  expect(between).toContain('/var/lib/docker/volumes/')
})

test('after post no file contains a secret, on runner and nodes', async () => {
  expect([...filesBelow(job.temp), ...filesBelow(job.home)]).toEqual([])
  expect(await onNodes()).toBe('')
})

test('image and attestations contain no secret', async () => {
  const { privateRegistry } = farm
  const index = await privateRegistry.manifest('acme/secret', 'main')
  const children = index?.json['manifests'] as { digest: string }[]
  for (const child of children) {
    const manifest = (await privateRegistry.manifest('acme/secret', child.digest))?.json as {
      config: { digest: string }
      layers: { digest: string }[]
    }
    for (const { digest } of [manifest.config, ...manifest.layers])
      expect(find(Buffer.from(await privateRegistry.blob('acme/secret', digest)).toString('latin1'))).toBeUndefined()
  }
})
