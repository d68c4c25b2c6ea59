import { describe, expect, test } from '@jest/globals'
import { binaryName, parseAssetDigest, parseChecksums, parseTagName } from '../../../../src/buildx/install/release.ts'

const [a, b] = ['0a'.repeat(32), '0b'.repeat(32)]
const name = 'buildx-v0.38.2.linux-amd64'

describe('a release of buildx', () => {
  test.each([
    ['x64', 'amd64'],
    ['arm64', 'arm64'],
    ['arm', 'arm-v7'],
    ['ppc64', 'ppc64le'],
    ['riscv64', 'riscv64'],
    ['s390x', 's390x'],
  ])('the binary for %s', (arch, processor) => {
    expect(binaryName('0.38.2', { platform: 'linux', arch })).toBe(`buildx-v0.38.2.linux-${processor}`)
  })

  test('the binaries for a Mac, and for an older ARM', () => {
    expect(['x64', 'arm64', 'arm'].map((arch) => binaryName('0.38.2', { platform: 'darwin', arch }))).toEqual([
      'buildx-v0.38.2.darwin-amd64',
      'buildx-v0.38.2.darwin-arm64',
      undefined,
    ])
    expect(
      ['6', '7'].map((armVersion) => binaryName('0.38.2', { platform: 'linux', arch: 'arm', armVersion })),
    ).toEqual(['buildx-v0.38.2.linux-arm-v6', 'buildx-v0.38.2.linux-arm-v7'])
    expect(binaryName('0.38.2', { platform: 'linux', arch: 'arm64', armVersion: '6' })).toBe(
      'buildx-v0.38.2.linux-arm64',
    )
  })

  test.each(['mips', 'constructor', ''])('none for %j', (arch) => {
    expect(binaryName('0.38.2', { platform: 'linux', arch })).toBeUndefined()
    expect(binaryName('0.38.2', { platform: arch, arch: 'x64' })).toBeUndefined()
  })

  test.each([
    ['of binaries', `${b} *${name}.sbom.json\n${a} *${name}\n`],
    ['of texts', `${a}  ${name}\n`],
    ['with the line ends of another system', `${a} *${name}\r\n`],
  ])('checksums %s', (_, text) => expect(parseChecksums(text, name)).toBe(a))

  test.each([
    ['of others only', `${a} *${name}.sbom.json`],
    ['cut off', `${a.slice(1)} *${name}`],
    ['that are a page of HTML', `<html>${a} *${name}</html>`],
    ['that are empty', ''],
  ])('no checksum in those %s', (_, text) => expect(parseChecksums(text, name)).toBeUndefined())

  test('the fields of an asset of GitHub', () => {
    const assets = [
      { name: 'checksums.txt', digest: `sha256:${b}` },
      { name, digest: `sha256:${a}` },
    ]
    expect(parseAssetDigest({ tag_name: 'v0.38.2', assets }, name)).toBe(a)
    expect(parseTagName({ tag_name: 'v0.38.2', assets })).toBe('0.38.2')
  })

  test.each([
    [undefined],
    [{}],
    [{ assets: [{ name, digest: null }] }],
    [{ assets: [{ name, digest: `sha512:${a}` }] }],
    [{ assets: [{ name: 'x', digest: `sha256:${a}` }] }],
    [{ assets: 'none' }],
  ])('and what it does not: %j', (release) => {
    expect(parseAssetDigest(release, name)).toBeUndefined()
  })

  test.each([[undefined], [{ tag_name: 'v0.39.0-rc1' }], [{ tag_name: 'latest' }], [{ tag_name: 'v1.2.3/../../x' }]])(
    'no release in %j',
    (release) => expect(parseTagName(release)).toBeUndefined(),
  )
})
