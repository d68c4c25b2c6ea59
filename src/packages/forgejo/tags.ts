import { asList, asRecord, asText, tryParseJson } from '../../lib/json.ts'
import { RegistryError, type RegistryClient } from '../../registry/client.ts'
import { Kept } from '../backend.ts'
import { isTagRow, type ForgeApi, type Row } from './api.ts'
import { severalAtOnce } from '../../lib/concurrency.ts'

/** What a tag names, and what that refers to if it is an index. */
interface TagContent {
  readonly tag: string
  readonly digest: string
  readonly children: readonly string[]
}

export interface ForgeTags {
  /** The tags among these rows. */
  of(rows: readonly Row[]): Promise<readonly TagContent[]>
  /** Every tag as it is now. */
  all(): Promise<readonly TagContent[]>
}

const attempts = 3

/**
 * The packages API does not say which manifest a tag names, so each is asked of the registry, once: a tag that is
 * pushed again is another row. Rows older than `since` are left out.
 */
export function openForgeTags(api: ForgeApi, client: RegistryClient, repository: string, since: number): ForgeTags {
  const known = new Map<number, TagContent>()
  const read = async ({ id, version }: Row): Promise<TagContent | undefined> => {
    const found = known.get(id) ?? (await readTag(client, repository, version))
    if (found) known.set(id, found)
    return found
  }
  const of = async (rows: readonly Row[]): Promise<readonly TagContent[]> => {
    // A date that cannot be read is no reason to leave a row out.
    const tags = rows.filter((row) => isTagRow(row) && !(row.createdAt < since))
    return (await severalAtOnce(tags, read)).flatMap((content) => content ?? [])
  }
  return { of, all: async () => await of(await allRows(api)) }
}

async function readTag(client: RegistryClient, repository: string, tag: string): Promise<TagContent | undefined> {
  try {
    const { digest, bytes } = await client.getManifest(repository, tag)
    const document = asRecord(tryParseJson(new TextDecoder().decode(bytes)))
    return { tag, digest, children: asList(document['manifests']).map((entry) => asText(asRecord(entry)['digest'])) }
  } catch (error) {
    if (error instanceof RegistryError && error.kind === 'not-found') return undefined
    throw error
  }
}

/**
 * A row that somebody deletes while we turn pages lets another one slip through between two of them; a new one only
 * shows one twice. So there must be as many different ones as the first page promised.
 */
async function allRows(api: ForgeApi): Promise<readonly Row[]> {
  for (let attempt = 1; attempt <= attempts; attempt++) {
    const rows = new Map<number, Row>()
    const seen = new Set<number>()
    let promised: number | undefined
    for await (const page of api.pages()) {
      promised ??= page.total
      page.ids.forEach((id) => seen.add(id))
      page.rows.forEach((row) => rows.set(row.id, row))
    }
    if (seen.size >= (promised ?? 0)) return [...rows.values()]
  }
  throw new Kept(
    'the list of packages changes faster than it can be read, so what still needs it is not certain. Try again when fewer jobs run.',
  )
}
