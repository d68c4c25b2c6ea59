import { afterAll, beforeEach, expect, test } from '@jest/globals'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Trust } from '../../../src/forge/trust.ts'
import { openNodes } from '../../../src/nodes/open.ts'
import { RunDir } from '../../../src/run/run-dir.ts'
import { nodeSpec } from '../fixtures/nodes.ts'

const home = mkdtempSync(join(tmpdir(), 'open-'))
const bin = join(home, 'bin')
const calls = join(home, 'calls')
const { PATH } = process.env
mkdirSync(bin)

/** A program of the OpenSSH client; the farm has the real ones. */
function fake(name: string, body: string): void {
  writeFileSync(join(bin, name), `#!${process.execPath}\nconst args = process.argv.slice(2)\n${body}\n`)
  chmodSync(join(bin, name), 0o755)
}

const note = `require('node:fs').appendFileSync(${JSON.stringify(calls)}, `
let runs = 0

beforeEach(() => {
  process.env['PATH'] = bin
  writeFileSync(calls, '')
  fake(
    'ssh-agent',
    `const server = require('node:net').createServer().listen(args[2])
     process.on('SIGTERM', () => { server.close(); ${note}'agent ended\\n'); process.exit() })`,
  )
  fake('ssh-add', `process.stdin.resume().on('end', () => ${note}args.join(' ') + '\\n'))`)
  fake('ssh', `console.error('ci@arm: Permission denied (publickey).'); process.exit(255)`)
})
afterAll(() => {
  process.env['PATH'] = PATH
  rmSync(home, { recursive: true })
})

async function open(sshKeys: readonly string[], trust: Trust = 'pr', knownHosts = 'arm ssh-ed25519 AAAA\n') {
  const dir = new RunDir(join(home, `run${runs++}`))
  dir.create()
  const nodes = [nodeSpec('arm', ['linux/arm64'], 'ssh://ci@arm'), nodeSpec('b', ['linux/amd64'], 'unix:///no/b.sock')]
  const request = { nodes, sshKeys, knownHosts, agent: undefined, dir, workspace: '/w', trust }
  const outcomes = await openNodes(request, { note: () => undefined })
  return { dir, failures: outcomes.map(({ failure }) => failure) }
}

const waitFor = async (text: string) => {
  while (!readFileSync(calls, 'utf8').includes(text)) await new Promise((resolve) => setTimeout(resolve, 5))
}

test('keys have a lifetime of minutes, and the agent ends when every node is open', async () => {
  const { dir, failures } = await open(['key'])
  expect(failures[0]?.message).toBe('ci@arm accepts none of the keys in ssh-private-key')
  await waitFor('agent ended')
  expect(/-t (\d+) -/.exec(readFileSync(calls, 'utf8'))?.[1]).toBe('180')
  expect(existsSync(dir.agentSocket)).toBe(false)
})

test('without a key and an agent, ssh connects without one, and the failure is that of the node', async () => {
  const { dir, failures } = await open([])
  expect(failures[0]).toMatchObject({ code: 'node', message: 'ci@arm requires an SSH key, but the step has none' })
  expect(readFileSync(dir.connection('n0').config, 'utf8')).toContain('IdentityAgent none')
})

test('at the level `trusted`, the key that a node requires is an input that is missing', async () => {
  await expect(open([], 'trusted')).rejects.toMatchObject({
    errors: [{ code: 'inputs', message: 'ci@arm requires an SSH key, but the step has none' }],
  })
})

test('without ssh-agent, only the nodes behind SSH fail, for a reason of the runner', async () => {
  rmSync(join(bin, 'ssh-agent'))
  const { failures } = await open(['key'])
  expect(failures[0]).toMatchObject({ code: 'runner', message: 'ssh-agent does not start on this runner' })
  expect(failures[1]?.message).toBe('No buildkitd answers at /no/b.sock')
})

test('without ssh, too', async () => {
  rmSync(join(bin, 'ssh'))
  const { failures } = await open([])
  expect([failures[0]?.code, failures[0]?.message]).toEqual(['runner', 'This runner has no `ssh` command'])
})

test('without key and known hosts, as in a run of a fork, SSH nodes are unavailable, and no program runs', async () => {
  fake('ssh', `${note}'ssh\\n')`)
  const { failures } = await open([], 'fork', '')
  expect(failures[0]).toMatchObject({
    code: 'node',
    message: 'This run of a fork has neither an SSH key nor known hosts',
  })
  expect(failures[1]?.message).toContain('/no/b.sock')
  expect(readFileSync(calls, 'utf8')).toBe('')
})
