import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Job, StepResult } from './runner.ts'
import {
  buildkitdInputs,
  freshImage,
  imageConfig,
  leftovers,
  oneBuildkitdInputs,
  startBuildkitds,
  storedIndex,
  storedTags,
  type Farm,
  type StoredIndex,
} from './harness.ts'
import { useFarm } from './setup.ts'

// One release on two nodes with rules as for docker/metadata-action, and the resulting metadata in the registry.
const sha = '0123456789abcdef0123456789abcdef01234567'
const payload = {
  base_ref: 'refs/heads/main',
  head_commit: { id: sha, timestamp: '2020-01-10T09:30:00+09:00' },
  repository: {
    name: 'Hello-Fake',
    description: 'My "first", repo',
    html_url: 'https://github.com/octocat/Hello-Fake',
    default_branch: 'main',
    private: false,
    license: { spdx_id: 'MIT' },
  },
}
const oci = (name: string): string => `org.opencontainers.image.${name}`
const said = {
  [oci('created')]: '2020-01-10T00:30:00.000Z',
  [oci('description')]: 'My "first", repo',
  [oci('licenses')]: 'MIT',
  [oci('revision')]: sha,
  [oci('source')]: payload.repository.html_url,
  [oci('url')]: payload.repository.html_url,
  [oci('version')]: '1.2.3-x',
}
const inputs = {
  tags: [
    'type=semver,pattern={{version}}',
    'type=semver,pattern={{major}}.{{minor}}',
    'type=sha,suffix=',
    "type=raw,value=from-{{base_ref}}-{{commit_date 'YYYYMMDD'}},enable={{is_not_default_branch}}",
    'type=edge',
    'plain',
  ].join('\n'),
  flavor: 'suffix=-x,onlatest=true',
  labels: `${oci('title')}=Mine\nmaintainer=$\{me} {{sha}}`,
  annotations: [
    `${oci('title')}=All manifests`,
    `manifest[linux/arm64]:${oci('title')}=Arm`,
    `index:${oci('description')}=One, "two" $\{three} %{four}`,
    'manifest,index:both=yes',
    'manifest-descriptor:descriptor=all',
    'manifest-descriptor[linux/amd64]:descriptor=amd',
    'index-descriptor:told=in metadata',
  ].join('\n'),
  'build-args': 'DOCKER_METADATA_OUTPUT_VERSION',
}

const setup = useFarm()
let farm: Farm
let dir: string
let image: string
let main: StepResult
let post: StepResult
let index: StoredIndex | undefined
let plain: { readonly main: StepResult; readonly index: StoredIndex | undefined }

async function play(
  given: (farm: Farm, more: Readonly<Record<string, string>>) => Record<string, string>,
  more: Readonly<Record<string, string>>,
): Promise<{ job: Job; main: StepResult; post: StepResult }> {
  const files = {
    Dockerfile: [
      `FROM ${farm.images.base}`,
      'ARG DOCKER_METADATA_OUTPUT_VERSION',
      'RUN echo "version $DOCKER_METADATA_OUTPUT_VERSION"',
      `LABEL ${oci('title')}="of the Dockerfile" own=kept`,
      '',
    ].join('\n'),
  }
  const job = setup.job({
    ref: 'refs/tags/v1.2.3',
    files,
    env: { GITHUB_EVENT_PATH: join(dir, 'event.json'), GITHUB_SHA: sha, DOCKER_METADATA_SET_OUTPUT_ENV: 'true' },
  })
  const result = await job.main(given(farm, { ...inputs, ...more }))
  return { job, main: result, post: await job.post() }
}

beforeAll(async () => {
  farm = setup.farm
  await startBuildkitds(farm)
  dir = mkdtempSync(join(tmpdir(), 'event-'))
  writeFileSync(join(dir, 'event.json'), JSON.stringify(payload))
  image = freshImage(farm)
  const bare = freshImage(farm)
  const [both, one] = await Promise.all([
    play(buildkitdInputs, { image }),
    play(oneBuildkitdInputs, {
      image: bare,
      provenance: 'false',
      annotations: 'manifest-descriptor:descriptor=here\nindex:only=index',
    }),
  ])
  ;({ main, post } = both)
  index = await storedIndex(farm, image, '1.2.3-x')
  plain = { main: one.main, index: await storedIndex(farm, bare, '1.2.3-x') }
})
afterAll(() => {
  rmSync(dir, { recursive: true, force: true })
})

