import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ensureKubectl } from '../farm/optional-tools.ts'
import { startCluster, type Cluster, type Deployment } from './cluster.ts'
import { startPlatformApi } from '../e2e/platform-api.ts'
import type { Job, JobOptions, StepResult } from '../e2e/runner.ts'
import { expectFailingStage, expectTimeout, releaseTwice } from '../e2e/tested-releases.ts'
import {
  appFiles,
  attachFarm,
  waitFor,
  farmInputs,
  farmJob,
  freshImage,
  leftovers,
  mapConcurrently,
  storedIndex,
  type Farm,
} from '../e2e/harness.ts'

// Pods in a cluster of two machines, created, used and removed with the permissions that the documentation lists.
let farm: Farm
let cluster: Cluster
let jobs: Job[] = []

/** The machine of the farm on which each pod of the job runs. */
const podsOf = async (job: Job) =>
  (
    await Promise.all(
      Object.entries(farm.nodes).map(async ([name, node]) =>
        (await node.containers())
          .filter((one) => one.name.includes(job.runId))
          .map((one) => `${name} ${one.name.replace(/^\/?mab-\w+-\w+-\w+-\w+-(\d+)-.*/, '$1')}`),
      ),
    )
  )
    .flat()
    .sort()
const podNames = async () =>
  (await Promise.all(Object.values(farm.nodes).map(async (node) => await node.containers())))
    .flat()
    .map(({ id, name }) => `${id} ${name}`)
const inCluster = async () => [...(await cluster.names()), ...(await cluster.names('builds'))]
const inputs = (more: Readonly<Record<string, string>> = {}) => ({
  driver: 'kubernetes',
  platforms: 'linux/amd64,linux/arm64',
  'driver-opts': `image=${farm.images.buildkit}`,
  image: freshImage(farm),
  tags: 'v1',
  ...more,
})

function open({
  user = 'builder',
  env = {},
  ...options
}: JobOptions & { readonly user?: Parameters<Cluster['kubeconfig']>[0] } = {}): Job {
  const job = farmJob(farm, {
    ...options,
    env: { KUBECONFIG: cluster.kubeconfig(user), DOCKER_HOST: 'unix:///nowhere.sock', ...env },
  })
  jobs.push(job)
  return job
}

async function expectNothingLeft(): Promise<void> {
  await waitFor('the end of the pods', async () => (await Promise.all(jobs.map(podsOf))).flat().length === 0)
  expect(await inCluster()).toEqual([])
  for (const job of jobs) expect(await leftovers(farm, job)).toEqual([])
}

beforeAll(async () => {
  farm = await attachFarm()
  await ensureKubectl()
  cluster = await startCluster(farm)
}, 1_200_000)
afterEach(async () => {
  // Leftovers of a failed test, so that the next one does not fail too.
  if ((await inCluster()).length > 0) for (const job of jobs) await job.post()
  jobs.forEach((job) => job.end())
  jobs = []
})
afterAll(async () => {
  await cluster.end()
})

