import { serveRegistry } from './registry-server.ts'
import { serveRest } from './rest-server.ts'
import type { Fake } from './fake.ts'

export interface Ghcr {
  /** `127.0.0.1:port`, as the host of an image reference. */
  registry: string
  /** As GITHUB_API_URL on github.com. */
  api: string
  /** As GITHUB_API_URL on an enterprise server. */
  enterpriseApi: string
  /** Fails if a request met an error in the server, such as an answer that is not as published. */
  close(): Promise<void>
}

/** Both sides over one fake. */
export async function startGhcr(fake: Fake): Promise<Ghcr> {
  const registry = await serveRegistry(fake)
  const rest = await serveRest(fake)
  const api = `http://127.0.0.1:${rest.port}`
  return {
    registry: `127.0.0.1:${registry.port}`,
    api,
    enterpriseApi: `${api}/api/v3`,
    close: async () => {
      const closed = await Promise.allSettled([registry.close(), rest.close()])
      for (const outcome of closed) if (outcome.status === 'rejected') throw outcome.reason
    },
  }
}
