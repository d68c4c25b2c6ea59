import { describe, expect, test } from '@jest/globals'
import { spawnSync } from 'node:child_process'
import { lstatSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { isolatedEnv } from '../farm/exec.ts'
import { buildLater } from './later-steps.ts'
import type { Job, StepResult } from './runner.ts'
import { farmInputs, freshImage, leftovers, processesMentioning, tryRead } from './harness.ts'
import { useFarm } from './setup.ts'

// What a later step of the job finds that starts with an empty environment: it can read every file of this user.
const setup = useFarm()

const login = { username: 'user-of-the-step', password: 'password-of-the-step' }

async function build(
  inputs: Readonly<Record<string, string>>,
): Promise<{ readonly job: Job; readonly main: StepResult }> {
  const job = setup.job()
  const main = await job.main(
    farmInputs(setup.farm, { image: freshImage(setup.farm), tags: 'v1', ...login, ...inputs }),
  )
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
  ...setup.farm.privateKey.split('\n').filter((line) => line.length > 60),
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
    expect(await leftovers(setup.farm, job)).toEqual([])
  })

  test('with `use: true` it finds only the sockets of BuildKits, and builds with them', async () => {
    const { job, main } = await build({ use: 'true' })
    const dir = main.state['dir'] ?? ''
    const sockets = ['b0.sock', 'b1.sock'].map((name) => join(dir, name))
    expect(socketsIn(job.temp).sort()).toEqual(sockets)
    expect(revealing(job.temp)).toEqual([])
    const config = main.exported['BUILDX_CONFIG'] ?? ''
    expect(readdirSync(join(config, 'instances'))).toEqual([main.outputs['builder']])
    const env = isolatedEnv(job.home)
    const ssh = spawnSync('ssh', ['-F', join(dir, 'n0.ssh'), 'node', 'id'], { env })
    expect(ssh.status).not.toBe(0)
    for (const socket of sockets)
      expect(spawnSync('curl', ['-s', '--unix-socket', socket, 'http://engine/_ping'], { env }).status).not.toBe(0)

    // Several clients share the connection of a node.
    const platforms = ['linux/amd64', 'linux/arm64']
    const builds = ['one', 'two'].map((name) => buildLater(setup.farm, job, main, { platforms, name }))
    expect((await Promise.all(builds)).flat()).toEqual([true, true, true, true])

    const post = await job.post()
    expect([post.code, post.warnings]).toEqual([0, []])
    expect(await leftovers(setup.farm, job)).toEqual([])
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
    const job = setup.job({ files: { Dockerfile: `FROM ${setup.farm.images.base}\nRUN false\n` } })
    const main = await job.main(farmInputs(setup.farm, { image: freshImage(setup.farm), tags: 'v1', ...login }))
    expect(main.code).toBe(1)
    expect([socketsIn(job.temp), processesMentioning(job.dir), revealing(job.temp)]).toEqual([[], [], []])
    const post = await job.post()
    expect([post.code, post.warnings]).toEqual([0, []])
    expect(await leftovers(setup.farm, job)).toEqual([])
  })
})
