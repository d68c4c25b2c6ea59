import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { maxJobAge } from '../../../src/gc/run-status.ts'
import { createRunChecker } from '../../../src/gc/run-status.ts'
import { collectNodeGarbage } from '../../../src/gc/nodes.ts'
import { localEngine } from '../../../src/nodes/drivers/local.ts'
import { RunDir } from '../../../src/run/run-dir.ts'

/** An engine that has been set back by a day, so that only its own clock tells ages. */
const clock = Date.now() - 86_400_000
const scope = '01234567'
const other = '89abcdef'
let dir: string
let server: Server
let containers: Map<string, number>
let volumes: Map<string, number>
let labels: Map<string, Record<string, string>>
let broken: string

type Say = (status: number, body?: unknown) => void

/** Creates a volume, or returns the one of that name, as the engine does. */
function createVolume(request: IncomingMessage, say: Say): void {
  let body = ''
  request.on('data', (chunk) => (body += String(chunk)))
  request.on('end', () => {
    const { Name, Labels } = JSON.parse(body) as { Name: string; Labels: Record<string, string> }
    if (!volumes.has(Name)) labels.set(Name, Labels)
    volumes.set(Name, volumes.get(Name) ?? 0)
    say(201, { Name, Labels: labels.get(Name) })
  })
}

/** Inspects a volume, or removes a volume or a container. */
function inspectOrRemove(method: string | undefined, pathname: string, say: Say): void {
  const [, kind = '', name = ''] = pathname.split('/')
  if (method === 'GET' && kind === 'volumes' && volumes.has(name))
    say(200, { Name: name, Labels: labels.get(name) ?? null })
  else if ((kind === 'containers' ? containers : volumes).delete(name)) say(204)
  else say(404, { message: 'no such thing' })
}

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'engine-'))
  containers = new Map()
  volumes = new Map()
  labels = new Map()
  broken = ''
  server = createServer((asked, answer) => {
    const { pathname } = new URL(asked.url ?? '', 'http://engine')
    const say: Say = (status, body) => answer.writeHead(status).end(body === undefined ? '' : JSON.stringify(body))
    if (broken !== '' && pathname.includes(broken)) say(500, { message: 'device is busy' })
    else if (pathname === '/_ping') answer.writeHead(200, { Date: new Date(clock).toUTCString() }).end('OK')
    else if (pathname === '/containers/json')
      say(
        200,
        [...containers].map(([key, age]) => ({ Names: [`/${key}`], Created: Math.floor((clock - age) / 1000) })),
      )
    else if (pathname === '/volumes')
      say(200, {
        Volumes: [...volumes].map(([key, age]) => ({
          Name: key,
          CreatedAt: new Date(clock - age).toISOString(),
          Labels: labels.get(key) ?? null,
        })),
      })
    else if (asked.method === 'POST') createVolume(asked, say)
    else inspectOrRemove(asked.method, pathname, say)
  }).listen(join(dir, 'sock'))
  await once(server, 'listening')
})
afterEach(() => {
  server.close()
  rmSync(dir, { recursive: true })
})

function put(name: string, age: number): void {
  containers.set(`buildx_buildkit_${name}`, age)
  volumes.set(`buildx_buildkit_${name}_state`, age)
}

const collect = async () => {
  const liveness = createRunChecker({ scope, runId: '9', runAttempt: 1, attemptsEnd: true }, (run) =>
    Promise.resolve(
      run === '5'
        ? { completed: true, createdAt: 0, endedAt: 0 }
        : { completed: false, createdAt: 0, endedAt: Infinity },
    ),
  )
  const spec = {
    name: 'n',
    endpoint: { kind: 'local' as const },
    platforms: [],
    driverOpts: {},
    buildkitdFlags: [],
    buildkitdConfig: '',
  }
  return await collectNodeGarbage([{ driver: localEngine, socket: join(dir, 'sock'), spec }], liveness, {
    self: `mab-0000000000-${scope}-9-1`,
    dir: new RunDir(dir),
  })
}
const left = () => [...containers.keys(), ...volumes.keys()].map((name) => name.replace('buildx_buildkit_', '')).sort()

