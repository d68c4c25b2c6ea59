import { mapConcurrent } from '../../lib/concurrency.ts'
import { UserError } from '../../lib/errors.ts'
import type { RegistryClient } from '../../registry/client.ts'
import type { ClientFactory } from '../../registry/client-factory.ts'
import { formatTagReference, type TagReference } from '../../registry/reference.ts'
import type { Transfer } from './store.ts'

/** `kept`: it exists with another digest, and `existing` is `keep`. */
export type TagState = 'created' | 'updated' | 'unchanged' | 'kept'

export interface CopiedTag {
  readonly reference: TagReference
  readonly state: TagState
  /** The digest before the copy; undefined if the tag is new. */
  readonly before: string | undefined
  /** Undefined if nothing was copied there. */
  readonly transfer?: Transfer
}

/** A tag, and what happens to it. */
export interface PlannedTag extends Omit<CopiedTag, 'transfer'> {
  readonly client: RegistryClient
}

type Existing = 'update' | 'keep' | 'fail'

/** Reads what all tags name now. @throws UserError if one has another image and `existing` is `fail` */
export async function planTags(
  to: readonly TagReference[],
  digest: string,
  existing: Existing,
  createClient: ClientFactory,
): Promise<readonly PlannedTag[]> {
  const tags = await mapConcurrent(to, async (reference): Promise<PlannedTag> => {
    const client = await createClient(reference)
    const before = await client.headManifest(reference.path, reference.tag)
    return { reference, client, before, state: stateOf(before, digest, existing) }
  })
  const conflicts = tags.filter(({ state }) => state === 'updated')
  if (existing === 'fail' && conflicts.length > 0) throw existingTags(conflicts)
  return tags
}

function stateOf(before: string | undefined, digest: string, existing: Existing): TagState {
  if (before === undefined) return 'created'
  if (before === digest) return 'unchanged'
  return existing === 'keep' ? 'kept' : 'updated'
}

function existingTags(conflicts: readonly PlannedTag[]): UserError {
  const count = conflicts.length === 1 ? 'A tag of `to` exists' : `${conflicts.length} tags of \`to\` exist`
  return new UserError({
    code: 'registry',
    message: `${count} with another image, and \`existing\` is \`fail\``,
    hint: 'Nothing was copied. Use new tags, or set `existing` to `update` or `keep`.',
    details: conflicts.map(({ reference, before }) => `${formatTagReference(reference)}: ${before ?? ''}`),
  })
}
