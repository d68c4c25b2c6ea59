import { UserError, errorMessage } from '../../lib/errors.ts'
import { asList, asRecord, asText, tryParseJson } from '../../lib/json.ts'
import { DownloadError, fetchText, type DownloadDeps } from './download.ts'

/** A machine, in the terms of Node. */
export interface Machine {
  readonly platform: string
  readonly arch: string
  /** Of a 32-bit ARM processor: the version that Node itself was built for, `6` or `7`. */
  readonly armVersion?: string
}

export interface ReleaseDeps extends DownloadDeps {
  /** For api.github.com, which allows few requests without one; empty: none. */
  readonly token: string
}

export const releasesPage = 'https://github.com/docker/buildx/releases'
const api = 'https://api.github.com/repos/docker/buildx/releases'
const longestText = 4 * 1024 * 1024

const processors: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  linux: { x64: 'amd64', arm64: 'arm64', arm: 'arm-v7', ppc64: 'ppc64le', riscv64: 'riscv64', s390x: 's390x' },
  darwin: { x64: 'amd64', arm64: 'arm64' },
}

/** PURE: the name of the binary for a machine in a release of docker/buildx; undefined if it has none. */
export function binaryName(version: string, { platform, arch, armVersion }: Machine): string | undefined {
  const known = Object.hasOwn(processors, platform) ? processors[platform] : undefined
  const processor = known !== undefined && Object.hasOwn(known, arch) ? known[arch] : undefined
  if (processor === undefined) return undefined
  return `buildx-v${version}.${platform}-${processor === 'arm-v7' && armVersion === '6' ? 'arm-v6' : processor}`
}

/** The URL of a file of a release. */
export function assetUrl(version: string, name: string): string {
  return `${releasesPage}/download/v${version}/${name}`
}

/** The version of the newest release. @throws Error if it cannot be determined */
export async function fetchLatestVersion(deps: ReleaseDeps): Promise<string> {
  const version = parseTagName(await queryApi('latest', deps))
  if (version === undefined) throw new Error('the response of api.github.com contains no release version')
  return version
}

/**
 * The published SHA-256 of a binary, from `checksums.txt` and from api.github.com: if both are available they must be
 * the same, and one must be.
 *
 * @throws UserError
 */
export async function fetchDigest(version: string, name: string, deps: ReleaseDeps): Promise<string> {
  const errors: unknown[] = []
  const collect = (error: unknown): undefined => {
    deps.signal.throwIfAborted()
    errors.push(error)
  }
  const [listed, recorded] = await Promise.all([
    fetchText(assetUrl(version, 'checksums.txt'), longestText, deps).then(
      (text) => parseChecksums(text, name),
      collect,
    ),
    queryApi(`tags/v${version}`, deps).then((release) => parseAssetDigest(release, name), collect),
  ])
  const digest = listed ?? recorded
  if (digest === undefined) throw noDigest(version, name, errors)
  if (listed !== undefined && recorded !== undefined && listed !== recorded)
    throw new UserError({
      code: 'runner',
      message: `Checksums for ${name} in the buildx ${version} release do not match each other; it was not downloaded`,
      hint: 'A file was changed after the release, or in transit: use another version, and report it to docker/buildx.',
      details: [`checksums.txt:  sha256:${listed}`, `api.github.com: sha256:${recorded}`],
    })
  return digest
}

function noDigest(version: string, name: string, errors: readonly unknown[]): UserError {
  const details = errors.map(errorMessage)
  const access = 'Allow this runner to reach github.com and api.github.com, directly or through HTTPS_PROXY'
  const isUnreachable =
    errors.length > 0 && errors.every((error) => error instanceof DownloadError && error.status === 0)
  return isUnreachable
    ? new UserError({
        code: 'runner',
        message: `This runner cannot reach github.com to download buildx ${version}`,
        hint: `${access}, or install this version of buildx on it.`,
        details,
      })
    : new UserError({
        code: 'runner',
        message: `No checksum found for buildx ${version} (${name}); it was not downloaded`,
        hint:
          `Check that ${releasesPage} lists this version. ${access}, or pin the digest of the binary: ` +
          `\`version: v${version}@sha256:…\`.`,
        details,
      })
}

/** PURE: the digest of a file in a release's `checksums.txt`, as sha256sum writes it; undefined if it is not listed. */
export function parseChecksums(text: string, name: string): string | undefined {
  const lines = text.split('\n').map((line) => /^([0-9a-f]{64}) [ *](\S+)\s*$/.exec(line))
  return lines.find((line) => line?.[2] === name)?.[1]
}

/**
 * PURE: the digest that GitHub computed when an asset was uploaded (https://docs.github.com/rest/releases/assets);
 * undefined if the response has none.
 */
export function parseAssetDigest(release: unknown, name: string): string | undefined {
  const asset = asList(asRecord(release)['assets'])
    .map(asRecord)
    .find((asset) => asset['name'] === name)
  return /^sha256:([0-9a-f]{64})$/.exec(asText(asset?.['digest']))?.[1]
}

/** PURE: the version in a release's tag; undefined for pre-releases and anything else. */
export function parseTagName(release: unknown): string | undefined {
  return /^v(\d+\.\d+\.\d+)$/.exec(asText(asRecord(release)['tag_name']))?.[1]
}

async function queryApi(path: string, deps: ReleaseDeps): Promise<unknown> {
  const { token } = deps
  const headers = {
    accept: 'application/vnd.github+json',
    ...(token !== '' && { authorization: `Bearer ${token}` }),
  }
  return tryParseJson(await fetchText(`${api}/${path}`, longestText, deps, headers))
}
