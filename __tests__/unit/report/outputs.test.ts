import { readFileSync } from 'node:fs'
import { expect, test } from '@jest/globals'
import { load } from 'js-yaml'
import { renderOutputs, renderVariables } from '../../../src/report/outputs.ts'
import { schemaErrors } from '../fixtures/results-schema.ts'
import { content, digest, reportOf, testResult, withTests } from './reports.ts'

const outputsOf = (names: readonly string[], push = true) => renderOutputs(reportOf(testResult(names, push), 1000))
const parse = (text = ''): unknown => JSON.parse(text)

test('every output of action.yml is set, and no other', () => {
  const { outputs } = load(readFileSync('action.yml', 'utf8')) as { outputs: Record<string, unknown> }
  expect(Object.keys(outputsOf([''])).sort()).toEqual(Object.keys(outputs).sort())
})

test('the outputs of one image', () => {
  const outputs = outputsOf([''])
  const platforms = { 'linux/amd64': digest('linux-amd64'), 'linux/arm64': digest('linux-arm64') }
  const tags = ['ghcr.io/acme/app:1.2.3', 'ghcr.io/acme/app:1.2', 'ghcr.io/acme/app:latest']
  expect(outputs).toMatchObject({
    digest: digest('index '),
    image: `ghcr.io/acme/app@${digest('index ')}`,
    tags: tags.join('\n'),
    version: '1.2.3',
    'tag-names': '1.2.3\n1.2\nlatest',
    labels: 'maintainer=me',
    builder: 'mab-1',
    'buildx-config': '/run/buildx',
    name: 'mab-1',
    driver: 'docker-container',
    platforms: 'linux/amd64,linux/arm64',
  })
  expect(parse(outputs['digests'])).toEqual(platforms)
  expect(parse(outputs['results'])).toEqual([
    {
      variant: '',
      image: `ghcr.io/acme/app@${digest('index ')}`,
      digest: digest('index '),
      tags,
      platforms,
      content: [
        { platform: 'linux/amd64', ...content },
        { platform: 'linux/arm64', ...content },
      ],
      targets: [
        expect.objectContaining({ platform: 'linux/amd64' }),
        {
          platform: 'linux/arm64',
          digest: digest('linux-arm64'),
          size: 28_000_000,
          node: 'arm',
          emulated: false,
          fallback: null,
          previous: null,
          attempts: 1,
          seconds: {
            queue: 1,
            boot: 1,
            context: 0.1,
            cacheImport: null,
            build: 63.3,
            export: 2,
            push: 1.5,
            cacheExport: null,
            test: null,
            total: 65.4,
          },
          steps: { total: 5, cached: 2 },
          bytes: { context: 1200, pulled: 4_000_000, pushed: null },
        },
      ],
    },
  ])
  expect(parse(outputs['metadata'])).toEqual({
    'buildx.build.ref': 'ref-linux-amd64',
    'containerimage.digest': digest('index '),
    'containerimage.descriptor': {
      mediaType: 'application/vnd.oci.image.index.v1+json',
      digest: digest('index '),
      size: 711,
    },
    'image.name': tags.join(','),
    platforms: {
      'linux/amd64': { 'buildx.build.ref': 'ref-linux-amd64' },
      'linux/arm64': { 'buildx.build.ref': 'ref-linux-arm64' },
    },
  })
})

test('with several variants, `results` and `metadata` describe all, the others the first', () => {
  const outputs = outputsOf(['slim', 'full'])
  expect(outputs['digest']).toBe(digest('index slim'))
  expect(outputs['version']).toBe('1.2.3')
  expect(outputs['tags']?.split('\n')).toHaveLength(6)
  expect((parse(outputs['results']) as { variant: string }[]).map(({ variant }) => variant)).toEqual(['slim', 'full'])
  expect(Object.keys(parse(outputs['metadata']) as object)).toEqual(['slim', 'full'])
})

test('platforms are in the order of the inputs, whichever group ends first', () => {
  const { metadata = '', digests = '' } = outputsOf([''])
  const { platforms } = parse(metadata) as { platforms: object }
  expect(Object.keys(platforms)).toEqual(['linux/amd64', 'linux/arm64'])
  expect(Object.keys(parse(digests) as object)).toEqual(['linux/amd64', 'linux/arm64'])
})

test('without a push, the image is described and its digest is empty', () => {
  const { digest, image, tags, results, metadata, version } = outputsOf([''], false)
  expect({ digest, image, tags, results, metadata, version }).toEqual({
    digest: '',
    image: '',
    tags: '',
    results: '[]',
    metadata: '{}',
    version: '1.2.3',
  })
})

