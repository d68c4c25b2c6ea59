import { mkdirSync } from 'node:fs'
import { isIP } from 'node:net'
import { join } from 'node:path'
import type { HostAccess } from '../lib/http.ts'
import { asList, asRecord, asText, tryParseJson } from '../lib/json.ts'
import { tryRead, writePrivate } from '../lib/files.ts'

/**
 * Stores everything in `file` for the post step, which may need the registries too. For hosts whose certificate is not
 * verified, the one that they have now is added.
 */
export async function saveRegistryHosts(file: string, hosts: RegistryHosts): Promise<RegistryHosts> {
  const entries = Object.entries(hosts).map(async ([host, access]) => {
    const isFetched = access.insecure && !access.http && access.ca === ''
    const certificate = isFetched ? await fetchCertificate(host) : ''
    return [host, { ...access, ...(certificate !== '' && { certificate }) }] as const
  })
  const loaded: RegistryHosts = Object.fromEntries(await Promise.all(entries))
  if (Object.keys(loaded).length > 0) writePrivate(file, JSON.stringify(loaded))
  return loaded
}

/** The PEM certificate that a host presents; empty if it presents none within five seconds. */
async function fetchCertificate(host: string): Promise<string> {
  const { hostname, port } = new URL(`https://${host}`)
  const servername = isIP(hostname) === 0 && !hostname.startsWith('[') ? { servername: hostname } : {}
  const address = { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || '443') }
  const { connect } = await import('node:tls')
  return await new Promise((resolve) => {
    const socket = connect({ ...address, ...servername, rejectUnauthorized: false, timeout: 5000 })
    const end = (pem: string) => {
      socket.destroy()
      resolve(pem)
    }
    socket.once('secureConnect', () => end(socket.getPeerX509Certificate()?.toString() ?? ''))
    socket.once('timeout', () => end('')).once('error', () => end(''))
  })
}

/** Loads what `saveRegistryHosts` stored, if anything. */
export function loadRegistryHosts(file: string): RegistryHosts {
  return Object.fromEntries(
    Object.entries(asRecord(tryParseJson(tryRead(file)))).map(([host, value]): [string, RegistryHost] => {
      const entry = asRecord(value)
      return [
        host,
        {
          ca: asText(entry['ca']),
          http: entry['http'] === true,
          insecure: entry['insecure'] === true,
          mirrors: asList(entry['mirrors']).map(asText),
        },
      ]
    }),
  )
}

/**
 * The environment in which buildx, which fetches the registries' tokens itself, trusts their certificates: Go reads
 * these directories in addition to the system's bundle. Go has no setting for a single host, so this buildx trusts the
 * certificates for every host; the requests of this action itself use each for its own registry only.
 */
export function createCertificateEnv(certs: string, hosts: RegistryHosts): Record<string, string> {
  const certificates = Object.values(hosts)
    .flatMap(({ ca, certificate = '' }) => [ca, certificate])
    .filter((pem) => pem !== '')
  if (certificates.length === 0) return {}
  mkdirSync(certs, { mode: 0o700 })
  certificates.forEach((ca, number) => writePrivate(join(certs, `${number}.pem`), ca))
  return { SSL_CERT_DIR: `${process.env['SSL_CERT_DIR'] ?? '/etc/ssl/certs'}:${certs}` }
}

/** How a registry is reached, other than over https with a public certificate. */
export interface RegistryHost extends HostAccess {
  /** PEM; empty for the usual authorities. */
  readonly ca: string
  /** PEM: the certificate of a host with `insecure`, for buildx, which cannot skip its verification for tokens. */
  readonly certificate?: string
  /** The nodes pull from these first. */
  readonly mirrors: readonly string[]
}

/** By host, with the port. */
export type RegistryHosts = Readonly<Record<string, RegistryHost>>
