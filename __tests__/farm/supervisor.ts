/**
 * Runs a farm: starts it, accepts commands on a socket, and stops it on request or when its owner has
 * ended.
 */
import { readFileSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { registerEmulators } from './binfmt.ts'
import { tryRun } from './exec.ts'
import { ensureImages } from './images.ts'
import { Machine } from './machine.ts'
import { findIp } from './network.ts'
import { farmDir, subnet } from './paths.ts'
import { removeFarm } from './cleanup.ts'
import type { KeyExchange } from './ssh.ts'
import { startRegistry } from './registry.ts'
import type { RegistryServer } from './registry.ts'
import { controlSocket, processStartTime, writeState } from './state.ts'
import type { FarmState } from './state.ts'
import { ensureTools } from './tools.ts'

export interface NodeOptions {
  buildkitd?: boolean
  diskMiB?: number
  /** Default: `fast`. */
  keyExchange?: KeyExchange
}
export interface SupervisorSetup {
  id: number
  kind: FarmState['kind']
  nodes: Record<string, NodeOptions>
}

const setup = JSON.parse(process.argv[3] ?? '') as SupervisorSetup
const { id, kind } = setup
const dir = farmDir(id)
const machines = new Map<string, Machine>()
const registries = new Map<string, RegistryServer>()
let stopping: Promise<never> | undefined

process.on('SIGINT', () => undefined)
process.on('SIGTERM', () => void stop(0))
if (kind === 'embedded')
  process.stdin
    .on('end', () => void stop(0))
    .on('error', () => void stop(0))
    .resume()

const state: FarmState = { id, kind, pid: process.pid, startTime: processStartTime(process.pid), ready: false }
try {
  await writeState(state)
  await start()
  await acceptCommands()
  process.stdout.write(`${JSON.stringify({ ready: true })}\n`)
} catch (error) {
  process.stdout.write(`${JSON.stringify({ error: error instanceof Error ? error.message : String(error) })}\n`)
  await stop(1)
}

async function start(): Promise<void> {
  const tools = await ensureTools()
  const ip = await findIp(tools)
  const gateway = `${subnet(id)}.1`
  const names = ['local', ...Object.keys(setup.nodes)]
  const addresses = new Map(names.map((name, i) => [`${subnet(id)}.${10 + i}`, name]))
  const nameOf = (address: string): string => addresses.get(address.replace('::ffff:', '')) ?? 'host'
  const [images] = await Promise.all([
    ensureImages(tools),
    mkdir(join(dir, 'logs'), { recursive: true }),
    registerEmulators(tools),
  ])
  const common = { dir, tools, gateway, nameOf }
  const [main, guarded] = await Promise.all([
    startRegistry({ ...common, name: 'registry', auth: false, images }),
    startRegistry({
      ...common,
      name: 'registry-private',
      auth: true,
      images: images.filter((i) => i.repository === 'farm/base'),
    }),
  ])
  registries.set('main', main).set('private', guarded)
  const publicKey = readFileSync(join(dir, 'keys/ci.pub'), 'utf8')
  await Promise.all(
    [...addresses].map(async ([address, name]) => {
      const { buildkitd = false, diskMiB = 4096, keyExchange = 'fast' } = setup.nodes[name] ?? {}
      const machine = new Machine({
        id,
        name,
        address,
        gateway,
        dir: join(dir, name),
        logs: join(dir, 'logs'),
        tools,
        ip,
        publicKey,
        registryPorts: [main.port, guarded.port, main.layersPort].filter((port) => port !== undefined),
        buildkitd,
        diskMiB,
        keyExchange,
      })
      machines.set(name, machine)
      await machine.create()
    }),
  )
  const nodes = await Promise.all(
    [...machines.values()].map(async (m) => ({
      name: m.name,
      address: m.options.address,
      knownHosts: await m.knownHosts(),
    })),
  )
  await writeState({
    ...state,
    ready: true,
    tools: tools.dir,
    ports: { main: main.port, private: guarded.port },
    nodes,
  })
}

interface Command {
  node?: string
  registry?: string
  method: string
  args: unknown[]
}

async function acceptCommands(): Promise<void> {
  const server = createServer((req, res) => {
    void (async () => {
      const { node, registry, method, args } = JSON.parse(await text(req)) as Command
      try {
        if (method === 'shutdown') {
          res.once('close', () => void stop(0))
          res.end('{}')
          return
        }
        const target: unknown = node ? machines.get(node) : registries.get(registry ?? '')
        if (!target) throw new Error(`this farm has no ${node ?? registry}`)
        const action: unknown = (target as Record<string, unknown>)[method]
        if (typeof action !== 'function') throw new Error(`nothing is called ${method}`)
        const result: unknown = await action.apply(target, args)
        res.end(JSON.stringify({ result }))
      } catch (error) {
        res.end(JSON.stringify({ error: error instanceof Error ? error.message : String(error) }))
      }
    })()
  })
  server.requestTimeout = 0
  await rm(controlSocket(id), { force: true })
  await new Promise<void>((resolve) => server.listen(controlSocket(id), resolve))
}

function stop(code: number): Promise<never> {
  stopping ??= (async () => {
    await Promise.allSettled([...machines.values()].map((machine) => machine.kill()))
    for (const registry of registries.values()) registry.stop()
    const mounts = readFileSync('/proc/self/mounts', 'utf8')
      .split('\n')
      .map((line) => line.split(' ')[1] ?? '')
      .filter((path) => path.startsWith(`${dir}/`))
    for (const path of mounts.reverse()) await tryRun('umount', ['-l', path])
    await removeFarm(id).catch((error: unknown) => {
      process.stderr.write(`${String(error)}\n`)
    })
    process.exit(code)
  })()
  return stopping
}
