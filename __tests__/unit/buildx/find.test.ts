import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { createHash } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findBuildx, findVersion, runEnv } from '../../../src/buildx/find.ts'
import { RunDir } from '../../../src/run/run-dir.ts'

describe('findBuildx', () => {
  let dir = ''
  const before = { PATH: process.env['PATH'], DOCKER_CONFIG: process.env['DOCKER_CONFIG'] }
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'buildx-'))
  })
  afterEach(() => {
    rmSync(dir, { recursive: true })
    Object.assign(process.env, before)
    if (before.DOCKER_CONFIG === undefined) delete process.env['DOCKER_CONFIG']
  })

  const put = (path: string, text: string, mode = 0o755) => {
    mkdirSync(join(dir, path, '..'), { recursive: true })
    writeFileSync(join(dir, path), text)
    chmodSync(join(dir, path), mode)
  }

  test('skips directories, files that are not executable, and binaries of another machine', async () => {
    mkdirSync(join(dir, 'a/buildx'), { recursive: true })
    put('b/buildx', '#!/bin/sh\n', 0o644)
    put('docker/cli-plugins/docker-buildx', '\x7fELF of another machine')
    put('c/docker-buildx', '#!/bin/sh\necho github.com/docker/buildx v0.30.1 abc\n')
    process.env['DOCKER_CONFIG'] = join(dir, 'docker')
    process.env['PATH'] = ['a', 'b', 'c'].map((name) => join(dir, name)).join(':')
    expect(await findBuildx()).toEqual({ command: join(dir, 'c/docker-buildx'), version: '0.30.1' })
  })

  // As a directory in PATH that belongs to another user: root may read everything, but cannot follow such a link.
  test('skips directories that cannot be read', async () => {
    symlinkSync('loop', join(dir, 'loop'))
    put('a/buildx', '#!/bin/sh\necho github.com/docker/buildx v0.30.1 abc\n')
    process.env['DOCKER_CONFIG'] = join(dir, 'loop')
    process.env['PATH'] = ['loop', 'a'].map((name) => join(dir, name)).join(':')
    expect(await findBuildx()).toMatchObject({ version: '0.30.1' })
  })

  test('skips one that is too old, and names it if there is no other', async () => {
    put('a/buildx', '#!/bin/sh\necho github.com/docker/buildx v0.11.2 abc\n')
    put('b/buildx', '#!/bin/sh\necho github.com/docker/buildx v0.30.1 abc\n')
    process.env['DOCKER_CONFIG'] = join(dir, 'docker')
    process.env['PATH'] = ['a', 'b'].map((name) => join(dir, name)).join(':')
    expect(await findBuildx()).toMatchObject({ version: '0.30.1' })
    rmSync(join(dir, 'b'), { recursive: true })
    await expect(findBuildx()).rejects.toThrow(`buildx 0.11.2 (${join(dir, 'a/buildx')}) is too old`)
  })

  test('names a buildx that is not executable if there is no other', async () => {
    put('a/buildx', '#!/bin/sh\n', 0o644)
    process.env['DOCKER_CONFIG'] = join(dir, 'docker')
    process.env['PATH'] = join(dir, 'a')
    const error: unknown = await findBuildx().catch((error: unknown) => error)
    expect(error).toMatchObject({ message: `The buildx of this runner is not executable: ${join(dir, 'a/buildx')}` })
  })

  test('names a buildx that prints no version if there is no other', async () => {
    put('a/buildx', '#!/bin/sh\nexit 1\n')
    process.env['DOCKER_CONFIG'] = join(dir, 'docker')
    process.env['PATH'] = join(dir, 'a')
    const error: unknown = await findBuildx().catch((error: unknown) => error)
    expect(error).toMatchObject({ message: `The buildx of this runner prints no version: ${join(dir, 'a/buildx')}` })
  })

  test('finds exactly the requested version', async () => {
    put('a/buildx', '#!/bin/sh\necho github.com/docker/buildx v0.31.0 abc\n')
    put('docker/cli-plugins/docker-buildx', '#!/bin/sh\necho github.com/docker/buildx v0.30.1 abc\n')
    process.env['DOCKER_CONFIG'] = join(dir, 'docker')
    process.env['PATH'] = join(dir, 'a')
    expect(await findVersion('0.30.1')).toEqual({
      command: join(dir, 'docker/cli-plugins/docker-buildx'),
      version: '0.30.1',
    })
    expect(await findVersion('0.30.2')).toBeUndefined()
  })

  test('executes only the binary with the pinned digest', async () => {
    const marker = join(dir, 'executed')
    put('a/buildx', `#!/bin/sh\ntouch ${marker}\necho github.com/docker/buildx v0.30.1 abc\n`)
    const pinned = '#!/bin/sh\necho github.com/docker/buildx v0.30.1 abc\n'
    put('b/buildx', pinned)
    process.env['DOCKER_CONFIG'] = join(dir, 'docker')
    process.env['PATH'] = ['a', 'b'].map((name) => join(dir, name)).join(':')
    const digest = createHash('sha256').update(pinned).digest('hex')
    expect(await findVersion('0.30.1', digest)).toEqual({ command: join(dir, 'b/buildx'), version: '0.30.1' })
    expect(await findVersion('0.30.1', '0b'.repeat(32))).toBeUndefined()
    expect(existsSync(marker)).toBe(false)
  })
})

test('buildx gets the span of the run, and neither exporter nor headers of telemetry', () => {
  const telemetry = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4317', OTEL_EXPORTER_OTLP_HEADERS: 'a=secret' }
  Object.assign(process.env, telemetry, { TRACEPARENT: 'caller' })
  try {
    const env = runEnv(new RunDir('/d'), { TRACEPARENT: 'run' })
    expect(env['TRACEPARENT']).toBe('run')
    expect(Object.keys(env).filter((name) => name.startsWith('OTEL_'))).toEqual([])
  } finally {
    for (const name of [...Object.keys(telemetry), 'TRACEPARENT']) Reflect.deleteProperty(process.env, name)
  }
})

test('bake refuses paths outside the workspace, and gets no Git login, whatever the job sets for its own calls', () => {
  const ofJob = { BUILDX_BAKE_ENTITLEMENTS_FS: '0', BUILDX_BAKE_GIT_AUTH_TOKEN: 'secret', BUILDX_BAKE_FILE: 'a.hcl' }
  Object.assign(process.env, ofJob)
  try {
    const env = Object.entries(runEnv(new RunDir('/d'))).filter(([name]) => name.startsWith('BUILDX_BAKE_'))
    expect(env).toEqual([['BUILDX_BAKE_ENTITLEMENTS_FS', 'true']])
  } finally {
    for (const name of Object.keys(ofJob)) Reflect.deleteProperty(process.env, name)
  }
})
