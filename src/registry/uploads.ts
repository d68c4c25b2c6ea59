import { randomBytes } from 'node:crypto'
import { retry } from '../lib/retry.ts'
import { blobPath, headBlob, type BlobId } from './blobs.ts'
import { protocolError, RegistryError, type RequestInfo } from './error.ts'
import { blobRetryPolicy, type HttpResponse } from './http-client.ts'
import type { Bytes } from './http-stream.ts'
import { requestInfo, send, sendOnce, streamOnce, type Session } from './session.ts'

export interface UploadRequest {
  readonly blob: BlobId
  /** A repository of the same registry that has the blob. */
  readonly mountFrom?: string
  /** The content from an offset on; called again after a failure. */
  readonly read: (offset: number) => Bytes
}

/** How a blob came into a repository. */
export type BlobStorage = 'existing' | 'mounted' | 'uploaded'

/** An upload at the registry that has received `offset` bytes. */
interface Upload {
  readonly url: URL
  readonly offset: number
}

interface BlobUpload extends UploadRequest {
  readonly session: Session
  readonly repository: string
  readonly info: RequestInfo
}

/**
 * Stores a blob in a repository, unless it has it: mounts it, or uploads it in one request. After a cut the upload
 * continues where the registry says that it ended, or begins again.
 */
export async function putBlob(session: Session, repository: string, request: UploadRequest): Promise<BlobStorage> {
  const { digest } = request.blob
  const upload = { ...request, session, repository, info: requestInfo(session, 'push', repository, digest) }
  // A mount succeeds whether or not the repository has the blob.
  const mounted = request.mountFrom === undefined ? undefined : await mount(upload)
  if (mounted === 'mounted') return mounted
  if (!mounted && (await headBlob(session, repository, digest))) return 'existing'
  await uploadWithRetries(upload, mounted)
  return 'uploaded'
}

/** @returns the upload that the registry begins instead; undefined if it rejects the request */
async function mount({
  session,
  repository,
  blob,
  mountFrom = '',
  info,
}: BlobUpload): Promise<'mounted' | Upload | undefined> {
  const query = `?mount=${blob.digest}&from=${encodeURIComponent(mountFrom)}`
  const path = `${blobPath(repository, 'uploads/')}${query}`
  try {
    const response = await send(session, { method: 'POST', path, info, mountFrom })
    return response.status === 201 ? 'mounted' : { url: await uploadUrl(session, response, info), offset: 0 }
  } catch (error) {
    // Some registries reject the request if this login may not read there, or if they do not know the repository.
    if (error instanceof RegistryError && ['denied', 'unauthorized', 'not-found', 'protocol'].includes(error.kind))
      return undefined
    throw error
  }
}

async function uploadWithRetries(blob: BlobUpload, begun: Upload | undefined): Promise<void> {
  const { session, repository, info } = blob
  let upload = begun
  const attemptUpload = async (attempt: number): Promise<void> => {
    if (attempt > 1) {
      // The registry may have stored the blob although its response was lost.
      if (await headBlob(session, repository, blob.blob.digest)) return
      if (upload && (await continueUpload(blob, upload))) return
      upload = undefined
    }
    upload ??= await startUpload(session, repository, info)
    await sendContent(blob, upload)
  }
  try {
    await retry(attemptUpload, { ...session, policy: blobRetryPolicy })
  } catch (error) {
    throw error instanceof SourceError ? error.cause : error
  }
}

/** @returns whether it is complete; false if the registry does not continue it */
async function continueUpload(blob: BlobUpload, upload: Upload): Promise<boolean> {
  try {
    const progress = await readProgress(blob.session, upload, blob.info)
    if (progress) await sendContent(blob, progress)
    return progress !== undefined
  } catch (error) {
    if (error instanceof RegistryError && !error.transient) return false
    throw error
  }
}

/** An error of the source, which has been retried already. */
class SourceError extends Error {}

async function sendContent(blob: BlobUpload, upload: Upload): Promise<void> {
  const { session, info } = blob
  const { digest, size } = blob.blob
  const isWhole = upload.offset === 0 && size > 0
  const url = isWhole || upload.offset >= size ? upload.url : await sendRest(blob, upload)
  url.searchParams.set('digest', digest)
  if (isWhole) await stream(blob, { method: 'PUT', path: url, headers: { 'content-length': String(size) } }, 0)
  else await sendOnce(session, { method: 'PUT', path: url, info, headers: { 'content-type': octetStream } })
}

const octetStream = 'application/octet-stream'

