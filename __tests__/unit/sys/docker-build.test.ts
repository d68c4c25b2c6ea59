import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { checkDockerBuild } from '../../../src/sys/docker-build.ts'

let dir = ''
const { PATH: before } = process.env
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'docker-'))
  process.env['PATH'] = `${dir}:/usr/bin:/bin`
})
afterEach(() => {
  rmSync(dir, { recursive: true })
  process.env['PATH'] = before
})

/** Docker's client as far as it is asked: without the plugin it does not know `buildx` and ends with 1. */
function putDocker(version: string, plugin: boolean): void {
  const lines = ['#!/bin/sh', 'case "$*" in', `--version) echo '${version}' ;;`, `'buildx version') ${plugin ? 'echo github.com/docker/buildx v0.38.2 abc' : 'exit 1'} ;;`, '*) exit 125 ;;', 'esac', '']
  writeFileSync(join(dir, 'docker'), lines.join('\n'), { mode: 0o755 })
}

test.each(['Docker version 28.5.2+dfsg4, build ecc6942', 'Docker version 23.0.0, build e92dd87'])('%s with the plugin builds with buildx by itself', async (version) => {
  putDocker(version, true)
  await checkDockerBuild({ install: true })
})

test.each([
  ['Docker version 20.10.24, build 297e128', true, 'Docker version 20.10.24, build 297e128'],
  ['Docker version 28.5.2, build ecc6942', false, 'Docker version 28.5.2, build ecc6942, without the buildx plugin'],
  ['podman version 5.4.0', true, 'podman version 5.4.0'],
])('%s, plugin %s: refused', async (version, plugin, found) => {
  putDocker(version, plugin)
  await expect(checkDockerBuild({ install: true })).rejects.toThrow(`whose \`docker build\` is buildx', and this runner has ${found}`)
})

test('nothing is asked unless it is wanted', async () => {
  putDocker('Docker version 20.10.24, build 297e128', false)
  await checkDockerBuild({ install: false })
})
