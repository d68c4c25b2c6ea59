import { readFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { runWorkflow, type WorkflowRun } from './act.ts'
import { appFiles, attachFarm, storedIndex, storedTags, type Farm } from './harness.ts'

let farm: Farm
let dir: string
let repositories = 0

beforeAll(async () => {
  farm = await attachFarm()
  dir = mkdtempSync(join(tmpdir(), 'examples-'))
}, 1_200_000)
afterAll(() => rmSync(dir, { recursive: true, force: true }))

/** Runs an example of the docs on a runner, with this action, the nodes and the registry of the farm. */
async function runExample(name: string, more: Partial<WorkflowRun> = {}) {
  const { host } = farm.registry
  const repository = `acme/example-${process.pid}-${Date.now()}-${repositories++}`
  const options = `driver-opts: "image=${farm.images.buildkit}\\nnetwork=host"`
  const workflow = readFileSync(fileURLToPath(new URL(`../../docs/examples/${name}.yml`, import.meta.url)), 'utf8')
    .replace(/org\/multiarch-build(\S*)@v1/g, '.$1/')
    // This action is in the checkout.
    .replace(/^( *)steps:\n(?! *- uses: actions\/checkout)/gm, '$1steps:\n$1  - uses: actions/checkout@v5\n')
    .replace(/(registry: |login )(?:ghcr|docker|quay)\.io$/gm, `$1${host}`)
    .replace(/login ghcr\.io/g, `login ${host}`)
    .replaceAll('ghcr.io/', `${host}/`)
    .replace(/(docker|quay)\.io\//g, `${host}/$1/`)
    .replace(/^( *)ssh-known-hosts: .*$/gm, (line, indent: string) => `${line}\n${indent}${options}`)
  const result = await runWorkflow(farm, dir, {
    files: appFiles(farm),
    ...more,
    workflow,
    repository,
    secrets: { BUILDKIT_SSH_KEY: farm.privateKey, GITHUB_TOKEN: 'none', DOCKERHUB_TOKEN: 'none', QUAY_TOKEN: 'none' },
    variables: {
      NODES: `linux/amd64 = ${farm.nodes.amd.endpoint}\nlinux/arm64 = ${farm.nodes.arm.endpoint}`,
      BUILDKIT_KNOWN_HOSTS: farm.knownHosts,
      DOCKERHUB_USER: 'acme',
      QUAY_USER: 'acme',
    },
  })
  if (result.code !== 0) throw new Error(result.log)
  return { ...result, image: `${host}/${repository}`, mirror: (of: string) => `${host}/${of}/${repository}` }
}

const released = async (image: string) => (await storedTags(farm, image)).filter((tag) => !tag.startsWith('buildcache'))
const platformsOf = async (image: string, tag: string) =>
  (await storedIndex(farm, image, tag))?.manifests.map(({ platform }) => platform.architecture).filter(isKnown)
const isKnown = (architecture: string) => architecture !== 'unknown'

test('many images: each is built on the base of its run, and merged from its parts', async () => {
  const child = 'ARG BASE\nFROM ${BASE} AS slim\nRUN test -e /base.txt\nFROM slim AS full\nRUN echo full > /full.txt\n'
  const files = {
    'base/Dockerfile': `FROM ${farm.images.base}\nRUN echo base > /base.txt\n`,
    'api/Dockerfile': child,
    'web/Dockerfile': child,
  }
  const { image } = await runExample('many-images', { files })
  for (const name of ['api', 'web']) {
    expect((await released(`${image}/${name}`)).sort()).toEqual(['main-full', 'main-slim'])
    for (const tag of ['main-full', 'main-slim'])
      expect(await platformsOf(`${image}/${name}`, tag)).toEqual(['amd64', 'arm64'])
  }
})

test('a release: the mirror and the copy have the digest of the release', async () => {
  const { image, mirror } = await runExample('release', { payload: { ref: 'refs/tags/v1.2.3' } })
  expect((await released(image)).sort()).toEqual(['1.2', '1.2.3', 'latest'])
  const digest = (await storedIndex(farm, image, '1.2.3'))?.digest
  expect(digest).toBeDefined()
  expect((await storedIndex(farm, mirror('docker'), '1.2.3'))?.digest).toBe(digest)
  expect((await storedIndex(farm, mirror('quay'), 'v1.2.3'))?.digest).toBe(digest)
})

test('a pull request: a later job tests the image, and the last one deletes it', async () => {
  const { log, image } = await runExample('pull-request', { event: 'pull_request' })
  expect(log).toContain('release 1')
  expect((await released(image)).filter((tag) => tag.startsWith('pr-'))).toEqual([])
})