test('of runs: finished ones are removed with their volumes; active, unknown and foreign ones stay', async () => {
  put(`mab-0000000001-${scope}-5-1-0`, 60_000)
  put(`mab-0000000002-${scope}-6-1-0`, 60_000)
  put(`mab-0000000003-${other}-5-1-0`, 60_000)
  put(`mab-0000000004-${other}-5-1-0`, maxJobAge + 60_000)
  put(`mab-0000000005-${scope}-9-1-0`, 60_000)
  put('somebody-elses', maxJobAge + 60_000)
  volumes.set(`buildx_buildkit_mab-0000000006-${scope}-5-1-1_state`, 60_000)
  // Seats: of one with a daemon, of one that had none yet, of one that builds.
  for (const [key, run] of [
    [1, 5],
    [7, 5],
    [2, 6],
  ])
    volumes.set(`buildx_buildkit_mab-000000000${key}-${scope}-${run}-1-0_seat`, 60_000)
  expect(await collect()).toEqual([
    {
      node: 'n',
      removed: [
        `mab-0000000001-${scope}-5-1-0`,
        `mab-0000000004-${other}-5-1-0`,
        `mab-0000000006-${scope}-5-1-1`,
        `mab-0000000007-${scope}-5-1-0`,
      ],
      failed: [],
    },
  ])
  const stay = [
    `mab-0000000002-${scope}-6-1-0`,
    `mab-0000000003-${other}-5-1-0`,
    `mab-0000000005-${scope}-9-1-0`,
    'somebody-elses',
  ]
  expect(left()).toEqual(
    [`mab-0000000002-${scope}-6-1-0_seat`, ...stay.flatMap((name) => [name, `${name}_state`])].sort(),
  )
})

test('of persistent builders: only those that were unused for a long time', async () => {
  const day = 86_400_000
  const [old, used, young, locked, booting, died] = [
    'aaaaaaaa',
    'bbbbbbbb',
    'cccccccc',
    'dddddddd',
    'eeeeeeee',
    'ffffffff',
  ].map((hash) => `mab-keep-${other}-trusted-${hash}`) as [string, string, string, string, string, string]
  for (const [name, run] of [
    [booting, 6],
    [died, 5],
  ] as const) {
    volumes.set(`buildx_buildkit_${name}_boot`, 1000)
    labels.set(`buildx_buildkit_${name}_boot`, {
      'io.github.multiarch-build.holder': `mab-0000000007-${scope}-${run}-1 some-uuid`,
    })
  }
  for (const name of [old, used, locked]) put(name, 30 * day)
  put(young, day)
  const today = new Date().toISOString().slice(0, 10).replaceAll('-', '')
  volumes.set(`buildx_buildkit_${old}_used_20200101`, 0)
  volumes.set(`buildx_buildkit_${used}_used_20200101`, 30 * day)
  volumes.set(`buildx_buildkit_${used}_used_${today}`, 0)
  volumes.set(`buildx_buildkit_${locked}_boot`, 1000)
  volumes.set(`buildx_buildkit_${young}_boot`, day)
  expect(await collect()).toEqual([{ node: 'n', removed: [old], failed: [] }])
  expect(left()).toEqual(
    [
      used,
      `${used}_state`,
      `${used}_used_20200101`,
      `${used}_used_${today}`,
      young,
      `${young}_state`,
      `${booting}_boot`,
      locked,
      `${locked}_boot`,
      `${locked}_state`,
    ].sort(),
  )
})

test('a failed removal is reported and fails nothing', async () => {
  put(`mab-0000000001-${scope}-5-1-0`, 60_000)
  broken = 'mab-0000000001'
  expect(await collect()).toEqual([
    { node: 'n', removed: [], failed: [`mab-0000000001-${scope}-5-1-0: device is busy`] },
  ])
  server.close()
  broken = '/volumes'
  expect((await collect())[0]?.failed).toHaveLength(1)
})
