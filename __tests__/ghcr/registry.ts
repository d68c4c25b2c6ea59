import type { Fault } from './faults.ts'
import { isDigest, mediaTypes, parseManifest } from './manifest.ts'
import { putManifest, unknownReferences } from './push.ts'
import { answerBlobs } from './registry-blobs.ts'
import { ociError, split } from './registry-auth.ts'
import type { Access } from './registry-auth.ts'
import type { Token } from './permissions.ts'
import { createPackage, findPackage } from './state.ts'
import type { NewPackage, Package } from './state.ts'
import { serve } from './fake.ts'
import type { Answer, Fake } from './fake.ts'

export interface RegistryRequest {
  method: string
  path: string
  query: URLSearchParams
  header: (name: string) => string | undefined
  body: Uint8Array
  access: Access
}

const routes = [
  ['manifest', /^\/v2\/(.+)\/manifests\/([^/]+)$/],
  ['tags', /^\/v2\/(.+)\/tags\/list$/],
  ['upload', /^\/v2\/(.+)\/blobs\/uploads?\/([^/]*)$/],
  ['blob', /^\/v2\/(.+)\/blobs\/([^/]+)$/],
  ['referrers', /^\/v2\/(.+)\/referrers\/([^/]+)$/],
] as const

export interface Route {
  what: (typeof routes)[number][0]
  repository: string
  reference: string
}

export function routeOf(path: string): Route | undefined {
  for (const [what, pattern] of routes) {
    const [, repository = '', reference = ''] = pattern.exec(path) ?? []
    if (repository.includes('/')) return { what, repository, reference: decodeURIComponent(reference) }
  }
  return undefined
}

/** Answers one request to ghcr.io, by every rule there is. */
export function callRegistry(fake: Fake, request: RegistryRequest, route = routeOf(request.path)): Promise<Answer> {
  const endpoint = route ? `${request.method.toLowerCase()} ${route.what}` : 'ping'
  return serve(
    fake,
    { side: 'registry', endpoint, method: request.method, path: request.path },
    () => (route ? perform(fake, request, route) : ping(request)),
    spoiled,
  )
}

const ping = ({ path }: RegistryRequest): Answer =>
  /^\/v2\/?$/.test(path)
    ? { status: 200, headers: {}, body: {} }
    : { status: 404, headers: {}, body: '404 page not found\n' }

function spoiled({ retryAfter = 60 }: Fault, status: number): Answer {
  if (status === 429)
    return ociError(429, 'TOOMANYREQUESTS', 'retry-after: 1s, allowed: 44000/minute', {
      'retry-after': String(retryAfter),
    })
  return status === 403 ? ociError(403, 'DENIED', 'denied') : ociError(status, 'UNKNOWN', 'unknown error')
}

function perform(fake: Fake, request: RegistryRequest, route: Route): Answer {
  const { repository } = route
  const [owner, name] = split(repository)
  const refusal = refuse(request, route)
  if (refusal) return refusal
  const reading = isReading(request)
  const pkg = findPackage(fake.state, owner, name)
  if (route.what === 'referrers') return { status: 404, headers: {}, body: '404 page not found\n' }
  if (route.what === 'manifest' && reading) return getManifest(pkg, request, route.reference)
  if (!pkg && reading) return ociError(404, 'NAME_UNKNOWN', 'repository name not known to registry')
  if (route.what === 'tags') return listTags(pkg!, request, repository)
  const target = pkg ?? createPackage(fake.state, { owner, name, ...firstRights(request.access.token) })
  return route.what === 'manifest'
    ? storeManifest(fake, target, request, route)
    : answerBlobs(fake, target, request, route)
}

const isReading = ({ method }: RegistryRequest): boolean => method === 'GET' || method === 'HEAD'

/** The error for a request that is refused whatever the repository contains. */
function refuse(request: RegistryRequest, { what, repository }: Route): Answer | undefined {
  if (repository !== repository.toLowerCase()) return ociError(400, 'NAME_INVALID', 'invalid repository name')
  if (request.method === 'DELETE' && what !== 'upload')
    return ociError(405, 'UNSUPPORTED', 'The operation is unsupported.')
  const reading = isReading(request)
  if (request.access.may(repository, reading ? 'pull' : 'push')) return undefined
  return reading
    ? ociError(403, 'DENIED', 'requested access to the resource is denied')
    : ociError(403, 'DENIED', 'permission_denied: write_package')
}

