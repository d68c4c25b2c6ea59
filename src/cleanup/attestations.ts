import { asList, asRecord, asText, tryParseJson } from '../lib/json.ts'
import { mapConcurrent } from '../lib/concurrency.ts'
import type { ManifestInfo } from '../packages/manifest-info.ts'
import { exists, type PackageRepository } from '../packages/repository.ts'

/**
 * Whether the index is the last proof of ownership (rule 3 in ownership.ts) of an attestation that exists, whatever
 * lists say. Attestations of a released image do not count, since the image needs them.
 */
export async function isLastProof(repository: PackageRepository, index: string): Promise<boolean> {
  for (const [child, image] of (await repository.manifest(index))?.attests ?? []) {
    const isReleased =
      (await repository.manifest(image))?.runAnnotation === undefined && (await exists(repository, image))
    if (!isReleased && (await exists(repository, child))) return true
  }
  return false
}

/** The indexes that are not the last proof of ownership of anything. */
export async function withoutLastProofs(repository: PackageRepository, indexes: readonly string[]): Promise<string[]> {
  const isProof = await Promise.all(indexes.map((index) => isLastProof(repository, index)))
  return indexes.filter((_, at) => !isProof[at])
}

/**
 * Of attestations that nothing refers to: those of images that do not exist any more, built by a finished run. The
 * statement contains both (https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md,
 * https://slsa.dev/spec/v1.0/provenance).
 */
export async function findOrphans(
  repository: PackageRepository,
  candidates: readonly ManifestInfo[],
  isFinished: (run: string | undefined) => boolean,
): Promise<string[]> {
  const isOrphan = await mapConcurrent(candidates, async ({ statements: blobs }) => {
    const statements = await Promise.all(blobs.map((blob) => readStatement(repository, blob)))
    const subjects = statements.flatMap((statement) => statement.subjects)
    const found = await Promise.all(subjects.map((subject) => exists(repository, subject)))
    return statements.some(({ run }) => isFinished(run)) && subjects.length > 0 && !found.some(Boolean)
  })
  return candidates.filter((_, at) => isOrphan[at]).map(({ digest }) => digest)
}

/** What an in-toto statement describes, and the run that its provenance names as the builder. */
interface Statement {
  readonly subjects: readonly string[]
  readonly run: string | undefined
}

async function readStatement({ registry, repository }: PackageRepository, blob: string): Promise<Statement> {
  const statement = asRecord(tryParseJson(new TextDecoder().decode(await registry.getBlob(repository, blob))))
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
