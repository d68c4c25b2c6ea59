import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { IndexError, assembleIndex } from '../../../src/publish/index.ts'
import { sha256 } from '../registry/server.ts'
import { content, platform, push, type Pushed, type Shape } from './parts.ts'
import { dockerList, dockerManifest, ociIndex, ociManifest } from '../../../src/registry/manifest.ts'

interface Written {
  readonly schemaVersion: number
  readonly mediaType: string
  readonly manifests: {
    digest: string
    size: number
    mediaType: string
    platform: Record<string, unknown>
    annotations?: Record<string, string>
  }[]
  readonly annotations?: Record<string, string>
}

const join = (pushed: readonly Pushed[], annotations: Record<string, string> = {}, order?: readonly string[]) =>
  assembleIndex(
    pushed.map(({ part }) => part),
    annotations,
    order?.map(platform),
  )
const read = (bytes: Uint8Array) => JSON.parse(Buffer.from(bytes).toString()) as Written
const joined = (...pushed: readonly Pushed[]) => read(join(pushed).bytes)

describe('assembleIndex', () => {
  test('images in the requested order, each followed by its attestations', () => {
    const amd64 = push('linux/amd64')
    const arm64 = push('linux/arm64', { attestations: 2 })
    const index = join([amd64, arm64], { b: '2', a: '1' }, ['linux/arm64', 'linux/amd64'])
    const written = read(index.bytes)
    expect(written.manifests.map(({ digest }) => digest)).toEqual([
      arm64.image.digest,
      ...arm64.attestations.map(({ digest }) => digest),
      amd64.image.digest,
      ...amd64.attestations.map(({ digest }) => digest),
    ])
    expect(written).toMatchObject({ schemaVersion: 2, mediaType: ociIndex, annotations: { a: '1', b: '2' } })
    expect(Object.keys(written.annotations ?? {})).toEqual(['a', 'b'])
    expect(index.digest).toBe(sha256(index.bytes))
    expect(index.children.map(({ kind, platform: of }) => `${kind} ${of}`)).toEqual([
      'image linux/arm64',
      'attestation linux/arm64',
      'attestation linux/arm64',
      'image linux/amd64',
      'attestation linux/amd64',
    ])
    expect(written.manifests[1]).toMatchObject({
      mediaType: ociManifest,
      platform: { architecture: 'unknown', os: 'unknown' },
      annotations: {
        'vnd.docker.reference.type': 'attestation-manifest',
        'vnd.docker.reference.digest': arm64.image.digest,
      },
    })
  })

  test('a plain manifest gets its platform from the request', () => {
    const { image, part } = push('linux/arm/v7', { plain: true })
    expect(joined({ ...push('linux/arm/v7'), part }).manifests).toEqual([
      {
        mediaType: ociManifest,
        digest: image.digest,
        size: image.bytes.length,
        platform: { architecture: 'arm', os: 'linux', variant: 'v7' },
      },
    ])
  })

  test('an entry without a platform gets it, too', () => {
    expect(joined(push('linux/amd64', { label: undefined })).manifests[0]?.platform).toEqual({
      architecture: 'amd64',
      os: 'linux',
    })
  })

  test.each([
    ['linux/arm64', { architecture: 'arm64', os: 'linux', variant: 'v8' }],
    ['linux/arm64/v8', { architecture: 'arm64', os: 'linux' }],
    ['linux/arm', { architecture: 'arm', os: 'linux', variant: 'v7' }],
    ['linux/arm/v7', { architecture: 'arm', os: 'linux' }],
    ['linux/amd64/v1', { architecture: 'amd64', os: 'linux' }],
    [
      'windows/amd64',
      { architecture: 'amd64', os: 'windows', 'os.version': '10.0.20348.1', 'os.features': ['win32k'] },
    ],
  ])('%s as BuildKit writes it is kept', (name, label) => {
    expect(joined(push(name, { label })).manifests[0]?.platform).toEqual(label)
  })

  test.each<[string, string, readonly Shape[], Record<string, string>]>([
    ['OCI of Docker parts with annotations', ociIndex, [{ manifestType: dockerManifest, plain: true }], { a: '1' }],
    ['OCI of mixed parts', ociIndex, [{ manifestType: dockerManifest, plain: true }, {}], {}],
    ['OCI of an attested Docker part', ociIndex, [{ manifestType: dockerManifest, indexType: dockerList }], {}],
    [
      "Docker's list of Docker parts",
      dockerList,
      [
        { manifestType: dockerManifest, plain: true },
        { manifestType: dockerManifest, indexType: dockerList, attestations: 0 },
      ],
      {},
    ],
  ])('%s', (_, expected, shapes, annotations) => {
    const index = join(
      shapes.map((shape, number) => push(['linux/amd64', 'linux/arm64'][number] ?? '', shape)),
      annotations,
    )
    expect(index.mediaType).toBe(expected)
    expect(read(index.bytes).mediaType).toBe(expected)
  })
})

