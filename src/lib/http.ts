import type { Dispatcher } from 'undici'
import { tryRead } from './files.ts'
import { asList, asRecord, isTooDeep } from './json.ts'
import type { Env } from './lists.ts'
import { namesProxy, proxyFor } from './proxy.ts'

export type Fetch = typeof globalThis.fetch

/** How a server is reached, other than over https with a public certificate. */
export interface HostAccess {
  /** PEM; empty for the usual authorities. */
  readonly ca: string
  /** Plain http. */
  readonly http: boolean
  /** Accept any certificate. */
  readonly insecure: boolean
}

/**
 * Creates a `fetch` that uses the proxies of HTTP_PROXY, HTTPS_PROXY and NO_PROXY, which Node's own ignores, that
 * reaches the given hosts (with their port) as described, and that trusts the certificates of the operating system.
 */
export function createFetch(env: Env, hosts: Readonly<Record<string, HostAccess>> = {}): Fetch {
  const usual = withSystemCertificates(env)
  const clients = new Map<string, Fetch>()
  const clientFor = (access: HostAccess): Fetch => {
    const key = JSON.stringify([access.ca, access.insecure])
    const client = clients.get(key) ?? lazily(async () => await loadUndici(env, await tlsOptions(access)))
    clients.set(key, client)
    return client
  }
  return async (input, init) => {
    const url = new URL(input instanceof Request ? input.url : input)
    const listed = hosts[url.host] ?? hosts[`${url.host}:443`]
    const access = listed ?? { ca: '', http: false, insecure: false }
    if (access.http) url.protocol = 'http:'
    if (access.ca === '' && !access.insecure) return await usual(listed ? url : input, init)
    return await clientFor(access)(url, init)
  }
}

/**
 * As `Fetch`, over node:http: to load Node's `fetch` takes more time than all of a short step, and its web streams copy
 * every chunk twice. It does not follow redirects.
 */
export type RawFetch = (url: string, init: RawInit) => Promise<RawResponse>

export interface RawInit {
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  readonly signal: AbortSignal
  /** The length of what a generator yields must be in `content-length`. */
  readonly body?: AsyncGenerator<Uint8Array, void> | Uint8Array<ArrayBuffer> | string
  /** A GET of many megabytes: a chunk is valid until `validChunks` later ones are requested. */
  readonly isLarge?: boolean
  /** Another server named the URL: it must not lead to this machine, unless its host is one of the given hosts. */
  readonly isForeign?: boolean
}

export interface RawResponse {
  readonly status: number
  readonly headers: Pick<Headers, 'get'>
  readonly body: AsyncIterable<Uint8Array> | readonly Uint8Array[]
  /** The address of the server; undefined for large downloads and behind a proxy. */
  readonly address?: string | undefined
}

function withSystemCertificates(env: Env): Fetch {
  const usual = namesProxy(env) ? lazily(() => loadUndici(env)) : globalThis.fetch
  const trust = createSystemTrust(env)
  let system: Fetch | undefined
  return async (input, init) =>
    await trust(async (ca) => {
      const load = async () => await loadUndici(env, await tlsOptions({ ca, insecure: false }))
      const fetch = ca === '' ? usual : (system ??= lazily(load))
      return await fetch(input, init)
    })
}

/**
 * Node trusts only its own list of authorities, unlike Docker: if a server's certificate is of another one, the attempt
 * is repeated with those of the system, and so are all later ones. The connection comes first, so the first attempt has
 * not read a body.
 *
 * @returns calls `attempt` with the PEM of additional authorities, or an empty text
 */
export function createSystemTrust(env: Env): <T>(attempt: (ca: string) => Promise<T>) => Promise<T> {
  let trusted = ''
  return async (attempt) => {
    try {
      return await attempt(trusted)
    } catch (error) {
      const system = trusted === '' && isUntrusted(findErrorCode(error)) ? systemCertificates(env) : ''
      if (system === '') throw error
      const result = await attempt(system)
      trusted = system
      return result
    }
  }
}

/** Where Go looks for them (crypto/x509, root_linux.go); the variable is that of OpenSSL and Go. */
const certificateBundles = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/pki/tls/cacert.pem',
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
  '/etc/ssl/cert.pem',
]

/** The authorities that the operating system trusts, as PEM. */
function systemCertificates({ SSL_CERT_FILE: file = '' }: Env): string {
  const candidates = file === '' ? certificateBundles : [file]
  return candidates.map(tryRead).find((text) => text !== '') ?? ''
}

