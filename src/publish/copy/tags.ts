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

/** A tag, and the digest that it names; undefined if it is new. */
type CurrentTag = Omit<PlannedTag, 'state'>

/** Reads what all tags name now. */
export async function readTags(
  to: readonly TagReference[],
  createClient: ClientFactory,
): Promise<readonly CurrentTag[]> {
  return await mapConcurrent(to, async (reference) => {
    const client = await createClient(reference)
    return { reference, client, before: await client.headManifest(reference.path, reference.tag) }
  })
}

/** PURE: what happens to the tags. @throws UserError if one has another image and `existing` is `fail` */
export function planTags(current: readonly CurrentTag[], digest: string, existing: Existing): readonly PlannedTag[] {
  const tags = current.map((tag): PlannedTag => ({ ...tag, state: stateOf(tag.before, digest, existing) }))
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
    message: `${count} with a different image, and \`existing\` is \`fail\``,
    hint: 'Nothing was copied. Use new tags, or set `existing` to `update` or `keep`.',
    details: conflicts.map(({ reference, before }) => `${formatTagReference(reference)}: ${before ?? ''}`),
  })
}
