import { afterEach, describe, expect, test } from '@jest/globals'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { openJournal } from '../../../src/run/journal.ts'
import { endAccess, writeJobLogins } from '../../../src/stories/access.ts'
import { newRunDir, testRun } from './fixtures.ts'

const children: ChildProcess[] = []
afterEach(() => children.splice(0).forEach((child) => child.kill('SIGKILL')))

async function process(argument: string): Promise<ChildProcess> {
  const script = "process.stdout.write('ready'); setInterval(() => undefined, 1000)"
  const child = spawn(globalThis.process.execPath, ['-e', script, '--', argument], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  children.push(child)
  await once(child.stdout, 'data')
  return child
}

/** A run directory as main leaves it, with an agent and a connection. */
async function usedRunDir() {
  const dir = newRunDir()
  for (const path of [dirname(dir.dockerConfig), join(dir.scopedConfigs, 'ghcr.io'), dir.secrets, dir.tlsKeys])
    mkdirSync(path, { recursive: true })
  const { config, control, socket } = dir.connection('n0')
  const files = [dir.dockerConfig, join(dir.scopedConfigs, 'ghcr.io/config.json'), dir.secret(0)]
  for (const file of [...files, config, control, socket, dir.agentSocket]) writeFileSync(file, '')
  writeFileSync(dir.pem('n1', 'key'), '')
  openJournal(dir).note({ kind: 'tunnel', node: 'ci@arm', config, local: socket, remote: '/s' })
  const [agent, connection] = [await process(dir.agentSocket), await process(config)]
  const ended = async (child: ChildProcess) => {
    if (child.signalCode === null) await once(child, 'exit')
    return child.signalCode
  }
  return { dir, agent, connection, ended }
}

describe('endAccess', () => {
  test('ends agent and connections, and removes logins, secrets and TLS keys', async () => {
    const { dir, agent, connection, ended } = await usedRunDir()
    await endAccess({ dir }, false)
    expect([await ended(agent), await ended(connection)]).toEqual(['SIGTERM', 'SIGTERM'])
    for (const path of [dir.dockerConfig, dir.scopedConfigs, dir.secrets, dir.tlsKeys])
      expect([path, existsSync(path)]).toEqual([path, false])
    expect(readdirSync(dir.path).filter((name) => /sock|ctl/.test(name))).toEqual([])
    expect(existsSync(dir.journal)).toBe(true)
  })

  test('a builder that later steps use keeps its connection and the sockets of its BuildKits only', async () => {
    const { dir, agent, connection, ended } = await usedRunDir()
    writeFileSync(dir.buildkitSocket(0), '')
    writeFileSync(join(dir.path, 'n0-k.sock'), '')
    await endAccess({ dir }, true)
    expect([await ended(agent), connection.signalCode]).toEqual(['SIGTERM', null])
    expect(readdirSync(dir.path).filter((name) => /sock|ctl/.test(name))).toEqual(['b0.sock'])
    const gone = [dir.tlsKeys, dir.dockerConfig, dir.scopedConfigs, dir.secrets]
    expect(gone.map(existsSync)).toEqual(gone.map(() => false))
  })
})

describe('writeJobLogins', () => {
  test('copies the configuration with the logins of the step, and links everything else', async () => {
    const user = mkdtempSync(join(tmpdir(), 'docker-'))
    mkdirSync(join(user, 'cli-plugins'))
    writeFileSync(join(user, 'config.json'), '{}')
    const { run } = await testRun({ username: 'ci', password: 'pass-word', login: 'job' })
    const path = writeJobLogins({ ...run, dockerConfig: { currentContext: 'mine', auths: { 'a.example': {} } } }, user)
    expect(readdirSync(path).sort()).toEqual(['cli-plugins', 'config.json'])
    expect(readlinkSync(join(path, 'cli-plugins'))).toBe(join(user, 'cli-plugins'))
    const config = JSON.parse(readFileSync(join(path, 'config.json'), 'utf8')) as Record<string, object>
    expect(config['currentContext']).toBe('mine')
    expect(config['auths']).toMatchObject({ 'ghcr.io': { auth: Buffer.from('ci:pass-word').toString('base64') } })
    expect(readFileSync(join(user, 'config.json'), 'utf8')).toBe('{}')
  })

  test('`logout: false` is the same as `login: job`', async () => {
    expect((await testRun({ logout: 'false' })).run.inputs.login).toBe('job')
    expect((await testRun({})).run.inputs.login).toBe('step')
  })
})
