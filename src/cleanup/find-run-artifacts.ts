import { parseRunId } from '../forge/run-status.ts'
import { listTagNames, readManifests, resolveTags, type PackageRepository } from '../packages/repository.ts'
import type { RunArtifacts } from './ownership.ts'

/** The most versions that are listed. The newest are first, and the post step should take no longer than a moment. */
const maxListed = 1000

interface FoundArtifacts {
  readonly artifacts: RunArtifacts
  /** Tags that contain the id of the run, on images that have no annotation. */
  readonly unproven: readonly string[]
}

/**
 * Finds what a run pushed for itself alone, without its journal: tags that contain its id, and per-platform indexes
 * where the API lists manifests without a tag. The ownership annotation is the proof.
 *
 * @param since when the run started, in milliseconds since the epoch
 */
export async function findRunArtifacts(
  repository: PackageRepository,
  { runId, runAnnotation, since }: { readonly runId: string; readonly runAnnotation: string; readonly since: number },
): Promise<FoundArtifacts> {
  const names = await listTagNames(repository.registry, repository.repository)
  const tags = await resolveTags(
    repository,
    names.filter((tag) => parseRunId(tag) === runId),
  )
  const listed = await listSince(repository, since)
  const manifests = await readManifests(repository, [...tags.values(), ...listed])
  const isOwned = (digest: string) => manifests.get(digest)?.runAnnotation === runAnnotation
  const isUnmarked = (digest: string) => manifests.get(digest)?.runAnnotation === undefined
  return {
    artifacts: {
      runAnnotation,
      tags: [...tags].flatMap(([tag, digest]) => (isOwned(digest) ? [{ tag, digest }] : [])),
      manifests: listed.filter(isOwned),
    },
    unproven: [...tags].flatMap(([tag, digest]) => (isUnmarked(digest) ? [tag] : [])),
  }
}

async function listSince({ backend }: PackageRepository, since: number): Promise<string[]> {
  if (!backend.capabilities.listsUntagged) return []
  const found: string[] = []
  for await (const page of backend.list()) {
    const recent = page.filter(({ createdAt = since }) => createdAt >= since)
    found.push(...recent.map(({ digest }) => digest))
    if (recent.length < page.length || found.length >= maxListed) break
  }
  return found
}
