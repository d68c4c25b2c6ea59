import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { createServer, type Server } from 'node:https'
import { isIP, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A private CA and its certificates, as PEM. */
export interface CertificateAuthority {
  readonly ca: string
  /** Issues a certificate for addresses and host names. */
  issue(name: string, ...hosts: readonly string[]): { readonly cert: string; readonly key: string }
  end(): void
}

export function createCertificateAuthority(): CertificateAuthority {
  const dir = mkdtempSync(join(tmpdir(), 'ca-'))
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: dir, stdio: 'pipe' })
  const key = (name: string) => [
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-keyout',
    `${name}.key`,
  ]
  const text = (name: string) => readFileSync(join(dir, name), 'utf8')
  openssl('req', '-x509', ...key('ca'), '-out', 'ca.pem', '-days', '2', '-subj', '/CN=farm authority')
  return {
    ca: text('ca.pem'),
    issue: (name, ...hosts) => {
      writeFileSync(
        join(dir, `${name}.ext`),
        `subjectAltName=${hosts.map((host) => `${isIP(host) ? 'IP' : 'DNS'}:${host}`).join(',')}\n`,
      )
      openssl('req', ...key(name), '-out', `${name}.csr`, '-subj', `/CN=${name}`)
      openssl(
        'x509',
        '-req',
        '-in',
        `${name}.csr`,
        '-CA',
        'ca.pem',
        '-CAkey',
        'ca.key',
        '-CAcreateserial',
        '-days',
        '2',
        '-extfile',
        `${name}.ext`,
        '-out',
        `${name}.pem`,
      )
      return { cert: text(`${name}.pem`), key: text(`${name}.key`) }
    },
    end: () => rmSync(dir, { recursive: true, force: true }),
  }
}

/** Serves the registry at `to` with TLS on `address`; resolves with its host and port. */
export async function serveTls(
  authority: CertificateAuthority,
  address: string,
  to: string,
): Promise<{ readonly host: string; readonly server: Server }> {
  const [hostname = '', port = ''] = to.split(':')
  const server = createServer(authority.issue('registry', address), (incoming, answer) => {
    const onward = request(
      {
        hostname,
        port,
        method: incoming.method,
        path: incoming.url,
        headers: { ...incoming.headers, 'x-forwarded-proto': 'https' },
        agent: false,
      },
      (response) => {
        answer.writeHead(response.statusCode ?? 502, response.headers)
        response.pipe(answer)
      },
    )
    onward.on('error', () => answer.destroy())
    incoming.pipe(onward)
  })
  await new Promise<void>((resolve) => server.listen(0, address, resolve))
  return { host: `${address}:${(server.address() as AddressInfo).port}`, server }
}
