import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { asList, asRecord, asText, tryParseJson } from '../lib/json.ts'
import { tryRead, writePrivate } from '../lib/fs.ts'

/** Reads the certificates, and keeps all of it in `file` for the post step, which may need the registries too. */
export function loadHosts(file: string, hosts: RegistryHosts): RegistryHosts {
  const loaded = Object.fromEntries(
    Object.entries(hosts).map(([host, settings]) => [
      host,
      { ...settings, ca: settings.ca.startsWith('/') ? readFileSync(settings.ca, 'utf8') : settings.ca },
    ]),
  )
  if (Object.keys(loaded).length > 0) writePrivate(file, JSON.stringify(loaded))
  return loaded
}

/** What `loadHosts` kept; nothing where it did not. */
export function readHosts(file: string): RegistryHosts {
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
 * Makes buildx, which fetches the registries' tokens itself, trust their certificates: Go reads these directories
 * besides the system's own bundle.
 */
export function trustEnv(certs: string, hosts: RegistryHosts): Record<string, string> {
  const certificates = Object.values(hosts).flatMap(({ ca }) => (ca === '' ? [] : [ca]))
  if (certificates.length === 0) return {}
  mkdirSync(certs, { mode: 0o700 })
  certificates.forEach((ca, number) => writePrivate(join(certs, `${number}.pem`), ca))
  return { SSL_CERT_DIR: `${process.env['SSL_CERT_DIR'] ?? '/etc/ssl/certs'}:${certs}` }
}

/** How a registry is reached, other than by https with a public certificate. */
export interface RegistryHost {
  /** PEM, or the absolute path of a file of it; empty for the usual authorities. */
  readonly ca: string
  /** Plain http. */
  readonly http: boolean
  /** Any certificate will do. */
  readonly insecure: boolean
  /** Asked first by the nodes, for what they pull. */
  readonly mirrors: readonly string[]
}

/** By host, with the port. */
export type RegistryHosts = Readonly<Record<string, RegistryHost>>
