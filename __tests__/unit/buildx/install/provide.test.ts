import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { checkAlias } from '../../../../src/buildx/install/provide.ts'

const { PATH: path } = process.env
let dir: string

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'docker-'))
  process.env['PATH'] = dir
})
afterEach(() => {
  process.env['PATH'] = path
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

describe('install', () => {
  test('is true already where `docker build` is buildx', async () => {
    docker('23.0.0', true)
    await expect(checkAlias()).resolves.toBeUndefined()
  })

  test.each<[string, () => void, string]>([
    ['no docker', () => undefined, 'install: this runner has no `docker`, whose `docker build` could be buildx'],
    [
      'an old one',
      () => docker('20.10.24', true),
      'install: `docker build` of Docker 20.10.24 is not buildx, and this action writes nothing into the configuration of docker',
    ],
    [
      'one without the plugin',
      () => docker('28.5.2', false),
      'install: the `docker` of this runner has no buildx, so its `docker build` is none',
    ],
  ])('refused: %s', async (_, prepare, message) => {
    prepare()
    await expect(checkAlias()).rejects.toMatchObject({ code: 'inputs', message })
  })
})
