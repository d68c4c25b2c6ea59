import { createHash } from 'node:crypto'
import { accessSync, constants, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { installCosign } from '../../../../src/publish/sign/install.ts'

const binary = 'the binary'
const digest = createHash('sha256').update(binary).digest('hex')
const version = '3.1.3'
const { signal } = new AbortController()

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'cosign-'))
})
afterEach(() => rmSync(dir, { recursive: true }))

const server = (urls: string[], status = 200) => ({
  dir,
  signal,
  waits: [],
  platform: 'linux',
  arch: 'x64',
  fetch: (url: string | URL | Request) => {
    urls.push(url instanceof Request ? url.url : url.toString())
    return Promise.resolve(new Response(binary, { status }))
  },
})

test.each([
  ['linux', 'x64', 'cosign-linux-amd64'],
  ['linux', 'arm', 'cosign-linux-arm'],
  ['linux', 'ppc64', 'cosign-linux-ppc64le'],
  ['darwin', 'arm64', 'cosign-darwin-arm64'],
])('the binary for %s and %s', async (platform, arch, name) => {
  const urls: string[] = []
  const path = await installCosign({ version, digest }, { ...server(urls), platform, arch })
  expect(urls).toEqual([`https://github.com/sigstore/cosign/releases/download/v3.1.3/${name}`])
  expect(() => accessSync(path, constants.X_OK)).not.toThrow()
})

test('another digest: nothing is left', async () => {
  await expect(installCosign({ version, digest: 'a'.repeat(64) }, server([]))).rejects.toMatchObject({
    message: 'cosign 3.1.3 could not be downloaded and verified',
    details: [`expected: sha256:${'a'.repeat(64)}`, `actual:   sha256:${digest}`],
  })
  expect(readdirSync(dir)).toEqual([])
})

test('no such release', async () => {
  await expect(installCosign({ version, digest }, server([], 404))).rejects.toMatchObject({
    details: [expect.stringContaining('HTTP 404')],
  })
  expect(readdirSync(dir)).toEqual([])
})

test('a system without releases', async () => {
  const urls: string[] = []
  await expect(installCosign({ version, digest }, { ...server(urls), platform: 'freebsd' })).rejects.toThrow()
  expect(urls).toEqual([])
})

test('a directory in which programs cannot run', async () => {
  // Without permission to execute, as every file of a directory that is mounted with `noexec`.
  writeFileSync(join(dir, 'cosign'), '', { mode: 0o600 })
  await expect(installCosign({ version, digest }, server([]))).rejects.toMatchObject({
    message: `cosign 3.1.3 cannot be executed: ${join(dir, 'cosign')}`,
    hint: expect.stringContaining('noexec'),
  })
  expect(readdirSync(dir)).toEqual([])
})
