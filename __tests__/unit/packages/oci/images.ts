import { Agent, request, type IncomingHttpHeaders } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { sha256 } from '../../registry/server.ts'
import { ownershipAnnotation } from '../../../../src/run/names.ts'
import { ociIndex, ociManifest } from '../../../../src/registry/manifest.ts'

export interface Login {
  readonly username: string
  readonly password: string
}

export interface Content {
  readonly digest: string
  readonly bytes: Buffer
  readonly mediaType: string
}

/**
 * A small image of two platforms as a build pushes it: everything of it bears the nonce, so nothing is another image's.
 */
export interface TestImage {
  readonly index: Content
  readonly children: readonly Content[]
  /** Of one platform each; nothing refers to them once the index is joined. */
  readonly intermediates: readonly Content[]
  readonly blobs: readonly Content[]
}

const platforms = ['amd64', 'arm64']
const layerType = 'application/vnd.oci.image.layer.v1.tar'
const configType = 'application/vnd.oci.image.config.v1+json'

/** Without a nonce it is as other tools push theirs. */
export function makeImage(nonce?: string): TestImage {
  const annotations = nonce === undefined ? undefined : { [ownershipAnnotation]: nonce }
  const made = platforms.map((architecture) => {
    const layer = content(`layer for ${architecture}`, layerType)
    const config = content(
      JSON.stringify({ os: 'linux', architecture, rootfs: { type: 'layers', diff_ids: [layer.digest] }, config: {} }),
      configType,
    )
    const manifest = content(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: ociManifest,
        config: describe(config),
        layers: [describe(layer)],
        annotations,
      }),
      ociManifest,
    )
    const entry = { ...describe(manifest), platform: { os: 'linux', architecture } }
    const intermediate = content(
      JSON.stringify({ schemaVersion: 2, mediaType: ociIndex, manifests: [entry], annotations }),
      ociIndex,
    )
    return { layer, config, manifest, entry, intermediate }
  })
  return {
    index: content(
      JSON.stringify({ schemaVersion: 2, mediaType: ociIndex, manifests: made.map(({ entry }) => entry), annotations }),
      ociIndex,
    ),
    children: made.map(({ manifest }) => manifest),
    intermediates: made.map(({ intermediate }) => intermediate),
    blobs: made.flatMap(({ layer, config }) => [layer, config]),
  }
}

/** What a tool that knows nothing of ours may do to a registry on loopback. */
export interface Hands {
  push(image: TestImage, tags: readonly string[]): Promise<void>
  /** As workflows do that join tags: the children have no other name than `tags`. */
  pushByTags(image: TestImage, tags: readonly string[], joined: string): Promise<void>
  /** Lets a tag name the content; the status. */
  put(reference: string, content: Content): Promise<number>
  delete(reference: string): Promise<number>
  tags(): Promise<readonly string[]>
  digest(reference: string): Promise<string | undefined>
  /** Whether the registry has an API for what refers to the digest. */
  hasReferrers(digest: string): Promise<boolean>
  /** What `docker pull` of every platform would miss; empty if nothing. */
  missing(reference: string): Promise<readonly string[]>
}

interface Answer {
  readonly status: number | undefined
  readonly headers: IncomingHttpHeaders
  readonly text: string
}

const agent = new Agent({ keepAlive: true })

/** With a fraction of the processor time of `fetch`: tests send thousands of requests. */
async function send(url: URL, method: string, headers: Record<string, string>, body?: Buffer): Promise<Answer> {
  return await new Promise((resolve, reject) => {
    const sent = request(url, { method, headers, agent }, (answer) => {
      const read = (content: Buffer) =>
        resolve({ status: answer.statusCode, headers: answer.headers, text: content.toString() })
      buffer(answer).then(read, reject)
    })
    sent.once('error', reject).end(body)
  })
}

export function openHands(host: string, repository: string, login?: Login): Hands {
  const headers: Record<string, string> = login
    ? { authorization: `Basic ${Buffer.from(`${login.username}:${login.password}`).toString('base64')}` }
    : {}
  const ask = (method: string, path: string, more: Record<string, string> = {}, body?: Buffer): Promise<Answer> =>
    send(new URL(path, `http://${host}/v2/${repository}/`), method, { ...headers, ...more }, body)
  const get = (reference: string, method = 'GET'): Promise<Answer> =>
    ask(method, `manifests/${reference}`, { accept: `${ociIndex}, ${ociManifest}` })
  const put = async (reference: string, { bytes, mediaType }: Content): Promise<number> =>
    (await ask('PUT', `manifests/${reference}`, { 'content-type': mediaType }, bytes)).status ?? 0
  const upload = async ({ digest, bytes }: Content): Promise<void> => {
    const started = await ask('POST', 'blobs/uploads/')
    const url = new URL(started.headers.location ?? '', `http://${host}`)
    url.searchParams.set('digest', digest)
    const ended = await ask('PUT', url.href, { 'content-type': 'application/octet-stream' }, bytes)
    if (ended.status !== 201)
      throw new Error(`the registry answered the upload with ${started.status}, ${ended.status}: ${ended.text}`)
  }
  const missing = async (reference: string): Promise<string[]> => {
    const answer = await get(reference)
    if (answer.status !== 200) return [reference]
    const {
      manifests = [],
      config,
      layers = [],
    } = JSON.parse(answer.text) as { manifests?: Named[]; config?: Named; layers?: Named[] }
    const blobs = [...(config ? [config] : []), ...layers]
    const lost = await Promise.all(
      blobs.map(async ({ digest }) => ((await ask('HEAD', `blobs/${digest}`)).status === 200 ? [] : [digest])),
    )
    return [...lost.flat(), ...(await Promise.all(manifests.map(({ digest }) => missing(digest)))).flat()]
  }
  return {
    push: async (image, tags) => {
      for (const blob of image.blobs) await upload(blob)
      for (const part of [...image.children, ...image.intermediates, image.index])
        await mustBe(201, put(part.digest, part))
      for (const tag of tags) await mustBe(201, put(tag, image.index))
    },
    pushByTags: async (image, tags, joined) => {
      for (const blob of image.blobs) await upload(blob)
      for (const [at, child] of image.children.entries()) await mustBe(201, put(tags[at] ?? '', child))
      await mustBe(201, put(joined, image.index))
    },
    put,
    delete: async (reference) => (await ask('DELETE', `manifests/${reference}`)).status ?? 0,
    tags: async () => {
      const answer = await ask('GET', 'tags/list')
      return answer.status === 200
        ? [...((JSON.parse(answer.text) as { tags: string[] | null }).tags ?? [])].sort()
        : []
    },
    digest: async (reference) => {
      const answer = await get(reference, 'HEAD')
      const digest = answer.headers['docker-content-digest']
      return answer.status === 200 && typeof digest === 'string' ? digest : undefined
    },
    hasReferrers: async (digest) => (await ask('GET', `referrers/${digest}`)).status === 200,
    missing,
  }
}

interface Named {
  readonly digest: string
}

export function content(text: string, mediaType: string): Content {
  const bytes = Buffer.from(text)
  return { digest: sha256(bytes), bytes, mediaType }
}

function describe({ digest, bytes, mediaType }: Content): {
  readonly mediaType: string
  readonly digest: string
  readonly size: number
} {
  return { mediaType, digest, size: bytes.length }
}

async function mustBe(expected: number, status: Promise<number>): Promise<void> {
  if ((await status) !== expected) throw new Error(`the registry answered ${await status} in place of ${expected}`)
}
