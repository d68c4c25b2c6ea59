import type { ChildProcess } from 'node:child_process'
import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { daemon, acceptsConnections, run, waitFor } from './exec.ts'
import { faultProxy } from './fault-proxy.ts'
import type { Fault, FaultProxy, RequestLog } from './fault-proxy.ts'
import type { Blob, Image } from './images.ts'
import type { Tools } from './tools.ts'

export const registryUser = { username: 'farm', password: 'correct-horse-battery' }
const htpasswd = `${registryUser.username}:$2b$05$abcdefghijklmnopqrstuuSnF5tLPqPFqc0z9CY0HcSLFbSRlL67u\n`

/** A registry of the farm in its supervisor: a real one on a Unix socket, with the fault proxy in front of it. */
export interface RegistryServer {
  port: number
  /** The port that serves large layers, if any. */
  layersPort: number | undefined
  fault(fault: Fault): void
  clearFaults(): void
  /** The requests whose path contains `of`. */
  requests(of?: string): RequestLog[]
  resetRequests(): void
  wipe(): Promise<void>
  stop(): void
  start(): Promise<void>
}

export interface RegistryOptions {
  name: string
  dir: string
  tools: Tools
  gateway: string
  auth: boolean
  images: Image[]
  nameOf: (address: string) => string
}

export async function startRegistry(options: RegistryOptions): Promise<RegistryServer> {
  const { name, dir, auth, images } = options
  const data = join(dir, name)
  const socket = join(dir, `${name}.sock`)
  await mkdir(data)
  // A separate file system: fast to empty, and removed with the supervisor's mount namespace.
  await run('mount', ['-t', 'tmpfs', '-o', 'mode=700', 'tmpfs', data])
  await writeFile(join(dir, `${name}.htpasswd`), htpasswd)
  await writeFile(
    join(dir, `${name}.yml`),
    [
      'version: 0.1',
      'log: {level: warn, accesslog: {disabled: true}}',
      'storage:',
      `  filesystem: {rootdirectory: ${data}}`,
      '  delete: {enabled: true}',
      '  maintenance: {uploadpurging: {enabled: false}}',
      `http: {net: unix, addr: ${socket}}`,
      ...(auth ? [`auth: {htpasswd: {realm: farm, path: ${join(dir, `${name}.htpasswd`)}}}`] : []),
    ].join('\n'),
  )

  let child: ChildProcess | undefined
  const start = async (): Promise<void> => {
    await rm(socket, { force: true })
    child = daemon(options.tools.registry, ['serve', join(dir, `${name}.yml`)], join(dir, 'logs', `${name}.log`), {
      env: { ...process.env, OTEL_TRACES_EXPORTER: 'none' },
    })
    await waitFor(`the ${name} to start`, () => acceptsConnections(socket))
  }
  await start()
  await fillRegistry(socket, images, auth)
  // As public registries do: large blobs are served by another server, which costs almost no CPU time on this host.
  const layersPort = auth ? undefined : await serveLayers(options, data)
  const redirect = (path: string): { port: number; path: string } | undefined => {
    const hex = /^\/v2\/farm\/buildkit\/blobs\/sha256:([0-9a-f]{64})$/.exec(path)?.[1]
    return hex !== undefined && layersPort !== undefined
      ? { port: layersPort, path: `/docker/registry/v2/blobs/sha256/${hex.slice(0, 2)}/${hex}/data` }
      : undefined
  }
  const proxy = faultProxy({ upstream: { socketPath: socket }, nameOf: options.nameOf, redirect })
  const port = await listen(proxy, options.gateway)
  return {
    port,
    layersPort,
    fault: (fault) => {
      proxy.faults.push(fault)
    },
    clearFaults: () => {
      proxy.faults.length = 0
    },
    requests: (of = '') => proxy.requests.filter(({ path }) => path.includes(of)),
    resetRequests: () => {
      proxy.requests.length = 0
    },
    wipe: async () => {
      for (const entry of await readdir(data)) await rm(join(data, entry), { recursive: true, force: true })
      await fillRegistry(socket, images, auth)
    },
    stop: () => {
      child?.kill('SIGKILL')
    },
    start,
  }
}

/** Ends with the supervisor. */
async function serveLayers({ name, dir, tools, gateway }: RegistryOptions, data: string): Promise<number> {
  const child = daemon(tools.front, ['serve', data, '127.0.0.1', gateway], join(dir, 'logs', `${name}-layers.log`), {
    pipes: true,
  })
  return await new Promise<number>((resolve, reject) => {
    child.once('exit', () => reject(new Error(`the layer server of ${name} ended; see its log`)))
    child.stdout?.once('data', (line: Buffer) => resolve((JSON.parse(line.toString()) as { port: number }).port))
  })
}

/** The same port on loopback, for the host, and on the bridge, for the machines. */
async function listen(proxy: FaultProxy, gateway: string): Promise<number> {
  const onLoopback = proxy.listener()
  await listening(onLoopback, 0, '127.0.0.1')
  const { port } = onLoopback.address() as AddressInfo
  await listening(proxy.listener(), port, gateway)
  return port
}

function listening(server: Server, port: number, host: string): Promise<void> {
  server.requestTimeout = 0
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, 1024, resolve)
  })
}

async function fillRegistry(socketPath: string, images: Image[], auth: boolean): Promise<void> {
  const put = uploader(socketPath, auth)
  for (const { repository, tag, blobs, manifests, index } of images) {
    const putManifest = async (manifest: Blob, reference: string): Promise<void> => {
      const path = `/v2/${repository}/manifests/${reference}`
      await put({ method: 'PUT', path, type: manifest.mediaType, blob: manifest, status: 201 })
    }
    await Promise.all(
      blobs.map(async (blob) => {
        const location = await put({ method: 'POST', path: `/v2/${repository}/blobs/uploads/`, status: 202 })
        const url = new URL(location ?? '', 'http://registry')
        url.searchParams.set('digest', blob.digest)
        await put({
          method: 'PUT',
          path: url.pathname + url.search,
          type: 'application/octet-stream',
          blob,
          status: 201,
        })
      }),
    )
    await Promise.all(manifests.map(async (manifest) => await putManifest(manifest, manifest.digest)))
    const top = index ?? manifests[0]
    if (top) await putManifest(top, tag)
  }
}

interface Upload {
  method: string
  path: string
  type?: string
  blob?: Blob
  /** The status of a successful response. */
  status: number
}

/** Sends requests to the registry on `socketPath`; each gives the `Location` of the response. */
function uploader(socketPath: string, auth: boolean): (upload: Upload) => Promise<string | undefined> {
  const credentials = Buffer.from(`${registryUser.username}:${registryUser.password}`).toString('base64')
  return async ({ method, path, type, blob, status }) => {
    const body = blob ? await readFile(blob.file) : Buffer.alloc(0)
    const headers = {
      host: 'registry',
      'content-length': body.length,
      ...(auth && { authorization: `Basic ${credentials}` }),
      ...(type !== undefined && { 'content-type': type }),
    }
    return await new Promise((resolve, reject) => {
      const req = request({ socketPath, method, path, headers }, (res) => {
        res.resume()
        res.once('end', () => {
          if (res.statusCode === status) resolve(res.headers.location)
          else reject(new Error(`the registry answered ${method} ${path} with ${res.statusCode}`))
        })
      })
      req.once('error', reject)
      req.end(body)
    })
  }
}
