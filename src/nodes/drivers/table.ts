import type { Endpoint, NodeSpec } from '../node-spec.ts'
import type { Driver } from '../node.ts'
import type { SshTarget } from '../ssh/config.ts'
import { builtInBuildkit } from './docker.ts'
import { kubernetes } from './kubernetes.ts'
import { localEngine, socketEngine } from './local.ts'
import { sshBuildkitd, sshEngine } from './ssh.ts'
import { tcpBuildkitd } from './tcp.ts'
import { unixBuildkitd } from './unix.ts'

/** Every kind of endpoint with its driver. Another kind is one file and one line here. */
export const drivers = new Map<string, Driver>([
  ['local', localEngine],
  ['engine', socketEngine],
  ['ssh', sshEngine],
  ['ssh-buildkitd', sshBuildkitd],
  ['unix', unixBuildkitd],
  ['tcp', tcpBuildkitd],
  ['kubernetes', kubernetes],
])

/** The driver of a node, or of its endpoint. */
export function driverOf({ endpoint, builtIn = false }: Pick<NodeSpec, 'endpoint' | 'builtIn'>): Driver {
  const driver = endpointDriver(endpoint)
  return builtIn ? builtInBuildkit(driver) : driver
}

export function endpointDriver({ kind }: Endpoint): Driver {
  const driver = drivers.get(kind)
  if (!driver) throw new Error(`no driver for endpoints of the kind ${kind}`)
  return driver
}

/** The SSH server of a node; undefined if it is not reached over SSH. */
export function sshTargetOf({ endpoint, ssh }: Pick<NodeSpec, 'endpoint' | 'ssh'>): SshTarget | undefined {
  return ssh ?? endpointDriver(endpoint).sshTarget?.(endpoint)
}
