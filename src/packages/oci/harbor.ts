import type { Fetch } from '../../lib/http.ts'
import { createBaseUrl } from '../../registry/base-url.ts'
import { basicHeader, credentialSecrets, type Credentials } from '../../registry/auth.ts'
import { responseError, type RequestInfo, RegistryError } from '../../registry/error.ts'
import { retry, systemClock, type Clock } from '../../lib/retry.ts'
import { createHttpClient, registryRetryPolicy, type HttpResponse } from '../../registry/http-client.ts'
import { rawOf } from '../../registry/redirects.ts'

export interface HarborOptions {
  readonly registry: string
  readonly repository: string
  readonly credentials: Credentials
  readonly fetch: Fetch
  readonly signal?: AbortSignal | undefined
  readonly clock?: Clock | undefined
}

/**
 * Harbor's own API, the only one of Harbor that deletes single tags, and the only one that lets robot accounts delete
 * at all (https://github.com/goharbor/harbor/issues/16133). Undefined: it does not exist any more.
 */
export interface HarborApi {
  isHarbor(): Promise<boolean>
  deleteTag(digest: string, tag: string): Promise<'not harbor' | RegistryError | undefined>
  /** The manifest and all its tags. */
  deleteArtifact(digest: string): Promise<'not harbor' | RegistryError | undefined>
}

/** https://goharbor.io/docs/latest/build-customize-contribute/configure-swagger/ */
export function createHarborApi(options: HarborOptions): HarborApi {
  const { repository, credentials } = options
  const request = createRequest(options)
  let ping: Promise<boolean> | undefined
  const isHarbor = (): Promise<boolean> => (ping ??= request('GET', 'ping', {}, [200]).then(isPong, refusedMeansFalse))
  const remove = async (path: string): Promise<'not harbor' | RegistryError | undefined> => {
    // The login is sent to a Harbor only.
    if (!(await isHarbor())) return 'not harbor'
    try {
      await request('DELETE', path, { authorization: basicHeader(credentials) }, [200, 202, 204, 404])
      return undefined
    } catch (error) {
      if (error instanceof RegistryError) return error
      throw error
    }
  }
  const [project = '', ...rest] = repository.split('/')
  // Harbor requires names with slashes to be encoded twice.
  const name = encodeURIComponent(encodeURIComponent(rest.join('/')))
  const artifact = (digest: string): string =>
    `projects/${encodeURIComponent(project)}/repositories/${name}/artifacts/${digest}`
  return {
    isHarbor,
    deleteTag: (digest, tag) => remove(`${artifact(digest)}/tags/${encodeURIComponent(tag)}`),
    deleteArtifact: (digest) => remove(artifact(digest)),
  }
}

type Request = (
  method: 'GET' | 'DELETE',
  path: string,
  headers: Readonly<Record<string, string>>,
  expected: readonly number[],
) => Promise<HttpResponse>

function createRequest({
  registry,
  repository,
  credentials,
  fetch,
  signal,
  clock = systemClock,
}: HarborOptions): Request {
  const send = createHttpClient(rawOf(fetch), signal)
  const baseUrl = createBaseUrl(registry, send)
  const info: RequestInfo = {
    host: registry,
    repository,
    subject: `${registry}/${repository}`,
    verb: 'delete',
    secrets: credentialSecrets(credentials),
  }
  return (method, path, headers, expected) =>
    retry(
      async () => {
        const url = `${await baseUrl(info)}/api/v2.0/${path}`
        const answer = await send({ method, url, headers, redirect: 'manual', limit: 64 * 1024 }, info)
        if (expected.includes(answer.status)) return answer
        throw responseError(answer, info, clock.now())
      },
      { policy: registryRetryPolicy, clock, signal },
    )
}

function isPong({ bytes }: HttpResponse): boolean {
  return /^"?pong"?$/i.test(new TextDecoder().decode(bytes).trim())
}

function refusedMeansFalse(error: unknown): boolean {
  if (error instanceof RegistryError) return false
  throw error
}
