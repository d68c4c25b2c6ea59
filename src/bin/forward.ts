import { existsSync } from 'node:fs'
import { request } from 'node:http'
import { createServer, type Socket } from 'node:net'
import { start } from '../lib/exec.ts'
import { setPrivateUmask } from '../lib/umask.ts'

/*
 * Runs beside the job where something that builds cannot be reached by a plain socket: listens on a Unix socket here,
 * and leads each connection on. Ends with the run's directory, which `guard` is a file of.
 *
 *   ssh <guard> <local> <command>     guard is the ssh_config of a connection that is there already and forwards no sockets:
 *                                     each gets a session of its own, in which the command leads on
 *   engine <guard> <local> <socket>   to the BuildKit inside a Docker Engine
 */

setPrivateUmask()
const [way = '', guard = '', local = '', target = ''] = process.argv.slice(2)

function throughSession(socket: Socket): void {
  // Without the connection that is there, ssh shall fail rather than open another.
  const session = start('ssh', ['-F', guard, '-o', 'ProxyCommand=false', 'node', target], {
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

/**
 * https://docs.docker.com/reference/api/engine/: POST /grpc, upgraded to h2c, is BuildKit's own protocol from there on.
 */
function intoEngine(socket: Socket): void {
  const asked = request({
    socketPath: target,
    method: 'POST',
    path: '/grpc',
    agent: false,
    headers: { Host: 'docker', Connection: 'Upgrade', Upgrade: 'h2c' },
  })
  asked.on('upgrade', (_, onward, head) => {
    const end = () => {
      onward.destroy()
      socket.destroy()
    }
    for (const side of [socket, onward]) side.on('error', end).on('close', end)
    if (head.length > 0) socket.write(head)
    socket.pipe(onward)
    onward.pipe(socket)
  })
  // An engine that answers anything else has no BuildKit to lead to.
  asked.on('response', () => socket.destroy())
  asked.on('error', () => socket.destroy())
  for (const end of ['error', 'close']) socket.on(end, () => asked.destroy())
  asked.end()
}

createServer({ allowHalfOpen: way === 'ssh' }, way === 'ssh' ? throughSession : intoEngine).listen(local)
setInterval(() => {
  if (!existsSync(guard)) process.exit()
}, 5000)
