import { asRecord, asText, tryParseJson } from '../lib/json.ts'
import { openAuthorizer, secretsOf, type Credentials } from './auth.ts'
import { attemptOnce, perform, purposeOf, type Connection } from './connection.ts'
import { digestOf, isDigest } from './digest.ts'
import { protocolError, RegistryError, type Purpose } from './error.ts'
import { listTags } from './list-tags.ts'
import { manifestTypes } from './media-type.ts'
import { checkPush } from './may-push.ts'
import { openOrigin } from './origin.ts'
import { patient, retry, type Pacing } from './retry.ts'
import { openTransport, type Fetch } from './transport.ts'

export { RegistryError, type RegistryErrorKind } from './error.ts'
export type { Credentials } from './auth.ts'

export interface Manifest {
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly mediaType: string
  /** Computed from the bytes. */
  readonly digest: string
}

/**
 * What we need of https://github.com/opencontainers/distribution-spec/blob/main/spec.md; every call throws a
 * `RegistryError`.
 */
export interface RegistryClient {
  /** As in references: `ghcr.io`. */
  readonly registry: string
  getManifest(repository: string, reference: string): Promise<Manifest>
  /** The digest; undefined where there is no such manifest. */
  headManifest(repository: string, reference: string): Promise<string | undefined>
  putManifest(repository: string, reference: string, bytes: Uint8Array<ArrayBuffer>, mediaType: string): Promise<string>
  deleteManifest(repository: string, reference: string): Promise<void>
  /** A small blob, such as an image's configuration. */
  getBlob(repository: string, digest: string): Promise<Uint8Array<ArrayBuffer>>
  headBlob(repository: string, digest: string): Promise<boolean>
  listTags(repository: string): Promise<readonly string[]>
  /** Resolves if this login may push there; leaves nothing. */
  checkPush(repository: string): Promise<void>
  /** Resolves if the registry is there and takes the login. */
  ping(): Promise<void>
}

export interface RegistryOptions {
  readonly registry: string
  readonly credentials?: Credentials
  /** Asks for the right to push along with the right to read, so that one token serves both. */
  readonly willPush?: boolean
  /** Over plain http, also where it is not on this machine. */
  readonly plain?: boolean
  readonly fetch?: Fetch
  readonly signal?: AbortSignal
  /** Hears of every repeated request. */
  readonly log?: (text: string) => void
  readonly pacing?: Partial<Pacing>
}

export function openRegistry(options: RegistryOptions): RegistryClient {
  const { registry, credentials, signal, willPush = false, plain = false, log = () => undefined } = options
  const pacing = { ...patient, ...options.pacing }
  const exchange = openTransport(options.fetch ?? globalThis.fetch, signal)
  const connection: Connection = {
    registry,
    willPush,
    secrets: secretsOf(credentials),
    exchange,
    origin: plain ? () => Promise.resolve(`http://${registry}`) : openOrigin(registry, exchange),
    authorizer: openAuthorizer({ credentials, exchange, now: pacing.now, plain }),
    retrying: { pacing, signal, log },
  }
  return {
    registry,
    getManifest: (repository, reference) => getManifest(connection, repository, reference),
    headManifest: (repository, reference) => headManifest(connection, repository, reference),
    putManifest: (repository, reference, bytes, mediaType) =>
      putManifest(connection, { repository, reference, bytes, mediaType }),
    deleteManifest: (repository, reference) => deleteManifest(connection, repository, reference),
    getBlob: (repository, digest) => getBlob(connection, repository, digest),
    headBlob: async (repository, digest) => {
      const answer = await perform(connection, {
        method: 'HEAD',
        path: `${repository}/blobs/${digest}`,
        purpose: purposeOf(connection, 'read', repository, digest),
        mayMiss: true,
      })
      return answer.status !== 404
    },
    listTags: (repository) => listTags(connection, repository),
    checkPush: (repository) => checkPush(connection, repository),
    ping: async () => {
      await perform(connection, { method: 'GET', path: '', purpose: purposeOf(connection, 'read') })
    },
  }
}

