import { UserError } from '../../lib/errors.ts'
import type { Journal } from '../../run/journal.ts'
import { connectionPaths } from '../../run/run-dir.ts'
import { EngineClient, type EngineInfo } from '../engine/client.ts'
import { describeTarget, type SshTarget } from './config.ts'
import { isSessionRefused, sessionLimit } from './sessions.ts'
import { connectThroughSessions, lacksSessions } from './forwarder.ts'
import { execRemote, forward, type Tunnel } from './tunnel.ts'

/** Where the engine of most machines listens. */
export const defaultEngineSocket = '/var/run/docker.sock'

const sockets = [
  '"${DOCKER_HOST#unix://}"',
  defaultEngineSocket,
  '"$XDG_RUNTIME_DIR/docker.sock"',
  '"/run/user/$uid/docker.sock"',
  '"$HOME/.docker/run/docker.sock"',
]

/**
 * Looks, on the node, for an engine's socket that this user may use: DOCKER_HOST of the login shell, the usual path,
 * rootless ones. Prints `usable PATH` and `denied PATH` lines, and `listening PATH` if the kernel lists a process that
 * listens there (flag 00010000, __SO_ACCEPTCON). POSIX sh; needs no Docker client.
 */
const findEngineScript = `
uid=$(id -u)
for s in ${sockets.join(' ')}; do
  [ -S "$s" ] || continue
  if [ -r "$s" ] && [ -w "$s" ]; then echo "usable $s"; else echo "denied $s"; fi
  grep -qs -e " 00010000 .* $s$" -e " 00010000 .* $(readlink -f "$s")$" /proc/net/unix && echo "listening $s"
done
echo "user $(id -un)"
`

interface FoundEngine {
  /** The local socket that leads to it. */
  readonly socket: string
  readonly engine: EngineInfo
}

/**
 * Finds the engine at the usual path, which needs no command on the node; otherwise at any path where the login user
 * has one, by forwarding or, if the server forbids that, through exec sessions.
 *
 * @throws UserError with the reason why there is none
 */
export async function findEngine(tunnel: Tunnel, target: SshTarget, journal: Journal): Promise<FoundEngine> {
  const { socket, engineSocket } = connectionPaths(tunnel.config)
  const first = await inspect(socket)
  if (!(first instanceof Error)) return first
  const { stdout, stderr } = await execRemote(tunnel, findEngineScript)
  const search = parseEngineSearch(stdout)
  const output = () => `${stderr}\n${tunnel.output()}`.trim() || String(first)
  // A key with `command="docker system dial-stdio"` runs this instead of the search.
  const [usable] = search.user === '' ? [defaultEngineSocket] : search.usable
  const other = search.usable.find((path) => path !== defaultEngineSocket)
  if (other !== undefined) {
    const route = { node: describeTarget(target), config: tunnel.config, local: engineSocket, remote: other }
    // A journal entry of its own: the post step can restore it without the first.
    journal.note({ kind: 'tunnel', ...route })
    const found = (await forward(route)) ? await inspect(engineSocket) : undefined
    if (found && !(found instanceof Error)) return found
  }
  const mayDial = search.user === '' ? isChannelRefused(output()) : forbidsForwarding(search, output())
  if (usable !== undefined && mayDial) {
    const found = await inspectThroughSessions(tunnel, { target, remote: usable }, journal)
    if (found) return found
  }
  throw noEngineError(target, search, output())
}

/** @throws UserError if the server allows too few sessions */
async function inspectThroughSessions(
  tunnel: Tunnel,
  route: { readonly target: SshTarget; readonly remote: string },
  journal: Journal,
): Promise<FoundEngine | undefined> {
  const socket = await connectThroughSessions(tunnel, route, journal)
  if (socket === undefined) return undefined
  const found = await inspect(socket)
  if (!(found instanceof Error)) return found
  if (lacksSessions(socket)) throw new UserError(sessionLimit(describeTarget(route.target)))
  return undefined
}

async function inspect(socket: string): Promise<FoundEngine | Error> {
  return await new EngineClient(socket, 10_000).info().then(
    (engine) => ({ socket, engine }),
    (error: unknown) => (error instanceof Error ? error : new Error(String(error))),
  )
}

interface EngineSearch {
  readonly usable: readonly string[]
  readonly denied: readonly string[]
  readonly listening: readonly string[]
  /** Empty if the search did not run. */
  readonly user: string
}

/** PURE: parses what `findEngineScript` printed; lines of a login banner are ignored. */
export function parseEngineSearch(output: string): EngineSearch {
  const lines = output.split('\n')
  const paths = (key: string) => [
    ...new Set(lines.flatMap((line) => (line.startsWith(`${key} /`) ? [line.slice(key.length + 1).trim()] : []))),
  ]
  const user = lines.find((line) => line.startsWith('user '))?.slice('user '.length) ?? ''
  return { usable: paths('usable'), denied: paths('denied'), listening: paths('listening'), user: user.trim() }
}

/** Messages of ssh itself: a banner of the server that mentions such words must not match. */
const prohibited = /^(channel \d+: open failed: administratively prohibited|.*: forwarding request failed:)/m
const openFailed = /^channel \d+: open failed:/m

/** PURE: whether the server refused to open a channel to a socket. */
export function isChannelRefused(sshOutput: string): boolean {
  return openFailed.test(sshOutput)
}

/** PURE: whether an engine is there, and only the configuration of the SSH server prevents its use. */
function forbidsForwarding({ usable, listening }: EngineSearch, sshOutput: string): boolean {
  // OpenSSH's server reports `connect failed` for a socket it may not forward, as it does if no process listens there.
  const refused = isChannelRefused(sshOutput) && usable.some((socket) => listening.includes(socket))
  return usable.length > 0 && (refused || prohibited.test(sshOutput))
}

/** PURE: why the engine of a node that SSH reached cannot be used. */
export function noEngineError(target: SshTarget, search: EngineSearch, sshOutput: string): UserError {
  const where = describeTarget(target)
  const user = search.user === '' ? (target.user ?? 'the user') : search.user
  const error = (message: string, hint: string) => new UserError({ code: 'node', message, hint })
  if (isSessionRefused(sshOutput)) return new UserError(sessionLimit(where))
  if (forbidsForwarding(search, sshOutput))
    return error(
      `${where} forbids forwarding: set \`AllowStreamLocalForwarding yes\` in its sshd_config`,
      forwardingHint,
    )
  if (search.usable.length > 0) return error(`The Docker Engine of ${where} does not answer`, hungHint)
  if (search.denied.length > 0)
    return error(
      `${user} has no permission to use the Docker Engine of ${where}`,
      `On the node, run \`sudo usermod -aG docker ${user}\`; it takes effect at the next login.`,
    )
  return error(`No Docker Engine runs on ${where}`, noEngineHint)
}

const forwardingHint =
  'Without forwarding, the user needs `docker`, `socat` or `nc` on the node, and has none of them. On the node, ' +
  'set `AllowStreamLocalForwarding yes` in /etc/ssh/sshd_config (and no `restrict` or `no-port-forwarding` before ' +
  'the key in authorized_keys), then reload sshd.'
const hungHint =
  'On the node, `docker version` should answer at once; `systemctl restart docker` and `journalctl -u docker` help ' +
  'if it does not.'
const noEngineHint =
  'On the node, install and start one (`systemctl enable --now docker`), or name the socket of a buildkitd: ' +
  '`ssh://…/run/buildkit/buildkitd.sock`.'
