import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { ensureCosign, ensureKubectl } from '../farm/optional-tools.ts'
import { startCluster, type Cluster } from './cluster.ts'
import { appFiles, freshImage, leftovers, tryRead, waitFor, type Farm } from '../e2e/harness.ts'
import type { Job, StepResult } from '../e2e/runner.ts'
import { filesBelow, kindsIn, SecretObserver } from '../e2e/secret-observer.ts'
import { useFarm } from '../e2e/setup.ts'
import { startTlsBuildkitd, type TlsBuildkitd } from '../e2e/tls-buildkitd.ts'

// The secrets of nodes, signatures and telemetry, all in one run with debug logging; `secret-kinds.test.ts` has those
// of builds and registries.
const planted: Record<string, string> = {
  'sign-password': 'planted-sign-password-0123456789',
  otlp: 'planted-otlp-0123456789',
}
const setup = useFarm()
let farm: Farm
let cluster: Cluster
let buildkitd: TlsBuildkitd
let collector: Server
const headers: (string | undefined)[] = []
let job: Job
let observer: SecretObserver
let main: StepResult
let post: StepResult
let between: readonly string[]

const kinds = (text: string) => kindsIn(planted, text)
/** A line of a PEM block that no other one has. */
const lineOf = (pem: string) => pem.trim().split('\n').at(-2) ?? ''

beforeAll(async () => {
  farm = setup.farm
  const [cosign, kubectl] = [await ensureCosign(), await ensureKubectl()]
  cluster = await startCluster(farm)
  buildkitd = await startTlsBuildkitd(farm)
  collector = createServer((request, response) => {
    headers.push(request.headers.authorization)
    request.resume().on('end', () => response.end())
  })
  await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve))
  const { port } = collector.address() as AddressInfo
  job = setup.job({
    files: appFiles(farm),
    env: {
      PATH: [dirname(cosign), kubectl, farm.tools.bin, process.env['PATH']].join(':'),
      KUBECONFIG: cluster.kubeconfig('builder'),
      RUNNER_DEBUG: '1',
      ACTIONS_STEP_DEBUG: 'true',
      OTEL_EXPORTER_OTLP_HEADERS: `authorization=Bearer%20${planted['otlp'] ?? ''}`,
    },
  })
  const [signKey, { key }] = [createSignKey(cosign), buildkitd.client]
  planted['sign-key'] = lineOf(signKey)
  planted['tls'] = lineOf(key)
  planted['kubeconfig'] = /token: ([^}]+)/.exec(readFileSync(cluster.kubeconfig('builder'), 'utf8'))?.[1] ?? ''
  const running = job.start({
    nodes: JSON.stringify([
      { endpoint: buildkitd.endpoint, platforms: 'linux/amd64', 'driver-opts': buildkitd.driverOpts },
      { endpoint: 'kubernetes://', platforms: 'linux/arm64', 'driver-opts': [`image=${farm.images.buildkit}`] },
    ]),
    registries: `{${farm.registry.host}: {http: true}}`,
    image: freshImage(farm),
    tags: 'v1',
    sign: 'key',
    'sign-key': signKey,
    'sign-password': planted['sign-password'] ?? '',
    'sign-log': 'false',
    'otlp-endpoint': `http://127.0.0.1:${port}`,
  })
  observer = new SecretObserver(job, planted)
  main = await running.result
  await observer.end()
  between = filesBelow(job.temp).filter((path) => kinds(tryRead(path)).length > 0)
  post = await job.post()
}, 1_200_000)
afterAll(async () => {
  await buildkitd.end()
  await cluster.end()
  collector.close()
})

function createSignKey(cosign: string): string {
  const { PATH = '' } = process.env
  const env = { PATH, HOME: job.dir, COSIGN_PASSWORD: planted['sign-password'] }
  spawnSync(cosign, ['generate-key-pair'], { cwd: job.dir, env })
  return readFileSync(join(job.dir, 'cosign.key'), 'utf8')
}

test('the run succeeds, and every secret was used', async () => {
  expect([main.code, main.log]).toEqual([0, main.log])
  expect(main.raw).toContain('::debug::')
  expect(new Set(headers)).toEqual(new Set([`Bearer ${planted['otlp'] ?? ''}`]))
  expect(Object.values(planted).every((secret) => secret.length > 8)).toBe(true)
  await waitFor('the end of the pods', async () => (await cluster.names()).length === 0)
  expect(await leftovers(farm, job)).toEqual([])
})

test('no secret is in an argument', () => {
  expect(observer.argvs.size).toBeGreaterThan(3)
  expect([...observer.argvs].filter((argv) => kinds(argv).length > 0)).toEqual([])
})

test('a secret is only in the environment of programs that need it', () => {
  expect([...observer.environments].sort()).toEqual(['sign-key: cosign', 'sign-password: cosign'])
})

test('only the key of a buildkitd is in a file, in the private run directory, and only until main ends', () => {
  expect([...observer.files]).toEqual([['tls', expect.stringMatching(/^\/mab\/.*key\.pem$/)]])
  expect(between).toEqual([])
})

test('no secret is in the log of main and post, with debug messages, nor in outputs, state and summary', () => {
  const { outputs, state, exported, summary } = main
  const texts = [main.log, post.log, JSON.stringify([outputs, state, exported, post.outputs]), summary, post.summary]
  expect(texts.map(kinds)).toEqual(texts.map(() => []))
  // A kubeconfig is no input: nothing prints it.
  const inputs = Object.entries(planted).filter(([kind]) => kind !== 'kubeconfig')
  expect(main.masks).toEqual(expect.arrayContaining(inputs.map(([, secret]) => secret)))
  expect(kinds(main.raw.replace(/^::add-mask::.*$/gm, ''))).toEqual([])
})
