import { afterAll, describe, expect, test } from '@jest/globals'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { localEngineSocket } from '../../../../src/nodes/engine/local.ts'

const configDir = mkdtempSync(join(tmpdir(), 'docker-'))
afterAll(() => rmSync(configDir, { recursive: true }))

for (const [name, Host] of [
  ['rootless', 'unix:///run/user/1001/docker.sock'],
  ['build-server', 'ssh://ci@arm.example.com'],
] as const) {
  const dir = join(configDir, 'contexts/meta', createHash('sha256').update(name).digest('hex'))
  mkdirSync(dir, { recursive: true })
  writeFileSync(join(dir, 'meta.json'), JSON.stringify({ Name: name, Endpoints: { docker: { Host } } }))
}

/** Where the engine is found with these variables, this current context and these sockets. */
function find(env: Readonly<Record<string, string>>, currentContext = '', sockets: readonly string[] = []): string {
  writeFileSync(join(configDir, 'config.json'), JSON.stringify({ currentContext }))
  return localEngineSocket({
    env,
    configDir,
    home: '/home/ci',
    uid: 1000,
    exists: (path) => sockets.includes(path),
  })
}

const rootless = '/run/user/1001/docker.sock'

describe('the local engine is found as the Docker CLI finds it', () => {
  test.each<[string, Parameters<typeof find>, string]>([
    ['nothing is set', [{}], '/var/run/docker.sock'],
    ['DOCKER_HOST', [{ DOCKER_HOST: 'unix:///run/a.sock', DOCKER_CONTEXT: 'rootless' }, 'rootless'], '/run/a.sock'],
    ['DOCKER_CONTEXT', [{ DOCKER_CONTEXT: 'rootless' }, 'build-server'], rootless],
    ['the current context', [{}, 'rootless', ['/var/run/docker.sock']], rootless],
    ['the default context, selected', [{ DOCKER_CONTEXT: 'default' }, 'rootless'], '/var/run/docker.sock'],
    ['the directory of the session', [{ XDG_RUNTIME_DIR: '/run/x' }, '', ['/run/x/docker.sock']], '/run/x/docker.sock'],
    ['a rootless engine without a session', [{}, '', ['/run/user/1000/docker.sock']], '/run/user/1000/docker.sock'],
    [
      'Docker Desktop on Linux',
      [{}, '', ['/home/ci/.docker/desktop/docker.sock']],
      '/home/ci/.docker/desktop/docker.sock',
    ],
    ['the usual path first', [{}, '', ['/run/user/1000/docker.sock', '/var/run/docker.sock']], '/var/run/docker.sock'],
  ])('%s', (_, given, expected) => {
    expect(find(...given)).toBe(expected)
  })

  test.each<[string, Parameters<typeof find>, string]>([
    ['DOCKER_HOST of another machine', [{ DOCKER_HOST: 'tcp://10.0.0.1:2376' }], 'DOCKER_HOST is tcp://10.0.0.1:2376'],
    [
      'a context of another machine',
      [{}, 'build-server'],
      'The host of the Docker context build-server is ssh://ci@arm.example.com',
    ],
    [
      'an unknown context',
      [{ DOCKER_CONTEXT: 'typo' }],
      'DOCKER_CONTEXT is typo, and there is no context of this name',
    ],
    ['a context that was removed', [{}, 'gone'], 'The current Docker context is gone, and there is no context'],
  ])('refused: %s', (_, given, message) => {
    expect(() => find(...given)).toThrow(message)
  })
})
