import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from '@jest/globals'
import { isolatedEnv } from '../farm/exec.ts'
import { appFiles, freshImage, leftovers, oneNodeInputs, storedTags } from './harness.ts'
import type { Job } from './runner.ts'
import { useFarm } from './setup.ts'

// A runner whose temporary directory is mounted with `noexec`, as hardening guides require, and whose TMPDIR does not
// exist. Only the steps of the job see the mount: it is in a mount namespace of their own.
const setup = useFarm()
const ends: (() => unknown)[] = []
afterAll(async () => {
  for (const end of ends) await end()
})

/** The process of a mount namespace, and a function that mounts a directory in it. */
async function createNamespace(): Promise<{ readonly pid: number; readonly mount: (path: string) => void }> {
  const holder = spawn('unshare', ['--mount', '--propagation', 'private', 'sh', '-c', 'echo ready; exec cat'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  ends.push(async () => {
    const exit = once(holder, 'exit')
    holder.stdin.end()
    await exit
  })
  await once(holder.stdout, 'data')
  const pid = holder.pid ?? 0
  const enter = ['--target', String(pid), '--mount', 'mount', '-t', 'tmpfs', '-o', 'noexec,mode=1777', 'tmpfs']
  return { pid, mount: (path) => execFileSync('nsenter', [...enter, path]) }
}

test('the temporary directory is mounted with `noexec`', async () => {
  const { pid, mount } = await createNamespace()
  // No shell: it would remove variables whose names contain `-`.
  const launcher = ({ workspace }: Pick<Job, 'workspace'>) => [
    'nsenter',
    '--target',
    String(pid),
    '--mount',
    'env',
    `--chdir=${workspace}`,
    'TMPDIR=/nowhere',
  ]
  const job = setup.job({ launcher, files: appFiles(setup.farm) })
  mount(job.temp)
  const git = (...args: readonly string[]) =>
    execFileSync('git', ['-C', job.workspace, ...args], { env: isolatedEnv(job.home), stdio: 'pipe' })
  git('init', '-q', '-b', 'main')
  git('add', '.')
  git('-c', 'user.name=A', '-c', 'user.email=a@example.org', 'commit', '-qm', 'one')
  git('config', 'core.fsmonitor', join(job.dir, 'attack'))
  writeFileSync(join(job.dir, 'attack'), `#!/bin/sh\ntouch '${job.dir}/attacked'\n`, { mode: 0o755 })
  const image = freshImage(setup.farm)
  const main = await job.main(oneNodeInputs(setup.farm, { image, tags: 'v1' }))
  expect([main.code, main.log]).toEqual([0, main.log])
  expect(await storedTags(setup.farm, image)).toContain('v1')
  const warning = `Programs cannot run in ${job.temp}, which is probably mounted with \`noexec\``
  expect(main.warnings).toEqual([expect.stringContaining(warning)])
  expect(existsSync(join(job.dir, 'attacked'))).toBe(false)
  // The run directory was in the mount.
  expect(readdirSync(job.temp)).toEqual([])
  const post = await job.post()
  expect([post.code, post.warnings]).toEqual([0, []])
  expect(await leftovers(setup.farm, job)).toEqual([])
})
