/** An SSH server. Values come from `parseEndpoint`, which rejects spaces and quotes. */
export interface SshTarget {
  readonly host: string
  readonly port: number
  readonly user?: string
}

interface SshPaths {
  /** Socket of the agent that holds the keys; empty if there is none. */
  readonly agent: string
  readonly knownHosts: string
  readonly control: string
}

/** The first request after 2 s of silence, three more 2 s apart: an unreachable machine is detected after 8 s. */
const keepAlive = { interval: 2, count: 3 }

/** PURE: the ssh_config of one node's connection. */
export function formatSshConfig(target: SshTarget, paths: SshPaths): string {
  const options: Record<string, string | number> = {
    HostName: target.host,
    Port: target.port,
    ...(target.user !== undefined && { User: target.user }),
    // The path of a job's agent may contain anything; ssh splits at spaces and expands `%`.
    IdentityAgent: paths.agent === '' ? 'none' : `"${paths.agent.replaceAll('%', '%%')}"`,
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
    ControlPath: paths.control,
    ForwardAgent: 'no',
    ForwardX11: 'no',
    StreamLocalBindMask: '0177',
    StreamLocalBindUnlink: 'yes',
    ExitOnForwardFailure: 'yes',
  }
  return ['Host *', ...Object.entries(options).map(([name, value]) => `  ${name} ${value}`), ''].join('\n')
}

/** As in `nodes`: `ci@arm.example.com:2222`. */
export function describeTarget({ user, host, port }: SshTarget): string {
  const name = host.includes(':') ? `[${host}]` : host
  return `${user === undefined ? '' : `${user}@`}${name}${port === 22 ? '' : `:${port}`}`
}
