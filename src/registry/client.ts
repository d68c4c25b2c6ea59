import { isNotFound } from '../lib/errors.ts'
import type { Fetch, RawFetch } from '../lib/http.ts'
import { createRawFetch } from '../lib/raw-fetch.ts'
import { asRecord, asText, tryParseJson } from '../lib/json.ts'
import { systemClock, type Clock } from '../lib/retry.ts'
import { createAuthorizer, credentialSecrets, type Credentials } from './auth.ts'
import { createBaseUrl, knownBy } from './base-url.ts'
import { blobPath, headBlob, readBlob, type BlobId } from './blobs.ts'
import { protocolError, RegistryError, type RequestInfo } from './error.ts'
import { protectLocalServers } from './foreign-servers.ts'
import { createHttpClient } from './http-client.ts'
import { createHttpStream, type Bytes } from './http-stream.ts'
import { listReferrers, listTags } from './list-tags.ts'
import { computeDigest, isDigest, manifestTypes, type Manifest } from './manifest.ts'
import { rawOf } from './redirects.ts'
import { atMostOnce, repeat, requestInfo, send, sendOnce, type OnWait, type Session } from './session.ts'
import { checkPush, putBlob, type BlobStorage, type PushCheck, type UploadRequest } from './uploads.ts'

/**
 * The part of https://github.com/opencontainers/distribution-spec/blob/main/spec.md that this action needs; every
 * method throws a `RegistryError`.
 */
export interface RegistryClient {
  /** As in references: `ghcr.io`. */
  readonly registry: string
  getManifest(repository: string, reference: string): Promise<Manifest>
  /** The digest; undefined if there is no such manifest. */
  headManifest(repository: string, reference: string): Promise<string | undefined>
  putManifest(repository: string, reference: string, bytes: Uint8Array<ArrayBuffer>, mediaType: string): Promise<string>
  deleteManifest(repository: string, reference: string): Promise<void>
  /** A small blob, such as an image's configuration. */
  getBlob(repository: string, digest: string): Promise<Uint8Array<ArrayBuffer>>
  headBlob(repository: string, digest: string): Promise<boolean>
  /**
   * The content of a blob from `offset` on, verified when its last byte arrives, unless the receiver does that.
   * Continues after a cut.
   */
  readBlob(repository: string, blob: BlobId, isVerifiedThere?: () => boolean): (offset: number) => Bytes
  /** Stores a blob, unless the repository has it: mounts it from another repository, or uploads it. */
  putBlob(repository: string, request: UploadRequest): Promise<BlobStorage>
  listTags(repository: string): Promise<readonly string[]>
  /** The digests of the manifests whose `subject` is this one; undefined if the registry has no API for them. */
  listReferrers(repository: string, digest: string): Promise<readonly string[] | undefined>
  /** Resolves if this login may push there; once that has `ended`, it leaves nothing behind. */
  checkPush(repository: string, asksForVerification?: boolean): Promise<PushCheck>
  /** Resolves if the registry answers and accepts the login. */
  ping(): Promise<void>
}

export interface RegistryOptions {
  readonly registry: string
  readonly credentials?: Credentials
  /** Requests the right to push along with the right to read, so that one token serves both. */
  readonly willPush?: boolean
  /** Whether plain http is configured for a host, the registry or its token server. */
  readonly isPlain?: (host: string) => boolean
  readonly fetch?: Fetch
  /** By default `fetch`, if it is given. */
  readonly raw?: RawFetch
  readonly signal?: AbortSignal
  /** Called with every failure that is followed by another attempt. */
  readonly log?: (text: string) => void
  /** Called with what a long wait is for; of several requests that wait at the same time, only for one. */
  readonly onWait?: OnWait
  readonly clock?: Clock
}

export function createRegistryClient(options: RegistryOptions): RegistryClient {
  const session = createSession(options)
  return {
    registry: options.registry,
    getManifest: (repository, reference) => getManifest(session, repository, reference),
    headManifest: (repository, reference) => headManifest(session, repository, reference),
    putManifest: (repository, reference, bytes, mediaType) =>
      putManifest(session, { repository, reference, bytes, mediaType }),
    deleteManifest: (repository, reference) => deleteManifest(session, repository, reference),
    getBlob: (repository, digest) => getBlob(session, repository, digest),
    headBlob: (repository, digest) => headBlob(session, repository, digest),
    readBlob: (repository, blob, isVerifiedThere) => readBlob(session, repository, blob, isVerifiedThere),
    putBlob: (repository, request) => putBlob(session, repository, request),
    listTags: (repository) => listTags(session, repository),
    listReferrers: (repository, digest) => listReferrers(session, repository, digest),
    checkPush: (repository, asks) => checkPush(session, repository, asks),
    ping: async () => {
      await send(session, { method: 'GET', path: '', info: requestInfo(session, 'read') })
    },
  }
}

