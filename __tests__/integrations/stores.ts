import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createHmac } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../farm/network.ts'
import { ensureAzurite, ensureGhaCache, ensureS3 } from '../farm/optional-tools.ts'
import { bridgeOf, waitFor, type Farm } from '../e2e/harness.ts'

/** A service that the farm's nodes and this host reach at the same address. */
export interface Store {
  readonly url: string
  /** The names of its entries. */
  names(): Promise<string[]> | string[]
  end(): Promise<void>
}

export async function startGhaCache(farm: Farm): Promise<Store> {
  const dir = mkdtempSync(join(tmpdir(), 'gha-cache-'))
  const child = spawn(await ensureGhaCache(), [dir, bridgeOf(farm)], { stdio: ['ignore', 'pipe', 'ignore'] })
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  // Its database contains plain JSON; a key ends with its version number.
  const names = () => [
    ...new Set(
      [...readFileSync(join(dir, 'bolt.db'), 'latin1').matchAll(/"key":"([^"#]+)/g)].map(([, key = '']) => key),
    ),
  ]
  return storeOf(child, dir, line.toString().trim(), names)
}

export const s3Keys = { access: 'AKIAFARMFARMFARMFARM', secret: 'farm-secret-of-s3-0123456789abcdef' }

/** With one bucket, `caches`. */
export async function startS3(farm: Farm): Promise<Store> {
  const dir = mkdtempSync(join(tmpdir(), 's3-'))
  for (const name of ['data/caches', 'sidecar']) mkdirSync(join(dir, name), { recursive: true })
  const address = `${bridgeOf(farm)}:${await freePort(bridgeOf(farm))}`
  const env = { ROOT_ACCESS_KEY: s3Keys.access, ROOT_SECRET_KEY: s3Keys.secret, PATH: process.env['PATH'] ?? '' }
  const child = spawn(
    await ensureS3(),
    ['--port', address, '--quiet', 'posix', '--sidecar', join(dir, 'sidecar'), join(dir, 'data')],
    { env, stdio: 'ignore' },
  )
  await listensAt(address)
  const bucket = join(dir, 'data/caches')
  const names = () =>
    (readdirSync(bucket, { recursive: true }) as string[]).filter((name) => statSync(join(bucket, name)).isFile())
  return storeOf(child, dir, `http://${address}`, names)
}

export const azure = { account: 'farm', key: Buffer.from('farm-secret-of-azure-0123456789').toString('base64') }

export async function startAzurite(farm: Farm): Promise<Store> {
  const dir = mkdtempSync(join(tmpdir(), 'azurite-'))
  const port = await freePort(bridgeOf(farm))
  const env = { AZURITE_ACCOUNTS: `${azure.account}:${azure.key}`, PATH: process.env['PATH'] ?? '' }
  const child = spawn(
    process.execPath,
    [
      await ensureAzurite(),
      '--blobHost',
      bridgeOf(farm),
      '--blobPort',
      String(port),
      '--location',
      dir,
      '--silent',
      '--skipApiVersionCheck',
      '--disableTelemetry',
    ],
    { env, stdio: 'ignore', cwd: dir },
  )
  await listensAt(`${bridgeOf(farm)}:${port}`)
  const url = `http://${bridgeOf(farm)}:${port}/${azure.account}`
  return storeOf(child, dir, url, async () => await listBlobs(url))
}

/** https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key */
async function listBlobs(url: string): Promise<string[]> {
  const date = new Date().toUTCString()
  const version = '2021-08-06'
  const headers = `x-ms-date:${date}\nx-ms-version:${version}`
  const resource = `/${azure.account}/${azure.account}/caches\ncomp:list\nrestype:container`
  const signed = `GET${'\n'.repeat(12)}${headers}\n${resource}`
  const signature = createHmac('sha256', Buffer.from(azure.key, 'base64')).update(signed).digest('base64')
  const answer = await fetch(`${url}/caches?restype=container&comp=list`, {
    headers: { 'x-ms-date': date, 'x-ms-version': version, authorization: `SharedKey ${azure.account}:${signature}` },
  })
  const text = await answer.text()
  if (!answer.ok) throw new Error(`Azurite lists no blobs: ${answer.status} ${text}`)
  return [...text.matchAll(/<Name>([^<]+)<\/Name>/g)].map(([, name = '']) => name)
}

function storeOf(child: ChildProcess, dir: string, url: string, names: Store['names']): Store {
  return {
    url,
    names,
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

async function listensAt(address: string): Promise<void> {
  const [host = '', port = ''] = address.split(':')
  await waitFor(`a service at ${address}`, async () => {
    const socket = connect(Number(port), host)
    const up = await Promise.race([
      once(socket, 'connect').then(() => true),
      once(socket, 'error').then(() => false),
    ]).catch(() => false)
    socket.destroy()
    return up
  })
}
