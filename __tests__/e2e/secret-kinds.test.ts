import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Job, StepResult } from './runner.ts'
import { attachFarm, farmJob, freshImage, leftovers, oneNodeInputs, tryRead, type Farm } from './harness.ts'

// One secret of every kind of input, with debug logging; secrets.test.ts observes a run in more detail.
const planted: Record<string, string> = {
  password: 'planted-password-0123456789',
  secrets: 'planted-secrets-0123456789',
  'secret-envs': 'planted-secret-envs-0123456789',
  'github-token': 'ghs_Planted0123456789abcdefghijklmnopqrs',
  telemetry: 'planted-telemetry-0123456789',
  proxy: 'planted-proxy-0123456789',
}
/** The programs that have a kind of secret in their environment. */
const environments = new Set<string>()
const observed = new Set<string>()
/** Readable by others only while something is built: the run directory is private. */
const inFiles = ['password', 'registry-auth', 'secrets']

let farm: Farm
let job: Job
let main: StepResult
let post: StepResult
let between: readonly string[]
const argvs = new Set<string>()
const files = new Map<string, string>()

const forms = (secret: string) => [secret, Buffer.from(secret).toString('base64').replace(/=+$/, '')]
/** The kinds of secrets in a text. Logins are encoded with their user. */
const kindsIn = (text: string) => {
  const logins = [...text.matchAll(/[A-Za-z0-9+/]{24,}={0,2}/g)].map(([part]) => Buffer.from(part, 'base64').toString())
  const all = [text, ...logins].join('\n')
  return Object.entries(planted).flatMap(([kind, secret]) =>
    forms(secret).some((form) => all.includes(form)) ? [kind] : [],
  )
}
const keyLines = () => farm.privateKey.split('\n').filter((line) => line.length > 60)
const filesBelow = (dir: string) =>
  readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))

beforeAll(async () => {
  farm = await attachFarm()
  const { host, username, password } = farm.privateRegistry
  planted['registry-auth'] = password
  const steps = [
    `FROM ${farm.images.base}`,
    'RUN --mount=type=secret,id=one --mount=type=secret,id=two cat /run/secrets/one /run/secrets/two && sleep 1',
    '',
  ].join('\n')
  job = farmJob(farm, {
    files: { Dockerfile: steps },
    env: {
      SECOND: planted['secret-envs'] ?? '',
      RUNNER_DEBUG: '1',
      ACTIONS_STEP_DEBUG: 'true',
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1',
      OTEL_EXPORTER_OTLP_HEADERS: `authorization=Bearer%20${planted['telemetry'] ?? ''}`,
      HTTPS_PROXY: `http://user:${planted['proxy'] ?? ''}@proxy.example.com:3128`,
      NO_PROXY: '*',
    },
  })
  const running = job.start(
    oneNodeInputs(farm, {
      image: freshImage(farm),
      tags: 'v1',
      'registry-auth': [
        { registry: host, username, password },
        { registry: farm.registry.host, username: 'ci', password: planted['password'] },
      ]
        .map((login) => `- ${JSON.stringify(login)}`)
        .join('\n'),
      secrets: `one=${planted['secrets'] ?? ''}`,
      'secret-envs': 'two=SECOND',
      'github-token': planted['github-token'] ?? '',
    }),
  )
  const over = new AbortController()
  const observing = observe(over.signal)
  main = await running.result
  over.abort()
  await observing
  between = filesBelow(job.temp).filter((path) => kindsIn(tryRead(path)).length > 0)
  post = await job.post()
})
afterAll(() => job.end())

async function observe(signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) observeProcess(pid)
    try {
      for (const path of filesBelow(job.temp))
        for (const kind of kindsIn(tryRead(path)))
          files.set(kind, path.slice(job.temp.length).replace(/mab-\w+/, 'mab'))
    } catch {
      // A directory was removed in the meantime.
    }
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

function observeProcess(pid: string): void {
  const [argv, environment] = [tryRead(`/proc/${pid}/cmdline`), tryRead(`/proc/${pid}/environ`)]
  // Between fork and exec, a child process shows its parent's.
  if (!environment.includes(`HOME=${job.home}\0`) || argv !== tryRead(`/proc/${pid}/cmdline`)) return
  if (observed.has(argv + environment)) return
  observed.add(argv + environment)
  argvs.add(argv)
  const [program = '', script = ''] = argv.split('\0')
  // The action's process gets its inputs that way.
  if (/dist\/(main|post)\/index\.js$/.test(script)) return
  for (const kind of kindsIn(environment)) environments.add(`${kind}: ${program.split('/').at(-1) ?? ''}`)
}

test('the run succeeds, and the secrets were used', async () => {
  expect([main.code, main.log]).toEqual([0, main.log])
  expect(main.raw).toContain('::debug::')
  expect([...files.keys()].sort()).toEqual([...inFiles].sort())
  expect(await leftovers(farm, job)).toEqual([])
})

test('no secret is in an argument', () => {
  expect(argvs.size).toBeGreaterThan(3)
  expect(
    [...argvs].filter((argv) => kindsIn(argv).length > 0 || keyLines().some((line) => argv.includes(line))),
  ).toEqual([])
})

test('a secret is only in the environment of programs that need it', () => {
  // Whatever connects needs the proxy.
  const found = [...environments].filter((line) => !line.startsWith('proxy: '))
  expect(found).toEqual(['secret-envs: buildx'])
})

test('secrets are only in files of the private run directory, and only until main ends', () => {
  expect([...files.values()].every((path) => /^\/mab\/(docker|buildx|secrets)\//.test(path))).toBe(true)
  expect(between).toEqual([])
})

test('no secret is in the log of main and post, with debug messages, nor in outputs, state and summary', () => {
  const { outputs, state, exported, summary } = main
  const texts = [main.log, post.log, JSON.stringify([outputs, state, exported, post.outputs]), summary, post.summary]
  expect(texts.map(kindsIn)).toEqual(texts.map(() => []))
  expect(texts.some((text) => keyLines().some((line) => text.includes(line)))).toBe(false)
  expect(main.masks).toEqual(expect.arrayContaining(Object.values(planted)))
})
