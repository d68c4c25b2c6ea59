import { readFileSync } from 'node:fs'
import { expect, test } from '@jest/globals'
import { load } from 'js-yaml'
import { renderOutputs, renderVariables } from '../../../src/report/outputs.ts'
import { createRunReport } from '../../../src/report/run-report.ts'
import { digest, testResult } from './reports.ts'

const outputsOf = (names: readonly string[], push = true) =>
  renderOutputs(createRunReport(testResult(names, push), 1000))
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
    { variant: '', image: `ghcr.io/acme/app@${digest('index ')}`, digest: digest('index '), tags, platforms },
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
  expect(renderVariables(createRunReport(testResult(['']), 0).variants)).toMatchObject({
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
  const outputs = renderOutputs(createRunReport({ ...result, published: [published] }, 1000))
  expect(outputs['tags']?.split('\n').slice(3)).toEqual(['quay.io/acme/app:1.2.3', 'docker.io/acme/app:1.2.3'])
  const common = { variant: '', digest: image.digest, platforms: parse(outputs['digests']) }
  expect((parse(outputs['results']) as unknown[]).slice(1)).toEqual([
    { ...common, image: `quay.io/acme/app@${image.digest}`, tags: ['quay.io/acme/app:1.2.3'] },
    { ...common, image: `docker.io/acme/app@${image.digest}`, tags: ['docker.io/acme/app:1.2.3'], required: false },
    { ...common, image: 'public.ecr.aws/acme/app', tags: [], required: false, failure: 'denied' },
  ])
})
