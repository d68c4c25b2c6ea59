import type { Fetch } from '../../lib/http.ts'
import { asRecord, asText, tryParseJson } from '../../lib/json.ts'
import { responseError, protocolError, type RequestInfo } from '../../registry/error.ts'
import { isDigest } from '../../registry/manifest.ts'
import { retry, systemClock, type Clock } from '../../lib/retry.ts'
import { createHttpClient, registryRetryPolicy, type HttpResponse } from '../../registry/http-client.ts'
import { rawOf } from '../../registry/redirects.ts'

export interface ForgejoApiOptions {
  /** `https://codeberg.org`; may have a path. */
  readonly serverUrl: string
  readonly token: string
  /** User or organisation, as in the image's name. */
  readonly owner: string
  /** The rest of the image's name; may hold slashes. */
  readonly name: string
  readonly fetch: Fetch
  readonly signal?: AbortSignal | undefined
  /** Receives a line for every repeated request. */
  readonly log?: ((text: string) => void) | undefined
  readonly clock?: Clock | undefined
}

/** A version in the packages API: a tag in lower case, or a digest that was pushed. */
export interface Row {
  /** Changes each time that the version is pushed. */
  readonly id: number
  readonly version: string
  readonly createdAt: number
}

interface Page {
  readonly rows: readonly Row[]
  /** The number of rows in the whole list, of all packages in it. */
  readonly total: number | undefined
  /** The ids of all rows of this page, of every package. */
  readonly ids: readonly number[]
}

/** https://codeberg.org/api/swagger#/package and https://docs.gitea.com/api/#tag/package */
export interface ForgejoApi {
  /** Newest first. */
  pages(): AsyncIterable<Page>
  has(version: string): Promise<boolean>
  /** Deletes this row only; succeeds if it does not exist. */
  delete(version: string): Promise<void>
}

const pageSize = 50
const mostPages = 10_000

export function createForgejoApi(options: ForgejoApiOptions): ForgejoApi {
  const { serverUrl, owner, name } = options
  const base = `${serverUrl.replace(/\/+$/, '')}/api/v1/packages/${encodeURIComponent(owner)}`
  const request = createRequest(options)
  const rowUrl = (version: string): string =>
    `${base}/container/${encodeURIComponent(name)}/${encodeURIComponent(version)}`
  return {
    pages: async function* () {
      let seen = 0
      for (let page = 1; page <= mostPages; page++) {
        const query = new URLSearchParams({ type: 'container', q: name, limit: String(pageSize), page: String(page) })
        const answer = await request('GET', `${base}?${query.toString()}`, [200])
        const list = readPage(answer, name)
        if (!list) throw protocolError('the list of packages cannot be parsed', purposeOf(options, 'read'))
        yield list
        seen += list.ids.length
        const more = /rel="?next"?/i.test(answer.headers.get('link') ?? '') || seen < (list.total ?? 0)
        if (list.ids.length === 0 || !more) return
      }
      throw protocolError(`the list of packages has more than ${mostPages} pages`, purposeOf(options, 'read'))
    },
    has: async (version) => (await request('GET', rowUrl(version), [200, 404])).status === 200,
    delete: async (version) => {
      await request('DELETE', rowUrl(version), [204, 404])
    },
  }
}

export function forgejoHost(serverUrl: string): string {
  return new URL(serverUrl).host
}

type Request = (method: 'GET' | 'DELETE', url: string, good: readonly number[]) => Promise<HttpResponse>

function createRequest(options: ForgejoApiOptions): Request {
  const { token, fetch, signal, clock = systemClock, log = () => undefined } = options
  const exchange = createHttpClient(rawOf(fetch), signal)
  return (method, url, good) =>
    retry(
      async () => {
        const purpose = purposeOf(options, method === 'DELETE' ? 'delete' : 'read')
        const headers = { accept: 'application/json', ...(token !== '' && { authorization: `token ${token}` }) }
        const answer = await exchange({ method, url, headers, redirect: 'error', limit: 4 * 1024 * 1024 }, purpose)
        if (good.includes(answer.status)) return answer
        throw responseError(answer, purpose, clock.now())
      },
      { policy: registryRetryPolicy, clock, signal, log },
    )
}

function purposeOf({ serverUrl, owner, name, token }: ForgejoApiOptions, verb: 'read' | 'delete'): RequestInfo {
  const host = forgejoHost(serverUrl)
  return {
    host,
    repository: `${owner}/${name}`,
    subject: `${host}/${owner}/${name}`,
    verb,
    secrets: token === '' ? [] : [token],
  }
}

function readPage({ bytes, headers }: HttpResponse, name: string): Page | undefined {
  const list = tryParseJson(new TextDecoder().decode(bytes))
  if (!Array.isArray(list)) return undefined
  const all = list.map(asRecord).map((row) => ({
    name: asText(row['name']),
    id: Number(row['id']),
    version: asText(row['version']),
    createdAt: Date.parse(asText(row['created_at'])),
  }))
  if (all.some(({ id, version }) => !Number.isInteger(id) || version === '')) return undefined
  const total = /^\d+$/.exec(headers.get('x-total-count') ?? '')?.[0]
  // `q` matches every name that contains it.
  const rows = all.filter((row) => row.name.toLowerCase() === name.toLowerCase())
  return {
    rows: rows.map(({ id, version, createdAt }) => ({ id, version, createdAt })),
    total: total === undefined ? undefined : Number(total),
    ids: all.map(({ id }) => id),
  }
}

export function isTagRow({ version }: Row): boolean {
  return !isDigest(version)
}
