import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { HostAccess } from '../lib/http.ts'
import { asList, asRecord, asText, tryParseJson } from '../lib/json.ts'
import { tryRead, writePrivate } from '../lib/files.ts'

/** The registries with the PEM text of their certificates instead of a path. */
export function readCertificates(hosts: RegistryHosts): RegistryHosts {
  return Object.fromEntries(
    Object.entries(hosts).map(([host, settings]) => [
      host,
      { ...settings, ca: settings.ca.startsWith('/') ? readFileSync(settings.ca, 'utf8') : settings.ca },
    ]),
  )
}

/** Reads the certificates, and stores everything in `file` for the post step, which may need the registries too. */
export function saveRegistryHosts(file: string, hosts: RegistryHosts): RegistryHosts {
  const loaded = readCertificates(hosts)
  if (Object.keys(loaded).length > 0) writePrivate(file, JSON.stringify(loaded))
  return loaded
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
 * these directories in addition to the system's bundle.
 */
export function createCertificateEnv(certs: string, hosts: RegistryHosts): Record<string, string> {
  const certificates = Object.values(hosts).flatMap(({ ca }) => (ca === '' ? [] : [ca]))
  if (certificates.length === 0) return {}
  mkdirSync(certs, { mode: 0o700 })
  certificates.forEach((ca, number) => writePrivate(join(certs, `${number}.pem`), ca))
  return { SSL_CERT_DIR: `${process.env['SSL_CERT_DIR'] ?? '/etc/ssl/certs'}:${certs}` }
}

/** How a registry is reached, other than over https with a public certificate. */
export interface RegistryHost extends HostAccess {
  /** PEM, or the absolute path of a PEM file; empty for the usual authorities. */
  readonly ca: string
  /** The nodes pull from these first. */
  readonly mirrors: readonly string[]
}

/** By host, with the port. */
export type RegistryHosts = Readonly<Record<string, RegistryHost>>
