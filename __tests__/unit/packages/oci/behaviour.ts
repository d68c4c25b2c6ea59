import type { IncomingMessage, ServerResponse } from 'node:http'
import { createRegistryClient } from '../../../../src/registry/client.ts'
import { createOciBackend } from '../../../../src/packages/oci/backend.ts'
import type { PackageBackend } from '../../../../src/packages/backend.ts'
import { answer, basic, fakeClock, refusal, sha256, user, withServer } from '../../registry/server.ts'
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
  /** The list of tags is for administrators. */
  readonly hidesTags?: boolean
}

export const behaviours = {
  'distribution 2.8': { byTag: 'invalid digest', byDigest: 'all tags' },
  'distribution 3': { byTag: 'tag only', byDigest: 'all tags' },
  Zot: { byTag: 'tag only', byDigest: 'refused while referred to' },
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

export interface World {
  readonly host: string
  readonly manifests: Map<string, Content>
  readonly tags: Map<string, string>
  /** What was pushed by its digest. */
  readonly pushed: Set<string>
  /** `METHOD path`, but for uploads and what the hands did. */
  readonly seen: string[]
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
export async function withBehaviour(behaviour: Behaviour, use: (world: World) => Promise<void>): Promise<void> {
  const strange: string[] = []
  const world = {
    host: '',
    manifests: new Map(),
    tags: new Map(),
    pushed: new Set(),
    seen: [],
    busiest: 0,
    before: () => undefined,
    clock: { now: 0 },
  } as unknown as { -readonly [K in keyof World]: World[K] }
  let active = 0
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body: Buffer[] = []
    for await (const chunk of request) body.push(chunk as Buffer)
    const line = `${request.method ?? ''} ${request.url ?? ''}`
    const ours = request.headers['user-agent'] === 'multiarch-build'
    if (ours) {
      world.seen.push(line)
      world.busiest = Math.max(world.busiest, ++active)
      await world.before(line)
      await new Promise((resolve) => setTimeout(resolve, 1))
      active--
    }
    if (!serve(world, behaviour, { request, response, body: Buffer.concat(body), ours })) {
      strange.push(line)
      answer(response, 418)
    }
  }
  await withServer(handle, async (host) => {
    world.host = host
    world.hands = openHands(host, repository)
    const client = createRegistryClient({ registry: host, credentials: user, clock: fakeClock() })
    world.api = createOciBackend({
      client,
      repository,
      harbor: { credentials: user, fetch, clock: fakeClock() },
      now: () => world.clock.now,
    })
    await use(world)
  })
  if (strange.length > 0) throw new Error(`requests that no registry knows: ${strange.join(', ')}`)
}

interface Call {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly body: Buffer
  readonly ours: boolean
}

function serve(world: World, behaviour: Behaviour, call: Call): boolean {
  const { request, response, body, ours } = call
  const { method = '', url = '' } = request
  if (url === '/v2/') return answer(response, 200, {}, '{}')
  if (url === '/api/v2.0/ping') return behaviour.harbor ? answer(response, 200, {}, 'Pong') : answer(response, 404)
  if (url.startsWith('/api/v2.0/')) return behaviour.harbor === true && serveHarbor(world, call)
  const [, kind = '', rest = ''] = new RegExp(`^/v2/${repository}/(manifests|blobs|tags)/(.+)$`).exec(url) ?? []
  if (kind === 'tags') {
    if (behaviour.hidesTags && ours) return answer(response, 403, {}, refusal('DENIED', 'tags are hidden'))
    if (world.tags.size === 0)
      return answer(response, 404, {}, refusal('NAME_UNKNOWN', 'repository name not known to registry'))
    return answer(
      response,
      200,
      { 'content-type': 'application/json' },
      JSON.stringify({ name: repository, tags: [...world.tags.keys()] }),
    )
  }
  if (kind === 'blobs')
    return method === 'POST'
      ? answer(response, 202, { location: `/v2/${repository}/blobs/uploads/1` })
      : answer(response, method === 'PUT' ? 201 : 200)
  if (kind !== 'manifests') return false
  if (method === 'PUT')
    return put(
      world,
      rest,
      { bytes: body, mediaType: request.headers['content-type'] ?? '', digest: sha256(body) },
      response,
    )
  const digest = rest.startsWith('sha256:') ? rest : world.tags.get(rest)
  const found = world.manifests.get(digest ?? '')
  if (method === 'DELETE')
    return remove(world, ours ? behaviour : { byTag: 'tag only', byDigest: 'all tags' }, rest, response)
  if (!found) return answer(response, 404, {}, refusal('MANIFEST_UNKNOWN', 'manifest unknown'))
  return answer(response, 200, { 'content-type': found.mediaType, 'docker-content-digest': found.digest }, found.bytes)
}

function put(world: World, reference: string, content: Content, response: ServerResponse): true {
  if (reference.startsWith('sha256:') && reference !== content.digest)
    return answer(response, 400, {}, refusal('DIGEST_INVALID', 'wrong digest'))
  const missing = childrenOf(content).find((child) => !world.manifests.has(child))
  if (missing !== undefined) return answer(response, 404, {}, refusal('MANIFEST_BLOB_UNKNOWN', missing))
  world.manifests.set(content.digest, content)
  if (reference.startsWith('sha256:')) world.pushed.add(reference)
  else world.tags.set(reference, content.digest)
  return answer(response, 201, { 'docker-content-digest': content.digest })
}

function remove(world: World, { byTag, byDigest }: Behaviour, reference: string, response: ServerResponse): true {
  const say = (status: number, code: string): true => answer(response, status, {}, refusal(code, 'no'))
  if (!reference.startsWith('sha256:')) {
    if (byTag === 'unsupported') return say(405, 'UNSUPPORTED')
    if (byTag === 'invalid digest') return say(400, 'DIGEST_INVALID')
    if (byTag === 'unknown') return say(404, 'MANIFEST_UNKNOWN')
    if (byTag === 'denied') return say(403, 'DENIED')
    const digest = world.tags.get(reference)
    if (digest === undefined) return say(404, 'MANIFEST_UNKNOWN')
    world.tags.delete(reference)
    const last = tagsOn(world, digest).length === 0
    if (
      byTag === 'takes the manifest' ||
      (last && (byTag === 'untag, the last takes the image' || (byTag === 'a row each' && !world.pushed.has(digest))))
    )
      drop(world, digest)
    return answer(response, 202)
  }
  if (byDigest === 'unsupported') return say(405, 'UNSUPPORTED')
  if (byDigest === 'denied') return say(401, 'UNAUTHORIZED')
  if (!world.manifests.has(reference)) return say(404, 'MANIFEST_UNKNOWN')
  const tagged = tagsOn(world, reference).length > 0
  if (byDigest === 'refused while tagged' && tagged) return say(400, 'GOOGLE_MANIFEST_DANGLING_TAG')
  if (byDigest === 'untagged only' && tagged) return say(405, 'UNSUPPORTED')
  const referred = [...world.manifests.values()].some((content) => childrenOf(content).includes(reference))
  if (byDigest === 'refused while referred to' && referred) return say(405, 'DENIED')
  drop(world, reference)
  return answer(response, 202)
}

/**
 * Basic authentication, and the name behind the project encoded twice over:
 * https://github.com/goharbor/harbor/blob/main/api/v2.0/swagger.yaml
 */
function serveHarbor(world: World, { request, response }: Call): boolean {
  const [, digest = '', tag] =
    /^\/api\/v2\.0\/projects\/acme\/repositories\/team%252Fapp\/artifacts\/(sha256:[a-f0-9]+)(?:\/tags\/([^/]+))?$/.exec(
      request.url ?? '',
    ) ?? []
  if (digest === '' || request.method !== 'DELETE') return false
  if (request.headers.authorization !== basic) return answer(response, 401, {}, refusal('UNAUTHORIZED', 'unauthorized'))
  if (!world.manifests.has(digest) || (tag !== undefined && world.tags.get(tag) !== digest))
    return answer(response, 404, {}, refusal('NOT_FOUND', 'not found'))
  if (tag === undefined) drop(world, digest)
  else world.tags.delete(tag)
  return answer(response, 200)
}

function drop(world: World, digest: string): void {
  world.manifests.delete(digest)
  world.pushed.delete(digest)
  tagsOn(world, digest).forEach((tag) => world.tags.delete(tag))
}

export function tagsOn(world: World, digest: string): string[] {
  return [...world.tags].filter(([, named]) => named === digest).map(([tag]) => tag)
}

function childrenOf({ bytes }: Content): string[] {
  const { manifests = [] } = JSON.parse(bytes.toString()) as { manifests?: { digest: string }[] }
  return manifests.map(({ digest }) => digest)
}

export function partsOf(image: TestImage): readonly Content[] {
  return [image.index, ...image.children, ...image.intermediates]
}
