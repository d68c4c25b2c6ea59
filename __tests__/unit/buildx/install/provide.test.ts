import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { requireBuildAlias } from '../../../../src/buildx/install/provide.ts'

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
