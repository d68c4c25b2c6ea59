import { mapConcurrent } from '../../lib/concurrency.ts'
import { isNotFound } from '../../lib/errors.ts'
import type { BlobId } from '../../registry/blobs.ts'
import type { RegistryClient } from '../../registry/client.ts'
import type { Descriptor, Manifest } from '../../registry/manifest.ts'
import { parseContent, sourceError, type Content } from './content.ts'

/** A repository with the client for it. */
export interface RepositoryClient {
  readonly client: RegistryClient
  readonly path: string
}

interface ImageNode {
  readonly manifest: Manifest
  readonly content: Content
}

/** More than any image has: a registry that is not honest must not fill the memory. */
const maxManifests = 1000
const maxDepth = 6
const maxBytes = 64 * 1024 * 1024

/** The manifests of an image and of everything copied with it, each once. */
export class ManifestTree {
  readonly #repository: RepositoryClient
  readonly #nodes = new Map<string, ImageNode>()
  #bytes = 0

  constructor(repository: RepositoryClient) {
    this.#repository = repository
  }

  has(digest: string): boolean {
    return this.#nodes.has(digest)
  }

  get manifests(): readonly Manifest[] {
    return [...this.#nodes.values()].map(({ manifest }) => manifest)
  }

  /** Each blob once. */
  get blobs(): readonly BlobId[] {
    const blobs = [...this.#nodes.values()].flatMap(({ content }) => content.blobs)
    return [...new Map(blobs.map((blob) => [blob.digest, blob])).values()]
  }

  /** How many layers are at a URL instead of in the registry. */
  get foreign(): number {
    return new Set([...this.#nodes.values()].flatMap(({ content }) => content.foreign)).size
  }

  /** Adds a manifest and reads all manifests below it. @throws UserError if one is missing or not valid */
  async add(root: Manifest): Promise<void> {
    let level = [this.#store(root)]
    for (let depth = 0; level.length > 0; depth++) {
      if (depth > maxDepth) throw sourceError(`${root.digest} is nested in more than ${maxDepth} levels`)
      const entries = level.flatMap(({ content }) => content.manifests)
      const fresh = [...new Map(entries.map((entry) => [entry.digest, entry])).values()].filter(
        ({ digest }) => !this.has(digest),
      )
      if (this.#nodes.size + fresh.length > maxManifests)
        throw sourceError(`${root.digest} has more than ${maxManifests} manifests`)
      level = (await mapConcurrent(fresh, (entry) => this.#read(entry))).map((manifest) => this.#store(manifest))
    }
  }

  /** Groups of manifests: each refers only to manifests in groups before its own. */
  get levels(): readonly (readonly Manifest[])[] {
    const heights = new Map<string, number>()
    const heightOf = ({ manifest, content }: ImageNode): number => {
      const known = heights.get(manifest.digest)
      if (known !== undefined) return known
      const below = [...content.manifests.map(({ digest }) => digest), content.subject ?? '']
      // A digest cannot contain itself; the entry ends the walk if a registry returns that all the same.
      heights.set(manifest.digest, 0)
      const children = below.flatMap((digest) => this.#nodes.get(digest) ?? [])
      const height = 1 + Math.max(0, ...children.map(heightOf))
      heights.set(manifest.digest, height)
      return height
    }
    const groups = new Map<number, Manifest[]>()
    for (const node of this.#nodes.values()) {
      const height = heightOf(node)
      groups.set(height, [...(groups.get(height) ?? []), node.manifest])
    }
    return [...groups].sort(([a], [b]) => a - b).map(([, group]) => group)
  }

  async #read({ digest, size }: Descriptor): Promise<Manifest> {
    const { client, path } = this.#repository
    const name = `${client.registry}/${path}`
    const manifest = await client.getManifest(path, digest).catch((error: unknown) => {
      throw isNotFound(error) ? sourceError(`the image in ${name} is incomplete: ${digest} is missing`) : error
    })
    if (manifest.bytes.length === size) return manifest
    throw sourceError(`${digest} in ${name} has ${manifest.bytes.length} bytes, and ${size} in its index`)
  }

  #store(manifest: Manifest): ImageNode {
    const known = this.#nodes.get(manifest.digest)
    if (known) return known
    this.#bytes += manifest.bytes.length
    if (this.#bytes > maxBytes) throw sourceError(`the manifests of the image have more than ${maxBytes} bytes`)
    const node = { manifest, content: parseContent(manifest) }
    this.#nodes.set(manifest.digest, node)
    return node
  }
}
