import { asList, asRecord, asText, tryParseJson } from '../lib/json.ts'
import { mapConcurrent } from '../lib/concurrency.ts'
import type { PackageVersion } from '../packages/backend.ts'
import type { ManifestInfo } from '../packages/manifest-info.ts'
import type { OwnedManifests } from './ownership.ts'
import type { RegistryClient } from '../registry/client.ts'
import { exists, unlessNotFound, type PackageRepository } from '../packages/repository.ts'
import { neededBy } from './snapshot.ts'

/** Why such an index stays. */
export const lastProof =
  'only this index proves which run pushed one of its attestations, and that attestation still exists. A later ' +
  'cleanup tries again to delete both.'

/**
 * Whether the index is the last proof of ownership (rule 3 in ownership.ts) of an attestation that exists in the
 * registry, which lists may not show. Attestations of a released image do not count, since the image needs them.
 *
 * @param proved attestations that another index of the run lists, which stays
 */
export async function isLastProof(
  repository: PackageRepository,
  index: string,
  proved: ReadonlySet<string> = new Set(),
): Promise<boolean> {
  for (const [child, image] of (await repository.manifest(index))?.attests ?? []) {
    if (proved.has(child)) continue
    const isReleased =
      (await repository.manifest(image))?.runAnnotation === undefined && (await exists(repository, image))
    if (!isReleased && (await exists(repository, child))) return true
  }
  return false
}

/**
 * Removes the children that an index calls attestations of an image, but which are not: such an index may come from a
 * hostile node.
 */
export async function withoutForgedAttestations(
  repository: PackageRepository,
  owned: OwnedManifests,
  manifests: ReadonlyMap<string, ManifestInfo>,
): Promise<OwnedManifests> {
  const checked = await mapConcurrent([...owned.attestations], async ([digest, image]) => {
    const manifest = manifests.get(digest)
    const isReal = manifest?.kind === 'attestation' && (await describes(repository, manifest, image))
    return isReal ? [] : [digest]
  })
  const forged = new Set(checked.flat())
  return { ...owned, children: owned.children.filter((digest) => !forged.has(digest)) }
}

/** Nothing that a tag of this run needs is a leftover: to try it would be a warning in every run. */
export async function withoutKept(
  repository: PackageRepository,
  owned: OwnedManifests,
  kept: readonly string[] = [],
): Promise<OwnedManifests> {
  if (owned.children.length === 0 || kept.length === 0) return owned
  const needed = await neededBy(repository, kept)
  return { ...owned, children: owned.children.filter((digest) => !needed.has(digest)) }
}

/** The indexes that are not the last proof of ownership of anything; `kept` are indexes of the run that stay. */
export async function withoutLastProofs(
  repository: PackageRepository,
  indexes: readonly string[],
  kept: readonly string[] = [],
): Promise<string[]> {
  const owned = await Promise.all(indexes.length === 0 ? [] : kept.map((digest) => repository.manifest(digest)))
  const proofs = owned.filter((manifest) => manifest?.runAnnotation !== undefined)
  const proved = new Set(proofs.flatMap((manifest) => [...(manifest?.attests.keys() ?? [])]))
  const isProof = await Promise.all(indexes.map((index) => isLastProof(repository, index, proved)))
  return indexes.filter((_, at) => !isProof[at])
}

/** PURE: the attestations without a tag that nothing refers to. */
export function unreferencedAttestations(
  items: ReadonlyMap<string, Pick<PackageVersion, 'digest' | 'tags'>>,
  manifests: ReadonlyMap<string, ManifestInfo>,
): ManifestInfo[] {
  const referenced = new Set([...items.keys()].flatMap((digest) => manifests.get(digest)?.refs ?? []))
  return [...items.values()].flatMap(({ digest, tags }) => {
    const manifest = manifests.get(digest)
    const isAlone = tags.length === 0 && !referenced.has(digest)
    return isAlone && manifest?.kind === 'attestation' ? [manifest] : []
  })
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

/**
 * Whether the manifest describes the image by its own content: it has the image as `subject`, or is an attestation or a
 * signature all of whose statements name the image. What an index or a tag calls an attestation proves nothing.
 */
export async function describes(
  repository: PackageRepository,
  manifest: ManifestInfo,
  image: string,
): Promise<boolean> {
  const { kind, subject, statements: blobs } = manifest
  if (subject === image) return true
  if (kind !== 'attestation' && kind !== 'signature') return false
  // All statements of an attestation have the same subject, so the smallest one is enough.
  const [first, ...rest] = await Promise.all(
    (kind === 'attestation' ? blobs.slice(0, 1) : blobs).map((blob) => unlessNotFound(readStatement(repository, blob))),
  )
  return [first, ...rest].every((statement) => statement?.subjects.includes(image))
}

interface StatementStore {
  readonly registry: Pick<RegistryClient, 'getBlob'>
  readonly repository: string
}

/** What an in-toto statement describes, and the run that its provenance names as the builder. */
export interface Statement {
  readonly subjects: readonly string[]
  readonly run: string | undefined
}

/** Reads the statement in a blob of an attestation or signature. */
export async function readStatement({ registry, repository }: StatementStore, blob: string): Promise<Statement> {
  const statement = parsePayload(new TextDecoder().decode(await registry.getBlob(repository, blob)))
  const predicate = asRecord(statement['predicate'])
  const builder =
    asText(asRecord(asRecord(predicate['runDetails'])['builder'])['id']) || asText(asRecord(predicate['builder'])['id'])
  const subjects = asList(statement['subject']).map((subject) =>
    asText(asRecord(asRecord(subject)['digest'])['sha256']),
  )
  const signed = asText(asRecord(asRecord(statement['critical'])['image'])['docker-manifest-digest'])
  return {
    subjects: [
      ...subjects.filter((hex) => hex !== '').map((hex) => `sha256:${hex}`),
      ...(signed === '' ? [] : [signed]),
    ],
    run: /\/actions\/runs\/(\d+)/.exec(builder)?.[1],
  }
}

/** A DSSE envelope has its statement in base64: https://github.com/secure-systems-lab/dsse/blob/master/envelope.md */
function parsePayload(text: string): Record<string, unknown> {
  const document = asRecord(tryParseJson(text))
  const payload = asText(document['payload'])
  return payload === '' ? document : asRecord(tryParseJson(Buffer.from(payload, 'base64').toString()))
}
