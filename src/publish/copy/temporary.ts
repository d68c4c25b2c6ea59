import { asRecord, asText, tryParseJson } from '../../lib/json.ts'
import type { Manifest } from '../../registry/manifest.ts'
import { formatRepository, type TagReference } from '../../registry/reference.ts'
import { annotatedRun, ownershipAnnotation } from '../../run/names.ts'
import { isFixedTag } from '../tags.ts'

/**
 * PURE: the warning about an image that a run pushed for itself, such as that of a pull request: once no tag names it,
 * a cleanup deletes it, so it needs one that is not moved to another image.
 */
export function describeTemporary(root: Manifest, to: readonly TagReference[]): readonly string[] {
  const document = asRecord(tryParseJson(new TextDecoder().decode(root.bytes)))
  const run = annotatedRun(asText(asRecord(document['annotations'])[ownershipAnnotation]))
  if (run === undefined) return []
  const kept = new Set(to.filter(({ tag }) => isFixedTag(tag)).map(formatRepository))
  const tags = to.filter((reference) => !kept.has(formatRepository(reference))).map(({ tag }) => `\`${tag}\``)
  if (tags.length === 0) return []
  const names = [...new Set(tags)].join(', ')
  return [
    `The image is an ephemeral image of the run ${run}: when ${names} names another image, a cleanup deletes this ` +
      'one. To keep it, add a tag with the version or the commit to `to`, such as `stable-0123abc`.',
  ]
}
