import { describe, expect, test } from '@jest/globals'
import type { UserError } from '../../../src/lib/errors.ts'
import type { ContentReport } from '../../../src/publish/content.ts'
import { publish } from '../../../src/publish/publish.ts'
import { publishParts } from '../../../src/publish/parts.ts'
import { dockerManifest } from '../../../src/registry/manifest.ts'
import { event } from '../fixtures/job.ts'
import { testNode, testVariant } from '../fixtures/nodes.ts'
import { user, type FakeRegistry } from '../registry/server.ts'
import { platform, push, withPushed, type Shape } from './parts.ts'

const node = testNode('a', ['linux/amd64', 'linux/arm64'])
const provenance = 'https://slsa.dev/provenance/v0.2'
const spdx = 'https://spdx.dev/Document'
const asked = { provenance: 'mode=max', attests: ['type=sbom'] }
const none = { provenance: '', attests: [] }
const withLabels = (labels: Record<string, string>) => ({
  config: { os: 'linux', architecture: 'arm64', rootfs: {}, config: { Labels: labels } },
})

type Variant = Parameters<typeof testVariant>[1]

interface Case {
  /** Of the image for linux/arm64. */
  readonly shape?: Shape
  readonly variant?: Variant
  readonly settings?: typeof asked
}

const level = { level: 'manifest' } as const
const arm = { ...level, platform: platform('linux/arm64') }

/** Publishes an image with the shape: as a whole image, or as the part of a split build. */
async function publishBoth(kind: 'image' | 'parts', { shape, variant, settings = none }: Case, name = '') {
  const pushed = push('linux/arm64', { predicates: [], attestations: 0, ...shape })
  let failure: UserError | undefined
  let content: ContentReport | undefined
  let tags = 0
  await withPushed([pushed], async (_, registry: FakeRegistry) => {
    const log = () => undefined
    const images = [{ registry: registry.host, path: 'acme/app' }]
    const one = testVariant(name, { images, tags: images.map((image) => ({ ...image, tag: '1.0' })), ...variant })
    const target = { id: 'arm64', variant: one, platform: pushed.part.platform, node }
    const request = {
      variants: [one],
      built: [{ target, digest: pushed.part.digest }],
      settings,
      journal: { note: log },
      signal: new AbortController().signal,
      registries: { fetch: globalThis.fetch, credentials: () => Promise.resolve(user), log },
    }
    const lines = { info: log, line: log, warn: log, debug: log, annotate: log, lines: log }
    const forImage = { targets: [target], nonce: '1', ephemeral: false, log: lines, isEphemeral: () => false }
    const publishing =
      kind === 'image'
        ? publish({ ...request, ...forImage })
        : publishParts({ ...request, event, key: 'mab-0000000001' })
    failure = await publishing.then(
      ([published]) => void (content = published?.platforms[0]?.content),
      (error: unknown) => error as UserError,
    )
    tags = registry.tags.size
  })
  return { failure, tags, content }
}

const refused: Record<string, Case & { readonly headline: string; readonly detail: string }> = {
  'a label with another value': {
    variant: { labels: { a: '1', b: '2' } },
    shape: withLabels({ a: '1', b: '3' }),
    headline: 'label `b` has another value',
    detail: 'label `b`: `2` is requested, the image has `3`',
  },
  'a label that is missing, and another one': {
    variant: { labels: { a: '1', b: '2', c: '3' } },
    shape: withLabels({ a: '1' }),
    headline: 'label `b` is missing, and 1 more',
    detail: 'label `b`: `2` is requested, the image does not have it',
  },
  'a requested label of the image specification': {
    variant: { labels: { 'org.opencontainers.image.title': 'x', 'org.opencontainers.image.version': '1' } },
    shape: withLabels({ 'org.opencontainers.image.version': '1', 'org.opencontainers.image.title': 'ubuntu' }),
    headline: 'label `org.opencontainers.image.title` has another value',
    detail: 'label `org.opencontainers.image.title`: `x` is requested, the image has `ubuntu`',
  },
  'an annotation of this platform': {
    variant: {
      annotations: [
        { ...level, key: 'a', value: '1' },
        { ...arm, key: 'a', value: '2' },
      ],
    },
    shape: { annotations: { a: '1' } },
    headline: 'annotation `a` has another value',
    detail: 'annotation `a`: `2` is requested, the image has `1`',
  },
  'no SBOM': {
    settings: asked,
    shape: { attestations: 1, predicates: [provenance] },
    headline: 'the attestation `sbom` is missing',
    detail: `\`sbom\` is requested, and the attestations are: ${provenance}`,
  },
  'no attestation at all': {
    settings: asked,
    headline: 'the attestation `provenance` is missing, and 1 more',
    detail: '`provenance` is requested, and the attestations are: none',
  },
  'an image alone, without its attestations': {
    settings: { ...none, provenance: 'mode=min,inline-only=true' },
    shape: { plain: true },
    headline: 'the attestation `provenance` is missing',
    detail: '`provenance` is requested, and the attestations are: none',
  },
  'an attestation that is not requested': {
    shape: { attestations: 1, predicates: [provenance] },
    headline: 'has attestations that are not requested',
    detail: '`provenance` and `sbom` request no attestation, and the image index has `unknown/unknown` entries',
  },
}

