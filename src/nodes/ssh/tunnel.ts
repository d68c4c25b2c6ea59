import { closeSync, openSync, rmSync } from 'node:fs'
import { writePrivate } from '../../lib/fs.ts'
import { ended, run, start, type Finished } from '../../lib/exec.ts'
import { waitForFile } from '../../lib/wait.ts'
import type { Journal } from '../../run/journal.ts'
import { UserError, errorMessage } from '../../lib/errors.ts'
import { sleep } from '../../lib/time.ts'
import { describeTarget, renderSshConfig, type SshTarget } from './config.ts'
import { explainSsh, isDropped } from './errors.ts'
import { tryRead } from '../../lib/fs.ts'
import { connectionPaths, type RunDir } from '../../run/run-dir.ts'

export interface Tunnel {
  readonly config: string
  /** The local socket that leads to the node's engine or buildkitd. */
  readonly socket: string
  /** Settles when the connection has ended, with ssh's last words. */
  readonly lost: Promise<string>
  /** What ssh has said so far. */
  readonly words: () => string
}

interface TunnelRequest {
  readonly dir: RunDir
  readonly node: string
  readonly target: SshTarget
  /** The socket on the node to forward to. */
  readonly remote: string
  readonly agent: string
  readonly ownAgent: boolean
}

const connectDeadline = 18_000

/** Opens the one SSH connection of a node: it carries the forwarded socket, and any question we have for its shell. */
export async function openTunnel(request: TunnelRequest, journal: Journal): Promise<Tunnel> {
  const { dir, node, target, remote } = request
  const { config, socket, control } = dir.connection(node)
  const paths = { agent: request.agent, knownHosts: dir.knownHosts, control }
  writePrivate(config, renderSshConfig(target, paths))
  journal.note({ kind: 'tunnel', node: describeTarget(target), config, local: socket, remote })
  return connectPatiently({ config, local: socket, remote, target, ownAgent: request.ownAgent })
}

interface Route {
  readonly config: string
  readonly local: string
  readonly remote: string
  readonly target: SshTarget
  /** Whether the keys offered are the step's own, not those of the job's agent. */
  readonly ownAgent: boolean
}

/** An sshd drops connections at random when many come at once (MaxStartups, 10 by default): then it is asked again. */
async function connectPatiently(route: Route): Promise<Tunnel> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await connect(route)
    } catch (error) {
      if (attempt === 5 || !(error instanceof UserError) || !isDropped(error)) throw error
      await sleep(250 * 2 ** attempt * (0.5 + Math.random()))
    }
  }
}

async function connect({ config, local: socket, remote, target, ownAgent }: Route): Promise<Tunnel> {
  const { log: words, control } = connectionPaths(config)
  const log = openSync(words, 'w', 0o600)
  // Detached: later steps of the job and the post step use the connection that this step made.
  const ssh = start('ssh', ['-F', config, '-M', '-N', '-T', '-L', `${socket}:${remote}`, 'node'], {
    detached: true,
    stdio: ['ignore', 'ignore', log],
  })
  closeSync(log)
  ssh.unref()
  const said = () => tryRead(words).trim()
  const lost = ended(ssh).then(said, errorMessage)
  const up = waitForFile(socket, connectDeadline).then(
    () => undefined,
    () => 'Connection timed out',
  )
  // The control socket comes just behind the forwarded one.
  const failed = await Promise.race([
    lost,
    up.then(
      async (late) =>
        late ??
        (await waitForFile(control, 2000).then(
          () => undefined,
          () => undefined,
        )),
    ),
  ])
  if (failed !== undefined) {
    ssh.kill('SIGTERM')
    throw explainSsh(failed, target, ownAgent)
  }
  return { config, socket, lost, words: said }
}

/** Makes a noted connection again: for the post step, when the first one did not last. The agent still has the keys. */
export async function reconnect({
  config,
  local,
  remote,
  node,
}: {
  readonly config: string
  readonly local: string
  readonly remote: string
  readonly node: string
}): Promise<void> {
  rmSync(local, { force: true })
  await connect({ config, local, remote, target: { host: node, port: 22 }, ownAgent: true })
}

/** Asks the node's shell over the connection that is already there; without it, fails rather than open a second one. */
export function askShell(tunnel: Pick<Tunnel, 'config'>, script: string, deadline = 10_000): Promise<Finished> {
  return run('ssh', ['-F', tunnel.config, '-o', 'ProxyCommand=false', 'node', 'sh', '-s'], { input: script, deadline })
}

/** Lets the connection lead to another socket of the node as well. */
export async function forward(tunnel: Pick<Tunnel, 'config'>, local: string, remote: string): Promise<boolean> {
  const { code } = await run('ssh', ['-F', tunnel.config, '-O', 'forward', '-L', `${local}:${remote}`, 'node'], {
    deadline: 10_000,
  })
  return code === 0
}
