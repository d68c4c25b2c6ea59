import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { recordCommand, removeLeftover, takeLeftovers } from '../../../src/cli/leftovers.ts'

let parent: string
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'leftovers-'))
})
afterEach(() => rmSync(parent, { recursive: true }))

const env = { GITHUB_RUN_ID: '17', RUNNER_TEMP: '/tmp', TOKEN: 'secret', INPUT_PASSWORD: 'secret' }

async function record(name: string): Promise<string> {
  const dir = join(parent, name)
  mkdirSync(dir, { mode: 0o700 })
  await recordCommand({ dir, env, nodes: 'linux/amd64 = ssh://amd' })
  return dir
}

/** Changes the start time of the process that wrote a file: the process with this id is another one now. */
function endProcess(path: string): void {
  const owner = JSON.parse(readFileSync(path, 'utf8')) as { main: string }
  writeFileSync(path, JSON.stringify({ ...owner, main: `${owner.main}0` }))
}

const take = async () => (await takeLeftovers('', parent)).map(({ dir }) => dir)

async function recordEnded(name: string): Promise<string> {
  const dir = await record(name)
  endProcess(join(dir, 'owner'))
  return dir
}

describe('what a killed command left', () => {
  test('is taken with its nodes and run, without secrets, and removed', async () => {
    const dir = await recordEnded('mab-aB3dE6')
    const [leftover, ...others] = await takeLeftovers('', parent)
    expect([leftover, others]).toEqual([
      { dir, env: { GITHUB_RUN_ID: '17', RUNNER_TEMP: '/tmp' }, nodes: 'linux/amd64 = ssh://amd' },
      [],
    ])
    expect(readFileSync(join(dir, 'command.json'), 'utf8')).not.toContain('secret')
    if (leftover) await removeLeftover(leftover)
    expect(existsSync(dir)).toBe(false)
  })

  test('is taken once, and again if the command that took it has ended', async () => {
    const dir = await recordEnded('mab-aB3dE6')
    const all = await Promise.all([take(), take(), take()])
    expect(all.flat()).toEqual([dir])
    expect(await take()).toEqual([])
    endProcess(join(dir, 'undo-1'))
    expect(await take()).toEqual([dir])
    expect(await take()).toEqual([])
  })

  test('is not taken while the command runs, on another machine, or without proof that it has ended', async () => {
    await record('mab-aaaaaa')
    const elsewhere = join(await recordEnded('mab-bbbbbb'), 'owner')
    const owner = JSON.parse(readFileSync(elsewhere, 'utf8')) as object
    writeFileSync(elsewhere, JSON.stringify({ ...owner, boot: 'another-machine 1' }))
    mkdirSync(join(parent, 'mab-cccccc'), { mode: 0o700 })
    expect(await take()).toEqual([])
  })

  test('is not taken from a directory that others can write or have linked, or of a job', async () => {
    chmodSync(await recordEnded('mab-aaaaaa'), 0o777)
    symlinkSync(await recordEnded('other'), join(parent, 'mab-bbbbbb'))
    await recordEnded('mab-0123456789')
    expect(await take()).toEqual([])
  })
})
