import type { Farm } from './harness.ts'
import { createCertificateAuthority, type CertificateAuthority } from './tls.ts'

/** A buildkitd on the first machine that accepts only clients with a certificate of its CA. */
export interface TlsBuildkitd {
  readonly host: string
  readonly port: number
  readonly endpoint: string
  readonly authority: CertificateAuthority
  /** A certificate that it accepts. */
  readonly client: { readonly cert: string; readonly key: string }
  /** With PEM texts. */
  readonly driverOpts: readonly string[]
  end(): Promise<void>
}

const port = 1234

export async function startTlsBuildkitd(farm: Farm): Promise<TlsBuildkitd> {
  const { amd } = farm.nodes
  const authority = createCertificateAuthority()
  const server = authority.issue('buildkitd', amd.host)
  const writePem = (name: string, text: string) =>
    `echo ${Buffer.from(text).toString('base64')} | base64 -d > /run/tls/${name}.pem`
  await amd.exec(
    [
      'mkdir -p /run/tls',
      writePem('ca', authority.ca),
      writePem('cert', server.cert),
      writePem('key', server.key),
    ].join(' && '),
  )
  await amd.exec(
    [
      `/opt/farm/buildkitd --addr=tcp://0.0.0.0:${port} --root=/var/lib/buildkit-tls`,
      ' --tlscacert=/run/tls/ca.pem --tlscert=/run/tls/cert.pem --tlskey=/run/tls/key.pem',
      ' --oci-worker-binary=/usr/sbin/runc --oci-worker-net=host --containerd-worker=false',
      ' > /run/tls/log 2>&1 & echo $! > /run/tls/pid; ',
      "for i in $(seq 200); do grep -q 'running server' /run/tls/log && break; sleep 0.1; done",
    ].join(''),
  )
  const client = authority.issue('client', '127.0.0.1')
  const { host } = amd
  return {
    host,
    port,
    endpoint: `tcp://${host}:${port}`,
    authority,
    client,
    driverOpts: [`cacert=${authority.ca}`, `cert=${client.cert}`, `key=${client.key}`],
    end: async () => {
      await amd.exec('kill $(cat /run/tls/pid); rm -rf /run/tls /var/lib/buildkit-tls')
      authority.end()
    },
  }
}
