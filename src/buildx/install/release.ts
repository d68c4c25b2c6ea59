import { asList, asRecord, asText } from '../../lib/json.ts'

/** A machine, by Node's names. */
export interface Machine {
  readonly platform: string
  readonly arch: string
  /** Of a 32-bit ARM processor: what Node itself was built for, `6` or `7`. */
  readonly armVersion?: string
}

const processors: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  linux: { x64: 'amd64', arm64: 'arm64', arm: 'arm-v7', ppc64: 'ppc64le', riscv64: 'riscv64', s390x: 's390x' },
  darwin: { x64: 'amd64', arm64: 'arm64' },
}

/** PURE: how a release of docker/buildx calls its binary for a machine; undefined where it has none. */
export function binaryName(version: string, { platform, arch, armVersion }: Machine): string | undefined {
  const known = Object.hasOwn(processors, platform) ? processors[platform] : undefined
  const processor = known !== undefined && Object.hasOwn(known, arch) ? known[arch] : undefined
  if (processor === undefined) return undefined
  return `buildx-v${version}.${platform}-${processor === 'arm-v7' && armVersion === '6' ? 'arm-v6' : processor}`
}

/** PURE: the digest of a file in a release's `checksums.txt`, as sha256sum writes it; undefined where it has none. */
export function readChecksums(text: string, name: string): string | undefined {
  const lines = text.split('\n').map((line) => /^([0-9a-f]{64}) [ *](\S+)\s*$/.exec(line))
  return lines.find((line) => line?.[2] === name)?.[1]
}

/**
 * PURE: the digest that GitHub took of an asset when it was uploaded (https://docs.github.com/rest/releases/assets);
 * undefined where it tells none.
 */
export function readAssetDigest(release: unknown, name: string): string | undefined {
  const asset = asList(asRecord(release)['assets'])
    .map(asRecord)
    .find((one) => one['name'] === name)
  return /^sha256:([0-9a-f]{64})$/.exec(asText(asset?.['digest']))?.[1]
}

/** PURE: the version in a release's tag; undefined where it is no plain release. */
export function readTagName(release: unknown): string | undefined {
  return /^v(\d+\.\d+\.\d+)$/.exec(asText(asRecord(release)['tag_name']))?.[1]
}