const untrusted = /^(CERT_|UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO|HOSTNAME_MISMATCH|ERR_TLS_CERT)/

/** Whether a connection failed because of the server's certificate, so there is a TLS server at least. */
export function isUntrusted(code: string | undefined): boolean {
  return code !== undefined && untrusted.test(code)
}

/** The system's code of a failed request: fetch wraps it, at times twice (one error for all addresses of a name). */
export function findErrorCode(error: unknown, depth = 0): string | undefined {
  const { code, cause, errors } = asRecord(error)
  if (typeof code === 'string') return code
  return depth > 4 || cause === undefined
    ? asList(errors).map((inner) => findErrorCode(inner, depth + 1))[0]
    : findErrorCode(cause, depth + 1)
}

/**
 * @returns the body's chunks, up to and including the one that exceeds `limit` bytes: what a server sends beyond that
 *   is not read
 */
export async function* readChunks(response: Response, limit: number): AsyncGenerator<Uint8Array> {
  let size = 0
  for await (const chunk of response.body ?? []) {
    const bytes: unknown = chunk
    if (!(bytes instanceof Uint8Array)) continue
    size += bytes.length
    yield bytes
    if (size > limit) return
  }
}

/** A `fetch` whose responses have at most `limit` bytes, and JSON of at most 100 levels: others are an error. */
export function limitResponses(fetch: Fetch, limit: number): Fetch {
  return async (url, init) => {
    const response = await fetch(url, init)
    const chunks: Uint8Array[] = []
    for await (const chunk of readChunks(response, limit)) chunks.push(chunk)
    const bytes = Buffer.concat(chunks)
    const server = new URL(response.url || new Request(url).url).host
    if (bytes.length > limit) throw new Error(`the answer of ${server} is longer than ${limit / 1024 / 1024} MiB`)
    if (/\bjson\b/.test(response.headers.get('content-type') ?? '') && isTooDeep(bytes.toString('utf8')))
      throw new Error(`the answer of ${server} is nested too deeply`)
    const { status, statusText, headers } = response
    // A response of these statuses cannot have a body.
    const body = bytes.length === 0 || [204, 205, 304].includes(status) ? null : bytes
    return Object.defineProperty(new Response(body, { status, statusText, headers }), 'url', { value: response.url })
  }
}

export async function tlsOptions({ ca, insecure }: Omit<HostAccess, 'http'>): Promise<object> {
  const authorities = ca === '' ? {} : { ca: [...(await import('node:tls')).rootCertificates, ca] }
  return { ...authorities, rejectUnauthorized: !insecure }
}

function lazily(load: () => Promise<Fetch>): Fetch {
  let loaded: Promise<Fetch> | undefined
  return async (url, init) => await (await (loaded ??= load()))(url, init)
}

/** Loads undici, which most jobs do not need. */
async function loadUndici(env: Env, tls?: object): Promise<Fetch> {
  const { fetch } = await import('undici')
  const dispatch = await loadDispatch(env, tls)
  // Node's fetch is undici's, but has types of its own.
  return ((url: string, init: object) =>
    fetch(url, { ...init, dispatcher: { dispatch } } as object)) as unknown as Fetch
}

/** The proxy is chosen for each URL, that of a redirect too. */
export async function loadDispatch(env: Env, tls?: object): Promise<Dispatcher['dispatch']> {
  const { Agent, ProxyAgent } = await import('undici')
  const direct = new Agent({ ...(tls && { connect: tls }) })
  const proxies = new Map<string, InstanceType<typeof ProxyAgent>>()
  return (options, handler) => {
    const origin = new URL(String(options.origin))
    const uri = proxyFor(origin, env)
    if (uri === undefined) return direct.dispatch(options, handler)
    if (!/^https?:/.test(uri)) throw unsupportedProxy(uri)
    const key = `${origin.protocol}${uri}`
    // Many proxies refuse tunnels to ports other than 443, and plain http needs none.
    const proxy =
      proxies.get(key) ??
      new ProxyAgent({ uri, ...(tls && { requestTls: tls }), proxyTunnel: origin.protocol === 'https:' })
    proxies.set(key, proxy)
    return proxy.dispatch(options, handler)
  }
}

/** Its message has no credentials. */
function unsupportedProxy(uri: string): Error {
  const [, scheme = '', host = ''] = /^([^:]*):\/\/(?:[^/]*@)?([^/]*)/.exec(uri) ?? []
  const message = `the proxy ${scheme}://${host} is not supported: use an http or https proxy`
  return Object.assign(new Error(message), { code: 'ERR_INVALID_PROXY' })
}
