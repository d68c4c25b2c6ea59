import { describe, expect, test } from '@jest/globals'
import { annotationsAt, formatAnnotation } from '../../../src/metadata/annotations.ts'
import type { Env } from '../../../src/lib/lists.ts'
import { metadataVariables, renderMetadata } from '../../../src/metadata/outputs.ts'
import type { InputIssue } from '../../../src/lib/issues.ts'
import { readNaming } from '../../../src/metadata/image-metadata.ts'
import { parsePlatform } from '../../../src/lib/platform.ts'
import { eventOf } from './rules/evaluate.cases.ts'

const about = {
  title: 'Hello-World',
  description: 'This your first repo!',
  url: 'https://github.com/octocat/Hello-World',
  license: 'MIT',
}
const oci = (name: string): string => `org.opencontainers.image.${name}`
const said = {
  [oci('created')]: '2020-01-09T22:15:45.123Z',
  [oci('description')]: about.description,
  [oci('licenses')]: 'MIT',
  [oci('revision')]: '860c1904a1ce19322e91ac35af1ab07466440c37',
  [oci('source')]: about.url,
  [oci('title')]: about.title,
  [oci('url')]: about.url,
  [oci('version')]: '1.2.3',
}

function naming(inputs: Readonly<Record<string, string>> = {}, env: Env = {}, change: object = {}) {
  const mistakes: InputIssue[] = []
  const event = { ...eventOf('tag v1.2.3'), about, ...change }
  return {
    ...readNaming(
      { env, event, text: (name) => inputs[name] ?? '', report: (mistake) => mistakes.push(mistake) },
      { named: true },
    ),
    mistakes,
  }
}

describe('labels', () => {
  test('what the event says, the same whenever it is built', () => {
    expect(naming().labels({}, '')).toEqual(said)
    expect(naming({}, {}, { now: new Date() }).labels({}, '')).toEqual(said)
  })

  test('the version bears the suffix of the variant', () => {
    expect(naming().labels({}, '-slim')[oci('version')]).toBe('1.2.3-slim')
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
    expect(naming({}, env, change).labels({}, '')).toMatchObject(expected)
  })

  test('what nobody says is left out', () => {
    const labels = naming({}, {}, { commitDate: undefined, about: { ...about, description: '', license: '' } }).labels(
      {},
      '',
    )
    expect(Object.keys(labels)).toEqual(['revision', 'source', 'title', 'url', 'version'].map(oci))
  })

  test('the author’s go over them; an empty one takes one away', () => {
    const labels = naming().labels({ [oci('title')]: 'Mine', [oci('licenses')]: '', maintainer: 'me', empty: '' }, '')
    const rest = Object.entries(said).filter(([key]) => key !== oci('licenses'))
    expect(labels).toEqual({ ...Object.fromEntries(rest), [oci('title')]: 'Mine', maintainer: 'me', empty: '' })
  })

  test('expressions are put in; templates of others stay', () => {
    const labels = naming().labels(
      { a: "{{tag}} {{commit_date 'YYYY'}}", b: '{{.Names}} {{unknown}} {{ if x }}', c: 'PathPrefix(`/{{branch}}`)' },
      '',
    )
    expect(labels).toMatchObject({ a: 'v1.2.3 2020', b: '{{.Names}} {{unknown}} {{ if x }}', c: 'PathPrefix(`/`)' })
  })
})

describe('annotations', () => {
  const at = (text: string, env: Env = {}) => naming({ annotations: text }, env)
  const own = (text: string, env: Env = {}) =>
    at(text, env)
      .annotations('')
      .filter(({ key }) => !key.startsWith('org.'))

  test('what the event says goes to the image manifests, or where the variable says', () => {
    expect(at('').annotations('').map(formatAnnotation)).toEqual(
      Object.entries(said).map(([key, value]) => `manifest:${key}=${value}`),
    )
    const both = at('', { DOCKER_METADATA_ANNOTATIONS_LEVELS: 'manifest, index' }).annotations('')
    expect([
      annotationsAt(both, 'index'),
      annotationsAt(both, 'manifest'),
      annotationsAt(both, 'manifest-descriptor'),
    ]).toEqual([said, said, {}])
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

  test('the author’s go over the event’s, place by place', () => {
    const all = naming({
      annotations: `index:${oci('title')}=Index\n${oci('title')}=Mine\n${oci('url')}=`,
    }).annotations('')
    expect(annotationsAt(all, 'manifest')).toMatchObject({ [oci('title')]: 'Mine' })
    expect(annotationsAt(all, 'manifest')).not.toHaveProperty([oci('url')])
    expect(annotationsAt(all, 'index')).toEqual({ [oci('title')]: 'Index' })
  })

  test('what is said of one platform goes before what is said of all, in any order', () => {
    const all = own('manifest[linux/arm64]:a=arm\nmanifest:a=all')
    expect(annotationsAt(all, 'manifest', parsePlatform('linux/arm64'))).toEqual({ a: 'arm' })
    expect(annotationsAt(all, 'manifest', parsePlatform('linux/amd64'))).toEqual({ a: 'all' })
  })
})

test('the outputs of docker/metadata-action', () => {
  const { labels, annotations, version } = naming({ annotations: 'index:x=y' })
  const metadata = {
    version: version(''),
    tags: ['ghcr.io/acme/app:1.2.3', 'localhost:5000/app:1.2.3', 'ghcr.io/acme/app:latest'],
    labels: labels({ maintainer: 'me' }, ''),
    annotations: annotations(''),
  }
  const lines = [...Object.entries(said).map(([key, value]) => `manifest:${key}=${value}`), 'index:x=y']
  const outputs = renderMetadata(metadata)
  expect({ ...outputs, json: JSON.parse(outputs.json) as unknown }).toEqual({
    version: '1.2.3',
    'tag-names': '1.2.3\nlatest',
    labels: ['maintainer=me', ...Object.entries(said).map(([key, value]) => `${key}=${value}`)].join('\n'),
    annotations: lines.join('\n'),
    json: {
      tags: metadata.tags,
      'tag-names': ['1.2.3', 'latest'],
      labels: { maintainer: 'me', ...said },
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