describe('a build', () => {
  test('has a pod on a machine of each architecture, configured as any node, and leaves nothing behind', async () => {
    const job = open({ files: appFiles(farm, ['RUN echo talking; sleep 2']) })
    const given = inputs({
      'driver-opts': [
        `image=${farm.images.buildkit}`,
        'namespace=builds',
        'env.WHICH=pod',
        'requests.cpu=10m',
        '"labels=team=images"',
      ].join('\n'),
      'buildkitd-config-inline': '[worker.oci]\n  max-parallelism = 3',
      registries: `{${farm.registry.host}: {http: true}}`,
      use: 'true',
    })
    const running = job.start(given)
    await running.waitForOutput(/\] talking[^]*\] talking/)
    const [pods, deployments, names] = [
      await podsOf(job),
      await cluster.deployments('builds'),
      await cluster.names('builds'),
    ]
    const main = await running.result
    expect(main.code === 0 ? '' : main.log).toBe('')
    expect(pods).toEqual(['amd 0', 'arm 1'])
    const seen = deployments.map(
      ({
        metadata: { labels },
        spec: {
          template: {
            spec: { nodeSelector, containers },
          },
        },
      }: Deployment) => [labels['app.kubernetes.io/managed-by'], labels['team'], nodeSelector, containers[0]?.env],
    )
    const env = [{ name: 'WHICH', value: 'pod' }]
    expect(seen).toEqual(
      expect.arrayContaining(
        ['amd64', 'arm64'].map((arch) => ['multiarch-build', 'images', { 'kubernetes.io/arch': arch }, env]),
      ),
    )
    expect(names.filter((name) => name.startsWith('configmap/') && name.endsWith('-config'))).toHaveLength(2)
    for (const row of [/^\| linux\/amd64 \| kubernetes-amd64 \|/m, /^\| linux\/arm64 \| kubernetes-arm64 \|/m])
      expect(main.summary).toMatch(row)
    expect(
      (await storedIndex(farm, given.image, 'v1'))?.manifests.map(({ platform }) => platform.architecture),
    ).toEqual(expect.arrayContaining(['amd64', 'arm64']))
    expect([main.outputs['driver'], main.outputs['platforms']]).toEqual(['kubernetes', 'linux/amd64,linux/arm64'])

    // A later step of the job builds on it.
    const later = spawnSync(
      farm.tools.buildx,
      ['build', '--platform', 'linux/arm64', '--output', 'type=cacheonly', job.workspace],
      {
        encoding: 'utf8',
        env: {
          PATH: process.env['PATH'] ?? '',
          HOME: job.home,
          KUBECONFIG: cluster.kubeconfig('builder'),
          ...main.exported,
        },
      },
    )
    expect(later.status === 0 ? '' : later.stderr).toBe('')

    const post = await job.post()
    expect([post.code, post.warnings]).toEqual([0, []])
    expect(post.log).toMatch(
      /(?=[^]*Removed the builder on kubernetes-amd64\.)(?=[^]*Removed the builder on kubernetes-arm64\.)/,
    )
    await expectNothingLeft()
  })

  test('distributes a platform over several pods, next to an SSH node', async () => {
    const job = open({ files: appFiles(farm) })
    const nodes = [
      '- driver: kubernetes',
      '  platforms: linux/amd64',
      '  name: pool',
      '  driver-opts: |',
      `    image=${farm.images.buildkit}`,
      '    replicas=2',
      `- endpoint: ${farm.nodes.arm.endpoint}`,
      '  platforms: linux/arm64',
      '  driver-opts: |',
      `    image=${farm.images.buildkit}`,
      '    network=host',
    ].join('\n')
    const variants = '{one: {build-args: {EXTRAS: one}}, two: {build-args: {EXTRAS: two}, tag-suffix: -two}}'
    const main = await job.main(
      farmInputs(farm, { nodes, variants, 'driver-opts': '', image: freshImage(farm), tags: 'v1' }),
    )
    expect(main.code === 0 ? '' : main.log).toBe('')
    expect([...main.summary.matchAll(/^\| linux\/amd64 \| (\S+) \|/gm)].map(([, node]) => node).sort()).toEqual([
      'pool',
      'pool-2',
    ])
    await waitFor(
      'the end of the pods, on which nothing is built any more',
      async () => (await podsOf(job)).length === 0,
    )
    const post = await job.post()
    expect([post.code, post.warnings]).toEqual([0, []])
    await expectNothingLeft()
  })
})

test('images are tested in their pods before their tag is updated', async () => {
  await releaseTwice(farm, open(), ['linux/amd64', 'linux/arm64'], inputs())
  await expectNothingLeft()
})