test('the variables of docker/metadata-action', () => {
  expect(renderVariables(reportOf(testResult(['']), 0).variants)).toMatchObject({
    DOCKER_METADATA_OUTPUT_VERSION: '1.2.3',
    DOCKER_METADATA_OUTPUT_TAG_NAMES: '1.2.3\n1.2\nlatest',
    DOCKER_METADATA_OUTPUT_LABELS: 'maintainer=me',
  })
})

test('`results` has an entry per repository, mirrors last; a mirror that failed has its reason', () => {
  const result = testResult([''])
  const [image] = result.published
  if (!image) throw new Error('nothing was published')
  const mirror = (registry: string) => ({ registry, path: 'acme/app' })
  const published = {
    ...image,
    images: [...image.images, `quay.io/acme/app@${image.digest}`],
    tags: [...image.tags, { ...mirror('quay.io'), tag: '1.2.3' }],
    mirrors: [
      { repository: mirror('docker.io'), tags: [{ ...mirror('docker.io'), tag: '1.2.3' }] },
      { repository: mirror('public.ecr.aws'), tags: [], failure: 'denied' },
    ],
  }
  const outputs = renderOutputs(reportOf({ ...result, published: [published] }, 1000))
  expect(outputs['tags']?.split('\n').slice(3)).toEqual(['quay.io/acme/app:1.2.3', 'docker.io/acme/app:1.2.3'])
  const [{ targets, content: checked } = {}] = parse(outputs['results']) as { targets?: unknown; content?: unknown }[]
  const common = { variant: '', digest: image.digest, platforms: parse(outputs['digests']), targets }
  expect(schemaErrors(outputs['results'] ?? '')).toEqual([])
  expect((parse(outputs['results']) as unknown[]).slice(1)).toEqual([
    { ...common, image: `quay.io/acme/app@${image.digest}`, tags: ['quay.io/acme/app:1.2.3'], content: checked },
    { ...common, image: `docker.io/acme/app@${image.digest}`, tags: ['docker.io/acme/app:1.2.3'], required: false },
    { ...common, image: 'public.ecr.aws/acme/app', tags: [], required: false, failure: 'denied' },
  ])
})

test('docs/results.schema.json describes every field, and rejects an undescribed or missing one', () => {
  const [entry] = parse(outputsOf([''])['results']) as { targets: Record<string, unknown>[] }[]
  const [target] = entry?.targets ?? []
  const change = (fields: Record<string, unknown>) =>
    JSON.stringify([{ ...entry, targets: [{ ...target, ...fields }] }])
  expect(schemaErrors(change({}))).toEqual([])
  expect(schemaErrors(change({ attempts: 0 }))).toEqual(['/0/targets/0/attempts must be >= 1'])
  expect(schemaErrors(change({ digest: '' }))).toHaveLength(1)
  expect(schemaErrors(change({ other: 1 }))).toEqual(['/0/targets/0 must NOT have additional properties'])
  for (const name of Object.keys(target ?? {}))
    expect(schemaErrors(change({ [name]: undefined }))).toEqual([`/0/targets/0 must have required property '${name}'`])
})

const testsIn = (text = '') =>
  (parse(text) as { targets: { seconds: { test: number }; test: { output: string } }[] }[]).flatMap(({ targets }) =>
    targets.map(({ seconds, test }) => [seconds.test, test.output] as const),
  )

test('the output of tests is in `results`', () => {
  const { results = '' } = renderOutputs(reportOf(withTests(testResult(['']), 'fine\n'), 1000))
  expect(schemaErrors(results)).toEqual([])
  expect(testsIn(results)).toEqual([
    [1.2, 'fine\n'],
    [1.2, 'fine\n'],
  ])
})

test.each([
  ['an image', false, 64],
  ['a part of a split build', true, 2],
])('long output of tests is shortened: all platforms of %s share its limit', (_, isPart, kibibytes) => {
  const long = Array.from({ length: 40_000 }, (_, index) => `line ${index}\n`).join('')
  const { results } = renderOutputs(reportOf({ ...withTests(testResult(['']), long), isPart }, 1000))
  const outputs = testsIn(results).map(([, output]) => output)
  const sizes = outputs.map((output) => Buffer.byteLength(output))
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(kibibytes * 1024 + 200)
  expect(Math.min(...sizes)).toBeGreaterThan(kibibytes * 256)
  for (const output of outputs)
    expect(output).toMatch(/^\[Only the end of the output; the log has more\]\nline \d+\n[^]*line 39999\n$/)
})
