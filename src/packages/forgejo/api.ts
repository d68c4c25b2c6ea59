import { asRecord, asText, tryParseJson } from '../../lib/json.ts'
import { refusalError, protocolError, type Purpose } from '../../registry/error.ts'
import { isDigest } from '../../registry/digest.ts'
import { patient, retry, type Pacing } from '../../registry/retry.ts'
import { openTransport, type Answer, type Fetch } from '../../registry/transport.ts'

export interface ForgeOptions {
  /** `https://codeberg.org`; may have a path. */
  readonly serverUrl: string
  readonly token: string
  /** User or organisation, as in the image's name. */
  readonly owner: string
  /** The rest of the image's name; may hold slashes. */
  readonly name: string
  readonly fetch: Fetch
  readonly signal?: AbortSignal | undefined
  /** Hears of every repeated request. */
  readonly log?: ((text: string) => void) | undefined
  readonly pacing?: Partial<Pacing> | undefined
}

/** A version as the packages API has it: a tag, in lower case, or a digest that was pushed. */
export interface Row {
  /** Another one each time that the version is pushed. */
  readonly id: number
  readonly version: string
  readonly createdAt: number
}

interface Page {
  readonly rows: readonly Row[]
  /** How many rows the whole list has, of all packages it holds. */
  readonly total: number | undefined
  /** The ids of all rows of this page, whatever package they are of. */
  readonly ids: readonly number[]
}

/** https://codeberg.org/api/swagger#/package and https://docs.gitea.com/api/#tag/package */
export interface ForgeApi {
  /** Newest first. */
  pages(): AsyncIterable<Page>
  has(version: string): Promise<boolean>
  /** The row alone; one that is gone is deleted. */
  delete(version: string): Promise<void>
}

const pageSize = 50
const mostPages = 10_000

export function openForgeApi(options: ForgeOptions): ForgeApi {
  const { serverUrl, owner, name } = options
  const base = `${serverUrl.replace(/\/+$/, '')}/api/v1/packages/${encodeURIComponent(owner)}`
  const ask = openAsk(options)
  const one = (version: string): string =>
    `${base}/container/${encodeURIComponent(name)}/${encodeURIComponent(version)}`
  return {
    pages: async function* () {
      let seen = 0
      for (let page = 1; page <= mostPages; page++) {
        const query = new URLSearchParams({ type: 'container', q: name, limit: String(pageSize), page: String(page) })
        const answer = await ask('GET', `${base}?${query.toString()}`, [200])
        const list = readPage(answer, name)
        if (!list) throw protocolError('the list of packages cannot be read', purposeOf(options, 'read'))
        yield list
        seen += list.ids.length
        const more = /rel="?next"?/i.test(answer.headers.get('link') ?? '') || seen < (list.total ?? 0)
        if (list.ids.length === 0 || !more) return
      }
      throw protocolError('the list of packages has no end', purposeOf(options, 'read'))
    },
    has: async (version) => (await ask('GET', one(version), [200, 404])).status === 200,
    delete: async (version) => {
      await ask('DELETE', one(version), [204, 404])
    },
  }
}

export function hostOfForge(serverUrl: string): string {
  return new URL(serverUrl).host
}

type Ask = (method: 'GET' | 'DELETE', url: string, good: readonly number[]) => Promise<Answer>

function openAsk(options: ForgeOptions): Ask {
  const { token, fetch, signal, log = () => undefined } = options
  const exchange = openTransport(fetch, signal)
  const pacing = { ...patient, ...options.pacing }
  return (method, url, good) =>
    retry(
      async () => {
        const purpose = purposeOf(options, method === 'DELETE' ? 'delete' : 'read')
        const headers = { accept: 'application/json', ...(token !== '' && { authorization: `token ${token}` }) }
        const answer = await exchange({ method, url, headers, redirect: 'error', limit: 4 * 1024 * 1024 }, purpose)
        if (good.includes(answer.status)) return answer
        throw refusalError(answer, purpose, pacing.now())
      },
      { pacing, signal, log },
    )
}

function purposeOf({ serverUrl, owner, name, token }: ForgeOptions, verb: 'read' | 'delete'): Purpose {
  const host = hostOfForge(serverUrl)
  return {
    host,
    repository: `${owner}/${name}`,
    subject: `${host}/${owner}/${name}`,
    verb,
    secrets: token === '' ? [] : [token],
  }
}

function readPage({ bytes, headers }: Answer, name: string): Page | undefined {
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
  // `q` finds every name that holds it.
  const own = all.filter((row) => row.name.toLowerCase() === name.toLowerCase())
  return {
    rows: own.map(({ id, version, createdAt }) => ({ id, version, createdAt })),
    total: total === undefined ? undefined : Number(total),
    ids: all.map(({ id }) => id),
  }
}

export function isTagRow({ version }: Row): boolean {
  return !isDigest(version)
}
