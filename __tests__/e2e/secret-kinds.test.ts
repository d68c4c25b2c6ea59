import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { Job, StepResult } from './runner.ts'
import { filesBelow, kindsIn, SecretObserver } from './secret-observer.ts'
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
/** Readable by others only while something is built: the run directory is private. */
const inFiles = ['password', 'registry-auth', 'secrets']

let farm: Farm
let job: Job
let main: StepResult
let post: StepResult
let between: readonly string[]
let observer: SecretObserver

const kinds = (text: string) => kindsIn(planted, text)
const keyLines = () => farm.privateKey.split('\n').filter((line) => line.length > 60)
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
  observer = new SecretObserver(job, planted)
  main = await running.result
  await observer.end()
  between = filesBelow(job.temp).filter((path) => kinds(tryRead(path)).length > 0)
  post = await job.post()
})
afterAll(() => job.end())

test('the run succeeds, and the secrets were used', async () => {
  expect([main.code, main.log]).toEqual([0, main.log])
  expect(main.raw).toContain('::debug::')
  expect([...observer.files.keys()].sort()).toEqual([...inFiles].sort())
  expect(await leftovers(farm, job)).toEqual([])
})

test('no secret is in an argument', () => {
  expect(observer.argvs.size).toBeGreaterThan(3)
  expect(
    [...observer.argvs].filter((argv) => kinds(argv).length > 0 || keyLines().some((line) => argv.includes(line))),
  ).toEqual([])
})

test('a secret is only in the environment of programs that need it', () => {
  // Whatever connects needs the proxy.
  const found = [...observer.environments].filter((line) => !line.startsWith('proxy: '))
  expect(found).toEqual(['secret-envs: buildx'])
})

test('secrets are only in files of the private run directory, and only until main ends', () => {
  expect([...observer.files.values()].every((path) => /^\/mab\/(docker|buildx|secrets)\//.test(path))).toBe(true)
  expect(between).toEqual([])
})

test('no secret is in the log of main and post, with debug messages, nor in outputs, state and summary', () => {
  const { outputs, state, exported, summary } = main
  const texts = [main.log, post.log, JSON.stringify([outputs, state, exported, post.outputs]), summary, post.summary]
  expect(texts.map(kinds)).toEqual(texts.map(() => []))
  expect(texts.some((text) => keyLines().some((line) => text.includes(line)))).toBe(false)
  expect(main.masks).toEqual(expect.arrayContaining(Object.values(planted)))
})