describe('assembleIndex rejects', () => {
  const refused = (pushed: readonly Pushed[], order?: readonly string[]) => {
    try {
      join(pushed, {}, order)
    } catch (error) {
      expect(error).toBeInstanceOf(IndexError)
      return (error as Error).message
    }
    return 'nothing was refused'
  }
  const changed = (change: (manifests: Record<string, unknown>[]) => unknown) =>
    push('linux/amd64', {
      change: (index) => ({ ...index, manifests: change(index['manifests'] as Record<string, unknown>[]) }),
    })

  test.each([
    [
      'another platform',
      push('linux/arm64', { label: { os: 'linux', architecture: 'amd64' } }),
      'linux/arm64: sha256:.* has an image for linux/amd64: the last stage',
    ],
    [
      'another variant',
      push('linux/arm/v7', { label: { os: 'linux', architecture: 'arm', variant: 'v6' } }),
      'has an image for linux/arm/v6',
    ],
    [
      'an unknown platform',
      push('linux/amd64', { label: { os: 'unknown', architecture: 'unknown' } }),
      'has an image for unknown/unknown',
    ],
    [
      'a deeper index',
      changed(([, image]) => [{ ...image, mediaType: ociIndex }]),
      'only image manifests are supported',
    ],
    ['two images', changed(([, image]) => [image, { ...image, digest: sha256('x') }]), 'has 2 images'],
    ['no image', changed(([attestation]) => [attestation]), 'has 0 images'],
    ['no list', changed(() => 'x'), 'has 0 images'],
    [
      'an attestation of another image',
      changed(([attestation, image]) => [
        image,
        {
          ...attestation,
          annotations: {
            'vnd.docker.reference.type': 'attestation-manifest',
            'vnd.docker.reference.digest': sha256('x'),
          },
        },
      ]),
      'does not refer to the image',
    ],
    [
      'the same attestation twice',
      changed(([attestation, image]) => [image, attestation, attestation]),
      'has the same attestation',
    ],
    ['a wrong digest', changed(([, image]) => [{ ...image, digest: 'sha256:../..' }]), 'cannot be parsed'],
    ['a wrong size', changed(([, image]) => [{ ...image, size: -1 }]), 'cannot be parsed'],
    ['wrong annotations', changed(([, image]) => [{ ...image, annotations: { a: 1 } }]), 'cannot be parsed'],
    ['an entry that is not an object', changed(() => [null]), 'cannot be parsed'],
    [
      'another schema',
      push('linux/amd64', { change: (index) => ({ ...index, schemaVersion: 1 }) }),
      'is not a valid image manifest or index',
    ],
    [
      'a media type of its own',
      push('linux/amd64', { change: (index) => ({ ...index, mediaType: dockerList }) }),
      'and has the media type',
    ],
  ])('%s', (_, pushed, message) => {
    expect(refused([pushed])).toMatch(new RegExp(message))
  })

  test('content that does not match its digest, and content that is not a manifest', () => {
    const { part } = push('linux/amd64')
    const refusedPart = (change: Partial<typeof part>) =>
      refused([{ ...push('linux/amd64'), part: { ...part, ...change } }])
    expect(refusedPart({ digest: sha256('x') })).toContain('has the digest')
    expect(refusedPart(content({ schemaVersion: 2 }, 'text/plain'))).toContain('text/plain')
    expect(refusedPart(content('text', ociIndex))).toContain('is not a valid image manifest or index')
  })

  test('platforms that are missing, too many or named twice', () => {
    const [amd64, arm64] = [push('linux/amd64'), push('linux/arm64')]
    expect(refused([amd64], ['linux/amd64', 'linux/arm64'])).toBe('linux/arm64: was requested, but not built')
    expect(refused([amd64, arm64], ['linux/amd64'])).toBe('linux/arm64: was built, but not requested')
    expect(refused([amd64, amd64], ['linux/amd64'])).toBe('linux/amd64: was built twice')
    expect(refused([amd64], ['linux/amd64', 'linux/amd64'])).toContain('requested twice')
    expect(refused([])).toBe('no platform was built')
  })
})

describe('any index', () => {
  const names = [
    'linux/amd64',
    'linux/amd64/v2',
    'linux/arm64',
    'linux/arm/v6',
    'linux/arm/v7',
    'linux/386',
    'linux/riscv64',
    'linux/s390x',
    'windows/amd64',
  ]
  const parts = fc
    .uniqueArray(fc.constantFrom(...names), { minLength: 1 })
    .chain((chosen) =>
      fc.tuple(
        ...chosen.map((name) =>
          fc.record({ plain: fc.boolean(), attestations: fc.nat(3) }).map((shape) => push(name, shape)),
        ),
      ),
    )
  const annotations = fc.dictionary(fc.stringMatching(/^[a-z.]{1,9}$/), fc.string())

  test('its children are those of its parts, and nothing else', () => {
    fc.assert(
      fc.property(parts, annotations, (pushed, given) => {
        const expected = pushed.flatMap(({ part, image, attestations }) =>
          [image, ...(part.digest === image.digest ? [] : attestations)].map(({ digest }) => digest),
        )
        const written = read(join(pushed, given).bytes)
        expect(written.manifests.map(({ digest }) => digest).sort()).toEqual([...expected].sort())
        expect(written.annotations ?? {}).toEqual(Object.fromEntries(Object.entries(given)))
      }),
    )
  })

  test('the order of the parts and of the annotations does not matter if an order is requested', () => {
    const shuffled = parts.chain((pushed) =>
      fc.tuple(fc.constant(pushed), fc.shuffledSubarray(pushed, { minLength: pushed.length })),
    )
    fc.assert(
      fc.property(shuffled, annotations, ([pushed, mixed], given) => {
        const order = pushed.map(({ part }) => part.platform)
        const reversed = Object.fromEntries(Object.entries(given).reverse())
        expect(join(mixed, reversed, order).digest).toBe(join(pushed, given, order).digest)
        expect(join(pushed, given).digest).toBe(join(pushed, given, order).digest)
      }),
    )
  })
})
