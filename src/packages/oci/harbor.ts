import { basicHeader, secretsOf, type Credentials } from '../../registry/auth.ts'
import { refusalError, type Purpose } from '../../registry/error.ts'
import { RegistryError } from '../../registry/client.ts'
import { openOrigin } from '../../registry/origin.ts'
import { patient, retry, type Pacing } from '../../registry/retry.ts'
import { openTransport, type Answer, type Fetch } from '../../registry/transport.ts'

export interface HarborOptions {
  readonly registry: string
  readonly repository: string
  readonly credentials: Credentials
  readonly fetch: Fetch
  readonly signal?: AbortSignal | undefined
  readonly pacing?: Partial<Pacing> | undefined
}

/**
 * Harbor's own API, the only one of its that takes a tag off, and the only one that lets robot accounts delete at all
 * (https://github.com/goharbor/harbor/issues/16133). Undefined: it is gone. `other` where the registry is no Harbor.
 */
export interface Harbor {
  /** Whether the registry is one. */
  isThere(): Promise<boolean>
  deleteTag(digest: string, tag: string): Promise<'other' | RegistryError | undefined>
  /** The manifest and all its tags. */
  deleteArtifact(digest: string): Promise<'other' | RegistryError | undefined>
}

/** https://goharbor.io/docs/latest/build-customize-contribute/configure-swagger/ */
export function openHarbor({ registry, repository, credentials, fetch, signal, pacing }: HarborOptions): Harbor {
  const exchange = openTransport(fetch, signal)
  const origin = openOrigin(registry, exchange)
  const purpose: Purpose = {
    host: registry,
    repository,
    subject: `${registry}/${repository}`,
    verb: 'delete',
    secrets: secretsOf(credentials),
  }
  const retrying = { pacing: { ...patient, ...pacing }, signal, log: () => undefined }
  const ask = (
    method: 'GET' | 'DELETE',
    path: string,
    headers: Readonly<Record<string, string>>,
    good: readonly number[],
  ): Promise<Answer> =>
    retry(async () => {
      const answer = await exchange(
        { method, url: `${await origin(purpose)}/api/v2.0/${path}`, headers, redirect: 'manual', limit: 64 * 1024 },
        purpose,
      )
      if (good.includes(answer.status)) return answer
      throw refusalError(answer, purpose, retrying.pacing.now())
    }, retrying)

  let known: Promise<boolean> | undefined
  const isThere = (): Promise<boolean> => (known ??= ask('GET', 'ping', {}, [200]).then(isPong, refusedAsNo))
  const remove = async (path: string): Promise<'other' | RegistryError | undefined> => {
    // The login is sent only where the answer is Harbor's.
    if (!(await isThere())) return 'other'
    try {
      await ask('DELETE', path, { authorization: basicHeader(credentials) }, [200, 202, 204, 404])
      return undefined
    } catch (error) {
      if (error instanceof RegistryError) return error
      throw error
    }
  }
  const [project = '', ...rest] = repository.split('/')
  // Encoded twice over, as Harbor asks for names with slashes.
  const name = encodeURIComponent(encodeURIComponent(rest.join('/')))
  const artifact = (digest: string): string =>
    `projects/${encodeURIComponent(project)}/repositories/${name}/artifacts/${digest}`
  return {
    isThere,
    deleteTag: (digest, tag) => remove(`${artifact(digest)}/tags/${encodeURIComponent(tag)}`),
    deleteArtifact: (digest) => remove(artifact(digest)),
  }
}

function isPong({ bytes }: Answer): boolean {
  return /^"?pong"?$/i.test(new TextDecoder().decode(bytes).trim())
}

function refusedAsNo(error: unknown): boolean {
  if (error instanceof RegistryError) return false
  throw error
}
