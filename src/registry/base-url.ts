import { isUntrusted, type RawFetch } from '../lib/http.ts'
import { isLoopback } from '../lib/proxy.ts'
import { RegistryError, type RequestInfo } from './error.ts'
import type { HttpClient, HttpResponse } from './http-client.ts'

/** The server of a registry: Docker Hub's has another name than in references. */
export function serverHost(registry: string): string {
  return /^(index\.)?docker\.io$/.test(registry) ? 'registry-1.docker.io' : registry
}

/**
 * Returns a function that finds the base URL of a registry: https, and on loopback addresses http if the registry
 * speaks it.
 *
 * Docker tries https first there. This tries http first, since registries on loopback hardly ever have a certificate,
 * and since a TLS server answers a plain request at once (400, or it hangs up), while a plain server that gets a TLS
 * hello may wait for the rest of the line. The request contains no credentials and does not leave the machine.
 */
export function createBaseUrl(
  registry: string,
  http: HttpClient,
  known: KnownUrls = new Map<string, Promise<string>>(),
): (info: RequestInfo) => Promise<string> {
  if (!isLoopback(registry)) return () => Promise.resolve(`https://${serverHost(registry)}`)
  let own: Promise<string> | undefined
  const begin = (info: RequestInfo): Promise<string> => {
    const begun = probe(registry, http, info)
    const forget = () => {
      own = undefined
      if (known.get(registry) === begun) known.delete(registry)
    }
    begun.catch(forget)
    known.set(registry, begun)
    return begun
  }
  return async (info) => {
    if (own) return await own
    const others = known.get(registry)
    // The probe of another client may have been cancelled with that client.
    return await (others?.catch(() => (own ??= begin(info))) ?? (own = begin(info)))
  }
}

/** The base URLs, by registry, that are known or about to be. */
type KnownUrls = Map<string, Promise<string>>

const knownByTransport = new WeakMap<RawFetch, KnownUrls>()

/** The base URLs that clients with this transport have found. */
export function knownBy(transport: RawFetch): KnownUrls {
  const known = knownByTransport.get(transport) ?? new Map<string, Promise<string>>()
  knownByTransport.set(transport, known)
  return known
}

async function probe(registry: string, http: HttpClient, info: RequestInfo): Promise<string> {
  const ping = (origin: string): Promise<HttpResponse> =>
    http({ method: 'GET', url: `${origin}/v2/`, redirect: 'manual', limit: 1024 * 1024 }, info)
  const plain = `http://${registry}`
  const response = await ping(plain).catch((error: unknown) => error)
  if (isResponse(response) && !requiresTls(response)) return plain
  try {
    await ping(`https://${registry}`)
    return `https://${registry}`
  } catch (error) {
    if (isResponse(response)) return plain
    throw error instanceof RegistryError && isUntrusted(error.code) ? error : response
  }
}

/** Go's and nginx' servers answer 400 to a plain request on their TLS port; others redirect to https. */
function requiresTls({ status, headers }: HttpResponse): boolean {
  return status === 400 || (status >= 300 && status < 400 && /^https:/i.test(headers.get('location') ?? ''))
}

function isResponse(value: unknown): value is HttpResponse {
  return typeof value === 'object' && value !== null && 'headers' in value
}
