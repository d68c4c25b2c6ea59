import { passes } from './diagnostics.ts'
import type { Parser } from './table.ts'

/** Which buildx to use: any that is installed, the newest release, or exactly one release. */
export type BuildxRequest =
  | { readonly kind: 'any' }
  | { readonly kind: 'latest' }
  /** `digest`: SHA-256 of the binary, in hexadecimal, if it is pinned. */
  | { readonly kind: 'exact'; readonly version: string; readonly digest?: string }

/** Parses `version` of setup-buildx-action, which may also have a digest. */
export const parseBuildxVersion: Parser<BuildxRequest> = (text, fail) => {
  if (text === '' || text === 'latest') return { kind: text === '' ? 'any' : 'latest' }
  const [, version = '', digest] = /^v?(\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?)(?:@sha256:([0-9a-f]{64}))?$/.exec(text) ?? []
  const message =
    'is not a valid version of buildx: write a version such as `v0.30.1`, a version with the digest of its binary ' +
    '(`v0.30.1@sha256:…`) or `latest`, or remove `version`'
  if (!passes(fail, text, [[version === '', message]])) return { kind: 'any' }
  return { kind: 'exact', version, ...(digest !== undefined && { digest }) }
}
