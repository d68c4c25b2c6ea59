/**
 * The network front of one machine, run inside its network namespace: the wire in front of its sshd, and the registries
 * on its own 127.0.0.1, where engines take plain HTTP without being told. It goes over the machine's link, so a cut
 * machine loses the registries too.
 */
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { tcpProxy } from './tcp-proxy.ts'

interface Setup { address: string; gateway: string; sshPorts: number[]; registryPorts: number[] }

const { address, gateway, sshPorts, registryPorts } = JSON.parse(process.argv[2] ?? '') as Setup
let rtt = 0

process.on('disconnect', () => process.exit(0))
process.on('message', (message: { rttMs?: number }) => { rtt = message.rttMs ?? rtt })

for (const port of registryPorts) {
  await tcpProxy({ listen: { host: '127.0.0.1', port }, to: { host: gateway, port }, rttMs: () => 0 })
}
for (const port of sshPorts) {
  await listening(port)
  await tcpProxy({ listen: { host: address, port }, to: { host: '127.0.0.1', port }, rttMs: () => rtt, onConnection: () => process.send?.({ connection: port }) })
}
process.send?.({ ready: true })

async function listening(port: number): Promise<void> {
  for (;;) {
    const up = await new Promise<boolean>(resolve => {
      const socket = connect(port, '127.0.0.1', () => { socket.destroy(); resolve(true) })
      socket.once('error', () => resolve(false))
    })
    if (up) return
    await sleep(20)
  }
}