/** Sends what the registry has not received yet. @returns where to complete the upload */
async function sendRest(blob: BlobUpload, { url, offset }: Upload): Promise<URL> {
  const { size } = blob.blob
  const headers = { 'content-range': `${offset}-${size - 1}`, 'content-length': String(size - offset) }
  const response = await stream(blob, { method: 'PATCH', path: url, headers }, offset)
  return await uploadUrl(blob.session, response, blob.info)
}

interface UploadPart {
  readonly method: 'PUT' | 'PATCH'
  readonly path: URL
  readonly headers: Readonly<Record<string, string>>
}

async function stream({ session, info, read }: BlobUpload, part: UploadPart, offset: number): Promise<HttpResponse> {
  let failure: unknown
  const body = async function* (): Bytes {
    try {
      yield* read(offset)
    } catch (error) {
      failure = error
      throw error
    }
  }
  const headers = { 'content-type': octetStream, ...part.headers }
  try {
    return await streamOnce(session, { ...part, info, headers, body })
  } catch (error) {
    throw failure === undefined ? error : new SourceError('the source failed', { cause: failure })
  }
}

/** https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pushing-blobs */
async function startUpload(session: Session, repository: string, info: RequestInfo): Promise<Upload> {
  const response = await sendOnce(session, { method: 'POST', path: blobPath(repository, 'uploads/'), info })
  return { url: await uploadUrl(session, response, info), offset: 0 }
}

/** How far an upload came; undefined if nothing of it is stored. */
async function readProgress(session: Session, { url }: Upload, info: RequestInfo): Promise<Upload | undefined> {
  const response = await sendOnce(session, { method: 'GET', path: url, info })
  const last = Number(/^(?:bytes=)?0-(\d+)$/.exec(response.headers.get('range') ?? '')?.[1] ?? 0)
  // `0-0` is the range of no byte and of one.
  return last === 0 ? undefined : { url: await uploadUrl(session, response, info), offset: last + 1 }
}

/** Where an upload continues, by the `Location` of a response. */
async function uploadUrl(session: Session, { headers, url }: HttpResponse, info: RequestInfo): Promise<URL> {
  const location = headers.get('location')
  if (location === null || !URL.canParse(location, url))
    throw protocolError('the registry did not return the address of an upload', info)
  const base = new URL(await session.baseUrl(info))
  const upload = new URL(location, url)
  // Behind a proxy that terminates TLS, a registry may name itself with http.
  if (upload.host === base.host) upload.protocol = base.protocol
  if (upload.protocol !== 'https:' && upload.protocol !== base.protocol)
    throw protocolError('the registry returned an unencrypted address for the upload, which is refused', info)
  return upload
}

/** What a check has begun, and ends while its caller goes on. */
export interface PushCheck {
  /** Whether the registry has shown that it verifies digests; false if it was not asked. Does not reject. */
  readonly verifies: Promise<boolean>
  /** Resolves when nothing of the check is left. Does not reject. */
  readonly ended: Promise<unknown>
}

/**
 * Checks whether this login may push, as far as a request can show it: starts an upload and cancels it at once.
 *
 * @param asks whether to find out if the registry verifies what it receives
 * @throws RegistryError if it may not
 */
export async function checkPush(session: Session, repository: string, asks = false): Promise<PushCheck> {
  const info = requestInfo(session, 'push', repository)
  const response = await send(session, { method: 'POST', path: blobPath(repository, 'uploads/'), info })
  const url = await uploadUrl(session, response, info).catch(() => undefined)
  const isHere = url?.host === new URL(response.url).host
  const verifies = url && asks ? refusesOtherContent(session, url, info) : Promise.resolve(false)
  const cancel = async () => {
    // An upload that does not continue expires; not every registry supports its cancellation.
    if (url && isHere) await sendOnce(session, { method: 'DELETE', path: url, info }).catch(() => undefined)
  }
  return { verifies, ended: verifies.then(cancel) }
}

/**
 * Completes an upload with one byte whose digest is another one. The specification demands that a registry refuses it;
 * only one that does so has shown that it verifies.
 */
async function refusesOtherContent(session: Session, upload: URL, info: RequestInfo): Promise<boolean> {
  const url = new URL(upload)
  url.searchParams.set('digest', `sha256:${randomBytes(32).toString('hex')}`)
  const request = { method: 'PUT', path: url, info, headers: { 'content-type': octetStream }, body: 'x' } as const
  const refusal: unknown = await sendOnce(session, request).catch((error: unknown) => error)
  return refusal instanceof RegistryError && refusal.status === 400 && refusal.code === 'DIGEST_INVALID'
}