/** What `results` says about it: requested and found labels and annotations, and the attestations. */
const nothing = { labels: [0, 0], annotations: [0, 0], requested: [], found: [] } as const
const attested = { ...nothing, requested: ['provenance', 'sbom'], found: ['provenance', 'sbom'] } as const

interface Accepted extends Case {
  readonly report?: Partial<Record<keyof typeof nothing, readonly (number | string)[]>>
}

const accepted: Record<string, Accepted> = {
  'labels of the base image': {
    variant: { labels: { a: '1' } },
    shape: withLabels({ a: '1', b: '2' }),
    report: { labels: [1, 1] },
  },
  'generated labels that the frontend ignores': {
    variant: { labels: { 'org.opencontainers.image.version': '1', 'org.opencontainers.image.source': 'x' } },
    shape: withLabels({ 'org.opencontainers.image.version': '24.04' }),
    report: { labels: [2, 0] },
  },
  'another normal form of Unicode': {
    variant: { labels: { a: 'cafe\u0301' }, annotations: [{ ...level, key: 'a', value: 'cafe\u0301' }] },
    shape: { ...withLabels({ a: 'caf\u00e9' }), annotations: { a: 'caf\u00e9' } },
    report: { labels: [1, 1], annotations: [1, 1] },
  },
  'annotations of other levels and platforms': {
    variant: {
      annotations: [
        { level: 'index', key: 'a', value: '1' },
        { level: 'manifest-descriptor', key: 'a', value: '1' },
        { ...level, platform: platform('linux/amd64'), key: 'a', value: '1' },
      ],
    },
    shape: { annotations: { 'org.example.base': '1' } },
  },
  'Docker’s media type, which has no annotations': {
    variant: { annotations: [{ ...level, key: 'a', value: '1' }] },
    shape: { manifestType: dockerManifest, plain: true },
    report: { annotations: [1, 0] },
  },
  'provenance and SBOM': {
    settings: asked,
    shape: { attestations: 1, predicates: [spdx, provenance] },
    report: attested,
  },
  'an SBOM of another format': {
    settings: asked,
    shape: { attestations: 1, predicates: ['https://cyclonedx.org/bom', provenance] },
    report: attested,
  },
  'no layers, for which BuildKit creates no attestation': {
    settings: asked,
    shape: { layers: null },
    report: { requested: ['provenance', 'sbom'] },
  },
  'attestations that are disabled': { settings: { provenance: 'disabled=1', attests: ['type=sbom,disabled=1'] } },
}

describe.each(['image', 'parts'] as const)('the content of an image, published as %s', (kind) => {
  test.each(Object.entries(refused))('is refused before any tag is updated: %s', async (_, given) => {
    const { failure, tags } = await publishBoth(kind, given)
    expect(failure?.message).toBe(`linux/arm64: ${given.headline}`)
    expect(failure?.details).toContain(given.detail)
    expect(failure?.hint).toMatch(/^No tag was updated/)
    expect(tags).toBe(0)
  })

  test.each(Object.entries(accepted))('is accepted: %s', async (_, given) => {
    const { failure, tags, content } = await publishBoth(kind, given)
    expect(failure).toBeUndefined()
    expect(tags).toBe(1)
    const { labels, annotations, requested, found } = { ...nothing, ...given.report }
    const compared = (counts: readonly unknown[]) => ({ requested: counts[0], found: counts[1] })
    const attestations = { requested, found }
    expect(content).toEqual({ labels: compared(labels), annotations: compared(annotations), attestations })
  })
})

test('a headline has at most 100 characters', async () => {
  const labels = Object.fromEntries(Array.from({ length: 30 }, (_, index) => [`${'k'.repeat(200)}${index}`, 'x']))
  const variant = { labels }
  const { failure } = await publishBoth('image', { variant, shape: withLabels({}) }, 'v'.repeat(63))
  expect(failure?.message).toMatch(/^linux\/arm64 v+…: label `k+…` is missing, and 29 more$/)
  expect(failure?.message.length).toBeLessThanOrEqual(100)
})
