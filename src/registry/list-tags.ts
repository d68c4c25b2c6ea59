import { asList, asRecord, asText, isRecord, tryParseJson } from '../lib/json.ts'
import { protocolError, RegistryError, type RequestInfo } from './error.ts'
import { isDigest } from './manifest.ts'
import { requestInfo, send, type Session } from './session.ts'

const maxPages = 1000
/** A repository with more would need more memory than a run has. */
const mostTags = 1_000_000
/** https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests */
const longestTag = 128

/** All tags of a repository, read page by page. */
export async function listTags(session: Session, repository: string): Promise<readonly string[]> {
  const info = requestInfo(session, 'read', repository)
  const tags = new Set<string>()
  const visited = new Set<string>()
  let path: string | undefined = `${repository}/tags/list?n=1000`
  while (path !== undefined) {
    if (visited.has(path) || visited.size >= maxPages)
      throw protocolError(`the list of tags has more than ${maxPages} pages, or a page twice`, info)
    visited.add(path)
    const response = await send(session, { method: 'GET', path, info })
    const page = tryParseJson(new TextDecoder().decode(response.bytes))
    if (!isRecord(page) || !('tags' in page)) throw protocolError('the list of tags is not valid', info)
    // A longer name is not a tag: it could not be requested, and a thousand pages of such names fill the memory.
    for (const tag of asList(page['tags'])) if (typeof tag === 'string' && tag.length <= longestTag) tags.add(tag)
    if (tags.size > mostTags) throw protocolError(`the list of tags has more than ${mostTags} entries`, info)
    path = nextPage(response.headers.get('link'), `${await session.baseUrl(info)}/v2/`, path, info)
  }
  return [...tags]
}

/** The first page of https://github.com/opencontainers/distribution-spec/blob/main/spec.md#listing-referrers */
export async function listReferrers(
  session: Session,
  repository: string,
  digest: string,
): Promise<readonly string[] | undefined> {
  const info = requestInfo(session, 'read', repository, digest)
  const path = `${repository}/referrers/${digest}`
  const response = await send(session, { method: 'GET', path, info, allowNotFound: true }).catch(ifUnsupported)
  const index = response?.status === 200 ? asRecord(tryParseJson(new TextDecoder().decode(response.bytes))) : {}
  if (!Array.isArray(index['manifests'])) return undefined
  return index['manifests'].map((entry) => asText(asRecord(entry)['digest'])).filter(isDigest)
}

function ifUnsupported(error: unknown): undefined {
  if (error instanceof RegistryError && error.kind === 'protocol') return undefined
  throw error
}

/** https://www.rfc-editor.org/rfc/rfc8288; only within the registry's API, since the login is sent along. */
function nextPage(link: string | null, base: string, current: string, info: RequestInfo): string | undefined {
  const target = /<([^>]*)>[^,]*;\s*rel="?next"?/i.exec(link ?? '')?.[1]
  if (target === undefined) return undefined
  const here = new URL(current, base)
  const next = URL.canParse(target, here.href) ? new URL(target, here) : undefined
  // Behind a proxy that terminates TLS, a registry may name itself with http: only the path counts.
  if (next?.host !== here.host || !next.pathname.startsWith('/v2/'))
    throw protocolError('the next page of tags is on another server, which is not trusted', info)
  return next.pathname.slice('/v2/'.length) + next.search
}
