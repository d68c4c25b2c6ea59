import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { newest } from '../../../../src/buildx/find.ts'
import type { InstallDeps } from '../../../../src/buildx/install/install.ts'
import { findRequested, provideBuildx, requireBuildAlias } from '../../../../src/buildx/install/provide.ts'
import { RunDir } from '../../../../src/run/run-dir.ts'

const { PATH: path, DOCKER_CONFIG: config } = process.env
let dir: string

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'docker-'))
  process.env['PATH'] = dir
  process.env['DOCKER_CONFIG'] = join(dir, 'docker-config')
})
afterEach(() => {
  process.env['PATH'] = path
  if (config === undefined) delete process.env['DOCKER_CONFIG']
  else process.env['DOCKER_CONFIG'] = config
  rmSync(dir, { recursive: true })
})

/** A client of this version, with the plugin or without. */
function docker(version: string, plugin: boolean): void {
  const file = join(dir, 'docker')
  writeFileSync(
    file,
    `#!/bin/sh\n[ "$1" != version ] || echo ${version}\n[ "$1" != buildx ] || exit ${plugin ? 0 : 1}\n`,
  )
  chmodSync(file, 0o755)
}

describe('requireBuildAlias', () => {
  test('passes if `docker build` uses buildx', async () => {
    docker('23.0.0', true)
    await expect(requireBuildAlias()).resolves.toBeUndefined()
  })

  test.each<[string, () => void, string]>([
    ['no docker', () => undefined, 'install: this runner has no `docker`'],
    ['an old one', () => docker('20.10.24', true), 'install: `docker build` of Docker 20.10.24 does not use buildx'],
    [
      'one without the plugin',
      () => docker('28.5.2', false),
      'install: the buildx plugin of `docker` is not installed on this runner',
    ],
  ])('fails with %s', async (_, prepare, message) => {
    prepare()
    await expect(requireBuildAlias()).rejects.toMatchObject({ code: 'inputs', message })
  })
})

describe('a buildx that is new enough for the inputs', () => {
  /** A buildx that prints this version. @returns its path */
  function buildx(folder: string, version: string): string {
    const file = join(dir, folder, 'buildx')
    mkdirSync(join(dir, folder), { recursive: true })
    writeFileSync(file, `#!/bin/sh\necho github.com/docker/buildx v${version} abc\n`)
    chmodSync(file, 0o755)
    return file
  }

  /** Every download would fail: the tool cache already has the newest one, as after a download. */
  function deps(): InstallDeps {
    const entry = `hosted/buildx/${newest}/${process.arch}`
    buildx(entry, newest)
    writeFileSync(join(dir, `${entry}.complete`), '')
    return {
      fetch: () => Promise.reject(new Error('no request is expected')),
      signal: new AbortController().signal,
      token: '',
      log: { info: () => undefined, warn: () => undefined, debug: () => undefined },
      dir: new RunDir(join(dir, 'run')),
      toolCache: join(dir, 'hosted'),
      useCache: false,
      waits: [],
    }
  }
  const any = { kind: 'any' } as const
  const installed = () => ({ command: join(dir, `hosted/buildx/${newest}/${process.arch}/buildx`), version: newest })

  test.each(['0.19.0', '0.37.1'])('%s is used without tests, replaced with tests', async (version) => {
    const own = { command: buildx('', version), version }
    expect(await provideBuildx(any, deps())).toEqual({ buildx: own })
    expect(await provideBuildx(any, deps(), '0.38.0')).toEqual({ buildx: installed() })
    expect(await findRequested({ buildx: any, install: false })).toEqual(own)
    expect(await findRequested({ buildx: any, install: false }, '0.38.0')).toBeUndefined()
  })

  test.each(['0.38.0', '0.39.1', '1.0.0'])('%s is used with tests too', async (version) => {
    const own = { command: buildx('', version), version }
    expect(await provideBuildx(any, deps(), '0.38.0')).toEqual({ buildx: own })
    expect(await findRequested({ buildx: any, install: false }, '0.38.0')).toEqual(own)
  })

  test('an older one in `version` is an error, although the runner has it', async () => {
    buildx('', '0.37.1')
    await expect(provideBuildx({ kind: 'exact', version: '0.37.1' }, deps(), '0.38.0')).rejects.toMatchObject({
      code: 'inputs',
      message: 'version: buildx 0.37.1 is too old: 0.38.0 or newer is needed',
    })
  })

  test('without any buildx the job fails, with tests too: only a `version` installs the first one', async () => {
    await expect(provideBuildx(any, deps(), '0.38.0')).rejects.toThrow('This runner has no buildx')
  })
})
