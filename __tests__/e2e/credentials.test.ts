import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { spawnSync } from 'node:child_process'
import { lstatSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Job, StepResult } from './runner.ts'
import {
  attachFarm,
  farmInputs,
  farmJob,
  freshImage,
  leftovers,
  processesMentioning,
  tryRead,
  type Farm,
} from './harness.ts'

// What a later step of the job finds that starts with an empty environment: it can read every file of this user.
let farm: Farm
const jobs: Job[] = []

beforeAll(async () => {
  farm = await attachFarm()
})
afterAll(() => jobs.forEach((job) => job.end()))

const login = { username: 'user-of-the-step', password: 'password-of-the-step' }

async function build(
  inputs: Readonly<Record<string, string>>,
): Promise<{ readonly job: Job; readonly main: StepResult }> {
  const job = farmJob(farm)
  jobs.push(job)
  const main = await job.main(farmInputs(farm, { image: freshImage(farm), tags: 'v1', ...login, ...inputs }))
  expect([main.code, main.log]).toEqual([0, main.log])
  return { job, main }
}

function below(dir: string): string[] {
  return readdirSync(dir, { recursive: true, withFileTypes: true }).map((entry) => join(entry.parentPath, entry.name))
}
const socketsIn = (dir: string) => below(dir).filter((path) => lstatSync(path).isSocket())
const secrets = () => [
  login.password,
  Buffer.from(`${login.username}:${login.password}`).toString('base64'),
  ...farm.privateKey.split('\n').filter((line) => line.length > 60),
]
/** Files and processes that reveal a secret. */
const revealing = (dir: string) =>
  below(dir).filter((path) => lstatSync(path).isFile() && secrets().some((secret) => tryRead(path).includes(secret)))

describe('the next step of the job', () => {
  test('finds no agent, connection, socket or login', async () => {
    const { job } = await build({})
    expect(socketsIn(job.temp)).toEqual([])
    expect(processesMentioning(job.dir)).toEqual([])
    expect(revealing(job.temp)).toEqual([])
    const post = await job.post()
    expect([post.code, post.warnings]).toEqual([0, []])
    expect(await leftovers(farm, job)).toEqual([])
  })

  test('with `use: true` it finds no key and no control connection, and the builder works', async () => {
    const { job, main } = await build({ use: 'true' })
    const dir = main.state['dir'] ?? ''
    expect(socketsIn(dir).filter((path) => /agent\.sock$|\.ctl$/.test(path))).toEqual([])
    expect(revealing(job.temp)).toEqual([])
    const ssh = spawnSync('ssh', ['-F', join(dir, 'n0.ssh'), 'node', 'id'], {
      env: { PATH: process.env['PATH'] ?? '' },
    })
    expect(ssh.status).not.toBe(0)
    const inspect = spawnSync(farm.tools.buildx, ['inspect', '--bootstrap', main.outputs['builder'] ?? ''], {
      env: { PATH: process.env['PATH'] ?? '', HOME: job.home, BUILDX_CONFIG: main.exported['BUILDX_CONFIG'] ?? '' },
      encoding: 'utf8',
    })
    expect([inspect.status, inspect.stderr]).toEqual([0, inspect.stderr])
    const post = await job.post()
    expect([post.code, post.warnings]).toEqual([0, []])
    expect(await leftovers(farm, job)).toEqual([])
  })

  test('with `login: job` it uses the logins until post', async () => {
    const { job, main } = await build({ login: 'job' })
    const config = join(main.exported['DOCKER_CONFIG'] ?? '', 'config.json')
    expect(tryRead(config)).toContain(secrets()[1])
    expect(revealing(job.temp)).toEqual([config])
    expect((await job.post()).code).toBe(0)
    expect(tryRead(config)).toBe('')
  })

  test('after a failed main it finds nothing either, and post removes the builders', async () => {
    const job = farmJob(farm, { files: { Dockerfile: `FROM ${farm.images.base}\nRUN false\n` } })
    jobs.push(job)
    const main = await job.main(farmInputs(farm, { image: freshImage(farm), tags: 'v1', ...login }))
    expect(main.code).toBe(1)
    expect([socketsIn(job.temp), processesMentioning(job.dir), revealing(job.temp)]).toEqual([[], [], []])
    const post = await job.post()
    expect([post.code, post.warnings]).toEqual([0, []])
    expect(await leftovers(farm, job)).toEqual([])
  })
})
