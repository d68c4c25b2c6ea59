import { digestOf, mediaTypes, parseManifest } from './manifest.ts'
import { putManifest } from './push.ts'
import type { Package, State, Version } from './state.ts'

export interface ImageContent {
  /** Tells this image from others of the same platform; equal content has equal digests, as real. */
  content: string
  platform?: string
  annotations?: Readonly<Record<string, string>>
  /** Makes it the attestation of another manifest, as BuildKit does. */
  attests?: string
  /** Of an image: `created` of its configuration; of an attestation: when its provenance says that the build ended. */
  time?: string
}

export interface IndexEntry {
  version: Version
  platform: string
  attests?: string
}

function putBlob(
  state: State,
  pkg: Package,
  text: string,
  mediaType: string,
): { mediaType: string; digest: string; size: number } {
  const digest = digestOf(text)
  if (!state.blobs.has(digest)) state.blobs.set(digest, Buffer.from(text))
  pkg.blobs.add(digest)
  return { mediaType, digest, size: text.length }
}

const platformOf = (platform: string): Record<string, string> => {
  const [os = 'linux', architecture = 'amd64', variant] = platform.split('/')
  return { os, architecture, ...(variant === undefined ? {} : { variant }) }
}

interface ManifestDocument {
  mediaType: string
  [field: string]: unknown
}

function put(state: State, pkg: Package, manifest: ManifestDocument, tag?: string): Version {
  const parsed = parseManifest(manifest.mediaType, JSON.stringify(manifest))
  if (typeof parsed === 'string') throw new Error(parsed)
  return putManifest(state, pkg, parsed, tag)
}

/** An in-toto statement as BuildKit writes it: https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md */
function statementOf({ content, platform, attests = '', time }: ImageContent): string {
  return JSON.stringify({
    _type: 'https://in-toto.io/Statement/v0.1',
    predicateType: 'https://slsa.dev/provenance/v0.2',
    subject: [{ name: `pkg:docker/app?platform=${platform}`, digest: { sha256: attests.slice('sha256:'.length) } }],
    predicate: { content, ...(time !== undefined && { metadata: { buildFinishedOn: time } }) },
  })
}

const provenance = { 'in-toto.io/predicate-type': 'https://slsa.dev/provenance/v0.2' }

/** Pushes one image manifest with its config and a layer, past HTTP and past every limit. */
export function pushManifest(
  state: State,
  pkg: Package,
  { content, platform = 'linux/amd64', annotations, attests, time }: ImageContent,
  tag?: string,
): Version {
  const image = { ...platformOf(platform), ...(time !== undefined && { created: time }) }
  const config = putBlob(
    state,
    pkg,
    JSON.stringify(attests === undefined ? image : { architecture: 'unknown', os: 'unknown' }),
    mediaTypes.config,
  )
  const layer = putBlob(
    state,
    pkg,
    attests === undefined
      ? `${content} ${platform}`
      : statementOf({ content, platform, attests, ...(time !== undefined && { time }) }),
    attests === undefined ? mediaTypes.layer : 'application/vnd.in-toto+json',
  )
  return put(
    state,
    pkg,
    {
      schemaVersion: 2,
      mediaType: mediaTypes.ociManifest,
      config,
      layers: [attests === undefined ? layer : { ...layer, annotations: provenance }],
      ...(annotations ? { annotations } : {}),
    },
    tag,
  )
}

export interface IndexOptions {
  annotations?: Readonly<Record<string, string>> | undefined
  tag?: string | undefined
}

export function pushIndex(
  state: State,
  pkg: Package,
  entries: readonly IndexEntry[],
  { annotations, tag }: IndexOptions = {},
): Version {
  const manifests = entries.map(({ version, platform, attests }) => {
    const { mediaType, size } = pkg.manifests.get(version.digest)!
    const reference =
      attests === undefined
        ? {}
        : {
            annotations: {
              'vnd.docker.reference.digest': attests,
              'vnd.docker.reference.type': 'attestation-manifest',
            },
          }
    return {
      mediaType,
      digest: version.digest,
      size,
      ...reference,
      platform: attests === undefined ? platformOf(platform) : { os: 'unknown', architecture: 'unknown' },
    }
  })
  return put(
    state,
    pkg,
    { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests, ...(annotations ? { annotations } : {}) },
    tag,
  )
}

export interface Artifact {
  content: string
  /** What it is about, by its `subject`. */
  subject?: Version
  layerType?: string
  /** The bytes of its layer; by default `content`. */
  payload?: string
  annotations?: Readonly<Record<string, string>>
  tag?: string
}

/** Pushes a signature, an SBOM, or whatever else refers to an image. */
export function pushArtifact(state: State, pkg: Package, artifact: Artifact): Version {
  const { content, subject, layerType = 'application/octet-stream', payload = content, annotations, tag } = artifact
  const type = mediaTypes.ociManifest
  const about = subject && { mediaType: type, digest: subject.digest, size: pkg.manifests.get(subject.digest)?.size }
  const document = {
    schemaVersion: 2,
    mediaType: type,
    artifactType: 'application/vnd.example',
    config: putBlob(state, pkg, '{}', 'application/vnd.oci.empty.v1+json'),
    layers: [putBlob(state, pkg, payload, layerType)],
    ...(about && { subject: about }),
    ...(annotations && { annotations }),
  }
  return put(state, pkg, document, tag)
}

/** Pushes the same manifest under another tag. */
export function retag(state: State, pkg: Package, digest: string, tag: string): void {
  const { mediaType, body } = pkg.manifests.get(digest)!
  const parsed = parseManifest(mediaType, body)
  if (typeof parsed === 'string') throw new Error(parsed)
  putManifest(state, pkg, parsed, tag)
}

export interface Release {
  tag?: string
  content: string
  platforms?: readonly string[]
  provenance?: boolean
  nonce?: Readonly<Record<string, string>>
}
export interface Pushed {
  index: Version
  images: Version[]
  attestations: Version[]
  perPlatform: Version[]
}

/**
 * All that a build with buildx leaves: an image, an attestation and an index of both for each platform,
 * and the joined index, which refers to the images and attestations but not to those indexes.
 */
export function pushRelease(
  state: State,
  pkg: Package,
  { tag, content, platforms = ['linux/amd64', 'linux/arm64'], provenance = true, nonce }: Release,
): Pushed {
  const pushed: Omit<Pushed, 'index'> = { images: [], attestations: [], perPlatform: [] }
  const entries: IndexEntry[] = []
  for (const platform of platforms) {
    const image = pushManifest(state, pkg, { content, platform, ...(nonce ? { annotations: nonce } : {}) })
    pushed.images.push(image)
    entries.push({ version: image, platform })
    if (!provenance) continue
    const attestation = pushManifest(state, pkg, { content: 'provenance', platform, attests: image.digest })
    pushed.attestations.push(attestation)
    const attested = { version: attestation, platform, attests: image.digest }
    entries.push(attested)
    pushed.perPlatform.push(pushIndex(state, pkg, [{ version: image, platform }, attested], { annotations: nonce }))
  }
  return { ...pushed, index: pushIndex(state, pkg, entries, { annotations: nonce, tag }) }
}

/** A package that has been in use for long: so many releases of seven versions each, tagged `v1`, `v2` … */
export function fillHistory(state: State, pkg: Package, releases: number): void {
  for (let n = 1; n <= releases; n++) pushRelease(state, pkg, { tag: `v${n}`, content: `release ${n}` })
}
