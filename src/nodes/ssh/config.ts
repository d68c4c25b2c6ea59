/** An SSH server. Values come from `parseEndpoint` and `parseSshConfig`, which reject spaces and quotes. */
export interface SshHost {
  /** As in `nodes`: a host, or an alias of `ssh-config`. */
  readonly host: string
  readonly port: number
  readonly user?: string
  /** The address to connect to; default: `host`. */
  readonly hostName?: string
  /** The name under which `ssh-known-hosts` has its key. */
  readonly hostKeyAlias?: string
  /** Absolute path of a certificate for one of the keys. */
  readonly certificate?: string
  /** Absolute paths of the keys of a user, which only the command line has. */
  readonly identityFiles?: readonly string[]
  /** Whether keys of the agent that are not in these files are not offered. */
  readonly identitiesOnly?: boolean
  /** An agent of this host only: a path, or `none`. */
  readonly identityAgent?: string
}

/** An SSH server, and the servers through which it is reached, the nearest to this runner first. */
export interface SshTarget extends SshHost {
  readonly jumps?: readonly SshHost[]
}

interface SshPaths {
  /** Socket of the agent that holds the keys; empty if there is none. */
  readonly agent: string
  readonly knownHosts: string
  readonly control: string
}

/** The first request after 2 s of silence, three more 2 s apart: an unreachable machine is detected after 8 s. */
const keepAlive = { interval: 2, count: 3 }

/** PURE: the ssh_config of one node's connection, whose host is `node`. */
export function formatSshConfig(target: SshTarget, paths: SshPaths): string {
  const jumps = target.jumps ?? []
  // ssh starts itself with this file for each jump host. It takes the first value of each option.
  return [
    ...formatBlock('node', {
      ...hostOptions(target),
      ...(jumps.length > 0 && { ProxyJump: jumps.map((_, index) => `jump${index}`).join(',') }),
      ControlPath: paths.control,
      StreamLocalBindMask: '0177',
      StreamLocalBindUnlink: 'yes',
      ExitOnForwardFailure: 'yes',
    }),
    ...jumps.flatMap((jump, index) => formatBlock(`jump${index}`, hostOptions(jump))),
    ...formatBlock('*', {
      IdentityAgent: paths.agent === '' ? 'none' : quotePath(paths.agent),
      IdentityFile: 'none',
      // Before it offers a key, ssh asks for access without any, which some servers grant by network.
      PreferredAuthentications: 'publickey',
      BatchMode: 'yes',
      UserKnownHostsFile: paths.knownHosts,
      GlobalKnownHostsFile: '/dev/null',
      StrictHostKeyChecking: 'yes',
      UpdateHostKeys: 'no',
      ConnectTimeout: 10,
      ServerAliveInterval: keepAlive.interval,
      ServerAliveCountMax: keepAlive.count,
      ForwardAgent: 'no',
      ForwardX11: 'no',
    }),
    '',
  ].join('\n')
}

type Options = Readonly<Record<string, string | number | readonly string[]>>

function hostOptions({ host, hostName = host, port, user, hostKeyAlias, certificate, ...keys }: SshHost): Options {
  const { identityFiles = [], identitiesOnly = false, identityAgent } = keys
  return {
    HostName: hostName,
    Port: port,
    ...(user !== undefined && { User: user }),
    ...(hostKeyAlias !== undefined && { HostKeyAlias: hostKeyAlias }),
    ...(certificate !== undefined && { CertificateFile: quotePath(certificate) }),
    ...(identityFiles.length > 0 && { IdentityFile: identityFiles.map(quotePath) }),
    ...(identitiesOnly && { IdentitiesOnly: 'yes' }),
    ...(identityAgent !== undefined && { IdentityAgent: quotePath(identityAgent) }),
  }
}

/** A path of the job may contain anything; ssh splits at spaces and expands `%`. */
function quotePath(path: string): string {
  return `"${path.replaceAll('%', '%%')}"`
}

function formatBlock(name: string, options: Options): string[] {
  const lines = Object.entries(options).flatMap(([option, value]) => [value].flat().map((one) => `  ${option} ${one}`))
  return [`Host ${name}`, ...lines]
}

/** As in `nodes`: `ci@arm.example.com:2222`. */
export function describeTarget({ user, host, port }: SshHost): string {
  const name = host.includes(':') ? `[${host}]` : host
  return `${user === undefined ? '' : `${user}@`}${name}${port === 22 ? '' : `:${port}`}`
}
