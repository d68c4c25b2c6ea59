export interface RegistryClient {
  /** `127.0.0.1:PORT`: the same on the host, on every node and on the local engine. */
  host: string
  tags(repository: string): Promise<string[]>
  repositories(): Promise<string[]>
  /** A manifest or index, or undefined where there is none. */
  manifest(
    repository: string,
    reference: string,
  ): Promise<{ digest: string; mediaType: string; json: Record<string, unknown> } | undefined>
  blob(repository: string, digest: string): Promise<Uint8Array>
  /** Deletes every tag of a repository with what it points to. */
  deleteAll(repository: string): Promise<void>
}

const accept = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ')

/** For assertions. It uses the fault proxy like every client; its User-Agent identifies it in the log. */
export function registryClient(host: string, user?: { username: string; password: string }): RegistryClient {
  const headers: Record<string, string> = { accept, 'user-agent': 'farm' }
  if (user) headers['authorization'] = `Basic ${Buffer.from(`${user.username}:${user.password}`).toString('base64')}`
  const ask = async (path: string, method = 'GET'): Promise<Response> => {
    const answer = await fetch(`http://${host}/v2/${path}`, { method, headers })
    if (!answer.ok && answer.status !== 404)
      throw new Error(`the registry answered ${method} ${path} with ${answer.status}: ${await answer.text()}`)
    return answer
  }
  const list = async (path: string, field: string): Promise<string[]> => {
    const answer = await ask(path)
    if (answer.status === 404) return []
    const body = (await answer.json()) as Record<string, string[] | null>
    return (body[field] ?? []).sort()
  }
  const tags = (repository: string): Promise<string[]> => list(`${repository}/tags/list`, 'tags')
  return {
    host,
    tags,
    repositories: () => list('_catalog?n=1000', 'repositories'),
    manifest: async (repository, reference) => {
      const answer = await ask(`${repository}/manifests/${reference}`)
      if (answer.status === 404) return undefined
      return {
        digest: answer.headers.get('docker-content-digest') ?? '',
        mediaType: answer.headers.get('content-type') ?? '',
        json: (await answer.json()) as Record<string, unknown>,
      }
    },
    blob: async (repository, digest) =>
      new Uint8Array(await (await ask(`${repository}/blobs/${digest}`)).arrayBuffer()),
    deleteAll: async (repository) => {
      for (const tag of await tags(repository)) {
        const answer = await ask(`${repository}/manifests/${tag}`, 'HEAD')
        const digest = answer.headers.get('docker-content-digest')
        if (digest) await ask(`${repository}/manifests/${digest}`, 'DELETE')
      }
    },
  }
}
