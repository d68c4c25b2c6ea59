import { readFileSync } from 'node:fs'
import { connect } from 'node:http2'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { UserError, errorMessage } from '../../lib/errors.ts'
import { writePrivate } from '../../lib/fs.ts'
import { formatEndpoint } from '../endpoint.ts'
import { awaitGreeting } from './probe-buildkitd.ts'
import type { Endpoint, NodeSpec } from '../node-spec.ts'
import type { RunDir } from '../../run/run-dir.ts'

type TcpEndpoint = Extract<Endpoint, { kind: 'tcp' }>
type Options = Readonly<Record<string, string>>

/** What buildx needs to reach it, and how we do. */
interface TcpNode {
  /** The driver's options: absolute paths. */
  readonly driverOpts: Options
  readonly ping: (deadline: number) => Promise<void>
}

/**
 * Opens a buildkitd behind mutual TLS: its certificates in files of our own, and a greeting, so that what is wrong is
 * told before anything is built.
 *
 * @param key names the node's files
 * @throws UserError where nobody answers, or not the one whom the certificates name
 */
export async function openTcp(
  endpoint: TcpEndpoint,
  { driverOpts, name }: NodeSpec,
  key: string,
  dir: RunDir,
  workspace: string,
): Promise<TcpNode> {
  const texts = { cacert: '', cert: '', key: '' }
  const paths: Record<string, string> = {}
  for (const option of ['cacert', 'cert', 'key'] as const) {
    texts[option] = readPem(driverOpts[option] ?? '', workspace, `nodes: the ${option} of ${name}`)
    paths[option] = dir.pem(key, option)
    writePrivate(paths[option], texts[option])
  }
  const servername = driverOpts['servername'] ?? ''
  const ping = (deadline: number) => greet(endpoint, texts, servername, deadline)
  await ping(10_000)
  return { driverOpts: { ...paths, ...(servername !== '' && { servername }) }, ping }
}

function readPem(text: string, workspace: string, what: string): string {
  if (text.includes('-----BEGIN')) return `${text.replaceAll('\\n', '\n').trim()}\n`
  try {
    return readFileSync(text.startsWith('/') ? text : join(workspace, text), 'utf8')
  } catch (error) {
    throw new UserError({
      code: 'inputs',
      message: `${what} cannot be read`,
      hint: 'Give PEM, or the path of a file of it.',
      cause: error,
    })
  }
}

async function greet(
  endpoint: TcpEndpoint,
  { cacert, cert, key }: Readonly<Record<'cacert' | 'cert' | 'key', string>>,
  servername: string,
  deadline: number,
): Promise<void> {
  const { host, port } = endpoint
  const where = formatEndpoint(endpoint)
  // An address has no place in a TLS greeting; the certificate is compared with it all the same.
  const named = servername === '' && !/^[\d.]+$|:/.test(host) ? host : servername
  const session = connect(`https://${host.includes(':') ? `[${host}]` : host}:${port}`, {
    createConnection: () =>
      connectTls({
        host,
        port,
        ca: cacert,
        cert,
        key,
        ALPNProtocols: ['h2'],
        ...(named !== '' && { servername: named }),
      }),
  })
  try {
    await awaitGreeting(session, deadline)
  } catch (error) {
    throw new UserError({
      code: 'node',
      message: `No buildkitd answers at ${where}: ${errorMessage(error)}`,
      hint: 'Check that it listens there, that its certificate names this host and is signed by `cacert`, and that it takes `cert`.',
      cause: error,
    })
  }
}
