import { afterAll, beforeEach, describe, expect, test } from '@jest/globals'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Entry } from '../../../src/run/journal.ts'
import type { Node } from '../../../src/nodes/node.ts'
import { planSeated, type Others } from '../../../src/nodes/seats.ts'
import { parsePlatform } from '../../../src/lib/platform.ts'
import type { Plan } from '../../../src/plan/target.ts'

const dir = mkdtempSync(join(tmpdir(), 'seats-'))
const servers: Server[] = []
let engines: Engine[] = []
let clock = 0

interface Engine {
  readonly node: Node
  /** Name → when it was made. */
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
    node: { spec, driver: 'docker-container', socket, platforms, native: platforms, took: 0 },
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
const seat = (run: number, number: number) => `buildx_buildkit_${holder(run)}-${number}_seat`

let turn = 0
beforeEach(async () => {
  engines = [await startEngine(`a${turn}`), await startEngine(`b${turn++}`)]
})
afterAll(() => {
  servers.forEach((server) => (server.closeAllConnections(), server.close()))
  rmSync(dir, { recursive: true, force: true })
})

/** Takes the node with the fewest others, the first of equals. */
function leastTaken(others: Others): Plan {
  const [least] = engines.map(({ node }) => node).sort((a, b) => (others.get(a) ?? 0) - (others.get(b) ?? 0))
  return { targets: [], notes: [], groups: least ? [{ node: least, targets: [] }] : [] }
}

async function sit(run: number, nodes = engines.map(({ node }) => node)) {
  const noted: Entry[] = []
  const seated = await planSeated({
    nodes,
    holder: holder(run),
    journal: { note: (entry) => noted.push(entry) },
    plan: leastTaken,
  })
  return { ...seated, noted, on: seated.plan.groups.map(({ node }) => node.spec.name[0]).join('') }
}

const volumes = () => engines.map((engine) => [...engine.volumes.keys()].sort())

describe('seats', () => {
  test('who comes second builds elsewhere, and who comes when both have left is free', async () => {
    const first = await sit(1)
    const second = await sit(2)
    expect([first.on, second.on]).toEqual(['a', 'b'])
    expect([...second.others.values()]).toEqual([1, 0])
    expect(volumes()).toEqual([[seat(1, 0)], [seat(2, 1)]])
    await Promise.all([first.leave(), second.leave()])
    expect(volumes()).toEqual([[], []])
    expect((await sit(3)).on).toBe('a')
  })

  test('of two that came at once, the later gives way, and its first seat is free again', async () => {
    const [a] = engines
    let lists = 0
    // Run 1 sits down between the look and the seat of run 2.
    const sitDown = () => a?.volumes.set(seat(1, 0), time())
    if (a)
      a.onList = () => {
        if (lists++ === 0) queueMicrotask(sitDown)
      }
    const second = await sit(2)
    expect(second.on).toBe('b')
    expect(volumes()).toEqual([[seat(1, 0)], [seat(2, 1)]])
    expect(second.noted.map((entry) => entry.kind === 'seat' && entry.volume)).toEqual([seat(2, 0), seat(2, 1)])
  })

  test('and the earlier stays', async () => {
    const [a] = engines
    let lists = 0
    if (a)
      a.onList = () => {
        if (lists++ === 1) a.volumes.set(seat(1, 0), time())
      }
    expect((await sit(2)).on).toBe('a')
  })

  test('without a choice nobody is asked, and nothing is made', async () => {
    const asked: string[] = []
    for (const engine of engines) engine.onList = () => asked.push('asked')
    const { plan, noted } = await sit(
      1,
      engines.slice(0, 1).map(({ node }) => node),
    )
    expect([plan.groups.length, noted, asked, volumes()]).toEqual([1, [], [], [[], []]])
  })

  test('other volumes of ours are no seats, and an engine that does not answer costs nothing but the room', async () => {
    const [a, b] = engines
    a?.volumes.set(`buildx_buildkit_${holder(7)}-0_state`, time())
    a?.volumes.set('buildx_buildkit_mab-keep-aaaaaaaa-trusted-bbbbbbbb_boot', time())
    const broken = b && { ...b.node, socket: join(dir, 'nobody') }
    const seated = await sit(
      1,
      [a?.node, broken].flatMap((node) => node ?? []),
    )
    expect([...seated.others.values()]).toEqual([0, 0])
    expect(seated.on).toBe('a')
  })
})
