import type { IncomingMessage, ServerResponse } from 'node:http'
import { createRegistryClient } from '../../../../src/registry/client.ts'
import { createOciBackend } from '../../../../src/packages/oci/backend.ts'
import type { PackageBackend } from '../../../../src/packages/backend.ts'
import { answer, basic, fakeClock, refusal, sha256, user, withServer } from '../../registry/server.ts'
import { ociIndex } from '../../../../src/registry/manifest.ts'
import { openHands, type Content, type Hands, type TestImage } from './images.ts'

/** How a registry takes a DELETE: the table in facts.md, one product a row. */
export interface Behaviour {
  readonly byTag:
    | 'tag only'
    | 'a row each'
    | 'untag, the last takes the image'
    | 'takes the manifest'
    | 'unsupported'
    | 'invalid digest'
    | 'unknown'
    | 'denied'
  readonly byDigest:
    'all tags' | 'refused while tagged' | 'refused while referred to' | 'untagged only' | 'unsupported' | 'denied'
  /** Has Harbor's own API beside the registry's. */
  readonly harbor?: boolean
  /** Has the referrers API; the others have a tag for the list. */
  readonly referrers?: boolean
  /** Stores a blob also under the digest of other content. */
  readonly storesAnything?: boolean
  /** The list of tags is for administrators. */
  readonly hidesTags?: boolean
}

export const behaviours = {
  'distribution 2.8': { byTag: 'invalid digest', byDigest: 'all tags' },
  'distribution 3': { byTag: 'tag only', byDigest: 'all tags' },
  Zot: { byTag: 'tag only', byDigest: 'refused while referred to', referrers: true },
  Harbor: { byTag: 'unsupported', byDigest: 'all tags', harbor: true },
  'Harbor, for a robot': { byTag: 'denied', byDigest: 'denied', harbor: true },
  Quay: { byTag: 'tag only', byDigest: 'all tags' },
  GAR: { byTag: 'tag only', byDigest: 'refused while tagged' },
  'Gitea, from elsewhere': { byTag: 'a row each', byDigest: 'all tags' },
  ECR: { byTag: 'untag, the last takes the image', byDigest: 'all tags' },
  ACR: { byTag: 'unsupported', byDigest: 'all tags' },
  'one that says 404 to tags': { byTag: 'unknown', byDigest: 'all tags' },
  'Docker Hub': { byTag: 'unsupported', byDigest: 'untagged only' },
  'deletion switched off': { byTag: 'unsupported', byDigest: 'unsupported' },
  'no right to delete': { byTag: 'denied', byDigest: 'denied' },
} as const satisfies Record<string, Behaviour>

export interface Fake {
  readonly host: string
  readonly manifests: Map<string, Content>
  readonly tags: Map<string, string>
  readonly blobs: Map<string, Buffer>
  /** What was pushed by its digest. */
  readonly pushed: Set<string>
  /** `METHOD path`, but for uploads and what the hands did. */
  readonly seen: string[]
  /** The digest of a blob that is damaged on its way here. */
  refuses: string
  /** `METHOD path` of uploads whose content has another digest. */
  readonly refused: Set<string>
  /** The most requests that were answered at the same time. */
  busiest: number
  /** Runs before a request of the client is answered. */
  before: (line: string) => unknown
  readonly hands: Hands
  readonly api: PackageBackend
  readonly clock: { now: number }
}

export const repository = 'acme/team/app'

/** Runs `use` with a registry on loopback that behaves so and takes nothing that it does not know. */
export async function withBehaviour(behaviour: Behaviour, use: (fake: Fake) => Promise<void>): Promise<void> {
  const strange: string[] = []
  const fake = {
    host: '',
    manifests: new Map(),
    tags: new Map(),
    blobs: new Map(),
    pushed: new Set(),
    seen: [],
    refuses: '',
    refused: new Set(),
    busiest: 0,
    before: () => undefined,
    clock: { now: 0 },
  } as unknown as { -readonly [K in keyof Fake]: Fake[K] }
  let active = 0
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body: Buffer[] = []
    for await (const chunk of request) body.push(chunk as Buffer)
    const line = `${request.method ?? ''} ${request.url ?? ''}`
    const ours = request.headers['user-agent'] === 'multiarch-build'
    if (ours) {
      fake.seen.push(line)
      fake.busiest = Math.max(fake.busiest, ++active)
      await fake.before(line)
      await new Promise((resolve) => setTimeout(resolve, 1))
      active--
    }
    if (!serve(fake, behaviour, { request, response, body: Buffer.concat(body), ours })) {
      strange.push(line)
      answer(response, 418)
    }
  }
  await withServer(handle, async (host) => {
    fake.host = host
    fake.hands = openHands(host, repository)
    const client = createRegistryClient({ registry: host, credentials: user, clock: fakeClock() })
    fake.api = createOciBackend({
      client,
      repository,
      harbor: { credentials: user, fetch, clock: fakeClock() },
      now: () => fake.clock.now,
    })
    await use(fake)
  })
  if (strange.length > 0) throw new Error(`requests that no registry knows: ${strange.join(', ')}`)
}

