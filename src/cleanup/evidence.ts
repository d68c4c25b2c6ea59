import type { Place } from '../packages/repository.ts'

/**
 * Attestations bear no mark of their run: only the index of their platform tells whose they are. It does so as long as
 * one is there, whatever lists say, but for those of an image that is a release's and so needs them.
 */
export async function isEvidence(
  { facts, registry, repository }: Pick<Place, 'facts' | 'registry' | 'repository'>,
  index: string,
): Promise<boolean> {
  const exists = async (digest: string) => (await registry.headManifest(repository, digest)) !== undefined
  for (const [child, image] of (await facts(index))?.attests ?? []) {
    const isReleased = (await facts(image))?.nonce === undefined && (await exists(image))
    if (!isReleased && (await exists(child))) return true
  }
  return false
}

/** Those of the indexes that tell nothing any more. */
export async function withoutEvidence(place: Place, indexes: readonly string[]): Promise<string[]> {
  const telling = await Promise.all(indexes.map((index) => isEvidence(place, index)))
  return indexes.filter((_, at) => !telling[at])
}
