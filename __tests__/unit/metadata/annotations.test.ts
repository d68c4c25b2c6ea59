import { describe, expect, test } from '@jest/globals'
import { annotationsAt, formatAnnotation } from '../../../src/metadata/annotations.ts'
import type { Env } from '../../../src/lib/lists.ts'
import { metadataVariables, renderMetadata } from '../../../src/metadata/outputs.ts'
import type { InputIssue } from '../../../src/lib/issues.ts'
import { parseImageMetadata } from '../../../src/metadata/image-metadata.ts'
import { parsePlatform } from '../../../src/lib/platform.ts'
import { eventOf, metadataInputs } from './rules/evaluate.cases.ts'

const about = {
  title: 'Hello-World',
  description: 'This your first repo!',
  url: 'https://github.com/octocat/Hello-World',
  license: 'MIT',
}
const oci = (name: string): string => `org.opencontainers.image.${name}`
const generated = {
  [oci('created')]: '2020-01-09T22:15:45.123Z',
  [oci('description')]: about.description,
  [oci('licenses')]: 'MIT',
  [oci('revision')]: '860c1904a1ce19322e91ac35af1ab07466440c37',
  [oci('source')]: about.url,
  [oci('title')]: about.title,
  [oci('url')]: about.url,
  [oci('version')]: '1.2.3',
}

function parse(inputs: Readonly<Record<string, string>> = {}, env: Env = {}, change: object = {}) {
  const issues: InputIssue[] = []
  const event = { ...eventOf('tag v1.2.3'), repositoryMetadata: about, ...change }
  return {
    ...parseImageMetadata({
      ...metadataInputs(inputs),
      env,
      event,
      report: (issue) => issues.push(issue),
    }),
    issues,
  }
}

describe('labels', () => {
  test('generated from the event, the same whenever the image is built', () => {
    expect(parse().labels({}, '')).toEqual(generated)
    expect(parse({}, {}, { now: new Date() }).labels({}, '')).toEqual(generated)
  })

  test('the version has the suffix of the variant', () => {
    expect(parse().labels({}, '-slim')[oci('version')]).toBe('1.2.3-slim')
  })

  test.each<[string, object, Env, object]>([
    ['SOURCE_DATE_EPOCH', {}, { SOURCE_DATE_EPOCH: '1000000000' }, { [oci('created')]: '2001-09-09T01:46:40.000Z' }],
    [
      'the commit of a pull request',
      { name: 'pull_request', headSha: 'abc' },
      { DOCKER_METADATA_PR_HEAD_SHA: 'true' },
      { [oci('revision')]: 'abc' },
    ],
  ])('%s', (_, change, env, expected) => {
    expect(parse({}, env, change).labels({}, '')).toMatchObject(expected)
  })

  test('absent values are omitted', () => {
    const labels = parse(
      {},
      {},
      { commitDate: undefined, repositoryMetadata: { ...about, description: '', license: '' } },
    ).labels({}, '')
    expect(Object.keys(labels)).toEqual(['revision', 'source', 'title', 'url', 'version'].map(oci))
  })

  test('requested labels override generated ones; an empty one removes it', () => {
    const labels = parse().labels({ [oci('title')]: 'Mine', [oci('licenses')]: '', maintainer: 'me', empty: '' }, '')
    const rest = Object.entries(generated).filter(([key]) => key !== oci('licenses'))
    expect(labels).toEqual({ ...Object.fromEntries(rest), [oci('title')]: 'Mine', maintainer: 'me', empty: '' })
  })

  test('expressions are expanded; templates of other tools stay', () => {
    const labels = parse().labels(
      { a: "{{tag}} {{commit_date 'YYYY'}}", b: '{{.Names}} {{unknown}} {{ if x }}', c: 'PathPrefix(`/{{branch}}`)' },
      '',
    )
    expect(labels).toMatchObject({ a: 'v1.2.3 2020', b: '{{.Names}} {{unknown}} {{ if x }}', c: 'PathPrefix(`/`)' })
  })
})

