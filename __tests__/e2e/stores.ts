import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { connect, createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { ensureAzurite, ensureGhaCache, ensureS3 } from '../farm/optional-tools.ts'
import { eventually, type Farm } from './world.ts'

/** A service that the farm's nodes and this host reach under one address. */
export interface Store {
  readonly url: string
  /** Paths of the files in which it keeps what it was given. */
  files(): string[]
  end(): Promise<void>
}

/** The address of this host on the farm's bridge. */
export function bridgeOf(farm: Farm): string {
  return farm.nodes.amd.host.replace(/\d+$/, '1')
}

export async function startGhaCache(farm: Farm): Promise<Store> {
  const dir = mkdtempSync(join(tmpdir(), 'gha-cache-'))
  const child = spawn(await ensureGhaCache(), [dir, bridgeOf(farm)], { stdio: ['ignore', 'pipe', 'ignore'] })
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  return storeOf(child, dir, line.toString().trim())
}

export const s3Keys = { access: 'AKIAFARMFARMFARMFARM', secret: 'farm-secret-of-s3-0123456789abcdef' }

/** With one bucket, `caches`. */
export async function startS3(farm: Farm): Promise<Store> {
  const dir = mkdtempSync(join(tmpdir(), 's3-'))
  for (const name of ['data/caches', 'sidecar']) mkdirSync(join(dir, name), { recursive: true })
  const address = `${bridgeOf(farm)}:${await freePort(bridgeOf(farm))}`
  const env = { ROOT_ACCESS_KEY: s3Keys.access, ROOT_SECRET_KEY: s3Keys.secret, PATH: process.env['PATH'] ?? '' }
  const child = spawn(await ensureS3(), ['--port', address, '--quiet', 'posix', '--sidecar', join(dir, 'sidecar'), join(dir, 'data')], { env, stdio: 'ignore' })
  await listensAt(address)
  return storeOf(child, join(dir, 'data'), `http://${address}`, dir)
}

export const azure = { account: 'farm', key: Buffer.from('farm-secret-of-azure-0123456789').toString('base64') }

export async function startAzurite(farm: Farm): Promise<Store> {
  const dir = mkdtempSync(join(tmpdir(), 'azurite-'))
  const port = await freePort(bridgeOf(farm))
  const env = { AZURITE_ACCOUNTS: `${azure.account}:${azure.key}`, PATH: process.env['PATH'] ?? '' }
  const child = spawn(process.execPath, [await ensureAzurite(), '--blobHost', bridgeOf(farm), '--blobPort', String(port), '--location', dir, '--silent', '--skipApiVersionCheck', '--disableTelemetry'], { env, stdio: 'ignore', cwd: dir })
  await listensAt(`${bridgeOf(farm)}:${port}`)
  return storeOf(child, dir, `http://${bridgeOf(farm)}:${port}/${azure.account}`)
}

function storeOf(child: ChildProcess, files: string, url: string, dir = files): Store {
  return {
    url,
    files: () => (readdirSync(files, { recursive: true }) as string[]).filter((name) => statSync(join(files, name)).isFile()).map((name) => relative(files, join(files, name))),
    end: async () => {
      const over = once(child, 'exit')
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGTERM')
        await over
      }
      if (existsSync(dir)) rmSync(dir, { recursive: true, force: true })
    },
  }
}

async function freePort(host: string): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, host, resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

async function listensAt(address: string): Promise<void> {
  const [host = '', port = ''] = address.split(':')
  await eventually(`somebody at ${address}`, async () => {
    const socket = connect(Number(port), host)
    const up = await Promise.race([once(socket, 'connect').then(() => true), once(socket, 'error').then(() => false)]).catch(() => false)
    socket.destroy()
    return up
  })
}
