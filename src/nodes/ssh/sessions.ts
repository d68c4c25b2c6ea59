import type { UserError } from '../../lib/errors.ts'

/**
 * Where the SSH keys come from: `ssh-private-key`, the job's agent, or nowhere. `missing`: nowhere, although the run
 * gets the secrets of its repository. `user`: the command line offers the keys of its user.
 */
export type KeySource = 'input' | 'agent' | 'none' | 'missing' | 'user'

/** The multiplexing client of OpenSSH (mux.c), if the server allows no more sessions in this connection. */
const sessionRefused = 'Session open refused by peer'

/** A server that forbids forwarding and allows fewer sessions than a build needs; `where` may be a placeholder. */
export function sessionLimit(where: string): ConstructorParameters<typeof UserError>[0] {
  return {
    code: 'node',
    message: `${where} allows too few SSH sessions: raise MaxSessions`,
    hint:
      'The SSH server of this node forbids forwarding, so each connection to its engine is a session. In ' +
      '/etc/ssh/sshd_config on the node, raise `MaxSessions` (its default is 10) or set `AllowStreamLocalForwarding ' +
      'yes`, then reload sshd.',
  }
}

/** Whether the output of ssh shows that the server refused a session. */
export function isSessionRefused(output: string): boolean {
  return output.includes(sessionRefused)
}
