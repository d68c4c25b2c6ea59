import { existsSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { start } from './sys/process.ts'

/*
 * Runs beside the job where a node's SSH server forwards no sockets: listens on a Unix socket here, and leads each
 * connection through a session of its own of the SSH connection that is there already. Ends with the run's directory.
 */

process.umask(0o077)
const [config = '', local = '', command = ''] = process.argv.slice(2)

function serve(socket: Socket): void {
  // Without the connection that is there, ssh shall fail rather than open another.
  const session = start('ssh', ['-F', config, '-o', 'ProxyCommand=false', 'node', command], { stdio: ['pipe', 'pipe', 'ignore'] })
  const end = () => {
    session.kill()
    socket.destroy()
  }
  for (const side of [socket, session, session.stdin, session.stdout]) side?.on('error', end)
  socket.on('close', end)
  if (session.stdin) socket.pipe(session.stdin)
  session.stdout?.pipe(socket)
}

createServer({ allowHalfOpen: true }, serve).listen(local)
setInterval(() => {
  if (!existsSync(config)) process.exit()
}, 5000)
