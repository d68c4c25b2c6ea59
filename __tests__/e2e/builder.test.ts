import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { isolatedEnv } from '../farm/exec.ts'
import type { Job, StepResult } from './runner.ts'
import { appFiles, freshImage, storedTags, type Farm } from './harness.ts'
import { useFarm } from './setup.ts'

// A builder created with buildx commands, on the local engine and on one of the machines.
// Declared first, because it runs before the job ends, whose directory holds the state of buildx.
afterAll(() => {
  buildx('rm', '--force', 'warm')
})
const setup = useFarm()
let farm: Farm
let job: Job
let image: string
const mains: StepResult[] = []
const posts: StepResult[] = []
let between: readonly string[] | undefined
let after: readonly string[]

const buildx = (...args: string[]) => {
  const { status, stderr, stdout } = spawnSync(farm.tools.buildx, args, {
    encoding: 'utf8',
    env: isolatedEnv(job.home, { DOCKER_CONFIG: join(job.home, '.docker'), DOCKER_HOST: farm.local.dockerHost }),
  })
  if (status !== 0) throw new Error(`buildx ${args.join(' ')}: ${stderr}`)
  return stdout
}
const daemons = async () =>
  [...(await farm.local.containers()), ...(await farm.nodes.arm.containers())]
    .map(({ name, state }) => `${name} ${state}`)
    .sort()

beforeAll(async () => {
  farm = setup.farm
  job = setup.job({ files: appFiles(farm) })
  image = freshImage(farm)
  const options = [
    '--name',
    'warm',
    '--driver',
    'docker-container',
    '--driver-opt',
    `image=${farm.images.buildkit},network=host`,
  ]
  buildx('create', ...options, '--node', 'warm0', '--platform', 'linux/amd64', farm.local.dockerHost)
  buildx(
    'create',
    ...options,
    '--append',
    '--node',
    'warm1',
    '--platform',
    'linux/386',
    `unix://${farm.nodes.arm.dockerSocket}`,
  )
  for (const tags of ['v1', 'v2']) {
    mains.push(await job.main({ image, tags, cache: 'off', builder: 'warm' }))
    posts.push(await job.post())
    between ??= await daemons()
  }
  after = await daemons()
})
describe('builder', () => {
  test('each platform is built by its node, and the image is pushed', async () => {
    for (const main of mains) expect(main.code === 0 ? '' : main.log).toBe('')
    expect(await storedTags(farm, image)).toEqual(expect.arrayContaining(['v1', 'v2']))
    for (const row of [/^\| linux\/amd64 \| warm0 \|/m, /^\| linux\/386 \| warm1 \|/m])
      expect(mains[0]?.summary).toMatch(row)
  })

  test('its daemons keep their cache and continue to run unchanged', () => {
    expect(
      [...(mains[1]?.summary.matchAll(/\| (\d+) of (\d+) \|/g) ?? [])].map(([, cached, all]) => cached === all),
    ).toEqual([true, true])
    expect(between).toEqual(['buildx_buildkit_warm0 running', 'buildx_buildkit_warm1 running'])
    expect(after).toEqual(between)
    for (const post of posts) expect([post.code, post.warnings]).toEqual([0, []])
  })

  test('its buildx configuration is unchanged', () => {
    expect(buildx('ls', '--format', '{{.Name}} {{.DriverEndpoint}}')).toMatch(/^warm docker-container$/m)
  })
})
