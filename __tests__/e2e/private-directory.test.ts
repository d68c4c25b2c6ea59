import { beforeAll, expect, test } from '@jest/globals'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Job } from './runner.ts'
import { leftovers, oneBuildkitdInputs, startBuildkitds } from './harness.ts'
import { useFarm } from './setup.ts'

// The private directory of a run has its logins and secrets: no build may read it, whatever its inputs name.
const setup = useFarm()

beforeAll(async () => await startBuildkitds(setup.farm))

async function build(inputsOf: (job: Job) => Readonly<Record<string, string>>) {
  const job = setup.job({ files: { 'more.Dockerfile': dockerfile('--from=more ') } })
  writeFileSync(join(job.temp, 'Dockerfile'), dockerfile(''))
  const inputs = {
    cache: 'off',
    'no-cache': 'true',
    push: 'false',
    secrets: 'planted=5ecret-of-the-build',
    ...inputsOf(job),
  }
  const main = await job.main(oneBuildkitdInputs(setup.farm, inputs))
  rmSync(join(job.temp, 'Dockerfile'))
  await job.post()
  expect(await leftovers(setup.farm, job)).toEqual([])
  return main
}

function dockerfile(from: string): string {
  return [`FROM ${setup.farm.images.base}`, `COPY ${from}. /all`, 'RUN find /all', ''].join('\n')
}

test.each([
  ['context', (job: Job) => ({ context: job.temp })],
  ['build-contexts', (job: Job) => ({ 'build-contexts': `more=${job.temp}`, file: 'more.Dockerfile' })],
])('as `%s`, the temporary directory of the runner has no private directory in it', async (_, inputsOf) => {
  const main = await build(inputsOf)
  expect([main.code, main.log]).toEqual([0, expect.stringContaining('/all/Dockerfile\n')])
  expect(main.log).not.toMatch(/\/all\/(?:.*\/)?(?:mab-|config\.json)/)
})

test('a context that contains every temporary directory is an error', async () => {
  const main = await build((job) => ({ context: '/', file: join(job.temp, 'Dockerfile') }))
  expect([main.code, main.errors]).toEqual([1, ['`context`: a directory contains the private directory of this run']])
})