interface Call {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly body: Buffer
  readonly ours: boolean
}

type Endpoint = (fake: Fake, behaviour: Behaviour, call: Call, rest: string) => boolean

/** By the part of the path behind the name of the repository. */
const endpoints: Readonly<Record<string, Endpoint>> = {
  tags: listTags,
  blobs: serveBlob,
  manifests: serveManifest,
  referrers: listReferrers,
}

function serve(fake: Fake, behaviour: Behaviour, call: Call): boolean {
  const { request, response } = call
  const { url = '' } = request
  if (url === '/v2/') return answer(response, 200, {}, '{}')
  if (url === '/api/v2.0/ping') return behaviour.harbor ? answer(response, 200, {}, 'Pong') : answer(response, 404)
  if (url.startsWith('/api/v2.0/')) return behaviour.harbor === true && serveHarbor(fake, call)
  const [, kind = '', rest = ''] = new RegExp(`^/v2/${repository}/(\\w+)/(.+)$`).exec(url) ?? []
  return endpoints[kind]?.(fake, behaviour, call, rest) ?? false
}

function listTags(fake: Fake, behaviour: Behaviour, { response, ours }: Call): boolean {
  if (behaviour.hidesTags && ours) return answer(response, 403, {}, refusal('DENIED', 'tags are hidden'))
  if (fake.tags.size === 0)
    return answer(response, 404, {}, refusal('NAME_UNKNOWN', 'repository name not known to registry'))
  const body = JSON.stringify({ name: repository, tags: [...fake.tags.keys()] })
  return answer(response, 200, { 'content-type': 'application/json' }, body)
}

function serveBlob(fake: Fake, behaviour: Behaviour, { request, response, body }: Call, rest: string): boolean {
  if (request.method === 'POST') return answer(response, 202, { location: `/v2/${repository}/blobs/uploads/1` })
  if (request.method === 'PUT') {
    const digest = new URL(request.url ?? '', 'http://server').searchParams.get('digest') ?? ''
    if ((digest !== sha256(body) || digest === fake.refuses) && !behaviour.storesAnything) {
      fake.refused.add(`PUT ${request.url ?? ''}`)
      return answer(response, 400, {}, refusal('DIGEST_INVALID', 'provided digest did not match uploaded content'))
    }
    fake.blobs.set(digest, body)
    return answer(response, 201)
  }
  const blob = fake.blobs.get(rest)
  if (!blob) return answer(response, 404, {}, refusal('BLOB_UNKNOWN', 'blob unknown'))
  return answer(response, 200, {}, request.method === 'HEAD' ? undefined : blob)
}

function listReferrers(fake: Fake, behaviour: Behaviour, { response }: Call, digest: string): boolean {
  if (!behaviour.referrers) return answer(response, 404, {}, refusal('UNSUPPORTED', 'no referrers'))
  const found = [...fake.manifests.values()].filter(({ bytes }) => subjectOf(bytes) === digest)
  const manifests = found.map(({ mediaType, bytes, digest: referrer }) => ({
    mediaType,
    digest: referrer,
    size: bytes.length,
  }))
  return answer(response, 200, {}, JSON.stringify({ schemaVersion: 2, mediaType: ociIndex, manifests }))
}

function subjectOf(bytes: Buffer): string | undefined {
  return (JSON.parse(bytes.toString()) as { subject?: { digest: string } }).subject?.digest
}

function serveManifest(fake: Fake, behaviour: Behaviour, call: Call, reference: string): boolean {
  const { request, response, body, ours } = call
  const mediaType = request.headers['content-type'] ?? ''
  if (request.method === 'PUT') return put(fake, reference, { bytes: body, mediaType, digest: sha256(body) }, response)
  if (request.method === 'DELETE')
    return remove(fake, ours ? behaviour : { byTag: 'tag only', byDigest: 'all tags' }, reference, response)
  const digest = reference.startsWith('sha256:') ? reference : fake.tags.get(reference)
  const found = fake.manifests.get(digest ?? '')
  if (!found) return answer(response, 404, {}, refusal('MANIFEST_UNKNOWN', 'manifest unknown'))
  return answer(response, 200, { 'content-type': found.mediaType, 'docker-content-digest': found.digest }, found.bytes)
}