/** Whoever creates a package by pushing to it becomes its admin: the person, or the repository of the job. */
const firstRights = (token: Token | undefined): Partial<NewPackage> =>
  token?.kind === 'actions'
    ? { repository: token.repository }
    : token?.kind === 'classic'
      ? { roles: { [token.login]: 'admin' } }
      : {}

const kind = (mediaType: string): string | undefined =>
  mediaType === mediaTypes.ociIndex ? 'index' : mediaType === mediaTypes.ociManifest ? 'manifest' : undefined

/** A wildcard does not count as support for OCI: seen on ghcr.io, and a trap for plain `fetch`. */
function getManifest(pkg: Package | undefined, { method, header }: RegistryRequest, reference: string): Answer {
  // No tag looks like a digest.
  const digest = pkg?.tags.get(reference) ?? reference
  const manifest = pkg?.active.has(digest) === true ? pkg.manifests.get(digest) : undefined
  if (!manifest) return ociError(404, 'MANIFEST_UNKNOWN', 'manifest unknown')
  const oci = kind(manifest.mediaType)
  if (oci !== undefined && header('accept')?.includes(manifest.mediaType) !== true) {
    return ociError(
      404,
      'MANIFEST_UNKNOWN',
      `OCI ${oci} found, but Accept header does not support OCI ${oci === 'index' ? 'indexes' : 'manifests'}`,
    )
  }
  const headers = {
    'content-type': manifest.mediaType,
    'docker-content-digest': manifest.digest,
    'content-length': String(manifest.size),
    etag: `"${manifest.digest}"`,
  }
  return { status: 200, headers, ...(method === 'HEAD' ? {} : { body: manifest.body }) }
}

function storeManifest(
  fake: Fake,
  pkg: Package,
  { method, body, header }: RegistryRequest,
  { repository, reference }: Route,
): Answer {
  if (method !== 'PUT') return ociError(405, 'UNSUPPORTED', 'The operation is unsupported.')
  const text = Buffer.from(body).toString('utf8')
  const manifest = parseManifest((header('content-type') ?? '').replace(/;.*/, ''), text)
  if (typeof manifest === 'string') return ociError(400, 'MANIFEST_INVALID', manifest)
  const byDigest = isDigest(reference)
  if (byDigest && reference !== manifest.digest)
    return ociError(400, 'DIGEST_INVALID', 'provided digest did not match uploaded content')
  if (!byDigest && !/^\w[\w.-]{0,127}$/.test(reference))
    return ociError(400, 'TAG_INVALID', 'manifest tag did not match URI')

  const unknown = unknownReferences(pkg, manifest)
  if (unknown.blobs.length > 0)
    return ociError(400, 'MANIFEST_BLOB_UNKNOWN', `blob unknown to registry: ${unknown.blobs.join(', ')}`)
  if (fake.rules.checkChildren && unknown.manifests.length > 0)
    return ociError(400, 'MANIFEST_BLOB_UNKNOWN', `manifest blob unknown to registry: ${unknown.manifests.join(', ')}`)
  putManifest(fake.state, pkg, manifest, byDigest ? undefined : reference)
  return {
    status: 201,
    headers: { location: `/v2/${repository}/manifests/${manifest.digest}`, 'docker-content-digest': manifest.digest },
  }
}

const defaultPage = 100
const largestPage = 10_000

/** Oldest first, a hundred unless asked for more. */
function listTags(pkg: Package, { query }: RegistryRequest, repository: string): Answer {
  const all = [...pkg.tags.keys()]
  const last = query.get('last')
  const size = Math.min(Number(query.get('n') ?? defaultPage) || defaultPage, largestPage)
  // Nothing follows a tag that has vanished meanwhile: whoever pages cannot tell that from the end.
  const from = last === null ? 0 : all.includes(last) ? all.indexOf(last) + 1 : all.length
  const tags = all.slice(from, from + size)
  const more = from + size < all.length
  return {
    status: 200,
    headers: more
      ? { link: `</v2/${repository}/tags/list?last=${encodeURIComponent(tags.at(-1) ?? '')}&n=${size}>; rel="next"` }
      : {},
    body: { name: repository, tags },
  }
}
