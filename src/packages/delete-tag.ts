import { RegistryError, type RegistryClient } from '../registry/client.ts'
import type { TagReference } from '../registry/reference.ts'

export type Outcome = { readonly deleted: true } | { readonly deleted: false; readonly reason: string }

/**
 * Deletes a tag with the registry's own DELETE, and only the tag: a DELETE by digest would take every other tag on it.
 * A tag that meanwhile names something else is not ours any more.
 */
export async function deleteTag(client: RegistryClient, entry: TagReference & { readonly digest: string }): Promise<Outcome> {
  const found = await client.headManifest(entry.path, entry.tag)
  if (found === undefined) return { deleted: true }
  if (found !== entry.digest) return { deleted: false, reason: 'it names another image by now, so it is left alone.' }
  try {
    await client.deleteManifest(entry.path, entry.tag)
    return { deleted: true }
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error
    return { deleted: false, reason: explain(error) }
  }
}

function explain(error: RegistryError): string {
  if (error.status === 405 || error.code === 'UNSUPPORTED') return 'the registry does not delete tags. Delete it where the registry keeps its packages, or let its retention rules do it.'
  if (error.kind === 'denied' || error.kind === 'unauthorized') return `the registry does not let this login delete it (${error.message}). Give the login the right to delete.`
  return error.message
}
