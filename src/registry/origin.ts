import { RegistryError, type Purpose } from './error.ts'
import { isUntrusted, type Answer, type Exchange } from './transport.ts'

/** Whether a registry is on this machine, where Docker too accepts plain http. */
export function isLoopback(host: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/i.test(host)
}

/** The server behind a registry's name: Docker Hub's is not called what its references say. */
export function serverOf(registry: string): string {
  return /^(index\.)?docker\.io$/.test(registry) ? 'registry-1.docker.io' : registry
}

/**
 * Finds out how a registry is spoken to: https, and on loopback addresses plain http where that is what it understands.
 *
 * Docker tries https first there. We ask in plain http first, since registries on loopback hardly ever have a
 * certificate, and since a TLS server answers a plain request at once (400, or it hangs up), while a plain server that
 * gets a TLS hello may wait for the rest of the line. The question bears no credentials, and on loopback nobody
 * listens.
 */
export function openOrigin(registry: string, exchange: Exchange): (purpose: Purpose) => Promise<string> {
  if (!isLoopback(registry)) return () => Promise.resolve(`https://${serverOf(registry)}`)
  let known: Promise<string> | undefined
  return (purpose) => {
    known ??= probe(registry, exchange, purpose).catch((error: unknown) => {
      known = undefined
      throw error
    })
    return known
  }
}

async function probe(registry: string, exchange: Exchange, purpose: Purpose): Promise<string> {
  const ask = (origin: string): Promise<Answer> =>
    exchange({ method: 'GET', url: `${origin}/v2/`, redirect: 'manual', limit: 1024 * 1024 }, purpose)
  const plain = `http://${registry}`
  const answer = await ask(plain).catch((error: unknown) => error)
  if (isAnswer(answer) && !wantsTls(answer)) return plain
  try {
    await ask(`https://${registry}`)
    return `https://${registry}`
  } catch (error) {
    if (isAnswer(answer)) return plain
    throw error instanceof RegistryError && isUntrusted(error.code) ? error : answer
  }
}

/** Go's and nginx' servers answer 400 to a plain request on their TLS port; others send one there. */
function wantsTls({ status, headers }: Answer): boolean {
  return status === 400 || (status >= 300 && status < 400 && /^https:/i.test(headers.get('location') ?? ''))
}

function isAnswer(value: unknown): value is Answer {
  return typeof value === 'object' && value !== null && 'headers' in value
}
