import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, test } from '@jest/globals'
import { schemaErrors } from '../unit/fixtures/results-schema.ts'
import type { Job, StepResult } from './runner.ts'
import { appFiles, freshImage, oneNodeInputs, storedIndex, type Farm } from './harness.ts'
import { useFarm } from './setup.ts'
import { untaggedIndexes } from './tested-releases.ts'

const setup = useFarm({ keepsBuilders: true })
let farm: Farm
let job: Job
let image: string
/** `<generators>:good` writes an SBOM, `<generators>:empty` nothing. */
let generators: string
let first: StepResult

// https://github.com/moby/buildkit/blob/master/docs/attestations/sbom-protocol.md
const statement = { _type: 'https://in-toto.io/Statement/v0.1', predicateType: 'https://spdx.dev/Document' }
const sbom = JSON.stringify({ ...statement, predicate: { spdxVersion: 'SPDX-2.3' } })
const generator = [
  'FROM BASE AS empty',
  'ENTRYPOINT ["/bin/true"]',
  'FROM BASE AS good',
  `COPY <<'EOF' /sbom.json\n${sbom}\nEOF`,
  'ENTRYPOINT ["/bin/sh", "-c", "cp /sbom.json $BUILDKIT_SCAN_DESTINATION/sbom.spdx.json"]',
  '',
].join('\n')

/** Builds the app with the tag `v1`, on a node whose daemon continues to run. */
async function release(text: string, inputs: Readonly<Record<string, string>>): Promise<StepResult> {
  writeFileSync(join(job.workspace, 'app.txt'), `${text}\n`)
  const main = await job.main(
    oneNodeInputs(farm, { image, tags: 'v1', cache: 'off', 'keep-builder': 'true', ...inputs }),
  )
  const post = await job.post()
  expect([post.code, post.warnings]).toEqual([0, []])
  return main
}

beforeAll(async () => {
  farm = setup.farm
  image = freshImage(farm)
  generators = freshImage(farm)
  const file = generator.replaceAll('BASE', farm.images.base)
  job = setup.job({ files: { ...appFiles(farm), 'generator/Dockerfile': file } })
  const built = await release('none', {
    image: generators,
    context: 'generator',
    tags: 'sbom',
    variants: 'good: {target: good}\nempty: {target: empty}',
  })
  expect([built.code, built.log]).toEqual([0, built.log])
  first = await release('release 1', { sbom: `generator=${generators}:sbom-good` })
})

test('`results` says what was checked', () => {
  expect([first.code, first.log]).toEqual([0, first.log])
  const results = first.outputs['results'] ?? ''
  expect(schemaErrors(results)).toEqual([])
  const [{ content } = { content: [] }] = JSON.parse(results) as { content: Record<string, Record<string, number>>[] }[]
  const kinds = ['provenance', 'sbom']
  expect(content).toEqual([
    {
      platform: 'linux/amd64',
      labels: { requested: expect.any(Number), found: content[0]?.['labels']?.['requested'] },
      annotations: { requested: expect.any(Number), found: content[0]?.['annotations']?.['requested'] },
      attestations: { requested: kinds, found: kinds },
    },
  ])
  expect(content[0]?.['labels']?.['found']).toBeGreaterThan(4)
})

/** Runs a release that must fail, and returns it: the tag and the registry stay as they were. */
async function refused(text: string, inputs: Readonly<Record<string, string>>): Promise<StepResult> {
  const since = (await farm.registry.requests()).length
  const main = await release(text, inputs)
  await farm.registry.clearFaults()
  expect(main.code).toBe(1)
  expect((await storedIndex(farm, image, 'v1'))?.digest).toBe(first.outputs['digest'])
  expect(await untaggedIndexes(farm, image, since)).toEqual([])
  return main
}

test('a generator that writes no SBOM: the tag stays', async () => {
  const main = await refused('release 2', { sbom: `generator=${generators}:sbom-empty` })
  expect(main.errors).toEqual(['linux/amd64: the attestation `sbom` is missing'])
  expect(main.log).toContain('`sbom` is requested, and the attestations are: https://slsa.dev/provenance/')
})

test('a registry that returns another configuration than was pushed: the tag stays', async () => {
  const path = image.slice(farm.registry.host.length + 1)
  const body = JSON.stringify({ os: 'linux', architecture: 'amd64', rootfs: {}, config: { Labels: {} } })
  await farm.registry.fault({ method: 'GET', match: `${path}/blobs/`, status: 200, body, from: 'host' })
  const main = await refused('release 3', {})
  expect(main.errors).toEqual([`The image index of ${image} could not be created`])
})
