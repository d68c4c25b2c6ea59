import { shorten, type IssueSink } from '../lib/issues.ts'

/** Which buildx the author wants: whichever is there, the newest release, or one release and no other. */
export type BuildxWish =
  | { readonly kind: 'any' }
  | { readonly kind: 'latest' }
  /** `digest`: SHA-256 of the binary, in hexadecimal, where the author pins it. */
  | { readonly kind: 'exact'; readonly version: string; readonly digest?: string }

/** Reads `version` of setup-buildx-action, to which a digest may be added. */
export function readBuildxVersion(text: string, report: IssueSink): BuildxWish {
  if (text === '') return { kind: 'any' }
  if (text === 'latest') return { kind: 'latest' }
  const [, version, digest] = /^v?(\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?)(?:@sha256:([0-9a-f]{64}))?$/.exec(text) ?? []
  if (version !== undefined) return { kind: 'exact', version, ...(digest !== undefined && { digest }) }
  report({
    input: 'version',
    given: shorten(text),
    expected:
      'is no release of buildx: write `v0.30.1`, for example, `v0.30.1@sha256:…` with the digest of its binary, or `latest`; or leave it out',
  })
  return { kind: 'any' }
}
