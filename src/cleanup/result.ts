import { readBlobs } from '../packages/manifest-info.ts'
import { isMissing, type Place } from '../packages/repository.ts'

interface Said {
  /** Tags and digest. */
  readonly subject: string
  readonly reason: string
}

export interface Result {
  readonly name: string
  readonly deleted: (Said & { readonly digest: string })[]
  readonly kept: Said[]
  readonly restored: Said[]
  /** What was stored for what was deleted; other images may use some of it as well. */
  readonly blobs: Map<string, number>
  audit: Audit | undefined
  readonly dryRun: boolean
  /** Pages of lists that were read. */
  readonly pages: () => number
}

export function beginResult(name: string, dryRun: boolean, pages: () => number = () => 0): Result {
  return { name, deleted: [], kept: [], restored: [], blobs: new Map(), audit: undefined, dryRun, pages }
}

/** Digest → bytes of all that a manifest needs. */
export async function measure({ registry, repository }: Place, digest: string): Promise<ReadonlyMap<string, number>> {
  try {
    return readBlobs(digest, (await registry.getManifest(repository, digest)).bytes)
  } catch (error) {
    if (isMissing(error)) return new Map()
    throw error
  }
}

/** Whether every tag resolves with all that is under it. */
export interface Audit {
  readonly tags: number
  /** Tag → digests that are not there. */
  readonly broken: readonly { readonly tag: string; readonly missing: readonly string[] }[]
}
