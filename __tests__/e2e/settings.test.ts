import { beforeAll, describe, expect, test } from '@jest/globals'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Job, StepResult } from './runner.ts'
import { farmInputs, freshImage, leftovers, oneNodeInputs, storedIndex, type Farm } from './harness.ts'
import { useFarm } from './setup.ts'

// One build on two nodes with many inputs at once: each is visible in the output of the steps.
const dockerfile = (base: string) =>
  [
    `FROM ${base} AS tools`,
    'RUN echo made > /made',
    `FROM ${base}`,
    'COPY --from=more hello.txt /hello.txt',
    'RUN --mount=type=secret,id=one --mount=type=secret,id=two --mount=type=secret,id=three \\',
    '  cat /run/secrets/one /run/secrets/two /run/secrets/three | sha256sum',
    'RUN cat /etc/hosts /hello.txt && ulimit -n && grep /dev/shm /proc/mounts && \\',
    '  grep -v systemd /proc/self/cgroup | head -1',
    'COPY --from=tools /made /made',
    '',
  ].join('\n')

const setup = useFarm()
let farm: Farm
let image: string
let job: Job
let main: StepResult

beforeAll(async () => {
  farm = setup.farm
  image = freshImage(farm)
  job = setup.job({
    files: {
      Dockerfile: dockerfile(farm.images.base),
      'more/hello.txt': 'hello of another context\n',
      'third.txt': 'third\n',
    },
    env: { SECOND: 'second-secret-value\n' },
  })
  main = await job.main(
    farmInputs(farm, {
      image,
      tags: 'v1',
      'add-hosts': 'elsewhere.example.com:192.0.2.7',
      'build-contexts': 'more=more',
      secrets: '"one=first-secret-value\n"',
      'secret-envs': 'two=SECOND',
      'secret-files': 'three=third.txt',
      ulimit: 'nofile=1234:1234',
      'shm-size': '32m',
      'cgroup-parent': '/mab-test-parent',
      'no-cache-filters': 'tools',
      pull: 'true',
      network: 'host',
      outputs: 'type=local,dest=out\ntype=image,push=true,compression=zstd,force-compression=true',
    }),
  )
  await job.post()
})

describe('build-push inputs, on both nodes', () => {
  test('the run succeeds and leaves nothing behind', async () => {
    expect([main.code, main.log]).toEqual([0, main.log])
    expect(await leftovers(farm, job)).toEqual([])
  })

  test.each([
    ['the three secrets arrive', /\] (\S{64}) {2}-$/],
    ['a host', /192\.0\.2\.7\s+elsewhere\.example\.com/],
    ['a context', /\] hello of another context/],
    ['a limit', /\] 1234$/],
    // With cgroup v2 a step sees its local group as the root.
    ['a control group', /\] (?:\d+:\w+:.*\/mab-test-parent\/buildkit\/\w+|0::\/)$/],
    ['the size of /dev/shm', /\/dev\/shm .*size=32768k/],
  ])('%s', (_, pattern) => {
    for (const platform of ['linux/amd64', 'linux/arm64'])
      expect(main.log.split('\n').filter((line) => line.startsWith(platform) && pattern.test(line))).toHaveLength(1)
  })

  test('both read the same secrets, which appear nowhere', () => {
    const sums = [...main.log.matchAll(/\] (\S{64}) {2}-$/gm)].map((match) => match[1])
    expect(new Set(sums).size).toBe(1)
    for (const secret of ['first-secret-value', 'second-secret-value'])
      expect(main.raw.replace(/^::add-mask::.*$/gm, '')).not.toContain(secret)
  })

  test('files of each platform', () => {
    for (const platform of ['linux_amd64', 'linux_arm64'])
      expect(readFileSync(join(job.workspace, 'out', platform, 'hello.txt'), 'utf8')).toBe('hello of another context\n')
  })

  test('layers are compressed as requested', async () => {
    const index = await storedIndex(farm, image, 'v1')
    const child = await farm.registry.manifest(
      image.slice(farm.registry.host.length + 1),
      index?.manifests[0]?.digest ?? '',
    )
    const layers = child?.json['layers'] as { mediaType: string }[]
    expect(new Set(layers.map(({ mediaType }) => mediaType))).toEqual(
      new Set(['application/vnd.oci.image.layer.v1.tar+zstd']),
    )
  })
})

describe('other outputs of a build, on one node', () => {
  test('load, and a check', async () => {
    const name = freshImage(farm)
    const local = setup.job({
      files: { Dockerfile: `FROM ${farm.images.base}\nENV TOKEN=x\nRUN echo a\nrun echo b\n` },
    })
    try {
      const loaded = await local.main(
        oneNodeInputs(farm, { image: name, tags: 'v1', load: 'true', push: '', cache: 'off' }),
      )
      expect([loaded.code, loaded.log]).toEqual([0, loaded.log])
      expect(await farm.local.images()).toContain(`${name}:v1`)
      expect(await storedIndex(farm, name, 'v1')).toBeUndefined()
      await local.post()
      const checked = await local.main(oneNodeInputs(farm, { image: name, call: 'check', push: '' }))
      expect([checked.code, checked.log]).toEqual([1, checked.log])
      expect(checked.raw).toMatch(/^::warning title=ConsistentInstructionCasing,file=Dockerfile,line=4::/m)
      expect(checked.errors).toEqual([expect.stringMatching(/^Dockerfile check found \d problems?$/)])
      await local.post()
      expect((await leftovers(farm, local)).filter((line) => !line.includes(' on local'))).toEqual([])
    } finally {
      local.end()
    }
  })
})
