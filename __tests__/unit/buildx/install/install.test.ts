import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { binaryName } from '../../../../src/buildx/install/release.ts'
import { UserError } from '../../../../src/lib/errors.ts'
import { installBuildx, type InstallDeps } from '../../../../src/buildx/install/install.ts'
import { latestVersion } from '../../../../src/buildx/install/provide.ts'
import { newest } from '../../../../src/buildx/find.ts'
import { RunDir } from '../../../../src/run/run-dir.ts'
import { jobUmask } from '../../../../src/lib/files.ts'

const version = '0.38.2'
const name = binaryName(version, process) ?? ''
const binary = Buffer.alloc(300_000, 'buildx ')
const digest = createHash('sha256').update(binary).digest('hex')
const other = '0b'.repeat(32)

type Answer = (answer: ServerResponse, authorization: string | undefined) => void
const text =
  (body: string): Answer =>
  (answer) =>
    answer.end(body)
const status =
  (code: number): Answer =>
  (answer) =>
    answer.writeHead(code).end('no')

let dir = ''
let server: Server
let base = ''
let answers: Map<string, readonly Answer[]>
let requests: string[]

/** A server in the place of github.com and api.github.com: each path has its answers, the last one for good. */
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'install-'))
  requests = []
  const assets = `/releases/download/v${version}`
  answers = new Map([
    [`${assets}/checksums.txt`, [text(`${digest} *${name}\n`)]],
    [`/api/tags/v${version}`, [text(JSON.stringify({ assets: [{ name, digest: `sha256:${digest}` }] }))]],
    [`/api/latest`, [text(JSON.stringify({ tag_name: `v${version}` }))]],
    [`${assets}/${name}`, [(answer) => answer.end(binary)]],
  ])
  server = createServer(({ url = '', headers }, answer) => {
    requests.push(url)
    const [first = status(404), ...rest] = answers.get(url) ?? []
    if (rest.length > 0) answers.set(url, rest)
    first(answer, headers.authorization)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterEach(() => {
  server.closeAllConnections()
  server.close()
  rmSync(dir, { recursive: true })
})

const logged: string[] = []
function deps(more: Partial<InstallDeps> = {}): InstallDeps {
  const log = (line: string) => logged.push(line)
  const toHere = (url: string) =>
    url
      .replace(/^https:\/\/github\.com\/docker\/buildx/, base)
      .replace(/^https:\/\/api\.github\.com\/repos\/docker\/buildx\/releases/, `${base}/api`)
  const fetch: InstallDeps['fetch'] = (url, init) =>
    globalThis.fetch(toHere(url instanceof Request ? url.url : String(url)), init)
  return {
    fetch,
    signal: new AbortController().signal,
    token: '',
    log: { info: log, warn: log, debug: log },
    dir: new RunDir(dir),
    toolCache: join(dir, 'hosted'),
    useCache: false,
    waits: [1, 1],
    ...more,
  }
}
const put = (path: string, ...given: readonly Answer[]) => answers.set(path, given)
const asset = (file: string) => `/releases/download/v${version}/${file}`
const failure = async (work: Promise<unknown>): Promise<UserError> => {
  const error: unknown = await work.catch((reason: unknown) => reason)
  if (error instanceof UserError) return error
  throw error instanceof Error ? error : new Error('it did not fail')
}
/** Nothing of a download is left anywhere. */
const halves = () =>
  [dir, join(dir, 'hosted/buildx', version)]
    .flatMap((path) => (existsSync(path) ? readdirSync(path) : []))
    .filter(
      (file) => file !== 'tools' && file !== 'hosted' && file !== process.arch && file !== `${process.arch}.complete`,
    )

describe('installBuildx', () => {
  test('downloads into the tool cache, where the next job finds it without any request', async () => {
    const { command } = await installBuildx({ version }, deps())
    expect(command).toBe(join(dir, 'hosted/buildx', version, process.arch, 'buildx'))
    expect([readFileSync(command).equals(binary), statSync(command).mode & 0o777]).toEqual([true, 0o777 & ~jobUmask])
    const before = requests.length
    expect(await installBuildx({ version }, deps())).toEqual({ command })
    expect(requests).toHaveLength(before)
    expect(halves()).toEqual([])
  })

  test('without a writable tool cache it downloads into the run directory', async () => {
    writeFileSync(join(dir, 'file'), '')
    for (const toolCache of ['', join(dir, 'file')]) {
      rmSync(join(dir, 'tools'), { recursive: true, force: true })
      expect((await installBuildx({ version }, deps({ toolCache }))).command).toBe(join(dir, 'tools/buildx'))
    }
  })

  test('a pinned digest needs no request for the digest', async () => {
    put(asset('checksums.txt'), status(404))
    put(`/api/tags/v${version}`, status(403))
    await installBuildx({ version, digest }, deps())
    expect(requests).toEqual([asset(name)])
  })

  test.each([
    ['checksums.txt', () => put(`/api/tags/v${version}`, status(403))],
    ['the API', () => put(asset('checksums.txt'), status(404))],
  ])('%s alone is sufficient', async (_, less) => {
    less()
    expect(existsSync((await installBuildx({ version }, deps())).command)).toBe(true)
  })

  test('retries after 5xx and after an incomplete response', async () => {
    put(asset('checksums.txt'), status(503), status(502), text(`${digest} *${name}`))
    put(
      asset(name),
      (answer) => (
        answer.writeHead(200, { 'content-length': binary.length }).write(binary.subarray(0, 1000)),
        setTimeout(() => answer.destroy(), 20)
      ),
      (answer) => answer.end(binary),
    )
    expect(readFileSync((await installBuildx({ version }, deps())).command).equals(binary)).toBe(true)
    expect(halves()).toEqual([])
  })

  test('sends the token only to the API', async () => {
    const tokens: (string | undefined)[] = []
    const spy = (path: string) => {
      const [then] = answers.get(path) ?? []
      put(
        path,
        (answer, authorization) => (
          tokens.push(`${path.split('/').at(-1) ?? ''} ${authorization ?? 'none'}`),
          then?.(answer, authorization)
        ),
      )
    }
    for (const path of answers.keys()) spy(path)
    await installBuildx({ version }, deps({ token: 'ghs_1' }))
    expect(tokens.sort()).toEqual([`${name} none`, 'checksums.txt none', `v${version} Bearer ghs_1`].sort())
  })

  test.each<[string, () => unknown, RegExp, string | undefined]>([
    [
      'a binary with another checksum',
      () => put(asset(name), text('something else')),
      /^The downloaded buildx 0\.38\.2 does not match the checksum of the release; it was not executed$/,
      undefined,
    ],
    [
      'a binary that is not the pinned one',
      () => undefined,
      /^The downloaded buildx 0\.38\.2 does not match the digest in `version`; it was not executed$/,
      other,
    ],
    [
      'a release with two different checksums',
      () => put(asset('checksums.txt'), text(`${other} *${name}`)),
      /^Checksums for buildx-v\S+ in the buildx 0\.38\.2 release do not match each other/,
      undefined,
    ],
    [
      'no checksum anywhere',
      () => (put(asset('checksums.txt'), text('')), put(`/api/tags/v${version}`, text('{}'))),
      /^No checksum found for buildx 0\.38\.2/,
      undefined,
    ],
    [
      'a release that does not exist',
      () => put(asset(name), status(404)),
      /buildx 0\.38\.2 has no release for this runner/,
      digest,
    ],
    ['a server that keeps failing', () => put(asset(name), status(503)), /could not be downloaded/, digest],
    ['a server that refuses', () => put(asset(name), status(403)), /could not be downloaded/, digest],
  ])('%s: fails and leaves nothing', async (_, fault, headline, pin) => {
    fault()
    const refused = await failure(installBuildx({ version, digest: pin }, deps()))
    expect(refused.message).toMatch(headline)
    expect(refused.hint).not.toBe('')
    expect(halves()).toEqual([])
    expect(existsSync(join(dir, 'hosted/buildx', version, process.arch))).toBe(false)
  })

  test('a release host that cannot be reached is a problem of the runner', async () => {
    const fetch = () => Promise.reject(new TypeError('fetch failed', { cause: new Error('connect ECONNREFUSED') }))
    expect(await failure(installBuildx({ version }, deps({ fetch, waits: [] })))).toMatchObject({
      code: 'runner',
      message: `This runner cannot reach github.com to download buildx ${version}`,
      details: [expect.stringContaining('ECONNREFUSED'), expect.stringContaining('ECONNREFUSED')],
    })
  })

  test('a tool cache with another binary than the pinned one is not used and not changed', async () => {
    const place = join(dir, 'hosted/buildx', version, process.arch)
    mkdirSync(place, { recursive: true })
    writeFileSync(join(place, 'buildx'), 'planted')
    writeFileSync(`${place}.complete`, '')
    const { command } = await installBuildx({ version, digest }, deps())
    expect(command).toBe(join(dir, 'tools/buildx'))
    expect(readFileSync(command).equals(binary)).toBe(true)
    expect(readFileSync(join(place, 'buildx'), 'utf8')).toBe('planted')
    expect(logged.at(-2)).toMatch(/does not have the digest in `version`: it is not used/)
  })

  test('an incomplete entry of the tool cache is used only if its digest matches', async () => {
    const place = join(dir, 'hosted/buildx', version, process.arch)
    mkdirSync(place, { recursive: true })
    writeFileSync(join(place, 'buildx'), binary.subarray(0, 10))
    expect((await installBuildx({ version }, deps())).command).toBe(join(dir, 'tools/buildx'))
    writeFileSync(join(place, 'buildx'), binary)
    expect((await installBuildx({ version }, deps())).command).toBe(join(place, 'buildx'))
    expect(existsSync(`${place}.complete`)).toBe(true)
  })

  test('ten jobs at once: all get the complete file', async () => {
    const installed = await Promise.all(
      Array.from({ length: 10 }, async () => await installBuildx({ version }, deps())),
    )
    for (const { command } of installed) expect(readFileSync(command).equals(binary)).toBe(true)
    expect(halves()).toEqual([])
  })

  test('an abort ends it', async () => {
    const cancel = new AbortController()
    put(asset(name), () => cancel.abort(new Error('cancelled')))
    await expect(installBuildx({ version }, deps({ signal: cancel.signal }))).rejects.toThrow('cancelled')
    expect(halves()).toEqual([])
  })
})

describe('latestVersion', () => {
  test('is that of the latest release', async () => expect(await latestVersion(deps())).toBe(version))

  test.each([[status(403)], [text('{"tag_name":"v0.39.0-rc1"}')], [text('<html>')]])(
    'is a known version, with a warning, if the API does not name it',
    async (answer) => {
      put('/api/latest', answer)
      expect(await latestVersion(deps())).toBe(newest)
      expect(logged.at(-1)).toMatch(/^Could not determine the latest buildx version, so \S+ is used: /)
    },
  )
})