test('an existing builder in a cluster: its pod is used and continues to run', async () => {
  const job = open({ files: appFiles(farm) })
  const buildx = (...args: string[]) => {
    const { status, stderr } = spawnSync(farm.tools.buildx, args, {
      encoding: 'utf8',
      env: { PATH: process.env['PATH'] ?? '', HOME: job.home, KUBECONFIG: cluster.kubeconfig('builder') },
    })
    if (status !== 0) throw new Error(`buildx ${args.join(' ')}: ${stderr}`)
  }
  buildx(
    'create',
    '--name',
    'warm',
    '--driver',
    'kubernetes',
    '--node',
    'warm0',
    '--driver-opt',
    `image=${farm.images.buildkit},namespace=builds`,
    '--platform',
    'linux/amd64',
  )
  buildx('inspect', '--bootstrap', 'warm')
  const before = await podNames()
  expect(before).toHaveLength(1)
  try {
    const main = await job.main({ image: freshImage(farm), tags: 'v1', cache: 'off', builder: 'warm' })
    expect(main.code === 0 ? '' : main.log).toBe('')
    expect(main.summary).toMatch(/^\| linux\/amd64 \| warm0 \|/m)
    const post = await job.post()
    expect([post.code, post.warnings]).toEqual([0, []])
    await releaseTwice(farm, job, ['linux/amd64'], { builder: 'warm' })
    await expectFailingStage(farm, job, { builder: 'warm' })
    await expectTimeout(farm, { job, seconds: 613 }, { builder: 'warm' })
    expect(await inCluster()).toEqual(['deployment.apps/warm0'])
    expect(await podNames()).toEqual(before)
  } finally {
    buildx('rm', '--force', 'warm')
  }
  expect(await inCluster()).toEqual([])
})

