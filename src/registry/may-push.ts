import { perform, purposeOf, type Connection } from './connection.ts'

/**
 * Asks whether this login may push, as far as that can be asked: an upload is begun and given up at once, which leaves
 * nothing (https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pushing-blobs).
 *
 * @throws RegistryError where it may not
 */
export async function checkPush(connection: Connection, repository: string): Promise<void> {
  const purpose = purposeOf(connection, 'push', repository)
  const { headers, url } = await perform(connection, { method: 'POST', path: `${repository}/blobs/uploads/`, purpose })
  const location = headers.get('location')
  const upload = location === null || !URL.canParse(location, url) ? undefined : new URL(location, url)
  if (!upload?.pathname.startsWith('/v2/') || upload.host !== new URL(url).host) return
  // An upload that nobody goes on with ends by itself; not every registry lets one end it.
  await perform(connection, {
    method: 'DELETE',
    path: `${upload.pathname.slice('/v2/'.length)}${upload.search}`,
    purpose,
    mayMiss: true,
  }).catch(() => undefined)
}
