import { UserError } from '../../lib/errors.ts'
import { describeTarget, type SshTarget } from './config.ts'

interface Case {
  readonly pattern: RegExp
  readonly headline: (where: string, keys: string) => string
  readonly hint: (target: SshTarget) => string
}

const onNode = "On the node itself, `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` prints the key's fingerprint"

const dropped = /kex_exchange_identification|Connection (closed|reset) by/

// What OpenSSH 8 to 10 print, most telling first (sshconnect.c, sshconnect2.c, packet.c).
const cases: readonly Case[] = [
  {
    pattern: /REMOTE HOST IDENTIFICATION HAS CHANGED|REVOKED HOST KEY/,
    headline: (where) => `${where} shows another host key than the one in ssh-known-hosts`,
    hint: () =>
      `If the machine was set up anew, replace its line in ssh-known-hosts. ${onNode} to compare with. If not, somebody may stand in between: do not go on.`,
  },
  {
    pattern: /No \S+ host key is known|Host key verification failed/,
    headline: (where) => `${where} shows a host key that ssh-known-hosts does not hold`,
    hint: ({ host, port }) =>
      `Add its line: run \`ssh-keyscan${port === 22 ? '' : ` -p ${port}`} ${host}\` where you trust the network. ${onNode} to compare with.`,
  },
  {
    pattern: /Too many authentication failures/,
    headline: (where) => `${where} gave up before the right key was offered`,
    hint: () => 'Keep only the keys these nodes accept in ssh-private-key, or raise MaxAuthTries on the node.',
  },
  {
    pattern: /Permission denied/,
    headline: (where, keys) => `${where} accepts none of the keys ${keys}`,
    hint: ({ user }) =>
      `On the node, add the public key to ~${user ?? ''}/.ssh/authorized_keys (mode 600, owned by that user), and check that the user in \`nodes\` is right.`,
  },
  {
    pattern: /Could not resolve hostname/,
    headline: (where) => `The name of ${where} is not known to this runner's DNS`,
    hint: () =>
      'Check the host name in `nodes`; a name that only your own network knows needs a runner in that network.',
  },
  {
    pattern: /Connection refused/,
    headline: (where) => `Nothing listens for SSH at ${where}`,
    hint: () => 'Check that sshd runs on the node and that the port in `nodes` is the right one.',
  },
  {
    pattern: /timed out|No route to host|Network is unreachable|Timeout, server/,
    headline: (where) => `${where} does not answer`,
    hint: () => 'Check that the machine is up and that a firewall lets this runner reach its SSH port.',
  },
  {
    pattern: dropped,
    headline: (where) => `${where} closed the connection before it was set up`,
    hint: () => 'Its sshd may be over MaxStartups, or fail2ban or a firewall blocks this runner; its log says which.',
  },
  {
    pattern: /ENOENT/,
    headline: () => 'This runner has no `ssh` command',
    hint: () => 'Install the OpenSSH client in the job image, for example `apt-get install openssh-client`.',
  },
]

/** Rulers, and advice about the known_hosts file, which is a copy of ours and gone after the run. */
const unhelpful = /^@+\s*$|^(Add correct host key|Offending .* key) in |^\s+(remove with:|ssh-keygen -f )/

/** PURE: what ssh's last words mean, and what to do about it. */
export function explainSsh(words: string, target: SshTarget, ownAgent = true): UserError {
  const where = describeTarget(target)
  const known = cases.find(({ pattern }) => pattern.test(words))
  const lines = words
    .split('\n')
    .filter((line) => line.trim() !== '' && !unhelpful.test(line))
    .slice(-6)
  return new UserError({
    code: 'node',
    message:
      known?.headline(where, ownAgent ? 'in ssh-private-key' : "in the job's ssh-agent (SSH_AUTH_SOCK)") ??
      `The SSH connection to ${where} failed`,
    hint: known?.hint(target) ?? 'The lines above are what ssh said.',
    details: lines,
  })
}

/** Whether the server hung up before it knew who we are, which says nothing about us. */
export function isDropped({ details }: UserError): boolean {
  return details.some((line) => dropped.test(line))
}