async function getManifest(connection: Connection, repository: string, reference: string): Promise<Manifest> {
  const purpose = purposeOf(connection, 'read', repository, reference)
  const { bytes, headers } = await perform(connection, {
    method: 'GET',
    path: manifestPath(repository, reference),
    headers: { accept: manifestTypes.join(', ') },
    purpose,
  })
  checkDigest(bytes, reference, purpose)
  checkDigest(bytes, headers.get('docker-content-digest'), purpose)
  const type = headers.get('content-type')?.split(';')[0]?.trim() ?? ''
  const mediaType = manifestTypes.includes(type)
    ? type
    : asText(asRecord(tryParseJson(new TextDecoder().decode(bytes)))['mediaType']) || type
  return { bytes, mediaType, digest: digestOf(bytes, reference) }
}

async function headManifest(
  connection: Connection,
  repository: string,
  reference: string,
): Promise<string | undefined> {
  const purpose = purposeOf(connection, 'read', repository, reference)
  const answer = await perform(connection, {
    method: 'HEAD',
    path: manifestPath(repository, reference),
    headers: { accept: manifestTypes.join(', ') },
    purpose,
    mayMiss: true,
  }).catch(ifKnown)
  // Some registries know GET alone.
  if (answer === undefined) return (await getManifest(connection, repository, reference).catch(ifThere))?.digest
  if (answer.status === 404) return undefined
  const digest = answer.headers.get('docker-content-digest')
  // The header is optional:
  // https://github.com/opencontainers/distribution-spec/blob/main/spec.md#checking-if-content-exists-in-the-registry
  if (!isDigest(digest)) return (await getManifest(connection, repository, reference)).digest
  if (isDigest(reference) && sameAlgorithm(digest, reference) && digest !== reference)
    throw protocolError(`the registry says that it holds ${digest} there`, purpose)
  return digest
}

/** Undefined where the registry has no such method. */
function ifKnown(error: unknown): undefined {
  if (error instanceof RegistryError && (error.status === 405 || error.status === 501)) return undefined
  throw error
}

function ifThere(error: unknown): undefined {
  if (error instanceof RegistryError && error.status === 404) return undefined
  throw error
}

interface Upload {
  readonly repository: string
  readonly reference: string
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly mediaType: string
}

async function putManifest(
  connection: Connection,
  { repository, reference, bytes, mediaType }: Upload,
): Promise<string> {
  const purpose = purposeOf(connection, 'push', repository, reference)
  checkDigest(bytes, reference, purpose)
  const { headers } = await perform(connection, {
    method: 'PUT',
    path: manifestPath(repository, reference),
    headers: { 'content-type': mediaType },
    body: bytes,
    purpose,
  })
  checkDigest(bytes, headers.get('docker-content-digest'), purpose)
  return digestOf(bytes, reference)
}

async function deleteManifest(connection: Connection, repository: string, reference: string): Promise<void> {
  const purpose = purposeOf(connection, 'delete', repository, reference)
  await retry(async (attempt) => {
    // An attempt whose answer was lost may have deleted it.
    await attemptOnce(connection, {
      method: 'DELETE',
      path: manifestPath(repository, reference),
      purpose,
      mayMiss: attempt > 1,
    })
  }, connection.retrying)
}

async function getBlob(connection: Connection, repository: string, digest: string): Promise<Uint8Array<ArrayBuffer>> {
  const purpose = purposeOf(connection, 'read', repository, digest)
  const { bytes } = await perform(connection, { method: 'GET', path: `${repository}/blobs/${digest}`, purpose })
  checkDigest(bytes, digest, purpose)
  return bytes
}

function manifestPath(repository: string, reference: string): string {
  return `${repository}/manifests/${reference}`
}

function checkDigest(bytes: Uint8Array, expected: string | null, purpose: Purpose): void {
  if (!isDigest(expected)) return
  const actual = digestOf(bytes, expected)
  if (actual !== expected)
    throw protocolError(`the content has the digest ${actual}, and ${expected} was expected`, purpose)
}

function sameAlgorithm(a: string, b: string): boolean {
  return a.split(':')[0] === b.split(':')[0]
}
