import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { binaryName } from '../../../../src/buildx/install/release.ts'
import { UserError } from '../../../../src/lib/errors.ts'
import { jobUmask } from '../../../../src/lib/umask.ts'
import { installBuildx, resolveVersion, type InstallWorld } from '../../../../src/buildx/install/install.ts'
import { RunDir } from '../../../../src/run/run-dir.ts'

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
let asked: string[]

/** A server in the place of github.com and api.github.com: each path has its answers, the last one for good. */
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'install-'))
  asked = []
  const assets = `/releases/download/v${version}`
  answers = new Map([
    [`${assets}/checksums.txt`, [text(`${digest} *${name}\n`)]],
    [`/api/tags/v${version}`, [text(JSON.stringify({ assets: [{ name, digest: `sha256:${digest}` }] }))]],
    [`/api/latest`, [text(JSON.stringify({ tag_name: `v${version}` }))]],
    [`${assets}/${name}`, [(answer) => answer.end(binary)]],
  ])
  server = createServer(({ url = '', headers }, answer) => {
    asked.push(url)
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

const told: string[] = []
function world(more: Partial<InstallWorld> = {}): InstallWorld {
  const log = (line: string) => told.push(line)
  const toHere = (url: string) =>
    url
      .replace(/^https:\/\/github\.com\/docker\/buildx/, base)
      .replace(/^https:\/\/api\.github\.com\/repos\/docker\/buildx\/releases/, `${base}/api`)
  const fetch: InstallWorld['fetch'] = (url, init) =>
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
  test('downloads into the tool cache, where the next job finds it without a word to anybody', async () => {
    const { command } = await installBuildx({ version }, world())
    expect(command).toBe(join(dir, 'hosted/buildx', version, process.arch, 'buildx'))
    expect([readFileSync(command).equals(binary), statSync(command).mode & 0o777]).toEqual([true, 0o777 & ~jobUmask])
    const before = asked.length
    expect(await installBuildx({ version }, world())).toEqual({ command })
    expect(asked).toHaveLength(before)
    expect(halves()).toEqual([])
  })

  test('without a tool cache, or one that cannot be written, into the private directory', async () => {
    writeFileSync(join(dir, 'file'), '')
    for (const toolCache of ['', join(dir, 'file')]) {
      rmSync(join(dir, 'tools'), { recursive: true, force: true })
      expect((await installBuildx({ version }, world({ toolCache }))).command).toBe(join(dir, 'tools/buildx'))
    }
  })

  test('a pin needs nobody to tell the digest', async () => {
    put(asset('checksums.txt'), status(404))
    put(`/api/tags/v${version}`, status(403))
    await installBuildx({ version, digest }, world())
    expect(asked).toEqual([asset(name)])
  })

  test.each([
    ['checksums.txt', () => put(`/api/tags/v${version}`, status(403))],
    ['the API', () => put(asset('checksums.txt'), status(404))],
  ])('%s alone is enough', async (_, less) => {
    less()
    expect(existsSync((await installBuildx({ version }, world())).command)).toBe(true)
  })

  test('a server in trouble is asked again, and a cut answer', async () => {
    put(asset('checksums.txt'), status(503), status(502), text(`${digest} *${name}`))
    put(
      asset(name),
      (answer) => (
        answer.writeHead(200, { 'content-length': binary.length }).write(binary.subarray(0, 1000)),
        setTimeout(() => answer.destroy(), 20)
      ),
      (answer) => answer.end(binary),
    )
    expect(readFileSync((await installBuildx({ version }, world())).command).equals(binary)).toBe(true)
    expect(halves()).toEqual([])
  })

  test('the token goes to the API, and nowhere else', async () => {
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
    await installBuildx({ version }, world({ token: 'ghs_1' }))
    expect(tokens.sort()).toEqual([`${name} none`, 'checksums.txt none', `v${version} Bearer ghs_1`].sort())
  })

  test.each<[string, () => unknown, RegExp, string | undefined]>([
    [
      'a binary that is another',
      () => put(asset(name), text('something else')),
      /that was downloaded is not the one of the release; it was not run/,
      undefined,
    ],
    [
      'a binary that is not the pinned one',
      () => undefined,
      /that was downloaded is not the one that `version` pins; it was not run/,
      other,
    ],
    [
      'a release that contradicts itself',
      () => put(asset('checksums.txt'), text(`${other} *${name}`)),
      /contradicts itself about buildx-v/,
      undefined,
    ],
    [
      'no digest anywhere',
      () => (put(asset('checksums.txt'), text('')), put(`/api/tags/v${version}`, text('{}'))),
      /Nobody tells the digest/,
      undefined,
    ],
    [
      'a release that is not there',
      () => put(asset(name), status(404)),
      /There is no buildx 0\.38\.2 for this runner/,
      digest,
    ],
    ['a server in trouble for good', () => put(asset(name), status(503)), /could not be downloaded/, digest],
    ['a server that refuses', () => put(asset(name), status(403)), /could not be downloaded/, digest],
  ])('%s: refused, and nothing is left', async (_, fault, headline, pin) => {
    fault()
    const refused = await failure(installBuildx({ version, digest: pin }, world()))
    expect(refused.message).toMatch(headline)
    expect(refused.hint).not.toBe('')
    expect(halves()).toEqual([])
    expect(existsSync(join(dir, 'hosted/buildx', version, process.arch))).toBe(false)
  })

  test('a tool cache that holds another binary than the pinned one is passed over, and left as it is', async () => {
    const place = join(dir, 'hosted/buildx', version, process.arch)
    mkdirSync(place, { recursive: true })
    writeFileSync(join(place, 'buildx'), 'planted')
    writeFileSync(`${place}.complete`, '')
    const { command } = await installBuildx({ version, digest }, world())
    expect(command).toBe(join(dir, 'tools/buildx'))
    expect(readFileSync(command).equals(binary)).toBe(true)
    expect(readFileSync(join(place, 'buildx'), 'utf8')).toBe('planted')
    expect(told.at(-2)).toMatch(/is not the one that `version` pins: it is not used/)
  })

  test('what a killed job left half-way in the tool cache is taken only if it is right', async () => {
    const place = join(dir, 'hosted/buildx', version, process.arch)
    mkdirSync(place, { recursive: true })
    writeFileSync(join(place, 'buildx'), binary.subarray(0, 10))
    expect((await installBuildx({ version }, world())).command).toBe(join(dir, 'tools/buildx'))
    writeFileSync(join(place, 'buildx'), binary)
    expect((await installBuildx({ version }, world())).command).toBe(join(place, 'buildx'))
    expect(existsSync(`${place}.complete`)).toBe(true)
  })

  test('ten jobs at once: all have it whole', async () => {
    const installed = await Promise.all(
      Array.from({ length: 10 }, async () => await installBuildx({ version }, world())),
    )
    for (const { command } of installed) expect(readFileSync(command).equals(binary)).toBe(true)
    expect(halves()).toEqual([])
  })

  test('a cancel ends it', async () => {
    const cancel = new AbortController()
    put(asset(name), () => cancel.abort(new Error('cancelled')))
    await expect(installBuildx({ version }, world({ signal: cancel.signal }))).rejects.toThrow('cancelled')
    expect(halves()).toEqual([])
  })
})

describe('resolveVersion', () => {
  test('the latest release', async () => expect(await resolveVersion({ kind: 'latest' }, world())).toBe(version))

  test.each([[status(403)], [text('{"tag_name":"v0.39.0-rc1"}')], [text('<html>')]])(
    'is not guessed',
    async (answer) => {
      put('/api/latest', answer)
      expect((await failure(resolveVersion({ kind: 'latest' }, world()))).message).toMatch(
        /^Nobody says which buildx is the latest: /,
      )
    },
  )
})
