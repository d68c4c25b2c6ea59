import { digestOf, mediaTypes, parseManifest, type Manifest } from './manifest.ts'
import { putManifest } from './push.ts'
import { remember } from './remember.ts'
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

interface Descriptor {
  mediaType: string
  digest: string
  size: number
}

const bytesOf = remember((text: string) => Buffer.from(text))

const describe = (text: string, mediaType: string): Descriptor => ({
  mediaType,
  digest: digestOf(text),
  size: text.length,
})

function putBlob(state: State, pkg: Package, text: string, mediaType: string): Descriptor {
  const descriptor = describe(text, mediaType)
  storeBlob(state, pkg, descriptor.digest, text)
  return descriptor
}

function storeBlob(state: State, pkg: Package, digest: string, text: string): void {
  if (!state.blobs.has(digest)) state.blobs.set(digest, bytesOf(text))
  pkg.blobs.add(digest)
}

const platformOf = (platform: string): Record<string, string> => {
  const [os = 'linux', architecture = 'amd64', variant] = platform.split('/')
  return { os, architecture, ...(variant === undefined ? {} : { variant }) }
}

interface ManifestDocument {
  mediaType: string
  [field: string]: unknown
}

function toManifest(document: ManifestDocument): Manifest {
  const parsed = parseManifest(document.mediaType, JSON.stringify(document))
  if (typeof parsed === 'string') throw new Error(parsed)
  return parsed
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
  const made = { content, platform, annotations, attests, time }
  const { blobs, manifest } = makeImage(JSON.stringify(made), made)
  for (const { digest, text } of blobs) storeBlob(state, pkg, digest, text)
  return putManifest(state, pkg, manifest, tag)
}

type MadeImage = { [Key in keyof ImageContent]-?: ImageContent[Key] | undefined } & {
  content: string
  platform: string
}

/** The manifest of an image or attestation, with the blobs to push first; `key` tells what it is made of. */
const makeImage = remember((_key: string, { content, platform, annotations, attests, time }: MadeImage) => {
  const image = { ...platformOf(platform), ...(time !== undefined && { created: time }) }
  const configText = JSON.stringify(attests === undefined ? image : { architecture: 'unknown', os: 'unknown' })
  const config = describe(configText, mediaTypes.config)
  const layerText =
    attests === undefined
      ? `${content} ${platform}`
      : statementOf({ content, platform, attests, ...(time !== undefined && { time }) })
  const layer = describe(layerText, attests === undefined ? mediaTypes.layer : 'application/vnd.in-toto+json')
  const manifest = toManifest({
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config,
    layers: [attests === undefined ? layer : { ...layer, annotations: provenance }],
    ...(annotations ? { annotations } : {}),
  })
  const blobs = [
    { digest: config.digest, text: configText },
    { digest: layer.digest, text: layerText },
  ]
  return { blobs, manifest }
})

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
  const key = entries.map(({ version, platform, attests = '' }) => `${version.digest} ${platform} ${attests}`)
  const manifest = makeIndex(`${key.join()} ${JSON.stringify(annotations)}`, pkg, entries, annotations)
  return putManifest(state, pkg, manifest, tag)
}

/** `key` tells what it is made of. */
const makeIndex = remember(
  (_key: string, pkg: Package, entries: readonly IndexEntry[], annotations: IndexOptions['annotations']) => {
    const manifests = entries.map((entry) => describeEntry(pkg, entry))
    return toManifest({
      schemaVersion: 2,
      mediaType: mediaTypes.ociIndex,
      manifests,
      ...(annotations ? { annotations } : {}),
    })
  },
)

function describeEntry(pkg: Package, { version: { digest }, platform, attests }: IndexEntry): Record<string, unknown> {
  const { mediaType, size } = pkg.manifests.get(digest)!
  if (attests === undefined) return { mediaType, digest, size, platform: platformOf(platform) }
  const annotations = {
    'vnd.docker.reference.digest': attests,
    'vnd.docker.reference.type': 'attestation-manifest',
  }
  return { mediaType, digest, size, annotations, platform: { os: 'unknown', architecture: 'unknown' } }
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
  return putManifest(state, pkg, toManifest(document), tag)
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
