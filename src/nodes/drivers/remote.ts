import type { ClientHttp2Session } from 'node:http2'
import { createConnection } from 'node:net'
import { UserError } from '../../lib/errors.ts'
import { retryOnRefused, withTimeout } from '../../lib/time.ts'
import type { Endpoint, NodeSpec } from '../node-spec.ts'
import type { BuildxDriver, Driver, Node } from '../node.ts'

/** What all buildkitds have in common that run already: nothing of them can be configured from here. */
export const remote = {
  name: 'remote',
  target: 'buildkitd',
  startsDaemon: false,
  canPersist: false,
  canEmulate: false,
  onDemand: false,
  options: {},
  missingPlatforms: 'must be given for a buildkitd: write `platforms: linux/arm64` below its endpoint',
  description: 'buildkitd',
  builder: 'its own buildkitd',
  withDriver: (endpoint: Endpoint, driver: BuildxDriver | ''): Endpoint | undefined =>
    driver === '' || driver === 'remote' ? endpoint : undefined,
  builderEntry: () => undefined,
} as const satisfies Partial<Driver>

/** The node of a buildkitd that has answered; `began`: when its probe began (`performance.now()`). */
export function buildkitdNode(driver: Driver, spec: NodeSpec, socket: string, began: number): Node {
  return {
    spec,
    driver,
    socket,
    platforms: spec.platforms,
    native: [],
    ping: (deadline) => probeBuildkitd(socket, socket, deadline),
    took: performance.now() - began,
  }
}

/**
 * Rejects unless a buildkitd answers at the socket.
 *
 * @param where the socket, as messages name it
 * @throws UserError
 */
export async function probeBuildkitd(socket: string, where: string, deadline = 10_000): Promise<void> {
  const probe = async () => {
    const { connect } = await import('node:http2')
    const createSocket = () => createConnection(socket)
    await waitForSettings(connect('http://buildkitd', { createConnection: createSocket }), deadline)
  }
  try {
    await retryOnRefused(probe)
  } catch (error) {
    throw new UserError({
      code: 'node',
      message: `No buildkitd answers at ${where}`,
      hint: 'Check that it runs, that its socket exists, and that the user has access to it (`buildkitd --group`).',
      cause: error,
    })
  }
}

/**
 * Waits for the HTTP/2 settings that a buildkitd sends first; a server that sends anything else is not a buildkitd.
 * Ends the session. @throws Error if they do not come within `deadline` milliseconds
 */
export async function waitForSettings(session: ClientHttp2Session, deadline: number): Promise<void> {
  const settings = new Promise<void>((resolve, reject) => {
    session.once('remoteSettings', () => resolve())
    session.once('error', reject)
    session.once('close', () => reject(new Error('the connection was closed')))
  })
  try {
    await withTimeout(deadline, settings, () => new Error(`no answer within ${deadline / 1000} s`))
  } finally {
    session.destroy()
  }
}
