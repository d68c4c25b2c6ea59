import type { RegistryClient } from '../../registry/client.ts'
import { NotDeletedError } from '../backend.ts'
import { parseChildren } from '../manifest-info.ts'
import { unlessNotFound } from '../repository.ts'
import { isTagRow, type ForgejoApi, type Row } from './api.ts'
import { mapConcurrent } from '../../lib/concurrency.ts'

/** The manifest of a tag, and its children if it is an index. */
interface TagContent {
  readonly tag: string
  readonly digest: string
  readonly children: readonly string[]
  /** When the tag was pushed, in milliseconds since the epoch; NaN if the API does not report it. */
  readonly taggedAt: number
}

export interface ForgejoTags {
  /** The tags among these rows. */
  of(rows: readonly Row[]): Promise<readonly TagContent[]>
  /** Every tag with its current manifest. */
  all(): Promise<readonly TagContent[]>
}

const attempts = 3

/**
 * The packages API does not return the manifest of a tag, so each tag is read from the registry, once: a tag that is
 * pushed again is another row. Rows older than `since` are left out.
 */
export function createForgejoTags(
  api: ForgejoApi,
  client: RegistryClient,
  repository: string,
  since: number,
): ForgejoTags {
  const cache = new Map<number, TagContent>()
  const read = async (row: Row): Promise<TagContent | undefined> => {
    const { id } = row
    const content = cache.get(id) ?? (await readTag(client, repository, row))
    if (content) cache.set(id, content)
    return content
  }
  const of = async (rows: readonly Row[]): Promise<readonly TagContent[]> => {
    // A row whose date cannot be parsed stays in.
    const tags = rows.filter((row) => isTagRow(row) && !(row.createdAt < since))
    return (await mapConcurrent(tags, read)).flatMap((content) => content ?? [])
  }
  return { of, all: async () => await of(await allRows(api)) }
}

async function readTag(
  client: RegistryClient,
  repository: string,
  { version: tag, createdAt: taggedAt }: Row,
): Promise<TagContent | undefined> {
  const manifest = await unlessNotFound(client.getManifest(repository, tag))
  return manifest && { tag, digest: manifest.digest, children: parseChildren(manifest.bytes), taggedAt }
}

const changedTooFast =
  'other jobs changed the list of packages while it was read, so another image may need this manifest. ' +
  'Run the cleanup when fewer jobs run.'

/**
 * When another client deletes a row while the pages are read, a row may move from a later page to one that was already
 * read; a new row only repeats one. So there must be as many different rows as the first page announced.
 */
async function allRows(api: ForgejoApi): Promise<readonly Row[]> {
  for (let attempt = 1; attempt <= attempts; attempt++) {
    const rows = new Map<number, Row>()
    const seen = new Set<number>()
    let total: number | undefined
    for await (const page of api.pages()) {
      total ??= page.total
      page.ids.forEach((id) => seen.add(id))
      page.rows.forEach((row) => rows.set(row.id, row))
    }
    if (seen.size >= (total ?? 0)) return [...rows.values()]
  }
  throw new NotDeletedError(changedTooFast)
}
