import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { farmSources } from './paths.ts'
import { ensureTools } from './tools.ts'

const context = 'elsewhere'
const contextId = createHash('sha256').update(context).digest('hex')
const unreachable = 'tcp://127.0.0.1:9'

/** Settings of a developer's machine. Each breaks a test that uses it. */
const home: Readonly<Record<string, string>> = {
  '.docker/config.json': JSON.stringify({
    currentContext: context,
    credsStore: 'missing',
    proxies: { default: { httpProxy: 'http://127.0.0.1:9' } },
  }),
  [`.docker/contexts/meta/${contextId}/meta.json`]: JSON.stringify({
    Name: context,
    Metadata: {},
    Endpoints: { docker: { Host: unreachable, SkipTLSVerify: false } },
  }),
  '.ssh/config': 'Host *\n  User somebody-else\n  Port 9\n  ProxyCommand false\n',
  '.gitconfig': '[commit]\n\tgpgsign = true\n[core]\n\thooksPath = /nowhere\n',
}

const environment = {
  BUILDX_BUILDER: 'missing',
  DOCKER_CONTEXT: context,
  DOCKER_DEFAULT_PLATFORM: 'linux/s390x',
  GITHUB_ACTIONS: 'true',
  GITHUB_REF: 'refs/heads/other',
  GITHUB_REPOSITORY: 'other/repository',
  GITHUB_TOKEN: 'other-token',
  HTTP_PROXY: 'http://127.0.0.1:9',
  HTTPS_PROXY: 'http://127.0.0.1:9',
  KUBECONFIG: '/nowhere/kubeconfig',
}

/**
 * Runs a command on a host with a Docker socket, `~/.docker`, `~/.ssh/config`, QEMU, the environment variables of a job
 * and umask 077. A test that passes there and on an empty host does not depend on the host. The farm's tools must be
 * installed before, since the proxy of this environment does not exist.
 */
export async function runOnPopulatedHost(command: readonly string[]): Promise<number> {
  const { qemu } = await ensureTools()
  const dir = mkdtempSync(join(tmpdir(), 'mab-populated-'))
  for (const [name, text] of Object.entries(home)) {
    mkdirSync(dirname(join(dir, 'home', name)), { recursive: true })
    writeFileSync(join(dir, 'home', name), text)
  }
  const sockets = ['docker.sock', 'agent.sock'].map((name) =>
    createServer((socket) => socket.destroy()).listen(join(dir, name)),
  )
  try {
    const script = join(farmSources, 'populated-host.sh')
    const args = ['--mount', '--propagation', 'private', '--', 'sh', script, dir, qemu.arm64, ...command]
    const env = { ...process.env, ...environment, SSH_AUTH_SOCK: join(dir, 'agent.sock') }
    const child = spawn('unshare', args, { stdio: 'inherit', env })
    // The command receives Ctrl-C as well; the host is restored after it has ended.
    process.on('SIGINT', () => undefined)
    process.on('SIGTERM', () => child.kill('SIGTERM'))
    return await new Promise<number>((resolve, reject) => {
      child.once('error', reject)
      child.once('exit', (status) => resolve(status ?? 1))
    })
  } finally {
    for (const socket of sockets) socket.close()
    rmSync(dir, { recursive: true, force: true })
  }
}
