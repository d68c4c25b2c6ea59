import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { execFileSync } from 'node:child_process'
import { linkSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Job } from './runner.ts'
import { appFiles, attachFarm, farmJob, leftovers, oneBuildkitdInputs, startBuildkitds, type Farm } from './harness.ts'

// What buildx and BuildKit do with hard links, pipes, sockets and devices, on which `path-tricks.test.ts` relies.
let farm: Farm
let outside: string
const ends: (() => void)[] = []

beforeAll(async () => {
  farm = await attachFarm()
  await startBuildkitds(farm)
})
afterAll(() => ends.forEach((end) => end()))

function open(files: Readonly<Record<string, string>>): Job {
  outside = mkdtempSync(join(tmpdir(), 'outside-'))
  writeFileSync(join(outside, 'file'), 'the original')
  const [job, directory] = [farmJob(farm, { files }), outside]
  ends.push(
    () => job.end(),
    () => rmSync(directory, { recursive: true }),
  )
  return job
}

const isUnchanged = () => readFileSync(join(outside, 'file'), 'utf8') === 'the original'
const inputs = (more: Readonly<Record<string, string>>) =>
  oneBuildkitdInputs(farm, { cache: 'off', push: 'false', ...more })

async function endJob(job: Job): Promise<void> {
  await job.post()
  expect(await leftovers(farm, job)).toEqual([])
}

test('a context with a pipe, a socket and a device is sent without waiting for any of them', async () => {
  const lines = ['COPY . /all', 'RUN ls -l /all && cat /all/hard']
  const job = open({ 'ctx/Dockerfile': [`FROM ${farm.images.base}`, ...lines, ''].join('\n') })
  const context = join(job.workspace, 'ctx')
  execFileSync('mkfifo', [join(context, 'pipe')])
  execFileSync('mknod', [join(context, 'device'), 'c', '1', '3'])
  linkSync(join(outside, 'file'), join(context, 'hard'))
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(join(context, 'socket'), resolve))
  ends.push(() => server.close())
  const main = await job.main(inputs({ context: 'ctx', file: 'ctx/Dockerfile' }))
  expect([main.code, main.log]).toEqual([0, expect.stringMatching(/\bprw.*pipe\n/)])
  // A device is one in the build too: it leads nowhere that its steps could not create one for. A socket is a file.
  expect(main.log).toMatch(/\bcrw.* device\n/)
  expect(main.log).toMatch(/-rwxr-xr-x .* 0 .* socket\n/)
  await endJob(job)
})

test('an export into a directory replaces a hard link, and leaves the other file alone', async () => {
  const job = open(appFiles(farm))
  writeFileSync(
    join(job.workspace, 'Dockerfile'),
    `FROM ${farm.images.base}\nRUN echo attack >/file && chmod 777 /file\n`,
  )
  mkdirSync(join(job.workspace, 'out'))
  linkSync(join(outside, 'file'), join(job.workspace, 'out/file'))
  const { mode } = statSync(join(outside, 'file'))
  const main = await job.main(inputs({ outputs: 'out' }))
  expect([main.code, main.log]).toEqual([0, main.log])
  expect(readFileSync(join(job.workspace, 'out/file'), 'utf8')).toBe('attack\n')
  expect([isUnchanged(), statSync(join(outside, 'file')).mode]).toEqual([true, mode])
  await endJob(job)
})

test.each([
  ['outputs', 'out.tar', { outputs: 'type=tar,dest=out.tar' }],
  ['outputs', 'out/oci-layout', { outputs: 'type=oci,tar=0,dest=out' }],
  ['cache-to', 'kept/index.json', { 'cache-to': 'type=local,dest=kept' }],
])('`%s` would change a file outside through the hard link %s', async (input, name, more) => {
  const job = open(appFiles(farm))
  mkdirSync(join(job.workspace, name, '..'), { recursive: true })
  linkSync(join(outside, 'file'), join(job.workspace, name))
  const main = await job.main(inputs(more))
  expect(isUnchanged()).toBe(true)
  expect([main.code, main.errors.join()]).toEqual([1, expect.stringContaining(`\`${input}\`: a file is a hard link`)])
  await endJob(job)
})

test('what an export creates is no file of a later step', async () => {
  const steps = ['RUN mkfifo /pipe && mknod /device c 1 5', 'FROM scratch', 'COPY --from=0 /pipe /device /', '']
  const job = open({ Dockerfile: [`FROM ${farm.images.base}`, ...steps].join('\n') })
  const first = await job.main(inputs({ outputs: 'out' }))
  expect([first.code, first.log]).toEqual([0, first.log])
  await endJob(job)
  const next = await job.main(
    inputs({ 'secret-files': 'a=out/pipe\nb=out/device', file: 'out/pipe', ssh: 'a=out/device' }),
  )
  expect([next.code, next.errors.join('\n')]).toEqual([1, expect.stringContaining('secret-files')])
  for (const [input, path] of [
    ['secret-files', 'pipe'],
    ['secret-files', 'device'],
    ['file', 'pipe'],
    ['ssh', 'device'],
  ])
    expect(next.log).toMatch(new RegExp(`${input ?? ''}.*out/${path ?? ''}.* is a`))
  await endJob(job)
})