function createSession(options: RegistryOptions): Session {
  const { registry, credentials, signal, willPush = false, isPlain = () => false } = options
  const { clock = systemClock, log = () => undefined, onWait = () => undefined } = options
  const unprotected = options.raw ?? (options.fetch ? rawOf(options.fetch) : createRawFetch({}))
  const raw = protectLocalServers(unprotected, registry)
  const http = createHttpClient(raw, signal)
  return {
    registry,
    willPush,
    secrets: credentialSecrets(credentials),
    origin: credentials?.origin,
    http,
    stream: createHttpStream(raw, signal),
    baseUrl: isPlain(registry)
      ? () => Promise.resolve(`http://${registry}`)
      : createBaseUrl(registry, http, knownBy(unprotected)),
    authorizer: createAuthorizer({ credentials, http, now: clock.now, isPlain }),
    clock,
    signal,
    log,
    onWait: atMostOnce(onWait),
  }
}

async function getManifest(session: Session, repository: string, reference: string): Promise<Manifest> {
  const info = requestInfo(session, 'read', repository, reference)
  const path = manifestPath(repository, reference)
  const { bytes, headers } = await send(session, { method: 'GET', path, headers: acceptManifests, info })
  verifyDigest(bytes, reference, info)
  verifyDigest(bytes, headers.get('docker-content-digest'), info)
  const type = headers.get('content-type')?.split(';')[0]?.trim() ?? ''
  const mediaType = manifestTypes.includes(type)
    ? type
    : asText(asRecord(tryParseJson(new TextDecoder().decode(bytes)))['mediaType']) || type
  return { bytes, mediaType, digest: computeDigest(bytes, reference) }
}

async function headManifest(session: Session, repository: string, reference: string): Promise<string | undefined> {
  const info = requestInfo(session, 'read', repository, reference)
  const path = manifestPath(repository, reference)
  const request = { method: 'HEAD', path, headers: acceptManifests, info, allowNotFound: true } as const
  const response = await send(session, request).catch(undefinedIfUnsupported)
  // Some registries support GET only.
  if (response === undefined)
    return (await getManifest(session, repository, reference).catch(undefinedIfMissing))?.digest
  if (response.status === 404) return undefined
  const digest = response.headers.get('docker-content-digest')
  // The header is optional:
  // https://github.com/opencontainers/distribution-spec/blob/main/spec.md#checking-if-content-exists-in-the-registry
  if (!isDigest(digest)) return (await getManifest(session, repository, reference)).digest
  if (isDigest(reference) && sameAlgorithm(digest, reference) && digest !== reference)
    throw protocolError(`the registry returned a manifest with a different digest, ${digest}`, info)
  return digest
}

interface Upload {
  readonly repository: string
  readonly reference: string
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly mediaType: string
}

async function putManifest(session: Session, { repository, reference, bytes, mediaType }: Upload): Promise<string> {
  const info = requestInfo(session, 'push', repository, reference)
  verifyDigest(bytes, reference, info)
  const path = manifestPath(repository, reference)
  const headers = { 'content-type': mediaType }
  const response = await send(session, { method: 'PUT', path, headers, body: bytes, info })
  verifyDigest(bytes, response.headers.get('docker-content-digest'), info)
  return computeDigest(bytes, reference)
}

async function deleteManifest(session: Session, repository: string, reference: string): Promise<void> {
  const info = requestInfo(session, 'delete', repository, reference)
  const path = manifestPath(repository, reference)
  // An earlier attempt whose response was lost may have deleted it.
  await repeat(session, info, (attempt) =>
    sendOnce(session, { method: 'DELETE', path, info, allowNotFound: attempt > 1 }),
  )
}

async function getBlob(session: Session, repository: string, digest: string): Promise<Uint8Array<ArrayBuffer>> {
  const info = requestInfo(session, 'read', repository, digest)
  const { bytes } = await send(session, { method: 'GET', path: blobPath(repository, digest), info })
  verifyDigest(bytes, digest, info)
  return bytes
}

const acceptManifests = { accept: manifestTypes.join(', ') }

function manifestPath(repository: string, reference: string): string {
  return `${repository}/manifests/${reference}`
}

/** For registries that do not have the method. */
function undefinedIfUnsupported(error: unknown): undefined {
  if (error instanceof RegistryError && (error.status === 405 || error.status === 501)) return undefined
  throw error
}

function undefinedIfMissing(error: unknown): undefined {
  if (isNotFound(error)) return undefined
  throw error
}

function verifyDigest(bytes: Uint8Array, expected: string | null, info: RequestInfo): void {
  if (!isDigest(expected)) return
  const actual = computeDigest(bytes, expected)
  if (actual !== expected) throw protocolError(`the content has the digest ${actual} instead of ${expected}`, info)
}

function sameAlgorithm(a: string, b: string): boolean {
  return a.split(':')[0] === b.split(':')[0]
}
