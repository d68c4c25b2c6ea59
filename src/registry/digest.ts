import { createHash } from 'node:crypto'

/**
 * `sha256:…`, or `sha512:…` where the digest to compare with is one
 * (https://github.com/opencontainers/image-spec/blob/main/descriptor.md#digests).
 */
export function digestOf(bytes: Uint8Array, like = 'sha256:'): string {
  const algorithm = like.startsWith('sha512:') ? 'sha512' : 'sha256'
  return `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`
}

export function isDigest(text: unknown): text is string {
  return typeof text === 'string' && /^(sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128})$/.test(text)
}
