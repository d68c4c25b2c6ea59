import { asList, asRecord, asText, tryParseJson } from '../lib/json.ts'
import { severalAtOnce } from '../lib/concurrency.ts'
import type { Item } from './plan.ts'
import type { Sweeping } from './state.ts'

/**
 * Attestations that nothing refers to, about an image that is gone, made by a run that is over: the statement names
 * both (https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md, https://slsa.dev/spec/v1.0/provenance).
 */
export async function findOrphans(
  { place, facts }: Sweeping,
  items: ReadonlyMap<string, Item>,
  isDead: (run: string | undefined) => boolean,
): Promise<string[]> {
  const referred = new Set([...items.keys()].flatMap((digest) => facts.get(digest)?.refs ?? []))
  const lonely = [...items.values()].filter(
    ({ digest, tags }) => tags.length === 0 && !referred.has(digest) && facts.get(digest)?.kind === 'attestation',
  )
  const found = await severalAtOnce(lonely, async ({ digest }) => {
    const statements = await Promise.all(
      (facts.get(digest)?.statements ?? []).map(async (blob) =>
        readStatement(await place.registry.getBlob(place.repository, blob)),
      ),
    )
    const subjects = statements.flatMap((statement) => statement.subjects)
    const gone = await Promise.all(
      subjects.map(async (subject) => (await place.registry.headManifest(place.repository, subject)) === undefined),
    )
    return statements.some(({ run }) => isDead(run)) && subjects.length > 0 && gone.every(Boolean) ? [digest] : []
  })
  return found.flat()
}

/** PURE: what an in-toto statement is about, and the run that its provenance names as the builder. */
function readStatement(bytes: Uint8Array): { readonly subjects: readonly string[]; readonly run: string | undefined } {
  const statement = asRecord(tryParseJson(new TextDecoder().decode(bytes)))
  const predicate = asRecord(statement['predicate'])
  const builder =
    asText(asRecord(asRecord(predicate['runDetails'])['builder'])['id']) || asText(asRecord(predicate['builder'])['id'])
  const subjects = asList(statement['subject']).map((subject) =>
    asText(asRecord(asRecord(subject)['digest'])['sha256']),
  )
  return {
    subjects: subjects.filter((hex) => hex !== '').map((hex) => `sha256:${hex}`),
    run: /\/actions\/runs\/(\d+)/.exec(builder)?.[1],
  }
}
