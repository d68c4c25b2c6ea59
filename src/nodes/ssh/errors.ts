import { UserError } from '../../lib/errors.ts'
import { describeTarget, type SshTarget } from './config.ts'

interface SshFailure {
  readonly pattern: RegExp
  readonly code?: 'runner'
  /** `keys`: where the keys come from. */
  readonly message: (where: string, keys: string) => string
  readonly hint: (target: SshTarget) => string
}

const fingerprint =
  "on the node itself, `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` prints the key's fingerprint"

const dropped = /kex_exchange_identification|Connection (closed|reset) by/

/** Messages of OpenSSH 8 to 10 (sshconnect.c, sshconnect2.c, packet.c), the most specific first. */
const failures: readonly SshFailure[] = [
  {
    pattern: /REMOTE HOST IDENTIFICATION HAS CHANGED|REVOKED HOST KEY/,
    message: (where) => `The host key of ${where} does not match ssh-known-hosts`,
    hint: () =>
      `If the host was reinstalled, replace its line in ssh-known-hosts: ${fingerprint} to compare with. ` +
      'If not, the connection may be intercepted: do not continue.',
  },
  {
    pattern: /No \S+ host key is known|Host key verification failed/,
    message: (where) => `The host key of ${where} is not in ssh-known-hosts`,
    hint: ({ host, port }) =>
      `Add its line: run \`ssh-keyscan${port === 22 ? '' : ` -p ${port}`} ${host}\` in a network that you trust; ` +
      `${fingerprint} to compare with.`,
  },
  {
    pattern: /Too many authentication failures/,
    message: (where) => `${where} gave up before the right key was offered`,
    hint: () => 'Keep only the keys these nodes accept in ssh-private-key, or raise MaxAuthTries on the node.',
  },
  {
    pattern: /Permission denied/,
    message: (where, keys) => `${where} accepts none of the keys ${keys}`,
    hint: ({ user }) =>
      `On the node, add the public key to ~${user ?? ''}/.ssh/authorized_keys (mode 600, owned by that user), ` +
      'and check that the user in `nodes` is right.',
  },
  {
    pattern: /Could not resolve hostname/,
    message: (where) => `The DNS of this runner cannot resolve the name of ${where}`,
    hint: () => 'Check the host name in `nodes`; a name of a private network needs a runner in that network.',
  },
  {
    pattern: /Connection refused/,
    message: (where) => `Nothing listens for SSH at ${where}`,
    hint: () => 'Check that sshd runs on the node and that the port in `nodes` is the right one.',
  },
  {
    pattern: /timed out|No route to host|Network is unreachable|Timeout, server/,
    message: (where) => `${where} does not answer`,
    hint: () => 'Check that the machine is up and that a firewall lets this runner reach its SSH port.',
  },
  {
    pattern: dropped,
    message: (where) => `${where} closed the connection before it was set up`,
    hint: () => 'Its sshd may be over MaxStartups, or fail2ban or a firewall blocks this runner; its log says which.',
  },
  {
    pattern: /ENOENT/,
    code: 'runner',
    message: () => 'This runner has no `ssh` command',
    hint: () => 'Install the OpenSSH client in the job image, for example `apt-get install openssh-client`.',
  },
]

/** Rulers, and advice about the known_hosts file, which is a copy that is removed after the run. */
const unhelpful = /^@+\s*$|^(Add correct host key|Offending .* key) in |^\s+(remove with:|ssh-keygen -f )/

/**
 * PURE: the cause of ssh's last messages, and what to do.
 *
 * @param ownAgent whether the keys come from `ssh-private-key`, not from the job's agent
 */
export function sshError(output: string, target: SshTarget, ownAgent = true): UserError {
  const where = describeTarget(target)
  const keys = ownAgent ? 'in ssh-private-key' : "in the job's ssh-agent (SSH_AUTH_SOCK)"
  const failure = failures.find(({ pattern }) => pattern.test(output))
  const lines = output.split('\n').filter((line) => line.trim() !== '' && !unhelpful.test(line))
  return new UserError({
    code: failure?.code ?? 'node',
    message: failure?.message(where, keys) ?? `The SSH connection to ${where} failed`,
    hint: failure?.hint(target) ?? 'The lines above are the last messages of ssh.',
    details: lines.slice(-6),
  })
}

/** Whether the server closed the connection before authentication: that does not depend on the keys. */
export function isDropped({ details }: UserError): boolean {
  return details.some((line) => dropped.test(line))
}
