import { digestOf, isDigest } from './manifest.ts'
import { ociError, split } from './registry-auth.ts'
import type { RegistryRequest, Route } from './registry.ts'
import { findPackage, nextId } from './state.ts'
import type { Package } from './state.ts'
import type { Answer, Fake } from './fake.ts'

/** Blobs and their uploads. */
export function answerBlobs(fake: Fake, pkg: Package, request: RegistryRequest, route: Route): Answer {
  if (route.what === 'blob') return getBlob(fake, pkg, request, route.reference)
  return route.reference === ''
    ? startUpload(fake, pkg, request, route.repository)
    : continueUpload(fake, pkg, request, route)
}

/** The bytes themselves come from another place, without the token. */
export const storagePath = (digest: string): string => `/ghcr1/blobs/${digest}`

function getBlob(fake: Fake, pkg: Package, { method }: RegistryRequest, digest: string): Answer {
  const data = pkg.blobs.has(digest) ? fake.state.blobs.get(digest) : undefined
  if (!data) return ociError(404, 'BLOB_UNKNOWN', 'blob unknown to registry')
  if (method === 'HEAD')
    return {
      status: 200,
      headers: {
        'content-type': 'application/octet-stream',
        'content-length': String(data.length),
        'docker-content-digest': digest,
      },
    }
  return method === 'GET'
    ? { status: 307, headers: { location: `${storagePath(digest)}?sig=signed` } }
    : ociError(405, 'UNSUPPORTED', 'The operation is unsupported.')
}

/** The other end of that redirect; understands ranges. */
export function getStored(fake: Fake, digest: string, range: string | undefined): Answer {
  const data = fake.state.blobs.get(digest)
  if (!data) return { status: 404, headers: {} }
  const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(range ?? '') ?? []
  if (from === undefined)
    return {
      status: 200,
      headers: { 'content-type': 'application/octet-stream', 'accept-ranges': 'bytes' },
      body: data,
    }
  const end = Math.min(to === '' || to === undefined ? data.length - 1 : Number(to), data.length - 1)
  if (Number(from) > end) return { status: 416, headers: { 'content-range': `bytes */${data.length}` } }
  return {
    status: 206,
    headers: { 'content-type': 'application/octet-stream', 'content-range': `bytes ${from}-${end}/${data.length}` },
    body: data.subarray(Number(from), end + 1),
  }
}

const stored = (repository: string, digest: string): Answer => ({
  status: 201,
  headers: { location: `/v2/${repository}/blobs/${digest}`, 'docker-content-digest': digest },
})

function startUpload(
  fake: Fake,
  pkg: Package,
  { method, query, body, access }: RegistryRequest,
  repository: string,
): Answer {
  if (method !== 'POST') return ociError(405, 'UNSUPPORTED', 'The operation is unsupported.')
  const mount = query.get('mount')
  const from = query.get('from')
  if (
    mount !== null &&
    from !== null &&
    access.may(from, 'pull') &&
    findPackage(fake.state, ...split(from))?.blobs.has(mount) === true
  ) {
    pkg.blobs.add(mount)
    return stored(repository, mount)
  }
  const digest = query.get('digest')
  if (digest !== null) return store(fake, pkg, repository, { digest, data: body })
  const id = String(nextId(fake.state))
  fake.uploads.set(id, { repository, data: new Uint8Array() })
  return progress(fake, repository, id, 202)
}

function progress(fake: Fake, repository: string, id: string, status: number): Answer {
  const size = fake.uploads.get(id)?.data.length ?? 0
  return {
    status,
    headers: {
      location: `/v2/${repository}/blobs/upload/${id}`,
      range: `0-${Math.max(size - 1, 0)}`,
      'docker-upload-uuid': id,
    },
  }
}

function continueUpload(fake: Fake, pkg: Package, request: RegistryRequest, { repository, reference }: Route): Answer {
  const { method, query, body } = request
  const upload = fake.uploads.get(reference)
  if (upload?.repository !== repository) return ociError(404, 'BLOB_UPLOAD_UNKNOWN', 'blob upload unknown to registry')
  if (method === 'GET') return progress(fake, repository, reference, 204)
  if (method === 'DELETE') {
    fake.uploads.delete(reference)
    return { status: 204, headers: {} }
  }
  if (!continuesAt(request, upload.data.length)) return progress(fake, repository, reference, 416)
  upload.data = body.length === 0 ? upload.data : Buffer.concat([upload.data, body])
  if (method === 'PATCH') return progress(fake, repository, reference, 202)
  if (method !== 'PUT') return ociError(405, 'UNSUPPORTED', 'The operation is unsupported.')
  const answer = store(fake, pkg, repository, { digest: query.get('digest') ?? '', data: upload.data })
  if (answer.status === 201) fake.uploads.delete(reference)
  return answer
}

/** Whether the chunk, if it names its range, starts where the data so far ends. */
function continuesAt({ header }: RegistryRequest, size: number): boolean {
  const start = /^(?:bytes[ =])?(\d+)-\d+/.exec(header('content-range') ?? '')?.[1]
  return start === undefined || Number(start) === size
}

interface Blob {
  digest: string
  data: Uint8Array
}

function store(fake: Fake, pkg: Package, repository: string, { digest, data }: Blob): Answer {
  if (!isDigest(digest) || digestOf(data) !== digest)
    return ociError(400, 'DIGEST_INVALID', 'provided digest did not match uploaded content')
  fake.state.blobs.set(digest, data)
  pkg.blobs.add(digest)
  return stored(repository, digest)
}
