import { createHash, type Hash } from 'node:crypto'
import { createBackoff } from '../lib/retry.ts'
import { protocolError, RegistryError, type RequestInfo } from './error.ts'
import { blobRetryPolicy } from './http-client.ts'
import type { Bytes, StreamResponse } from './http-stream.ts'
import { requestInfo, send, streamOnce, type Session } from './session.ts'

export interface BlobId {
  readonly digest: string
  /** Bytes. */
  readonly size: number
}

export function blobPath(repository: string, digest: string): string {
  return `${repository}/blobs/${digest}`
}

export async function headBlob(session: Session, repository: string, digest: string): Promise<boolean> {
  const info = requestInfo(session, 'read', repository, digest)
  const path = blobPath(repository, digest)
  const { status } = await send(session, { method: 'HEAD', path, info, allowNotFound: true })
  return status !== 404
}

/** Every this many bytes the state of the digest is stored: the most that is read twice to continue an upload. */
const checkpointInterval = 4 * 1024 * 1024

interface Checkpoint {
  readonly offset: number
  readonly hash: Hash
}

/**
 * Returns a function that reads the blob from an offset on, up to where an earlier call has read it. The last chunk is
 * delivered only if all content has the blob's digest, so an upload of other content stays incomplete.
 *
 * @param isVerifiedThere whether the receiver verifies the digest: from then on it is not computed here
 */
export function readBlob(
  session: Session,
  repository: string,
  blob: BlobId,
  isVerifiedThere: () => boolean = () => false,
): (offset: number) => Bytes {
  const info = requestInfo(session, 'read', repository, blob.digest)
  const checkpoints: Checkpoint[] = [{ offset: 0, hash: createHash(algorithmOf(blob)) }]
  return async function* (start) {
    const from: Partial<Checkpoint> = isVerifiedThere() ? { offset: start } : findCheckpoint(checkpoints, start)
    let { offset = 0 } = from
    let hash = from.hash?.copy()
    if (blob.size === 0) verify(blob, hash, info)
    for await (const chunk of readOn(session, { repository, blob, info }, offset)) {
      offset += chunk.length
      hash = isVerifiedThere() ? undefined : hash?.update(chunk)
      if (hash) addCheckpoint(checkpoints, { offset, hash })
      if (offset === blob.size) verify(blob, hash, info)
      const wanted = chunk.subarray(Math.max(0, start - (offset - chunk.length)))
      if (wanted.length > 0) yield wanted
    }
  }
}

/** The last one up to there. */
function findCheckpoint(checkpoints: readonly Checkpoint[], start: number): Partial<Checkpoint> {
  return checkpoints.findLast(({ offset }) => offset <= start) ?? {}
}

function addCheckpoint(checkpoints: Checkpoint[], { offset, hash }: Checkpoint): void {
  if (offset < (checkpoints.at(-1)?.offset ?? 0) + checkpointInterval) return
  checkpoints.push({ offset, hash: hash.copy() })
}

const algorithmOf = ({ digest }: BlobId): string => digest.split(':')[0] ?? ''

function verify(blob: BlobId, hash: Hash | undefined, info: RequestInfo): void {
  if (!hash) return
  const actual = `${algorithmOf(blob)}:${hash.digest('hex')}`
  if (actual !== blob.digest)
    throw protocolError(`the content has the digest ${actual} instead of ${blob.digest}`, info)
}

interface Reading {
  readonly repository: string
  readonly blob: BlobId
  readonly info: RequestInfo
}

/** The bytes from `start` on, not verified. After a cut it continues where the connection was cut. */
async function* readOn(session: Session, { repository, blob, info }: Reading, start: number): Bytes {
  let offset = start
  let waitAfter = createBackoff({ ...session, policy: blobRetryPolicy })
  let progress = 0
  while (offset < blob.size) {
    try {
      for await (const chunk of await openBlob(session, { repository, blob, info }, offset)) {
        offset += chunk.length
        progress += chunk.length
        if (offset > blob.size)
          throw protocolError(`the content is longer than the ${blob.size} bytes that its image names`, info)
        yield chunk
      }
      if (offset < blob.size) throw shortBlob(info, offset, blob.size)
    } catch (error) {
      // A connection that is cut now and then counts as new after it has moved enough.
      if (progress >= checkpointInterval) waitAfter = createBackoff({ ...session, policy: blobRetryPolicy })
      progress = 0
      await waitAfter(error)
    }
  }
}

function shortBlob({ host, repository, subject }: RequestInfo, received: number, size: number): RegistryError {
  const message = `${subject}: the connection ended after ${received} of ${size} bytes`
  return new RegistryError(message, { kind: 'network', host, repository, transient: true })
}

/** From this many bytes on, another connection costs less than it saves. */
const largeSize = 4 * 1024 * 1024

/** The response from `offset` on; of a registry without support for ranges, what comes before is skipped. */
async function openBlob(session: Session, { repository, blob, info }: Reading, offset: number): Promise<Bytes> {
  const path = blobPath(repository, blob.digest)
  const headers = offset === 0 ? {} : { range: `bytes=${offset}-` }
  const isLarge = blob.size - offset >= largeSize
  const response = await streamOnce(session, { method: 'GET', path, info, headers, isLarge })
  return skip(response.body, offset - firstByte(response, info))
}

/** The position of the first byte of a response. */
function firstByte({ status, headers, body }: StreamResponse, info: RequestInfo): number {
  if (status !== 206) return 0
  const first = /^bytes (\d+)-/.exec(headers.get('content-range') ?? '')?.[1]
  if (first !== undefined) return Number(first)
  void body.return()
  throw protocolError('the registry returned a part of the content without its position', info)
}

async function* skip(body: Bytes, count: number): Bytes {
  let rest = count
  for await (const chunk of body) {
    if (rest < chunk.length) yield chunk.subarray(Math.max(0, rest))
    rest = Math.max(0, rest - chunk.length)
  }
}
