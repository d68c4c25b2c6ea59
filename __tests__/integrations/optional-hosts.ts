import { createRegistryClient } from '../../src/registry/client.ts'
import type { Farm } from '../e2e/harness.ts'
import { freshName, onBridge, pathOf, reader, type PackageHost } from '../e2e/package-hosts.ts'
import { startPlatformApi } from '../e2e/platform-api.ts'
import { startGitea } from '../farm/gitea.ts'
import type { startRegistry2 } from '../farm/tools/registry2/registry2.ts'

/** A registry without a login and without a CI platform. */
export type PlainHost = Pick<PackageHost, 'freshImage' | 'inputs' | 'read' | 'tags' | 'stop'>

/** @param start starts the registry in a directory, on loopback */
export async function openPlain(farm: Farm, start: typeof startRegistry2): Promise<PlainHost> {
  const registry = await start(farm.dir)
  const bridge = await onBridge(farm, registry.host)
  return {
    ...reader(createRegistryClient({ registry: bridge.host, isPlain: () => true }), bridge.requests),
    freshImage: () => `${bridge.host}/acme/${freshName()}`,
    inputs: { registries: bridge.registries },
    stop: async () => {
      bridge.close()
      await registry.stop()
    },
  }
}

export async function openGitea(farm: Farm): Promise<PackageHost> {
  const [gitea, api] = await Promise.all([startGitea(farm.dir), startPlatformApi()])
  const bridge = await onBridge(farm, gitea.host)
  const [username, password] = ['farm', await gitea.token('farm', ['write:package'])]
  const client = createRegistryClient({
    registry: bridge.host,
    // Gitea takes 5 ms of processor time for each request with a token.
    credentials: gitea.user,
    isPlain: () => true,
  })
  const common = reader(client, bridge.requests)
  const versionsOf = async (image: string): Promise<string[]> => {
    const name = pathOf(image).split('/')[1] ?? ''
    const versions: string[] = []
    for (let page = 1; versions.length === (page - 1) * 50; page++) {
      const query = `type=container&limit=50&page=${page}&q=${name}`
      const answer = await fetch(`${gitea.url}/api/v1/packages/farm?${query}`, {
        headers: { authorization: `token ${password}` },
      })
      expectOk(answer)
      versions.push(...((await answer.json()) as { version: string }[]).map(({ version }) => version))
    }
    return versions
  }
  return {
    ...common,
    freshImage: () => `${bridge.host}/farm/${freshName()}`,
    inputs: {
      username,
      password,
      'github-token': password,
      'packages-api': 'forgejo',
      registries: bridge.registries,
    },
    env: { GITHUB_SERVER_URL: `http://${bridge.host}`, GITHUB_API_URL: api.url },
    digests: async (image) => {
      const found = await Promise.all((await versionsOf(image)).map((version) => common.read(image, version)))
      return [...new Set(found.flatMap((manifest) => manifest?.digest ?? []))]
    },
    finish: (runId) => api.finish(runId),
    stop: async () => {
      bridge.close()
      api.close()
      await gitea.stop()
    },
  }
}

function expectOk({ ok, status, url }: Response): void {
  if (!ok) throw new Error(`${url} answered ${status}`)
}