describe('annotations', () => {
  const at = (text: string, env: Env = {}) => parse({ annotations: text }, env)
  const own = (text: string, env: Env = {}) =>
    at(text, env)
      .annotations('')
      .filter(({ key }) => !key.startsWith('org.'))

  test('generated annotations are set on the image manifests, or on the levels of the variable', () => {
    expect(at('').annotations('').map(formatAnnotation)).toEqual(
      Object.entries(generated).map(([key, value]) => `manifest:${key}=${value}`),
    )
    const both = at('', { DOCKER_METADATA_ANNOTATIONS_LEVELS: 'manifest, index' }).annotations('')
    expect([
      annotationsAt(both, 'index'),
      annotationsAt(both, 'manifest'),
      annotationsAt(both, 'manifest-descriptor'),
    ]).toEqual([generated, generated, {}])
  })

  test.each<[string, readonly string[]]>([
    ['a=1', ['manifest:a=1']],
    ['index:a=1', ['index:a=1']],
    ['manifest,index:a=1', ['manifest:a=1', 'index:a=1']],
    [
      'manifest[linux/amd64],manifest-descriptor[linux/arm64/v8]:a=1',
      ['manifest[linux/amd64]:a=1', 'manifest-descriptor[linux/arm64]:a=1'],
    ],
    ['index-descriptor:a=1', ['index-descriptor:a=1']],
    ['index:a=b:c=d', ['index:a=b:c=d']],
    ['a=https://example.com/?x=1', ['manifest:a=https://example.com/?x=1']],
    ['a=1\na=2', ['manifest:a=2']],
    ['"a=one, ""two"""', ['manifest:a=one, "two"']],
    ['a=', ['manifest:a=']],
    ['name=a,value=b', ['manifest:a=b']],
    ['name=index:a,value="b,c"', []],
    ['name=index:a,"value=b,c",enable=true', ['index:a=b,c']],
    ['name=a,value=b,enable=false', []],
    ['a={{tag}}-{{sha}}', ['manifest:a=v1.2.3-860c190']],
  ])('%j', (text, expected) => {
    expect(own(text).map(formatAnnotation)).toEqual(expected)
  })

  test('requested annotations override generated ones of the same level', () => {
    const all = parse({
      annotations: `index:${oci('title')}=Index\n${oci('title')}=Mine\n${oci('url')}=`,
    }).annotations('')
    expect(annotationsAt(all, 'manifest')).toMatchObject({ [oci('title')]: 'Mine' })
    expect(annotationsAt(all, 'manifest')).not.toHaveProperty([oci('url')])
    expect(annotationsAt(all, 'index')).toEqual({ [oci('title')]: 'Index' })
  })

  test('an annotation of one platform wins over one of all platforms, in any order', () => {
    const all = own('manifest[linux/arm64]:a=arm\nmanifest:a=all')
    expect(annotationsAt(all, 'manifest', parsePlatform('linux/arm64'))).toEqual({ a: 'arm' })
    expect(annotationsAt(all, 'manifest', parsePlatform('linux/amd64'))).toEqual({ a: 'all' })
  })
})

test('annotations in outputs are sorted by key within their level', () => {
  const variable = { DOCKER_METADATA_ANNOTATIONS_LEVELS: 'manifest,index' }
  const { annotations, labels, version } = parse({ annotations: 'z=1\na=2\nindex:m=3' }, variable)
  const metadata = { version: version(''), tags: [], labels: labels({}, ''), annotations: annotations('') }
  const lines = renderMetadata(metadata).annotations.split('\n')
  const keys = [...Object.keys(generated), 'a', 'z'].sort((a, b) => a.localeCompare(b))
  const indexKeys = [...keys, 'm'].sort((a, b) => a.localeCompare(b))
  expect(lines.map((line) => line.replace(/=.*/, ''))).toEqual([
    ...keys.map((key) => `manifest:${key}`),
    ...indexKeys.map((key) => `index:${key}`),
  ])
  expect(JSON.parse(renderMetadata(metadata).json)).toMatchObject({ annotations: lines })
})

test.each([
  [
    'name=a,value="b"',
    'has a quote in the middle of a field: put the whole field between quotes, `name=…,"value=a,b"`',
  ],
  [
    'name=a,value=b,enabled=true',
    'is not valid: write `name=…,value=…,enable=true` or `enable=false`, or plainly `NAME=value`',
  ],
])('the long form %j is not valid', (annotations, expected) => {
  expect(parse({ annotations }).issues.map((issue) => issue.expected)).toEqual([expected])
})

test('the outputs of docker/metadata-action', () => {
  const { labels, annotations, version } = parse({ annotations: 'index:x=y' })
  const metadata = {
    version: version(''),
    tags: ['ghcr.io/acme/app:1.2.3', 'localhost:5000/app:1.2.3', 'ghcr.io/acme/app:latest'],
    labels: labels({ maintainer: 'me' }, ''),
    annotations: annotations(''),
  }
  const lines = [...Object.entries(generated).map(([key, value]) => `manifest:${key}=${value}`), 'index:x=y']
  const outputs = renderMetadata(metadata)
  expect({ ...outputs, json: JSON.parse(outputs.json) as unknown }).toEqual({
    version: '1.2.3',
    'tag-names': '1.2.3\nlatest',
    labels: ['maintainer=me', ...Object.entries(generated).map(([key, value]) => `${key}=${value}`)].join('\n'),
    annotations: lines.join('\n'),
    json: {
      tags: metadata.tags,
      'tag-names': ['1.2.3', 'latest'],
      labels: { maintainer: 'me', ...generated },
      annotations: lines,
    },
  })
  expect(metadataVariables(metadata)).toEqual({
    DOCKER_METADATA_OUTPUT_VERSION: '1.2.3',
    DOCKER_METADATA_OUTPUT_TAGS: metadata.tags.join('\n'),
    DOCKER_METADATA_OUTPUT_TAG_NAMES: '1.2.3\nlatest',
    DOCKER_METADATA_OUTPUT_LABELS: outputs.labels,
    DOCKER_METADATA_OUTPUT_ANNOTATIONS: outputs.annotations,
    DOCKER_METADATA_OUTPUT_JSON: outputs.json,
  })
})

test('labels have the order of docker/metadata-action, which compares by language', () => {
  const parts = ['', 'a', 'z', '0', '9', '.', '/', '-', '_', 'A', 'é', 'a.b', 'a-b']
  const keys = parts.flatMap((one) => parts.map((other) => `k${one}${other}`))
  const labels = Object.fromEntries(keys.map((key) => [key, '']))
  const rendered = renderMetadata({ version: '', tags: [], labels, annotations: [] }).labels.split('\n')
  const sorted = Object.keys(labels).sort((a, b) => a.localeCompare(b))
  expect(rendered).toEqual(sorted.map((key) => `${key}=`))
})
