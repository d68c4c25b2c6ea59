import { existsSync } from 'node:fs'
import { request } from 'node:http'
import { createServer, type Socket } from 'node:net'
import { startProcess } from '../lib/exec.ts'
import { setPrivateUmask } from '../lib/files.ts'

/*
 * A process of its own that listens on a Unix socket and forwards each connection, for nodes whose socket SSH cannot
 * forward. It ends when the run directory is removed, of which `guard` is a file.
 *
 *   ssh <guard> <local> <command>     guard is the ssh_config of an open connection whose server forbids forwarding;
 *                                     each connection gets an exec session that runs the command
 *   engine <guard> <local> <socket>   to the BuildKit inside a Docker Engine
 */

setPrivateUmask()
const [mode = '', guard = '', local = '', target = ''] = process.argv.slice(2)

function forwardOverSession(socket: Socket): void {
  // Without the open connection, ssh fails instead of opening another one.
  const session = startProcess('ssh', ['-F', guard, '-o', 'ProxyCommand=false', 'node', target], {
    stdio: ['pipe', 'pipe', 'ignore'],
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
  const upgrade = request({
    socketPath: target,
    method: 'POST',
    path: '/grpc',
    agent: false,
    headers: { Host: 'docker', Connection: 'Upgrade', Upgrade: 'h2c' },
  })
  upgrade.on('upgrade', (_, buildkit, head) => {
    const end = () => {
      buildkit.destroy()
      socket.destroy()
    }
    for (const side of [socket, buildkit]) side.on('error', end).on('close', end)
    if (head.length > 0) socket.write(head)
    socket.pipe(buildkit)
    buildkit.pipe(socket)
  })
  // Any other response: this engine has no BuildKit.
  upgrade.on('response', () => socket.destroy())
  upgrade.on('error', () => socket.destroy())
  for (const event of ['error', 'close']) socket.on(event, () => upgrade.destroy())
  upgrade.end()
}

createServer({ allowHalfOpen: mode === 'ssh' }, mode === 'ssh' ? forwardOverSession : forwardToEngine).listen(local)
setInterval(() => {
  if (!existsSync(guard)) process.exit()
}, 5000)
