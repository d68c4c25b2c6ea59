import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Job } from './runner.ts'
import {
  appFiles,
  attachFarm,
  buildkitdInputs,
  farmJob,
  leftovers,
  oneBuildkitdInputs,
  startBuildkitds,
  type Farm,
} from './harness.ts'

// A checkout may contain any symbolic link: none leads a build out of the workspace.
let farm: Farm
let outside: string
const all: string[] = []
const jobs: Job[] = []

beforeAll(async () => {
  farm = await attachFarm()
  await startBuildkitds(farm)
})
afterAll(() => {
  jobs.forEach((job) => job.end())
  all.forEach((directory) => rmSync(directory, { recursive: true }))
})

function open(files: Readonly<Record<string, string>>, env: Readonly<Record<string, string>> = {}): Job {
  outside = mkdtempSync(join(tmpdir(), 'outside-'))
  all.push(outside)
  mkdirSync(join(outside, 'post'))
  writeFileSync(join(outside, 'post/index.js'), 'the post step')
  const job = farmJob(farm, { files, env })
  jobs.push(job)
  return job
}

function expectUnchanged(): void {
  const found = readdirSync(outside, { recursive: true }).sort()
  expect([found, readFileSync(join(outside, 'post/index.js'), 'utf8')]).toEqual([
    ['post', 'post/index.js'],
    'the post step',
  ])
}

const attack = (base: string) => `FROM ${base}\nRUN mkdir /post && echo attack | tee /post/index.js /index.js\n`

describe('a link of the checkout', () => {
  test.each([
    ['outputs', { outputs: 'type=local,dest=link' }],
    ['outputs', { outputs: 'type=tar,dest=link/post/index.js' }],
    ['context', { context: 'link', push: 'false' }],
    ['cache-to', { 'cache-to': 'type=local,dest=link', push: 'false' }],
    ['build-contexts', { 'build-contexts': 'more=link', push: 'false' }],
    ['secret-files', { 'secret-files': 'one=link/post/index.js', push: 'false' }],
  ])('that leaves the workspace is an error of `%s`, before anything is built', async (input, inputs) => {
    const job = open({ Dockerfile: attack(farm.images.base) })
    symlinkSync(outside, join(job.workspace, 'link'))
    const main = await job.main(buildkitdInputs(farm, { cache: 'off', ...inputs }))
    expect([main.code, main.errors.join()]).toEqual([1, expect.stringContaining(`${input}: `)])
    expect(main.errors.join()).toMatch(/link/)
    expectUnchanged()
    await job.post()
    expect(await leftovers(farm, job)).toEqual([])
  })

  test('inside the directories of several platforms is replaced by what is exported', async () => {
    const job = open({ ...appFiles(farm), Dockerfile: attack(farm.images.base) })
    const platforms = ['linux_amd64', 'linux_arm64'].map((name) => join(job.workspace, 'out', name))
    for (const directory of platforms) {
      mkdirSync(directory, { recursive: true })
      symlinkSync(join(outside, 'post'), join(directory, 'post'))
      symlinkSync(join(outside, 'post/index.js'), join(directory, 'index.js'))
    }
    const main = await job.main(buildkitdInputs(farm, { cache: 'off', outputs: 'type=local,dest=out' }))
    expect([main.code, main.log]).toEqual([0, main.log])
    for (const directory of platforms) {
      expect(lstatSync(join(directory, 'post')).isDirectory()).toBe(true)
      expect(readFileSync(join(directory, 'index.js'), 'utf8')).toBe('attack\n')
    }
    expectUnchanged()
    await job.post()
    expect(await leftovers(farm, job)).toEqual([])
  })

  test('in place of the directory of a platform is an error, and the other platform is not changed', async () => {
    const job = open({ Dockerfile: attack(farm.images.base) })
    mkdirSync(join(job.workspace, 'out'))
    symlinkSync(outside, join(job.workspace, 'out/linux_arm64'))
    const main = await job.main(buildkitdInputs(farm, { cache: 'off', outputs: 'type=local,dest=out' }))
    expect([main.code, main.errors.join()]).toEqual([1, expect.stringContaining('leaves the workspace')])
    expectUnchanged()
    await job.post()
    expect(await leftovers(farm, job)).toEqual([])
  })
})

describe('in a directory of blobs, in which buildx follows links, a link', () => {
  test.each([
    ['cache', 'kept/linux-amd64', 'index.json', { cache: 'type=local,dest=kept', push: 'false' }],
    ['cache-to', 'kept', 'blobs', { 'cache-to': 'type=local,dest=kept', push: 'false' }],
    ['outputs', 'out', 'oci-layout', { outputs: 'type=oci,tar=false,dest=out' }],
    ['outputs', 'out', 'index.json', { outputs: 'type=oci,tar=false,dest=out' }],
  ])('of `%s`, %s/%s, changes nothing outside', async (input, directory, name, inputs) => {
    const job = open(appFiles(farm))
    mkdirSync(join(job.workspace, directory), { recursive: true })
    const target = name === 'blobs' ? outside : join(outside, 'post/index.js')
    symlinkSync(target, join(job.workspace, directory, name))
    const main = await job.main(oneBuildkitdInputs(farm, { cache: 'off', ...inputs }))
    expectUnchanged()
    expect([main.code, main.errors.join()]).toEqual([
      1,
      expect.stringContaining(`\`${input}\`: a path leaves the workspace through a symbolic link`),
    ])
    await job.post()
    expect(await leftovers(farm, job)).toEqual([])
  })
})

