import { UserError } from '../../lib/errors.ts'
import { describeTarget, type SshHost, type SshTarget } from './config.ts'
import type { KeySource } from './sessions.ts'
import type { UserKey } from './user-keys.ts'
import { explainToUser, type Explanation } from './user-messages.ts'

interface SshFailure {
  /** If the command line has another message. */
  readonly name?: string
  /** Matches lines of ssh itself: the text of a server's banner, which is in its output too, must not match. */
  readonly pattern: RegExp
  readonly code?: 'runner'
  readonly message: (where: string, keys: string) => string
  readonly hint: (target: SshTarget) => string
}

const fingerprint = 'on the node itself, `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` prints it'

const dropped = /^(kex_exchange_identification:|Connection (closed|reset) by)/m

/** Messages of OpenSSH 8 to 10 (sshconnect.c, sshconnect2.c, packet.c), the most specific first. */
const failures: readonly SshFailure[] = [
  {
    name: 'changedHostKey',
    pattern: /^(@ +WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED|@ +WARNING: REVOKED HOST KEY)/m,
    message: (where) => `The host key of ${where} does not match ssh-known-hosts`,
    hint: () =>
      `If the host was reinstalled, compare the fingerprint: ${fingerprint}. If it is the same, replace the line in ` +
      'ssh-known-hosts with the name of the host and the content of that file. ' +
      'If the host was not reinstalled, the connection may be intercepted: do not continue.',
  },
  {
    pattern: /^Certificate invalid: expired/m,
    message: (where) => `The host certificate of ${where} has expired`,
    hint: () =>
      'On the node, install a new certificate (HostCertificate in sshd_config), signed by the same authority.',
  },
  {
    pattern: /^Certificate invalid: /m,
    message: (where) => `The host certificate of ${where} is not valid for it`,
    hint: () =>
      'The line above has the reason. The certificate must name this host as a principal, and the clocks of both ' +
      'machines must be right.',
  },
  {
    name: 'unknownHostKey',
    pattern: /^(No \S+ host key is known for|Host key verification failed)/m,
    message: (where) => `The host key of ${where} is not in ssh-known-hosts`,
    hint: ({ host, port }) =>
      `Add its line: run \`ssh-keyscan${port === 22 ? '' : ` -p ${port}`} ${host}\` in a network that you trust. ` +
      `Compare the fingerprint: ${fingerprint}.`,
  },
  {
    name: 'tooManyKeys',
    pattern: /^Received disconnect from .*Too many authentication failures/m,
    message: (where) => `${where} rejected the connection after too many keys`,
    hint: () => 'Keep only the keys these nodes accept in ssh-private-key, or raise MaxAuthTries on the node.',
  },
  {
    name: 'hardwareKey',
    pattern: /^sign_and_send_pubkey: signing failed for (?:ED25519|ECDSA)-SK/m,
    message: (where, keys) => `The key for ${where} ${keys} is a hardware key, which must be touched to sign`,
    hint: () => 'Create a key for CI that needs no hardware: `ssh-keygen -t ed25519`.',
  },
  {
    // The list has the methods that the server still requires.
    pattern: /: Permission denied \((?!\S*publickey)\S+\)/,
    message: (where) => `${where} requires more than an SSH key`,
    hint: ({ user = 'this user' }) =>
      'The line above lists what the server asks for, such as a password or a second factor, which a job cannot ' +
      `enter. On the node, set \`AuthenticationMethods publickey\` for ${user} in /etc/ssh/sshd_config.`,
  },
  {
    name: 'refusedKeys',
    pattern: /: Permission denied \(/,
    message: (where, keys) => `${where} accepts none of the keys ${keys}`,
    hint: ({ user }) =>
      `On the node, add the public key to ~${user ?? ''}/.ssh/authorized_keys (mode 600, owned by that user), and ` +
      'check that the user in `nodes` is right and that AllowUsers or AllowGroups in sshd_config permit it.',
  },
  {
    name: 'unknownName',
    pattern: /^ssh: Could not resolve hostname/m,
    message: (where) => `The DNS of this runner cannot resolve the name of ${where}`,
    hint: ({ host }) =>
      host.includes('.')
        ? 'Check the host name in `nodes`; a name of a private network needs a runner in that network.'
        : `If ${host} is an alias of \`~/.ssh/config\`, which is not read, copy its lines into \`ssh-config\`.`,
  },
  {
    pattern: /^ssh: connect to host .*: Connection refused/m,
    message: (where) => `Nothing listens for SSH at ${where}`,
    hint: ({ host, port }) =>
      `Check that sshd on the node listens on port ${port} (\`ss -ltn\`), that the port in \`nodes\` is correct, and ` +
      `that no firewall rejects connections of this runner to ${host}:${port}.`,
  },
  {
    // A banner of the server, which waits until its user has opened a page.
    pattern: /^# Tailscale SSH requires an additional check[^]*^Connection .*timed out/m,
    message: (where) => `${where} requires a confirmation in a browser (Tailscale SSH, check mode)`,
    hint: () =>
      'For CI, set `"action": "accept"` in the `ssh` rule of the tailnet policy. On a laptop, connect once with ' +
      '`ssh` and open the page that it prints.',
  },
  {
    pattern: /^(ssh: connect to host .*(timed out|No route to host|unreachable)|Connection .*timed out|Timeout,)/m,
    message: (where) => `${where} does not answer`,
    hint: () => 'Check that the machine is up and that a firewall lets this runner reach its SSH port.',
  },
  {
    pattern: /open failed: administratively prohibited[^]*^stdio forwarding failed/m,
    message: (where) => `The jump host of ${where} forbids connections to it`,
    hint: (target) =>
      `On ${lastJump(target)}, set \`AllowTcpForwarding local\` in /etc/ssh/sshd_config. If PermitOpen is set there, ` +
      'or permitopen in authorized_keys, add the host and port of the node.',
  },
  {
    pattern: /open failed: [^]*^stdio forwarding failed/m,
    message: (where) => `The jump host of ${where} cannot connect to it`,
    hint: (target) =>
      `The line above has the reason. On ${lastJump(target)}, check that \`ssh-keyscan -p ${target.port} ` +
      `${target.hostName ?? target.host}\` prints a key. The jump host uses its own DNS and network.`,
  },
  {
    pattern: dropped,
    message: (where) => `${where} closed the connection before it was set up`,
    hint: () =>
      'Check the log of sshd on the node: MaxStartups was reached, or fail2ban or a firewall blocks this runner.',
  },
  {
    pattern: /^No user exists for uid \d+/m,
    code: 'runner',
    message: () => 'The user of this job has no entry in /etc/passwd, which ssh requires',
    hint: () => 'Run the container of the job as a user that its image knows, or add one: `useradd -u UID ci`.',
  },
  {
    pattern: /^(Error: )?spawn ssh ENOENT/,
    code: 'runner',
    message: () => 'This runner has no `ssh` command',
    hint: () => 'Install the OpenSSH client in the job image, for example `apt-get install openssh-client`.',
  },
]

const unknownFailure: SshFailure = {
  pattern: /^/,
  message: (where) => `The SSH connection to ${where} failed`,
  hint: () => 'The lines above are the last messages of ssh.',
}

const keyTexts: Readonly<Record<KeySource, string>> = {
  input: 'in ssh-private-key',
  agent: "in the job's ssh-agent (SSH_AUTH_SOCK)",
  none: '',
  missing: '',
  user: '',
}

const noKey =
  'Set `ssh-private-key: ${{ secrets.NAME }}`. Secrets are empty if their name is misspelled, in runs for forks, ' +
  'and in runs of Dependabot, which has secrets of its own.'

/** Rulers, and advice about the known_hosts file, which is a copy that is removed after the run. */
const unhelpful = /^@+\s*$|^(Add correct host key|Offending .* key) in |^\s+(remove with:|ssh-keygen -f )/

/** PURE: the cause of ssh's last messages, and what to do. */
export function sshError(
  output: string,
  target: SshTarget,
  keys: KeySource = 'input',
  offered: readonly UserKey[] = [],
): UserError {
  const host = failingHost(output, target)
  const where = host === target ? describeTarget(target) : `${describeTarget(host)} (jump host of ${target.host})`
  const lines = output.split(/\r?\n/).filter((line) => line.trim() !== '' && !unhelpful.test(line))
  const details = lines.slice(-6)
  if (['none', 'missing'].includes(keys) && /: Permission denied \(\S*publickey/.test(output))
    return new UserError({
      code: keys === 'missing' ? 'inputs' : 'node',
      message: `${where} requires an SSH key, but the step has none`,
      hint: noKey,
      details,
    })
  const failure = failures.find(({ pattern }) => pattern.test(output)) ?? unknownFailure
  const inCi: Explanation = { message: failure.message(where, keyTexts[keys]), hint: failure.hint(host) }
  const shown = keys === 'user' ? explainToUser(failure.name, { where, host, offered }, inCi) : inCi
  return new UserError({ code: failure.code ?? 'node', ...shown, details: [...details, ...(shown.details ?? [])] })
}

/** The jump host that ssh's messages name, or else the node. */
export function failingHost(output: string, target: SshTarget): SshTarget {
  const isNamed = ({ host, hostName = host, hostKeyAlias = hostName }: SshHost) =>
    [hostName, hostKeyAlias].some((name) =>
      [
        '@NAME: ',
        'to host NAME ',
        'resolve hostname NAME:',
        'known for NAME',
        'known for [NAME]',
        'key for NAME',
        'key for [NAME]',
      ].some((text) => output.includes(text.replace('NAME', name))),
    )
  return target.jumps?.find(isNamed) ?? target
}

function lastJump({ jumps = [] }: SshTarget): string {
  const last = jumps.at(-1)
  return last ? describeTarget(last) : 'the jump host'
}

/** Whether the server closed the connection before authentication, and ssh reports no other reason. */
export function isDropped({ details }: UserError): boolean {
  const output = details.join('\n')
  return failures.find(({ pattern }) => pattern.test(output))?.pattern === dropped
}
