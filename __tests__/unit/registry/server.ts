import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Clock } from '../../../src/lib/retry.ts'

export const sha256 = (content: string | Uint8Array): string =>
  `sha256:${createHash('sha256').update(content).digest('hex')}`

export interface Seen {
  readonly method: string
  readonly url: string
  readonly authorization: string | undefined
  readonly body: string
}

/** Answers a request in place of the registry; false leaves it to the registry. */
export type Fault = (request: IncomingMessage, response: ServerResponse) => boolean

export interface FakeRegistry {
  readonly host: string
  /** Every request but the first look whether it speaks plain http. */
  readonly seen: Seen[]
  /** Each is used up by the first request that it answers. */
  readonly faults: Fault[]
  readonly manifests: Map<string, { readonly bytes: Buffer; readonly type: string }>
  readonly tags: Map<string, string>
  readonly blobs: Map<string, Buffer>
  /** `Bearer` tokens that are good, and for what. */
  readonly tokens: Map<string, readonly string[]>
  expiresIn: number | undefined
  pageSize: number
}

export type Auth = 'none' | 'basic' | 'bearer'
export const user = { username: 'ci', password: 'correct:horse' }
export const basic = `Basic ${Buffer.from('ci:correct:horse').toString('base64')}`

/** Runs `use` with a registry that implements the distribution API strictly, and ends it afterwards. */
export async function withRegistry(auth: Auth, use: (registry: FakeRegistry) => Promise<void>): Promise<void> {
  const registry = {
    host: '',
    seen: [],
    faults: [],
    manifests: new Map(),
    tags: new Map(),
    blobs: new Map(),
    tokens: new Map(),
    expiresIn: undefined,
    pageSize: 1000,
  } as FakeRegistry & { host: string }
  await withServer(
    async (request, response) => {
      const body = await readAll(request)
      const { method = '', url = '' } = request
      const { authorization } = request.headers
      const isProbe =
        method === 'GET' &&
        url === '/v2/' &&
        authorization === undefined &&
        registry.seen.length === 0 &&
        !probed.has(registry)
      if (isProbe) probed.add(registry)
      else registry.seen.push({ method, url, authorization, body: body.toString() })
      const fault = isProbe ? -1 : registry.faults.findIndex((one) => one(request, response))
      if (fault >= 0) registry.faults.splice(fault, 1)
      else if (url.startsWith('/token')) answerToken(registry, request, response, body.toString())
      else if (isAllowed(registry, auth, request, response)) serve(registry, request, response, body)
    },
    async (host) => {
      registry.host = host
      await use(registry)
    },
  )
}

const probed = new WeakSet<FakeRegistry>()

/** A bare server on a port of its own. */
export async function withServer(
  handle: (request: IncomingMessage, response: ServerResponse) => unknown,
  use: (host: string) => Promise<void>,
  onConnection: () => void = () => undefined,
): Promise<void> {
  // No timeout: a connection that ends just as a slow client sends a request on it fails the test.
  const server: Server = createServer({ keepAliveTimeout: 0 }, (request, response) => void handle(request, response))
  server.on('connection', onConnection)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    await use(`127.0.0.1:${(server.address() as AddressInfo).port}`)
  } finally {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
}

/** A clock that advances only during `sleep`. */
export function fakeClock(): Clock & { readonly slept: number[]; time: number } {
  const clock = {
    slept: [] as number[],
    time: Date.parse('2026-01-01T00:00:00Z'),
    random: () => 1,
    now: () => clock.time,
    sleep: (ms: number) => {
      clock.slept.push(ms)
      clock.time += ms
      return Promise.resolve()
    },
  }
  return clock
}

export function answer(
  response: ServerResponse,
  status: number,
  headers: Record<string, string> = {},
  body: string | Buffer = '',
): true {
  response.writeHead(status, { 'content-length': String(Buffer.byteLength(body)), ...headers })
  response.end(response.req.method === 'HEAD' ? undefined : body)
  return true
}

export function refusal(code: string, message: string): string {
  return JSON.stringify({ errors: [{ code, message }] })
}

