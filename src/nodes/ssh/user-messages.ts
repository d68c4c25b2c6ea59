import { describeTarget, type SshHost } from './config.ts'
import type { UserKey } from './user-keys.ts'

/** What a message about SSH says on the command line, where keys and known hosts are those of the user. */
interface UserMessage {
  readonly message?: (where: string) => string
  readonly hint: (host: SshHost) => string
}

const fingerprint = 'on the node itself, `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` prints it'

/** By the names of the failures in `errors.ts`; all others have the same text in CI. */
const userMessages: Readonly<Record<string, UserMessage>> = {
  changedHostKey: {
    message: (where) => `The host key of ${where} does not match your known_hosts`,
    hint: (host) =>
      `If the host was reinstalled, compare the fingerprint: ${fingerprint}. If it is the same, remove the old line: ` +
      `\`ssh-keygen -F '${knownName(host)}'\` shows it, \`ssh-keygen -R '${knownName(host)}'\` removes it. Then ` +
      `connect once: \`${connect(host)}\`. ` +
      'If the host was not reinstalled, the connection may be intercepted: do not continue.',
  },
  unknownHostKey: {
    message: (where) => `The host key of ${where} is not in your known_hosts`,
    hint: (host) => `Connect once with \`${connect(host)}\`, and compare the fingerprint: ${fingerprint}.`,
  },
  tooManyKeys: {
    hint: ({ host }) =>
      `In ~/.ssh/config, set \`IdentityFile\` and \`IdentitiesOnly yes\` for ${host}, or on the node, raise ` +
      'MaxAuthTries.',
  },
  hardwareKey: {
    message: (where) => `The key for ${where} is a hardware key, which must be touched to sign`,
    hint: () => 'Use a key that needs no touch, such as one of `ssh-keygen -t ed25519`.',
  },
  unknownName: {
    message: (where) => `The DNS of this machine cannot resolve the name of ${where}`,
    hint: ({ host }) => `Check the name in \`--nodes\`, and HostName of ${host} in ~/.ssh/config.`,
  },
}

interface Refusal {
  readonly where: string
  readonly host: SshHost
  readonly offered: readonly UserKey[]
}

export interface Explanation {
  readonly message: string
  readonly hint: string
  /** Lines after those of ssh. */
  readonly details?: readonly string[]
}

/** What a failure means on the command line, which may be the same as in CI. */
export function explainToUser(name: string | undefined, refusal: Refusal, inCi: Explanation): Explanation {
  if (name === 'refusedKeys') return explainKeys(refusal)
  const own = name === undefined ? undefined : userMessages[name]
  return own ? { message: own.message?.(refusal.where) ?? inCi.message, hint: own.hint(refusal.host) } : inCi
}

function explainKeys({ where, host, offered }: Refusal): Explanation {
  const locked = offered.flatMap(({ lockedFile }) => lockedFile ?? [])
  const details = offered.map(({ text, lockedFile }) => `${lockedFile === undefined ? 'key' : 'locked key'}: ${text}`)
  if (offered.length === 0)
    return {
      message: `${where} requires an SSH key, but ssh has none to offer`,
      hint: `Set \`IdentityFile\` for ${host.host} in ~/.ssh/config, or add a key to your agent: \`ssh-add FILE\`.`,
    }
  if (locked.length > 0)
    return {
      message: `${where} accepts none of the keys that ssh can use without a passphrase`,
      hint: `Nothing asks for a passphrase here. Add the key to your agent first: \`ssh-add ${locked.join(' ')}\`.`,
      details,
    }
  return { message: `${where} accepts none of the keys that ssh offers`, hint: refusedHint(host), details }
}

function refusedHint({ host, user = '' }: SshHost): string {
  return (
    `The keys are listed above. To offer another one, set \`IdentityFile\` for ${host} in ~/.ssh/config, or add it ` +
    'to your agent: `ssh-add FILE`. To use one of these, an administrator adds its public half to ' +
    `~${user}/.ssh/authorized_keys on the node. Also check that the user is right.`
  )
}

/** As known_hosts names a host. */
function knownName({ host, hostName = host, hostKeyAlias, port }: SshHost): string {
  return hostKeyAlias ?? (port === 22 ? hostName : `[${hostName}]:${port}`)
}

function connect(host: SshHost): string {
  return `ssh ${host.hostName === undefined && host.port !== 22 ? `-p ${host.port} ` : ''}${nameOf(host)} true`
}

/** An alias has its user and port in ~/.ssh/config. */
function nameOf(host: SshHost): string {
  return host.hostName === undefined ? describeTarget({ ...host, port: 22 }) : host.host
}