describe('tags, labels and annotations by rules', () => {
  test('the runs succeed and leave nothing behind', async () => {
    expect([main.code, post.code, plain.main.code, main.log, plain.main.log]).toEqual([
      0,
      0,
      0,
      main.log,
      plain.main.log,
    ])
    expect(await Promise.all(setup.jobs.map((job) => leftovers(farm, job)))).toEqual([[], []])
  })

  test('the tags match the rules, in their order', async () => {
    const names = ['1.2.3-x', '1.2-x', 'from-main-20200110-x', 'plain-x', 'sha-0123456', 'latest-x']
    expect(main.outputs['tags']?.split('\n')).toEqual(names.map((name) => `${image}:${name}`))
    expect((await storedTags(farm, image)).filter((tag) => !tag.startsWith('buildcache-'))).toEqual([...names].sort())
  })

  test('labels of the input override those of the event, and these those of the Dockerfile', async () => {
    const labels = { ...said, [oci('title')]: 'Mine', maintainer: '${me} 0123456', own: 'kept' }
    for (const platform of ['linux/amd64', 'linux/arm64'])
      expect(await imageConfig(farm, image, '1.2.3-x', platform)).toMatchObject({ config: { Labels: labels } })
  })

  test('the index has its annotations, and no others', () => {
    expect(index?.annotations).toEqual({ [oci('description')]: 'One, "two" ${three} %{four}', both: 'yes' })
  })

  test('each manifest has its annotations', async () => {
    const path = image.slice(image.indexOf('/') + 1)
    const manifests = index?.manifests.filter(({ platform }) => platform.os === 'linux') ?? []
    const annotations = await Promise.all(
      manifests.map(
        async ({ platform, digest }) =>
          [platform.architecture, (await farm.registry.manifest(path, digest))?.json['annotations']] as const,
      ),
    )
    expect(Object.fromEntries(annotations)).toEqual({
      amd64: { ...said, [oci('title')]: 'All manifests', both: 'yes' },
      arm64: { ...said, [oci('title')]: 'Arm', both: 'yes' },
    })
  })

  test('each descriptor has its annotations, and attestations keep theirs', () => {
    const annotations = index?.manifests.map(({ platform, annotations: own }) => [
      platform.architecture,
      own?.['descriptor'],
      own?.['vnd.docker.reference.type'],
    ])
    expect(annotations).toEqual([
      ['amd64', 'amd', undefined],
      ['unknown', undefined, 'attestation-manifest'],
      ['arm64', 'all', undefined],
      ['unknown', undefined, 'attestation-manifest'],
    ])
  })

  test('the descriptor of the index is in the output `metadata`', () => {
    expect(JSON.parse(main.outputs['metadata'] ?? '')).toMatchObject({
      'containerimage.descriptor': { digest: index?.digest, annotations: { told: 'in metadata' } },
    })
  })

  test('the outputs contain all metadata', () => {
    expect(main.outputs['version']).toBe('1.2.3-x')
    expect(main.outputs['labels']?.split('\n')).toContain(`${oci('created')}=2020-01-10T00:30:00.000Z`)
    expect(main.outputs['annotations']?.split('\n')).toEqual(
      expect.arrayContaining([`manifest[linux/arm64]:${oci('title')}=Arm`, 'index:both=yes']),
    )
    expect(JSON.parse(main.outputs['json'] ?? '')).toMatchObject({
      tags: main.outputs['tags']?.split('\n'),
      labels: { ...said, [oci('title')]: 'Mine' },
    })
    expect(main.log).toContain('version 1.2.3-x')
    expect(main.exported).toMatchObject({
      DOCKER_METADATA_OUTPUT_VERSION: '1.2.3-x',
      DOCKER_METADATA_OUTPUT_TAGS: main.outputs['tags'],
      DOCKER_METADATA_OUTPUT_JSON: main.outputs['json'],
    })
  })

  test('it is the same without attestations, when each platform pushes a plain manifest', () => {
    expect(plain.index?.annotations).toEqual({ only: 'index' })
    expect(plain.index?.manifests.map(({ annotations }) => annotations)).toEqual([{ descriptor: 'here' }])
  })
})