function put(fake: Fake, reference: string, content: Content, response: ServerResponse): true {
  if (reference.startsWith('sha256:') && reference !== content.digest)
    return answer(response, 400, {}, refusal('DIGEST_INVALID', 'wrong digest'))
  const missing = childrenOf(content).find((child) => !fake.manifests.has(child))
  if (missing !== undefined) return answer(response, 404, {}, refusal('MANIFEST_BLOB_UNKNOWN', missing))
  fake.manifests.set(content.digest, content)
  if (reference.startsWith('sha256:')) fake.pushed.add(reference)
  else fake.tags.set(reference, content.digest)
  return answer(response, 201, { 'docker-content-digest': content.digest })
}

function remove(fake: Fake, behaviour: Behaviour, reference: string, response: ServerResponse): true {
  const isTag = !reference.startsWith('sha256:')
  const [status, code] = isTag ? tagRefusal(fake, behaviour, reference) : digestRefusal(fake, behaviour, reference)
  if (status !== 202) return answer(response, status, {}, refusal(code, 'no'))
  if (isTag) removeTag(fake, behaviour, reference)
  else drop(fake, reference)
  return answer(response, 202)
}

type Refusal = readonly [status: number, code: string]
const accepted: Refusal = [202, '']

const tagRefusals: Readonly<Partial<Record<Behaviour['byTag'], Refusal>>> = {
  unsupported: [405, 'UNSUPPORTED'],
  'invalid digest': [400, 'DIGEST_INVALID'],
  unknown: [404, 'MANIFEST_UNKNOWN'],
  denied: [403, 'DENIED'],
}

function tagRefusal(fake: Fake, { byTag }: Behaviour, tag: string): Refusal {
  return tagRefusals[byTag] ?? (fake.tags.has(tag) ? accepted : [404, 'MANIFEST_UNKNOWN'])
}

function removeTag(fake: Fake, { byTag }: Behaviour, tag: string): void {
  const digest = fake.tags.get(tag) ?? ''
  fake.tags.delete(tag)
  const isLast = tagsOn(fake, digest).length === 0
  const isDropped =
    (byTag === 'untag, the last takes the image' && isLast) ||
    (byTag === 'a row each' && isLast && !fake.pushed.has(digest))
  if (byTag === 'takes the manifest' || isDropped) drop(fake, digest)
}

function digestRefusal(fake: Fake, { byDigest }: Behaviour, digest: string): Refusal {
  if (byDigest === 'unsupported') return [405, 'UNSUPPORTED']
  if (byDigest === 'denied') return [401, 'UNAUTHORIZED']
  if (!fake.manifests.has(digest)) return [404, 'MANIFEST_UNKNOWN']
  const isTagged = tagsOn(fake, digest).length > 0
  if (byDigest === 'refused while tagged' && isTagged) return [400, 'GOOGLE_MANIFEST_DANGLING_TAG']
  if (byDigest === 'untagged only' && isTagged) return [405, 'UNSUPPORTED']
  const isReferenced = [...fake.manifests.values()].some((content) => childrenOf(content).includes(digest))
  return byDigest === 'refused while referred to' && isReferenced ? [405, 'DENIED'] : accepted
}

/**
 * Basic authentication, and the name behind the project encoded twice over:
 * https://github.com/goharbor/harbor/blob/main/api/v2.0/swagger.yaml
 */
function serveHarbor(fake: Fake, { request, response }: Call): boolean {
  const artifacts = '/api/v2.0/projects/acme/repositories/team%252Fapp/artifacts/'
  const [, digest = '', tag] =
    /^(sha256:[a-f0-9]+)(?:\/tags\/([^/]+))?$/.exec((request.url ?? '').replace(artifacts, '')) ?? []
  if (digest === '' || request.method !== 'DELETE') return false
  if (request.headers.authorization !== basic) return answer(response, 401, {}, refusal('UNAUTHORIZED', 'unauthorized'))
  if (!fake.manifests.has(digest) || (tag !== undefined && fake.tags.get(tag) !== digest))
    return answer(response, 404, {}, refusal('NOT_FOUND', 'not found'))
  if (tag === undefined) drop(fake, digest)
  else fake.tags.delete(tag)
  return answer(response, 200)
}

function drop(fake: Fake, digest: string): void {
  fake.manifests.delete(digest)
  fake.pushed.delete(digest)
  tagsOn(fake, digest).forEach((tag) => fake.tags.delete(tag))
}

export function tagsOn(fake: Fake, digest: string): string[] {
  return [...fake.tags].filter(([, named]) => named === digest).map(([tag]) => tag)
}

function childrenOf({ bytes }: Content): string[] {
  const { manifests = [] } = JSON.parse(bytes.toString()) as { manifests?: { digest: string }[] }
  return manifests.map(({ digest }) => digest)
}

export function partsOf(image: TestImage): readonly Content[] {
  return [image.index, ...image.children, ...image.intermediates]
}
