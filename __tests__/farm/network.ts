import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { run, tryRun } from './exec.ts'
import { bridgeName, linkName, subnet } from './paths.ts'
import { loaderCommand } from './tools.ts'
import type { Tools } from './tools.ts'

export type Ip = (lines: string[], pid?: number) => Promise<void>

/**
 * The host's `ip`, or that of the machines if the host has none. With a pid it runs in that process's network
 * namespace.
 */
export async function findIp(tools: Tools): Promise<Ip> {
  const isInstalled = (await tryRun('ip', ['-V'])).code === 0
  const command = isInstalled ? ['ip'] : [...loaderCommand(tools.rootfs), `${tools.rootfs}/usr/bin/ip`]
  return async (lines, pid) => {
    const inside = pid === undefined ? [] : ['nsenter', '-t', String(pid), '-n', '--']
    const [program, ...args] = [...inside, ...command, '-batch', '-']
    await run(program, args, { input: `${lines.join('\n')}\n` })
  }
}

/** Creating the bridge reserves the number of a farm, and with it the addresses. */
export async function makeBridge(ip: Ip, id: number): Promise<void> {
  await ip([
    `link add ${bridgeName(id)} type bridge`,
    `addr add ${subnet(id)}.1/24 dev ${bridgeName(id)}`,
    `link set ${bridgeName(id)} up`,
  ])
}

export interface Link {
  id: number
  node: string
  address: string
  /** A process in the machine's network namespace. */
  pid: number
}

export async function connectMachine(ip: Ip, { id, node, address, pid }: Link): Promise<void> {
  const host = linkName(id, node)
  // The same hardware address after every boot, or the host would continue to use the previous one.
  const mac = `02:6d:61:62:${hex(id)}:${hex(Number(address.split('.')[3]))}`
  await ip([
    `link add ${host} type veth peer name eth0 address ${mac} netns ${pid}`,
    `link set ${host} master ${bridgeName(id)} up`,
  ])
  await ip(['link set lo up', `addr add ${address}/24 dev eth0`, 'link set eth0 up'], pid)
  await flushNeighbours(ip, id)
}

/** Otherwise the host remembers for seconds that a machine was unreachable. */
export async function flushNeighbours(ip: Ip, id: number): Promise<void> {
  await ip([`neigh flush dev ${bridgeName(id)}`])
}

const hex = (value: number): string => value.toString(16).padStart(2, '0')

export async function disconnectMachine(ip: Ip, id: number, node: string): Promise<void> {
  if (existsSync(`/sys/class/net/${linkName(id, node)}`))
    await ip([`link del ${linkName(id, node)}`]).catch(() => undefined)
}

/** A port that nothing uses at the moment. */
export async function freePort(host = '127.0.0.1'): Promise<number> {
  const server = createServer()
  server.listen(0, host)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
