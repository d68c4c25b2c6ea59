import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createRegistryClient, type RegistryClient } from '../../src/registry/client.ts'
import { isNotFound } from '../../src/lib/errors.ts'
import { faultProxy } from '../farm/fault-proxy.ts'
import { createFake } from '../ghcr/fake.ts'
import { endRun } from '../ghcr/runs.ts'
import { startGhcr } from '../ghcr/server.ts'
import { createPackage, findPackage } from '../ghcr/state.ts'
import { copyImage, type Repository } from './copied-images.ts'
import { bridgeOf, type Farm } from './harness.ts'
import { startPlatformApi } from './platform-api.ts'

/** A registry with its CI platform, which the jobs on this host and the nodes of the farm reach by the same name. */
export interface PackageHost {
  /** A repository that no other test uses. */
  freshImage(): string
  /** The login, and how the registry is reached. */
  readonly inputs: Readonly<Record<string, string>>
  /** The variables of a job on the CI platform. */
  readonly env: Readonly<Record<string, string>>
  /** Where an image is stored. */
  at(image: string): Repository
  /** Undefined if there is no such manifest. */
  read(image: string, reference: string): Promise<StoredManifest | undefined>
  readBlob(image: string, digest: string): Promise<unknown>
  tags(image: string): Promise<readonly string[]>
  /** Stores what a tag names in another repository too. */
  copyTag(image: string, tag: string, to: string): Promise<void>
  /** Every manifest, with and without a tag. */
  digests(image: string): Promise<readonly string[]>
  /** How often a tag was updated. */
  updates(image: string, tag: string): Promise<number>
  /** The run has ended. */
  finish(runId: string): void
  stop(): Promise<unknown>
}

export interface StoredManifest extends Content {
  readonly digest: string
}

interface Content {
  readonly annotations?: Readonly<Record<string, string>>
  readonly manifests?: readonly Entry[]
  readonly config?: Entry
  readonly layers?: readonly Entry[]
}

interface Entry {
  readonly digest: string
  readonly size: number
  readonly mediaType: string
  readonly platform?: { readonly os: string; readonly architecture: string }
  readonly annotations?: Readonly<Record<string, string>>
}

/** The requests whose path contains `of`. */
type Requests = (of: string) => Promise<readonly { readonly method: string; readonly path: string }[]>

let images = 0
export const freshName = (): string => `split-${process.pid}-${Date.now()}-${images++}`
export const pathOf = (image: string): string => image.slice(image.indexOf('/') + 1)

/** What all registries have in common. */
export function reader(client: RegistryClient, requests: Requests) {
  const at = (image: string): Repository => ({ client, path: pathOf(image) })
  const read = async (image: string, reference: string): Promise<StoredManifest | undefined> => {
    try {
      const { bytes, digest } = await client.getManifest(pathOf(image), reference)
      return { ...(JSON.parse(Buffer.from(bytes).toString()) as object), digest }
    } catch (error) {
      if (isNotFound(error)) return undefined
      throw error
    }
  }
  return {
    at,
    read,
    readBlob: async (image: string, digest: string): Promise<unknown> =>
      JSON.parse(Buffer.from(await client.getBlob(pathOf(image), digest)).toString()),
    tags: async (image: string) => await client.listTags(pathOf(image)).catch(() => []),
    copyTag: async (image: string, tag: string, to: string) => await copyImage(at(image), at(to), tag),
    updates: async (image: string, tag: string) => {
      const manifest = `/v2/${pathOf(image)}/manifests/${tag}`
      return (await requests(manifest)).filter(({ method, path }) => method === 'PUT' && path === manifest).length
    },
  }
}

/** Every digest that was pushed and is there. */
async function pushedDigests(image: string, requests: Requests, read: PackageHost['read']): Promise<string[]> {
  const prefix = `/v2/${pathOf(image)}/manifests/sha256:`
  const pushed = (await requests(prefix)).filter(({ method, path }) => method === 'PUT' && path.startsWith(prefix))
  const digests = [...new Set(pushed.map(({ path }) => path.slice(path.indexOf('sha256:'))))]
  const found = await Promise.all(digests.map((digest) => read(image, digest)))
  return found.flatMap((manifest) => manifest?.digest ?? [])
}

/** The registry of the farm, with a login for any client. */
export async function openDistribution(farm: Farm): Promise<PackageHost> {
  const api = await startPlatformApi()
  const { host } = farm.registry
  const requests: Requests = (of) => farm.registry.requests(of)
  const common = reader(createRegistryClient({ registry: host }), requests)
  return {
    ...common,
    freshImage: () => `${host}/acme/${freshName()}`,
    inputs: { 'github-token': 'token' },
    env: { GITHUB_API_URL: api.url },
    digests: async (image) => await pushedDigests(image, requests, common.read),
    finish: (runId) => api.finish(runId),
    stop: () => {
      api.close()
      return Promise.resolve()
    },
  }
}

/** A server on loopback at an address that the nodes reach too, over plain http. */
export async function onBridge(farm: Farm, host: string) {
  const { hostname, port } = new URL(`http://${host}`)
  const proxy = faultProxy({ upstream: { host: hostname, port: Number(port) }, nameOf: (address) => address })
  const server = proxy.listener().listen(0, bridgeOf(farm))
  server.requestTimeout = 0
  await once(server, 'listening')
  const address = `${bridgeOf(farm)}:${(server.address() as AddressInfo).port}`
  return {
    host: address,
    requests: (of: string) => Promise.resolve(proxy.requests.filter(({ path }) => path.includes(of))),
    registries: `${address}: {http: true}`,
    close: () => server.close().closeAllConnections(),
  }
}

export async function openGhcr(farm: Farm): Promise<PackageHost> {
  const fake = createFake()
  const { state } = fake
  const [username, password] = ['ci-user', 'secret']
  state.tokens.set(password, { kind: 'actions', repository: 'acme/app', packages: 'write', actions: 'read' })
  const ghcr = await startGhcr(fake)
  const bridge = await onBridge(farm, ghcr.registry)
  const began = Date.now()
  const client = createRegistryClient({
    registry: bridge.host,
    credentials: { username, password },
    isPlain: () => true,
  })
  return {
    ...reader(client, bridge.requests),
    freshImage: () => {
      const name = freshName()
      createPackage(state, { owner: 'acme', name, repository: 'acme/app' })
      return `${bridge.host}/acme/${name}`
    },
    inputs: { username, password, 'github-token': password, 'packages-api': 'github', registries: bridge.registries },
    env: { GITHUB_API_URL: ghcr.api },
    digests: (image) => {
      const [owner = '', name = ''] = pathOf(image).split('/')
      return Promise.resolve([...(findPackage(state, owner, name)?.active.keys() ?? [])])
    },
    finish: (runId) => {
      const run = endRun(state, 'acme/app', Number(runId))
      run.createdAt = began
    },
    stop: async () => {
      bridge.close()
      await ghcr.close()
    },
  }
}