/** A fault for the next request of this method whose address contains `part`. */
export function onNext(
  method: string,
  part: string,
  ...[status, headers = {}, body = '']: [status: number, headers?: Record<string, string>, body?: string]
): Fault {
  return (request, response) =>
    request.method === method && request.url?.includes(part) === true && answer(response, status, headers, body)
}

async function readAll(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

function neededScope({ method, url = '' }: IncomingMessage): string {
  const name = /^\/v2\/(.+)\/(manifests|blobs|tags)\//.exec(url)?.[1]
  if (name === undefined) return ''
  const actions = method === 'PUT' ? 'pull,push' : method === 'DELETE' ? 'delete' : 'pull'
  return `repository:${name}:${actions}`
}

function isAllowed(registry: FakeRegistry, auth: Auth, request: IncomingMessage, response: ServerResponse): boolean {
  if (auth === 'none') return true
  const { authorization } = request.headers
  if (auth === 'basic') {
    if (authorization === basic) return true
    answer(
      response,
      401,
      { 'www-authenticate': 'Basic realm="fake, \\"quoted\\""' },
      refusal('UNAUTHORIZED', `authentication required, got ${authorization ?? 'nothing'}`),
    )
    return false
  }
  const scope = neededScope(request)
  const granted = registry.tokens.get(authorization ?? '')
  if (granted && covers(granted, scope)) return true
  const parameters = [
    `realm="http://${registry.host}/token"`,
    'service="fake"',
    ...(scope === '' ? [] : [`scope="${scope}"`]),
    ...(granted ? ['error="insufficient_scope"'] : []),
  ]
  const challenge = `Bearer ${parameters.join(',')}`
  answer(response, 401, { 'www-authenticate': challenge }, refusal('UNAUTHORIZED', 'authentication required'))
  return false
}

function covers(granted: readonly string[], scope: string): boolean {
  const [resource, actions] = splitScope(scope)
  return (
    scope === '' ||
    actions.every((action) =>
      granted.some((entry) => splitScope(entry)[0] === resource && splitScope(entry)[1].includes(action)),
    )
  )
}

function splitScope(scope: string): [string, string[]] {
  const colon = scope.lastIndexOf(':')
  return [scope.slice(0, colon), scope.slice(colon + 1).split(',')]
}

function answerToken(registry: FakeRegistry, request: IncomingMessage, response: ServerResponse, body: string): void {
  const query =
    request.method === 'POST' ? new URLSearchParams(body) : new URL(request.url ?? '', 'http://fake').searchParams
  const { authorization } = request.headers
  const identified =
    request.method === 'POST'
      ? query.get('refresh_token') === 'refresh-me' && query.get('grant_type') === 'refresh_token'
      : authorization === basic
  const wrong = request.method === 'POST' ? !identified : authorization !== undefined && !identified
  if (wrong || query.get('service') !== 'fake') {
    answer(response, 401, {}, refusal('UNAUTHORIZED', 'incorrect username or password'))
    return
  }
  const scopes = query.getAll('scope').flatMap((scope) => scope.split(' '))
  // Without a login, one may read.
  const granted = identified
    ? scopes
    : scopes.map(
        (scope) =>
          `${splitScope(scope)[0]}:${splitScope(scope)[1]
            .filter((action) => action === 'pull')
            .join(',')}`,
      )
  const token = `token-${registry.tokens.size + 1}`
  registry.tokens.set(`Bearer ${token}`, granted)
  answer(
    response,
    200,
    { 'content-type': 'application/json' },
    JSON.stringify({ [request.method === 'POST' ? 'access_token' : 'token']: token, expires_in: registry.expiresIn }),
  )
}

function serve(registry: FakeRegistry, request: IncomingMessage, response: ServerResponse, body: Buffer): void {
  const { method = '', url = '', headers } = request
  const [, name = '', kind, reference = ''] = /^\/v2\/(.+)\/(manifests|blobs)\/([^/]+)$/.exec(url) ?? []
  if (url === '/v2/') answer(response, 200, {}, '{}')
  else if (/^\/v2\/.+\/tags\/list/.test(url)) serveTags(registry, url, response)
  else if (kind === 'manifests') {
    const { 'content-type': type = '', accept = '' } = headers
    serveManifest(registry, { method, name, reference, body, type, accept }, response)
  } else if (kind === 'blobs') serveBlob(registry, `${name}@${reference}`, response)
  else answer(response, 404)
}

function serveBlob(registry: FakeRegistry, key: string, response: ServerResponse): void {
  const blob = registry.blobs.get(key)
  if (blob) answer(response, 200, { 'docker-content-digest': key.slice(key.indexOf('@') + 1) }, blob)
  else answer(response, 404, {}, refusal('BLOB_UNKNOWN', 'blob unknown to registry'))
}

interface ManifestRequest {
  readonly method: string
  readonly name: string
  readonly reference: string
  readonly body: Buffer
  readonly type: string
  readonly accept: string
}

function serveManifest(registry: FakeRegistry, request: ManifestRequest, response: ServerResponse): void {
  if (request.method === 'PUT') {
    putManifest(registry, request, response)
    return
  }
  const { method, name, reference, accept } = request
  const isDigest = reference.startsWith('sha256:')
  const digest = isDigest ? reference : registry.tags.get(`${name}:${reference}`)
  const found = digest === undefined ? undefined : registry.manifests.get(`${name}@${digest}`)
  if (!found || digest === undefined)
    return void answer(response, 404, {}, refusal('MANIFEST_UNKNOWN', 'manifest unknown'))
  if (method === 'DELETE') {
    if (isDigest) registry.manifests.delete(`${name}@${digest}`)
    else registry.tags.delete(`${name}:${reference}`)
    return void answer(response, 202)
  }
  if (!accept.includes(found.type))
    return void answer(response, 404, {}, refusal('MANIFEST_UNKNOWN', `${found.type} not acceptable`))
  return void answer(response, 200, { 'content-type': found.type, 'docker-content-digest': digest }, found.bytes)
}

function putManifest(
  registry: FakeRegistry,
  { name, reference, body, type }: ManifestRequest,
  response: ServerResponse,
): void {
  const isDigest = reference.startsWith('sha256:')
  const digest = sha256(body)
  if (isDigest && digest !== reference)
    return void answer(response, 400, {}, refusal('DIGEST_INVALID', 'provided digest did not match uploaded content'))
  const missing = childrenOf(body).find((child) => !registry.manifests.has(`${name}@${child}`))
  if (missing !== undefined)
    return void answer(response, 404, {}, refusal('MANIFEST_BLOB_UNKNOWN', `${missing} unknown`))
  registry.manifests.set(`${name}@${digest}`, { bytes: body, type })
  if (!isDigest) registry.tags.set(`${name}:${reference}`, digest)
  return void answer(response, 201, { 'docker-content-digest': digest, location: `/v2/${name}/manifests/${digest}` })
}

function childrenOf(body: Buffer): string[] {
  const { manifests = [] } = JSON.parse(body.toString()) as { manifests?: { digest: string }[] }
  return manifests.map(({ digest }) => digest)
}

function serveTags(registry: FakeRegistry, url: string, response: ServerResponse): void {
  const { pathname, searchParams } = new URL(url, 'http://fake')
  const name = pathname.slice('/v2/'.length, -'/tags/list'.length)
  const all = [...registry.tags.keys()]
    .flatMap((key) => (key.startsWith(`${name}:`) ? [key.slice(name.length + 1)] : []))
    .sort()
  const last = searchParams.get('last')
  const rest = all.filter((tag) => last === null || tag > last)
  const page = rest.slice(0, registry.pageSize)
  const more =
    rest.length > page.length
      ? { link: `<${pathname}?n=${registry.pageSize}&last=${page.at(-1)}>; rel="next"` }
      : undefined
  answer(
    response,
    200,
    { 'content-type': 'application/json', ...more },
    JSON.stringify({ name, tags: page.length === 0 ? null : page }),
  )
}
