import { asRecord, asText, tryParseJson } from '../../lib/json.ts'
import type { Platform } from '../../lib/platform.ts'
import { computeDigest, isAttestation, isIndexType, type Descriptor, type Manifest } from '../../registry/manifest.ts'
import { parsePlatformRecord } from '../index.ts'
import { parseContent, sourceError } from './content.ts'
import type { RepositoryClient } from './tree.ts'

/**
 * The image with these platforms only: an index with fewer entries, and therefore with another digest. If nothing is
 * left out, the image itself.
 *
 * @throws UserError if the image lacks a platform
 */
export async function selectPlatforms(
  repository: RepositoryClient,
  root: Manifest,
  platforms: readonly Platform[],
): Promise<Manifest> {
  if (platforms.length === 0) return root
  if (!isIndexType(root.mediaType)) {
    requireAll(platforms, [await platformOfImage(repository, root)], root)
    return root
  }
  const entries = parseContent(root).manifests
  const isWanted = (entry: Descriptor) => !isAttestation(entry) && platforms.includes(platformOf(entry) ?? none)
  const images = entries.filter(isWanted)
  const available = entries.flatMap((entry) => (isAttestation(entry) ? [] : (platformOf(entry) ?? [])))
  requireAll(platforms, available, root)
  const kept = new Set(images.map(({ digest }) => digest))
  const attested = (entry: Descriptor) => kept.has(entry.annotations?.['vnd.docker.reference.digest'] ?? '')
  for (const entry of entries) if (isAttestation(entry) && attested(entry)) kept.add(entry.digest)
  return kept.size === new Set(entries.map(({ digest }) => digest)).size ? root : withEntries(root, kept)
}

const none = '' as Platform

const platformOf = ({ platform }: Descriptor): Platform | undefined => parsePlatformRecord(platform)

/** Everything else in the index, such as its annotations, stays. */
function withEntries(root: Manifest, kept: ReadonlySet<string>): Manifest {
  const document = asRecord(tryParseJson(new TextDecoder().decode(root.bytes)))
  const entries = Array.isArray(document['manifests']) ? (document['manifests'] as readonly unknown[]) : []
  const manifests = entries.filter((entry) => kept.has(asText(asRecord(entry)['digest'])))
  const bytes = Buffer.from(JSON.stringify({ ...document, manifests }, undefined, 2))
  return { bytes, mediaType: root.mediaType, digest: computeDigest(bytes) }
}

async function platformOfImage({ client, path }: RepositoryClient, root: Manifest): Promise<Platform> {
  const config = asRecord(asRecord(tryParseJson(new TextDecoder().decode(root.bytes)))['config'])
  const bytes = await client.getBlob(path, asText(config['digest']))
  return parsePlatformRecord(tryParseJson(new TextDecoder().decode(bytes))) ?? none
}

function requireAll(platforms: readonly Platform[], available: readonly Platform[], { digest }: Manifest): void {
  const missing = platforms.filter((platform) => !available.includes(platform))
  if (missing.length === 0) return
  const found = [...new Set(available)].filter((platform) => platform !== none).join(', ') || 'no known platform'
  const hint = `It has ${found}: correct \`platforms\`, or \`from\`. Nothing was copied.`
  throw sourceError(`The image ${digest} has no ${missing.join(', ')}`, hint)
}
