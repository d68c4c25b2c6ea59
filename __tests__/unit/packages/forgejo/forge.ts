import type { IncomingMessage, ServerResponse } from 'node:http'
import { createForgejoBackend, type ForgejoOptions } from '../../../../src/packages/forgejo/backend.ts'
import type { PackageBackend } from '../../../../src/packages/backend.ts'
import { answer, fakeClock, refusal, sha256, withServer } from '../../registry/server.ts'
import { openHands, type Content, type Hands } from '../oci/images.ts'

/** Forgejo's packages: a row for each tag and for each digest that was pushed, each with the manifest. */
export interface Forge {
  readonly host: string
  readonly rows: Row[]
  readonly blobs: Map<string, Buffer>
  /** `METHOD path` of what the code under test asked. */
  readonly seen: string[]
  /** Answers in place of the forge where it gives true. */
  fault: (line: string, response: ServerResponse) => boolean
  /** Runs before an answer of the packages API. */
  before: (line: string) => void
  hasLinks: boolean
  hasTotals: boolean
  readonly hands: (name: string) => Hands
  readonly open: (name: string, more?: Partial<ForgejoOptions>) => PackageBackend
}

export interface Row {
  readonly id: number
  readonly name: string
  readonly version: string
  readonly createdAt: string
  readonly content: Content
}

export const token = 'forge-token'
let ids = 0

export async function withForge(use: (forge: Forge) => Promise<void>): Promise<void> {
  const strange: string[] = []
  const forge = {
    rows: [],
    blobs: new Map(),
    seen: [],
    fault: () => false,
    before: () => undefined,
    hasLinks: true,
    hasTotals: true,
  } as unknown as { -readonly [K in keyof Forge]: Forge[K] }
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const line = `${request.method ?? ''} ${request.url ?? ''}`
    const ours = request.headers['user-agent'] === 'multiarch-build'
    if (ours) forge.seen.push(line)
    if (ours && forge.fault(line, response)) return
    if (line.includes('/api/v1/')) forge.before(line)
    const known = line.includes('/api/v1/')
      ? servePackages(forge, request, response)
      : serveRegistry(forge, request, Buffer.concat(chunks), response)
    if (known) return
    strange.push(line)
    answer(response, 418)
  }
  await withServer(handle, async (host) => {
    forge.host = host
    forge.hands = (name) => openHands(host, `acme/${name}`)
    forge.open = (name, more = {}) =>
      createForgejoBackend({
        serverUrl: `http://${host}/`,
        token,
        owner: 'acme',
        name,
        fetch,
        clock: fakeClock(),
        ...more,
      })
    await use(forge)
  })
  if (strange.length > 0) throw new Error(`requests that no forge knows: ${strange.join(', ')}`)
}

function servePackages(forge: Forge, request: IncomingMessage, response: ServerResponse): boolean {
  if (request.headers.authorization !== `token ${token}`)
    return answer(response, 401, {}, JSON.stringify({ message: 'token is required' }))
  const url = new URL(request.url ?? '', `http://${forge.host}`)
  const [, name, version] = /^\/api\/v1\/packages\/acme(?:\/container\/([^/]+)\/([^/]+))?$/.exec(url.pathname) ?? []
  if (name === undefined || version === undefined)
    return url.pathname === '/api/v1/packages/acme' && request.method === 'GET' && list(forge, url, response)
  const at = forge.rows.findIndex(
    (row) => row.name === decodeURIComponent(name) && row.version === decodeURIComponent(version),
  )
  if (at < 0) return answer(response, 404, {}, JSON.stringify({ message: 'package does not exist' }))
  if (request.method === 'GET') return answer(response, 200, {}, JSON.stringify(shown(forge.rows[at]!)))
  if (request.method !== 'DELETE') return false
  forge.rows.splice(at, 1)
  return answer(response, 204)
}

function list(forge: Forge, url: URL, response: ServerResponse): true {
  const query = url.searchParams
  if (query.get('type') !== 'container') throw new Error('lists of all kinds of packages are long')
  const [limit, page] = [Math.min(Number(query.get('limit')), 50), Number(query.get('page'))]
  const found = forge.rows.filter(({ name }) => name.includes(query.get('q') ?? '')).reverse()
  const rows = found.slice((page - 1) * limit, page * limit)
  const headers = {
    ...(forge.hasTotals && { 'x-total-count': String(found.length) }),
    ...(forge.hasLinks &&
      found.length > page * limit && {
        link: `<http://elsewhere/api/v1/packages/acme?page=${page + 1}>; rel="next",<http://elsewhere/>; rel="last"`,
      }),
  }
  return answer(response, 200, headers, JSON.stringify(rows.map(shown)))
}

function shown({ id, name, version, createdAt }: Row): object {
  return { id, owner: { login: 'acme' }, type: 'container', name, version, created_at: createdAt }
}

function serveRegistry(forge: Forge, request: IncomingMessage, body: Buffer, response: ServerResponse): boolean {
  const { url = '' } = request
  if (url === '/v2/') return answer(response, 200, {}, '{}')
  const [, name = '', kind = '', reference = ''] = /^\/v2\/acme\/(.+)\/(\w+)\/([^/]+)$/.exec(url) ?? []
  if (url.includes('/blobs/')) return serveBlob(forge, request, body, response)
  if (kind === 'referrers') return answer(response, 404, {}, refusal('NOT_FOUND', 'no referrers'))
  if (kind === 'tags') {
    const rows = forge.rows.filter((row) => row.name === name && !row.version.startsWith('sha256:'))
    return answer(response, 200, {}, JSON.stringify({ tags: rows.map(({ version }) => version) }))
  }
  return kind === 'manifests' && serveManifest(forge, { name, reference }, { request, response, body })
}

function serveBlob(forge: Forge, { method, url = '' }: IncomingMessage, body: Buffer, response: ServerResponse): true {
  if (method === 'POST') return answer(response, 202, { location: `${url}1` })
  if (method === 'PUT') forge.blobs.set(sha256(body), body)
  if (method === 'PUT') return answer(response, 201)
  return answer(response, 200, {}, method === 'HEAD' ? undefined : forge.blobs.get(url.split('/').at(-1) ?? ''))
}

interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly body: Buffer
}

function serveManifest(
  forge: Forge,
  { name, reference }: { readonly name: string; readonly reference: string },
  { request, response, body }: Exchange,
): boolean {
  const { method, headers } = request
  if (method === 'DELETE') return false
  if (method === 'PUT') {
    const digest = sha256(body)
    push(forge, name, reference.toLowerCase(), { bytes: body, mediaType: headers['content-type'] ?? '', digest })
    return answer(response, 201, { 'docker-content-digest': digest })
  }
  const found = forge.rows.find(
    ({ name: owner, version, content }) =>
      owner === name &&
      (reference.startsWith('sha256:') ? content.digest === reference : version === reference.toLowerCase()),
  )?.content
  if (!found) return answer(response, 404, {}, refusal('MANIFEST_UNKNOWN', 'manifest unknown'))
  return answer(response, 200, { 'content-type': found.mediaType, 'docker-content-digest': found.digest }, found.bytes)
}

/** A version that is pushed again is another row. */
export function push(
  forge: Forge,
  ...[name, version, content, createdAt = '2026-01-01T00:00:00Z']: [string, string, Content, string?]
): void {
  const at = forge.rows.findIndex((row) => row.name === name && row.version === version)
  if (at >= 0) forge.rows.splice(at, 1)
  forge.rows.push({ id: ++ids, name, version, createdAt, content })
}
