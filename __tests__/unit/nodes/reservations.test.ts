import { afterAll, beforeEach, describe, expect, test } from '@jest/globals'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Entry } from '../../../src/run/journal.ts'
import type { Node } from '../../../src/nodes/node.ts'
import { driverOf } from '../../../src/nodes/drivers/table.ts'
import { planWithReservations } from '../../../src/nodes/reservations.ts'
import { parsePlatform } from '../../../src/lib/platform.ts'
import type { Plan } from '../../../src/plan/target.ts'

const dir = mkdtempSync(join(tmpdir(), 'reservations-'))
const servers: Server[] = []
let engines: Engine[] = []
let clock = 0

interface Engine {
  readonly node: Node
  /** Name → when it was created. */
  readonly volumes: Map<string, string>
  /** Called before the volumes are listed. */
  onList: () => void
}

/** The volumes of an engine, which writes whole seconds. */
async function startEngine(name: string): Promise<Engine> {
  const socket = join(dir, name)
  const platforms = [parsePlatform('linux/amd64')].flatMap((one) => one ?? [])
  const spec = {
    name,
    endpoint: { kind: 'engine', path: socket } as const,
    platforms,
    driverOpts: {},
    buildkitdFlags: [],
    buildkitdConfig: '',
  }
  const engine: Engine = {
    node: { spec, driver: driverOf(spec), socket, platforms, native: platforms, took: 0 },
    volumes: new Map(),
    onList: () => undefined,
  }
  const server = createServer((asked, answer) => {
    const { method, url = '' } = asked
    const say = (status: number, body: unknown) => answer.writeHead(status).end(JSON.stringify(body))
    if (method === 'DELETE')
      say(engine.volumes.delete(decodeURIComponent(/volumes\/([^?]+)/.exec(url)?.[1] ?? '')) ? 204 : 404, {})
    else if (method === 'GET') {
      engine.onList()
      say(200, { Volumes: [...engine.volumes].map(([Name, CreatedAt]) => ({ Name, CreatedAt })) })
    } else {
      let text = ''
      asked.on('data', (chunk: Buffer) => (text += chunk.toString()))
      asked.on('end', () => {
        engine.volumes.set((JSON.parse(text) as { Name: string }).Name, time())
        say(201, {})
      })
    }
  })
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(socket, resolve))
  return engine
}

const time = () => new Date(1_800_000_000_000 + clock++ * 1000).toISOString()
const holder = (run: number) => `mab-${String(run).padStart(10, '0')}-aaaaaaaa-${run}-1`
const reservation = (run: number, number: number) => `buildx_buildkit_${holder(run)}-${number}_seat`

let turn = 0
beforeEach(async () => {
  engines = [await startEngine(`a${turn}`), await startEngine(`b${turn++}`)]
})
afterAll(() => {
  servers.forEach((server) => (server.closeAllConnections(), server.close()))
  rmSync(dir, { recursive: true, force: true })
})

/** Plans on the node with the fewest other runs, the first of equals. */
function leastUsed(runsPerNode: ReadonlyMap<Node, number>): Plan {
  const [least] = engines.map(({ node }) => node).sort((a, b) => (runsPerNode.get(a) ?? 0) - (runsPerNode.get(b) ?? 0))
  return { targets: [], notes: [], groups: least ? [{ node: least, targets: [] }] : [] }
}

async function reserve(run: number, nodes = engines.map(({ node }) => node)) {
  const noted: Entry[] = []
  const reserved = await planWithReservations({
    nodes,
    holder: holder(run),
    journal: { note: (entry) => noted.push(entry) },
    plan: leastUsed,
  })
  return { ...reserved, noted, on: reserved.plan.groups.map(({ node }) => node.spec.name[0]).join('') }
}

const volumes = () => engines.map((engine) => [...engine.volumes.keys()].sort())

describe('reservations', () => {
  test('the second run builds on another node; after both have released, the node is free again', async () => {
    const first = await reserve(1)
    const second = await reserve(2)
    expect([first.on, second.on]).toEqual(['a', 'b'])
    expect([...second.runsPerNode.values()]).toEqual([1, 0])
    expect(volumes()).toEqual([[reservation(1, 0)], [reservation(2, 1)]])
    await Promise.all([first.release(), second.release()])
    expect(volumes()).toEqual([[], []])
    expect((await reserve(3)).on).toBe('a')
  })

  test('of two runs that start at once, the later one plans again, and releases its first reservation', async () => {
    const [a] = engines
    let lists = 0
    // Run 1 reserves between the count and the reservation of run 2.
    const reserveFirst = () => a?.volumes.set(reservation(1, 0), time())
    if (a)
      a.onList = () => {
        if (lists++ === 0) queueMicrotask(reserveFirst)
      }
    const second = await reserve(2)
    expect(second.on).toBe('b')
    expect(volumes()).toEqual([[reservation(1, 0)], [reservation(2, 1)]])
    expect(second.noted.flatMap((entry) => (entry.kind === 'reservation' ? [entry.volume] : []))).toEqual([
      reservation(2, 0),
      reservation(2, 1),
    ])
  })

  test('the earlier one keeps its plan', async () => {
    const [a] = engines
    let lists = 0
    if (a)
      a.onList = () => {
        if (lists++ === 1) a.volumes.set(reservation(1, 0), time())
      }
    expect((await reserve(2)).on).toBe('a')
  })

  test('without a choice, no engine gets a request', async () => {
    const requests: string[] = []
    for (const engine of engines) engine.onList = () => requests.push('list')
    const { plan, noted } = await reserve(
      1,
      engines.slice(0, 1).map(({ node }) => node),
    )
    expect([plan.groups.length, noted, requests, volumes()]).toEqual([1, [], [], [[], []]])
  })

  test('other volumes are not reservations, and an engine that does not answer counts as free', async () => {
    const [a, b] = engines
    a?.volumes.set(`buildx_buildkit_${holder(7)}-0_state`, time())
    a?.volumes.set('buildx_buildkit_mab-keep-aaaaaaaa-trusted-bbbbbbbb_boot', time())
    const broken = b && { ...b.node, socket: join(dir, 'absent') }
    const reserved = await reserve(
      1,
      [a?.node, broken].flatMap((node) => node ?? []),
    )
    expect([...reserved.runsPerNode.values()]).toEqual([0, 0])
    expect(reserved.on).toBe('a')
  })
})