describe('errors', () => {
  const unreachable = (text: string) => text.replace(/127\.0\.0\.1:\d+/, '127.0.0.1:1')
  const cases: readonly (readonly [
    string,
    (job: Job) => Promise<StepResult>,
    Parameters<typeof open>[0],
    string,
    RegExp,
  ])[] = [
    [
      'no kubeconfig',
      async (job) => await job.main(inputs({ platforms: 'linux/amd64' })),
      { env: { KUBECONFIG: '' } },
      'The cluster of kubernetes-amd64 cannot be reached from this job',
      /There is no kubeconfig: neither in KUBECONFIG nor in \S+\/\.kube\/config, and the job does not run in a pod\./,
    ],
    [
      'a kubeconfig that is not there',
      async (job) => await job.main(inputs({ platforms: 'linux/amd64' })),
      { env: { KUBECONFIG: '/nowhere/config' } },
      'The cluster of kubernetes-amd64 cannot be reached from this job',
      /\/nowhere\/config does not exist: check KUBECONFIG/,
    ],
    [
      'a login that has run out',
      async (job) =>
        await job.main(
          inputs({
            nodes: `linux/amd64 = kubernetes://${config(job, (text) => text.replace(/token-of-\w+/, 'stale'))}`,
            platforms: '',
          }),
        ),
      {},
      'Authentication to the cluster of kubernetes-amd64 failed',
      /Unauthorized|provide credentials/,
    ],
    [
      'a server that is not there',
      async (job) =>
        await job.main(
          inputs({
            nodes: `linux/amd64 = kubernetes://${config(job, unreachable)}`,
            platforms: '',
          }),
        ),
      {},
      'The cluster of kubernetes-amd64 cannot be reached',
      /connection refused/,
    ],
    [
      'rights that do not suffice',
      async (job) => await job.main(inputs({ platforms: 'linux/amd64' })),
      { user: 'reader' },
      'The account of the kubeconfig has no permission to build on kubernetes-amd64',
      /`list` of pods and `create` of pods\/exec/,
    ],
    [
      'a namespace that is not there',
      async (job) => await job.main(inputs({ platforms: 'linux/amd64', 'driver-opts': 'namespace=elsewhere' })),
      {},
      'The cluster of kubernetes-amd64 rejected the BuildKit pod for linux/amd64',
      /namespaces \\?"elsewhere\\?" not found/,
    ],
    [
      'an architecture that no machine has',
      async (job) => await job.main(inputs({ platforms: 'linux/s390x', 'driver-opts': 'timeout=2s' })),
      {},
      'No BuildKit pod of kubernetes-s390x was ready in time',
      /expected 1 replicas to be ready, got 0/,
    ],
    [
      'an image that cannot be pulled',
      async (job) =>
        await job.main(
          inputs({ platforms: 'linux/amd64', 'driver-opts': `image=${farm.registry.host}/no/such:image\ntimeout=2s` }),
        ),
      {},
      'No BuildKit pod of kubernetes-amd64 was ready in time',
      /the image cannot be pulled/,
    ],
  ]

  function config(job: Job, change: (text: string) => string): string {
    const path = join(job.dir, 'kubeconfig')
    const { stdout } = spawnSync('cat', [cluster.kubeconfig('builder')], { encoding: 'utf8' })
    writeFileSync(path, change(stdout))
    return path
  }

  test('one headline for each, and nothing is left', async () => {
    const outcomes = await mapConcurrently(cases, async ([name, build, options, headline, words]) => {
      const job = open(options)
      const main = await build(job)
      const post = await job.post()
      // Without access to the cluster it is unknown whether there are leftovers.
      const warnings = /^Authentication to|be reached$|has no permission to build/.test(headline) ? [] : post.warnings
      return {
        name,
        actual: [main.code, main.errors, post.code, warnings],
        expected: [1, [headline], 0, []],
        words: words.test(main.log) ? '' : main.log,
      }
    })
    for (const { name, actual, expected, words } of outcomes)
      expect([name, actual, words]).toEqual([name, expected, ''])
    await expectNothingLeft()
  })

  test('a pod that ends during the build: its targets are rescheduled', async () => {
    const job = open({ files: appFiles(farm, ['RUN echo talking; sleep 4']) })
    const nodes = `linux/amd64 = kubernetes://\nlinux/amd64 = ${farm.nodes.arm.endpoint}`
    const running = job.start(
      farmInputs(farm, {
        nodes,
        'driver-opts': `image=${farm.images.buildkit}\nnetwork=host`,
        image: freshImage(farm),
        tags: 'v1',
        fallback: 'node',
        variants: '{one: {}, two: {}}',
      }),
    )
    // Of two targets of a platform each of its nodes gets one.
    await running.waitForOutput(/\] talking[^]*\] talking/)
    await farm.nodes.amd.exec(`docker kill $(docker ps --quiet --filter name=${job.runId})`)
    const main = await running.result
    expect(main.code === 0 ? '' : main.log).toBe('')
    expect(main.warnings.join('\n')).toMatch(/linux\/amd64 (one|two) rescheduled to \S+ \(`fallback: node`\)/)
    await job.post()
    await expectNothingLeft()
  })

  test('a killed run, and a post step that runs twice', async () => {
    const job = open({ files: appFiles(farm, ['RUN echo talking; sleep 20']) })
    const running = job.start(inputs())
    await running.waitForOutput(/\] talking/)
    running.process.kill('SIGKILL')
    await running.result
    expect((await inCluster()).length).toBeGreaterThan(0)
    const first = job.startPost()
    await first.waitForOutput(/Removed the builder on/)
    first.process.kill('SIGKILL')
    await first.result
    const post = await job.post()
    expect([post.code, post.warnings]).toEqual([0, []])
    await expectNothingLeft()
  })

  test('a run whose runner was lost: the next run removes its pods if kubectl is installed', async () => {
    const platformApi = await startPlatformApi()
    try {
      const env = { GITHUB_API_URL: platformApi.url }
      const finished = open({ files: appFiles(farm, ['RUN echo talking; sleep 20']), env })
      const running = finished.start(inputs({ 'buildkitd-config-inline': '[worker.oci]\n  max-parallelism = 3' }))
      await running.waitForOutput(/\] talking/)
      running.process.kill('SIGKILL')
      await running.result
      platformApi.finish(finished.runId)
      const left = await inCluster()
      expect(left).toHaveLength(4)

      const path = `${await ensureKubectl()}:${farm.tools.bin}:${process.env['PATH'] ?? ''}`
      for (const [user, words, rest] of [
        [
          'builder',
          'Leftovers on kubernetes-amd64 were not removed: ' +
            'the account of the kubeconfig has no permission to `list` deployments, so leftovers cannot be found',
          left,
        ],
        ['reaper', 'Removed leftovers of finished runs on kubernetes-amd64: ', []],
      ] as const) {
        // A build waits only a short time for garbage collection.
        const next = open({ user, files: appFiles(farm, ['RUN sleep 8']), env: { ...env, PATH: path } })
        const main = await next.main(inputs({ platforms: 'linux/amd64', 'github-token': 'a-token' }))
        expect(main.code === 0 ? '' : main.log).toBe('')
        expect(main.log).toContain(words)
        await next.post()
        expect(await inCluster()).toEqual(rest)
      }
      await finished.post()
      await expectNothingLeft()
    } finally {
      platformApi.close()
    }
  })
})
