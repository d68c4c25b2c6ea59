import { X509Certificate } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { UserError, errorMessage } from '../../lib/errors.ts'
import type { Driver, OpenRequest } from '../node.ts'
import { bracketed, hostName, parseAddress, type HostEndpoint } from './address.ts'
import { text } from './options.ts'
import { buildkitdNode, remote, waitForSettings } from './remote.ts'
import { restorePem } from '../../lib/pem.ts'
import { readRegularFile, writePrivate } from '../../lib/files.ts'

const certificates = ['cacert', 'cert', 'key'] as const
type Certificates = Readonly<Record<(typeof certificates)[number], string>>

/** `tcp://host:port`: a buildkitd behind mutual TLS. Without TLS, everyone who reaches the port could use it. */
export const tcpBuildkitd: Driver = {
  ...remote,
  // A certificate or key is PEM, or the path of a PEM file.
  options: { cacert: text, cert: text, key: text, servername: text },
  scheme: 'tcp',
  parse(rest, reject) {
    const address = parseAddress(rest.replace(/\/$/, ''), reject)
    if (address && address.port === undefined) reject('has no port: write `tcp://host:1234`')
    return address?.port === undefined ? undefined : { kind: 'tcp', ...address }
  },
  format: formatTcp,
  baseName: hostName,
  validate(options, reject) {
    const missing = certificates.filter((name) => (options[name] ?? '') === '').map((name) => `\`${name}\``)
    if (missing.length > 0)
      reject(
        `needs ${missing.join(', ')} in its \`driver-opts\`, PEM or the path of a file: ` +
          'a buildkitd behind TCP is reached by mutual TLS only',
      )
  },
  route({ spec, remote: used }) {
    const { host = '', port = '' } = spec.endpoint
    const { servername = '', cacert = '', cert = '', key = '' } = used?.driverOpts ?? {}
    return ['tls', String(host), String(port), servername, cacert, cert, key]
  },
  async open(endpoint: HostEndpoint, request) {
    const began = performance.now()
    const { paths, texts } = storeCertificates(request)
    const { servername = '' } = request.spec.driverOpts
    const ping = (deadline: number) => probeTls(endpoint, texts, servername, deadline)
    const buildkitd = await ping(10_000)
    const driverOpts = { ...paths, ...(servername !== '' && { servername }) }
    const node = buildkitdNode(tcpBuildkitd, request.spec, '', began)
    const certificates = { client: validity(new X509Certificate(texts.cert).validTo), buildkitd }
    return { ...node, ping, certificates, remote: { endpoint: formatTcp(endpoint), driverOpts } }
  },
}

function formatTcp({ host, port }: HostEndpoint): string {
  return `tcp://${bracketed(host)}:${port}`
}

/** Copies the certificates into the run directory, since buildx reads only files. */
function storeCertificates({ spec, key, dir, workspace }: OpenRequest): {
  readonly paths: Certificates
  readonly texts: Certificates
} {
  const texts = { cacert: '', cert: '', key: '' }
  const paths = { ...texts }
  for (const option of certificates) {
    texts[option] = loadPem(spec.driverOpts[option] ?? '', workspace, `nodes: the ${option} of ${spec.name}`)
    mkdirSync(dir.tlsKeys, { recursive: true, mode: 0o700 })
    paths[option] = dir.pem(key, option)
    writePrivate(paths[option], texts[option])
  }
  return { paths, texts }
}

function loadPem(pem: string, workspace: string, what: string): string {
  if (pem.includes('-----BEGIN')) return restorePem(pem)
  try {
    return readRegularFile(pem.startsWith('/') ? pem : join(workspace, pem))
  } catch (error) {
    throw new UserError({
      code: 'inputs',
      message: `${what} cannot be read`,
      hint: 'Provide PEM text or a path to a PEM file.',
      cause: error,
    })
  }
}

/** Connects to a buildkitd. `certificates` are PEM. */
export async function connectBuildkitd(
  { host, port }: HostEndpoint,
  { cacert: ca, cert, key }: Certificates,
  servername: string,
): Promise<TLSSocket> {
  const { connect } = await import('node:tls')
  // TLS does not allow an IP address as the server's name; the certificate is compared with it nevertheless.
  const name = servername === '' && !/^[\d.]+$|:/.test(host) ? host : servername
  return connect({ host, port, ca, cert, key, ALPNProtocols: ['h2'], ...(name !== '' && { servername: name }) })
}

/** Milliseconds until a time of OpenSSL's. */
function validity(until: string): number {
  return Date.parse(until) - Date.now()
}

/**
 * @returns the milliseconds for which the certificate of the buildkitd is still valid
 * @throws UserError if no buildkitd answers, or one that the certificates do not match
 */
async function probeTls(
  endpoint: HostEndpoint,
  certificates: Certificates,
  servername: string,
  deadline: number,
): Promise<number> {
  const { host, port } = endpoint
  const { connect } = await import('node:http2')
  const socket = await connectBuildkitd(endpoint, certificates, servername)
  let left = Infinity
  socket.once('secureConnect', () => (left = validity(socket.getPeerCertificate().valid_to)))
  const session = connect(`https://${bracketed(host)}:${port}`, { createConnection: () => socket })
  try {
    await waitForSettings(session, deadline)
    return left
  } catch (error) {
    throw new UserError({
      code: 'node',
      message: `No buildkitd answers at ${formatTcp(endpoint)}: ${errorMessage(error)}`,
      hint: isRefused(error) ? refusedHint : `Check that it listens there, ${certificateHint}`,
      cause: error,
    })
  }
}

function isRefused(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ECONNREFUSED'
}

const refusedHint =
  'On the node, check that buildkitd listens on this port (`--addr tcp://0.0.0.0:PORT`), and that no firewall ' +
  'rejects connections of this runner to it.'
const certificateHint = 'that its certificate names this host and is signed by `cacert`, and that it accepts `cert`.'
