import { asList, asRecord, asText } from './json.ts'

const processors: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64', arm: 'arm-v7', ppc64: 'ppc64le', riscv64: 'riscv64', s390x: 's390x' }

/** PURE: how a release of docker/buildx calls its binary for a processor, by Node's name for that; undefined where it has none. */
export function binaryName(version: string, arch: string): string | undefined {
  const processor = Object.hasOwn(processors, arch) ? processors[arch] : undefined
  return processor === undefined ? undefined : `buildx-v${version}.linux-${processor}`
}

/** PURE: the digest of a file in a release's `checksums.txt`, as sha256sum writes it; undefined where it has none. */
export function readChecksums(text: string, name: string): string | undefined {
  const lines = text.split('\n').map((line) => /^([0-9a-f]{64}) [ *](\S+)\s*$/.exec(line))
  return lines.find((line) => line?.[2] === name)?.[1]
}

/** PURE: the digest that GitHub took of an asset when it was uploaded (https://docs.github.com/rest/releases/assets); undefined where it tells none. */
export function readAssetDigest(release: unknown, name: string): string | undefined {
  const asset = asList(asRecord(release)['assets']).map(asRecord).find((one) => one['name'] === name)
  return /^sha256:([0-9a-f]{64})$/.exec(asText(asset?.['digest']))?.[1]
}

/** PURE: the version in a release's tag; undefined where it is no plain release. */
export function readTagName(release: unknown): string | undefined {
  return /^v(\d+\.\d+\.\d+)$/.exec(asText(asRecord(release)['tag_name']))?.[1]
}
