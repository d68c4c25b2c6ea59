import { asList, isRecord, tryParseJson } from '../lib/json.ts'
import { perform, purposeOf, type Connection } from './connection.ts'
import { protocolError, type Purpose } from './error.ts'

const mostPages = 1000

/** All tags, page after page. */
export async function listTags(connection: Connection, repository: string): Promise<readonly string[]> {
  const purpose = purposeOf(connection, 'read', repository)
  const tags = new Set<string>()
  const visited = new Set<string>()
  let path: string | undefined = `${repository}/tags/list?n=1000`
  while (path !== undefined) {
    if (visited.has(path) || visited.size >= mostPages) throw protocolError('the list of tags has no end', purpose)
    visited.add(path)
    const answer = await perform(connection, { method: 'GET', path, purpose })
    const page = tryParseJson(new TextDecoder().decode(answer.bytes))
    if (!isRecord(page) || !('tags' in page)) throw protocolError('the list of tags cannot be read', purpose)
    for (const tag of asList(page['tags'])) if (typeof tag === 'string') tags.add(tag)
    path = nextPage(answer.headers.get('link'), `${await connection.origin(purpose)}/v2/`, path, purpose)
  }
  return [...tags]
}

/** https://www.rfc-editor.org/rfc/rfc8288; only within the registry's API, since the login goes along. */
function nextPage(link: string | null, base: string, current: string, purpose: Purpose): string | undefined {
  const target = /<([^>]*)>[^,]*;\s*rel="?next"?/i.exec(link ?? '')?.[1]
  if (target === undefined) return undefined
  const here = new URL(current, base)
  const next = URL.canParse(target, here.href) ? new URL(target, here) : undefined
  // Behind a proxy that ends TLS, a registry may think that it is spoken to in plain http: the path is what counts.
  if (next?.host !== here.host || !next.pathname.startsWith('/v2/'))
    throw protocolError('the list of tags goes on at another server', purpose)
  return next.pathname.slice('/v2/'.length) + next.search
}