describe('a link of the checkout into its Git repository', () => {
  test.each([
    ['outputs', { outputs: 'type=local,dest=link' }],
    ['secret-files', { 'secret-files': 'one=link/config', push: 'false' }],
    ['context', { context: 'link', file: 'Dockerfile', push: 'false' }],
  ])('is an error of `%s`', async (input, inputs) => {
    const job = open({ Dockerfile: attack(farm.images.base), '.git/config': 'the token' })
    symlinkSync('.git', join(job.workspace, 'link'))
    const main = await job.main(oneBuildkitdInputs(farm, { cache: 'off', ...inputs }))
    expect([main.code, main.errors.join()]).toEqual([1, expect.stringContaining(`${input}: `)])
    expect(main.errors.join()).toContain('enters a Git repository through the symbolic link')
    expect(readdirSync(join(job.workspace, '.git'))).toEqual(['config'])
    await job.post()
    expect(await leftovers(farm, job)).toEqual([])
  })
})

// BuildKit reads these files from what it has received, in which a link leads nowhere.
test.each(['.dockerignore', 'Dockerfile.dockerignore'])('%s is a link to a file of the runner', async (name) => {
  const lines = ['COPY . /all', 'RUN cat /all/* /all/.[a-z]* | tee /seen']
  const job = open({ Dockerfile: [`FROM ${farm.images.base}`, ...lines, ''].join('\n') })
  symlinkSync(join(outside, 'post/index.js'), join(job.workspace, name))
  const main = await job.main(oneBuildkitdInputs(farm, { cache: 'off', push: 'false' }))
  await job.post()
  expect(main.log).not.toContain('the post step')
  expectUnchanged()
})

// buildx evaluates this policy on the runner, and its errors describe the file.
test('the policy of a Dockerfile is a link to a file of the runner', async () => {
  const job = open(appFiles(farm))
  symlinkSync(join(outside, 'post/index.js'), join(job.workspace, 'Dockerfile.rego'))
  const main = await job.main(oneBuildkitdInputs(farm, { cache: 'off', push: 'false' }))
  await job.post()
  expect([main.code, main.errors.join()]).toEqual([
    1,
    expect.stringContaining('`file`: a path leaves the workspace through a symbolic link'),
  ])
  expect(main.log).not.toContain('rego_parse_error')
})

/** A job whose buildx replaces a path by a link right before it runs the command for the first time. */
function openWithPlanter(
  command: 'version' | 'bake',
  link: string,
): { readonly job: Job; readonly isPlanted: () => boolean } {
  const directory = mkdtempSync(join(tmpdir(), 'planter-'))
  all.push(directory)
  const files = { Dockerfile: attack(farm.images.base), 'ctx/Dockerfile': attack(farm.images.base), secret: 'one' }
  const job = open(files, { PATH: `${directory}:${farm.tools.bin}:${process.env['PATH'] ?? ''}` })
  const path = join(job.workspace, link)
  const planted = join(directory, 'planted')
  const target = link === 'secret' ? join(outside, 'post/index.js') : outside
  const script = [
    '#!/bin/sh',
    `case " $* " in *" ${command} "*)`,
    `  if mkdir '${planted}' 2>/dev/null; then rm -rf '${path}'; ln -s '${target}' '${path}'; fi`,
    'esac',
    `exec '${farm.tools.buildx}' "$@"`,
  ]
  writeFileSync(join(directory, 'buildx'), script.join('\n'), { mode: 0o755 })
  return { job, isPlanted: () => existsSync(planted) && lstatSync(path).isSymbolicLink() }
}

describe('a link that is planted after the inputs were validated', () => {
  const attacks = [
    ['outputs', 'out', { outputs: 'type=local,dest=out' }],
    ['context', 'ctx', { context: 'ctx', push: 'false' }],
    ['cache', 'kept', { cache: 'type=local,dest=kept', push: 'false' }],
    ['secret-files', 'secret', { 'secret-files': 'one=secret', push: 'false' }],
  ] as const

  test.each(attacks)('is found before buildx builds: `%s`', async (input, link, inputs) => {
    // The version of buildx is read after the inputs are validated, and before the paths are checked again.
    const { job, isPlanted } = openWithPlanter('version', link)
    const main = await job.main(buildkitdInputs(farm, { cache: 'off', ...inputs }))
    expect(isPlanted()).toBe(true)
    expect([main.code, main.errors.join()]).toEqual([
      1,
      expect.stringContaining(`\`${input}\`: a path leaves the workspace through a symbolic link`),
    ])
    expectUnchanged()
    await job.post()
    expect(await leftovers(farm, job)).toEqual([])
  })

  test.each(attacks)('is refused by bake after the last check: `%s`', async (_, link, inputs) => {
    const { job, isPlanted } = openWithPlanter('bake', link)
    const main = await job.main(buildkitdInputs(farm, { cache: 'off', ...inputs }))
    expect([main.code, isPlanted()]).toEqual([1, true])
    expect(main.log).toMatch(/additional privileges requested|--allow/)
    expectUnchanged()
    await job.post()
    expect(await leftovers(farm, job)).toEqual([])
  })
})
