import { existsSync, openSync, rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { startProcess } from '../lib/exec.ts'
import { setPrivateUmask } from '../lib/files.ts'
import { connectionPaths } from '../run/run-dir.ts'
import { dialBuildkit, upgradeRequest } from './dial.ts'
import { shareConnection } from './share.ts'

/*
 * A process of its own that listens on a Unix socket and forwards each connection, for nodes whose socket SSH cannot
 * forward. It ends when the run directory is removed, of which `guard` is a file.
 *
 *   ssh <guard> <local> <command>     guard is the ssh_config of an open connection whose server forbids forwarding;
 *                                     each connection gets an exec session that runs the command
 *   engine <guard> <local> <socket>   to the BuildKit inside a Docker Engine
 *   share <guard> <local> <route>     to a BuildKit, over one connection that is opened at once (dial.ts)
 */

setPrivateUmask()
const [mode = '', guard = '', local = '', ...target] = process.argv.slice(2)
const [first = ''] = target

// The reason of a session that the server refuses.
const sessionLog = mode === 'ssh' ? openSync(connectionPaths(guard).sessionLog, 'a', 0o600) : undefined

function forwardOverSession(socket: Socket): void {
  // Without the open connection, ssh fails instead of opening another one.
  const session = startProcess('ssh', ['-F', guard, '-o', 'ProxyCommand=false', 'node', first], {
    stdio: ['pipe', 'pipe', sessionLog],
  })
  const end = () => {
    session.kill()
    socket.destroy()
  }
  for (const side of [socket, session, session.stdin, session.stdout]) side?.on('error', end)
  socket.on('close', end)
  if (session.stdin) socket.pipe(session.stdin)
  session.stdout?.pipe(socket)
}

/** POST /grpc, upgraded to h2c, speaks BuildKit's own protocol: https://docs.docker.com/reference/api/engine/ */
function forwardToEngine(socket: Socket): void {
  socket.on('error', () => socket.destroy())
  upgradeRequest(first, '/grpc', { protocol: 'h2c' }).then(
    (buildkit) => {
      const end = () => {
        buildkit.destroy()
        socket.destroy()
      }
      for (const side of [socket, buildkit]) side.on('error', end).on('close', end)
      if (socket.destroyed) end()
      socket.pipe(buildkit)
      buildkit.pipe(socket)
    },
    // This engine has no BuildKit.
    () => socket.destroy(),
  )
}

function end(): void {
  rmSync(local, { force: true })
  process.exit()
}

if (mode === 'share') dialBuildkit(target).then((connection) => shareConnection(connection, local, end), end)
else
  createServer({ allowHalfOpen: mode === 'ssh' }, mode === 'ssh' ? forwardOverSession : forwardToEngine).listen(local)
setInterval(() => {
  if (!existsSync(guard)) process.exit()
}, 5000)
