import { afterEach, describe, expect, test } from '@jest/globals'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { killProcess, killProcessesIn, processIdentity } from '../../../src/lib/processes.ts'

const children: ChildProcess[] = []
afterEach(() => children.splice(0).forEach((child) => child.kill('SIGKILL')))

/** A Node process with these arguments, once it runs. */
async function start(script: string, ...args: readonly string[]): Promise<ChildProcess> {
  const ready = `${script}; process.stdout.write('ready'); setInterval(() => undefined, 1000)`
  const child = spawn(process.execPath, ['-e', ready, '--', ...args], { stdio: ['ignore', 'pipe', 'ignore'] })
  children.push(child)
  await once(child.stdout, 'data')
  return child
}
const pid = (child: ChildProcess): number => child.pid ?? 0
async function signalOf(child: ChildProcess): Promise<unknown> {
  if (child.signalCode === null) await once(child, 'exit')
  return child.signalCode
}
const deaf = "process.on('SIGTERM', () => undefined)"
const newDir = () => mkdtempSync(join(tmpdir(), 'processes-'))

describe('processIdentity', () => {
  test('is stable while the process runs, and differs between processes', async () => {
    const [a, b] = [await start(''), await start('')]
    const identity = await processIdentity(pid(a))
    expect(identity).toMatch(new RegExp(`^${pid(a)}:.+$`))
    expect(await processIdentity(pid(a))).toBe(identity)
    expect(await processIdentity(pid(b))).not.toBe(identity)
  })

  test('is empty for a process that does not exist', async () => expect(await processIdentity(4_194_303)).toBe(''))
})

describe('killProcess', () => {
  test('requests the process to end', async () => {
    const child = await start('')
    await killProcess(await processIdentity(pid(child)), 5000)
    expect(await signalOf(child)).toBe('SIGTERM')
  })

  test('kills a process that ignores it', async () => {
    const child = await start(deaf)
    await killProcess(await processIdentity(pid(child)), 50)
    expect(await signalOf(child)).toBe('SIGKILL')
  })

  test('does not end another process that has the same id now, nor anything for an invalid identity', async () => {
    const child = await start('')
    await killProcess(`${pid(child)}:1`, 50)
    for (const identity of ['', ':1', '0:1', '-1:1', 'x']) await killProcess(identity, 50)
    expect([child.signalCode, child.exitCode]).toEqual([null, null])
  })
})

describe('killProcessesIn', () => {
  test('ends every process that names a file of the directory, also one that ignores SIGTERM', async () => {
    const dir = newDir()
    const inside = [await start('', `${dir}/n0.ssh`), await start(deaf, '--config', `${dir}/n1.ssh`)]
    const outside = [await start('', `${dir}-other/n0.ssh`), await start('')]
    await killProcessesIn(dir)
    expect(await Promise.all(inside.map(signalOf))).toEqual(['SIGTERM', 'SIGKILL'])
    expect(outside.map(({ signalCode, exitCode }) => signalCode ?? exitCode)).toEqual([null, null])
  })

  test('with a text, only processes that have it in their command line too', async () => {
    const dir = newDir()
    const [build, agent] = [await start('', '--metadata-file', `${dir}/m`), await start('', `${dir}/agent.sock`)]
    await killProcessesIn(dir, '--metadata-file')
    expect([await signalOf(build), agent.signalCode]).toEqual(['SIGTERM', null])
  })
})
