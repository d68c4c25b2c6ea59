import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { brokenTags, holdings } from '../ghcr/audit.ts'
import { days } from '../ghcr/clock.ts'
import { fillHistory, pushIndex, pushManifest, pushRelease } from '../ghcr/histories.ts'
import { parseManifest } from '../ghcr/manifest.ts'
import { putManifest } from '../ghcr/push.ts'
import { declareRun } from '../ghcr/runs.ts'
import { startGhcr, type Ghcr } from '../ghcr/server.ts'
import { createPackage, type Package, type Version } from '../ghcr/state.ts'
import { createFake, type Fake } from '../ghcr/fake.ts'
import { makeImage, openHands, type Hands } from '../unit/packages/oci/images.ts'
import type { Job, StepResult } from './runner.ts'
import { attachFarm, farmJob, freshImage, type Farm } from './harness.ts'
import { ownershipAnnotation } from '../../src/run/names.ts'

const [finished, unknown, shared, live] = ['17000000001', '17000000002', '17000000003', '17000000004'] as const

let farm: Farm
const jobs: Job[] = []
const servers: Ghcr[] = []

beforeAll(async () => {
  farm = await attachFarm()
})
afterAll(async () => {
  jobs.forEach((job) => job.end())
  await Promise.all(servers.map((server) => server.close()))
})

/** The parts of GitHub that cleanup uses: registry, packages and runs. */
async function startGithub(): Promise<{
  readonly fake: Fake
  readonly pkg: Package
  readonly ghcr: Ghcr
  readonly job: Job
}> {
  const fake = createFake()
  const pkg = createPackage(fake.state, { owner: 'acme', name: 'shop/api', repository: 'acme/shop' })
  fake.state.tokens.set('secret', { kind: 'actions', repository: 'acme/shop', packages: 'write', actions: 'read' })
  const [createdAt, updatedAt] = [Date.now() - 5 * days, Date.now() - 4 * days]
  for (const run of [finished, shared])
    declareRun(fake.state, {
      repository: 'acme/shop',
      id: Number(run),
      status: 'completed',
      conclusion: 'cancelled',
      createdAt,
      updatedAt,
    })
  declareRun(fake.state, { repository: 'acme/shop', id: Number(live) })
  const ghcr = await startGhcr(fake)
  servers.push(ghcr)
  const job = farmJob(farm, { env: { GITHUB_REPOSITORY: 'acme/shop', GITHUB_API_URL: ghcr.api } })
  jobs.push(job)
  return { fake, pkg, ghcr, job }
}

const annotation = (run: string) => ({ [ownershipAnnotation]: `${run}-1-mab` })

interface Entry {
  readonly image: string
  readonly subject: string
  readonly reason: string
}

/** The outputs, sorted, because a plan and its execution differ in order. */
function read({ outputs }: StepResult): { readonly deleted: readonly Entry[]; readonly kept: readonly Entry[] } {
  const list = (name: string) =>
    (JSON.parse(outputs[name] ?? '') as Entry[]).sort((a, b) => (a.subject < b.subject ? -1 : 1))
  return { deleted: list('deleted'), kept: list('kept') }
}

describe('GitHub', () => {
  let planned: StepResult
  let done: StepResult
  let untouched: boolean
  let before: ReturnType<typeof holdings>
  let here: Awaited<ReturnType<typeof startGithub>>
  let caches: readonly Version[]

  /** Pushes a BuildKit cache with its tag. */
  function pushCache({ fake: { state }, pkg }: typeof here, content: string): Version {
    const { mediaType, body } = pkg.manifests.get(pushManifest(state, pkg, { content }).digest)!
    const parsed = parseManifest(
      mediaType,
      body.replace('application/vnd.oci.image.config.v1+json', 'application/vnd.buildkit.cacheconfig.v0'),
    )
    if (typeof parsed === 'string') throw new Error(parsed)
    return putManifest(state, pkg, parsed, 'buildcache-linux-amd64')
  }

  beforeAll(async () => {
    here = await startGithub()
    const {
      fake: { state },
      pkg,
      ghcr,
      job,
    } = here
    fillHistory(state, pkg, 1)
    caches = [pushCache(here, 'one'), pushCache(here, 'two')]
    pushRelease(state, pkg, {
      tag: `pr-${finished}`,
      content: 'dead',
      platforms: ['linux/amd64'],
      nonce: annotation(finished),
    })
    pushRelease(state, pkg, {
      tag: `pr-${unknown}`,
      content: 'unknown',
      platforms: ['linux/amd64'],
      nonce: annotation(unknown),
    })
    const { index } = pushRelease(state, pkg, {
      tag: `pr-${shared}`,
      content: 'shared',
      platforms: ['linux/amd64'],
      nonce: annotation(shared),
    })
    const { mediaType, body } = pkg.manifests.get(index.digest)!
    const again = parseManifest(mediaType, body)
    if (typeof again === 'string') throw new Error(again)
    putManifest(state, pkg, again, 'stable')
    before = holdings(pkg)
    const inputs = {
      image: `${ghcr.registry}/acme/shop/api`,
      'packages-api': 'github',
      username: 'ci',
      password: 'secret',
      'github-token': 'secret',
    }
    planned = await job.cleanup({ ...inputs, 'dry-run': 'true' })
    untouched = JSON.stringify(holdings(pkg)) === JSON.stringify(before)
    done = await job.cleanup(inputs)
  })

  test('`dry-run` prints the same plan and deletes nothing', () => {
    expect([planned.code, planned.warnings, planned.errors, untouched]).toEqual([0, [], [], true])
    expect([done.code, done.warnings, done.errors]).toEqual([0, [], []])
    expect(read(planned)).toEqual(read(done))
    const lines = (log: string, verb: string) =>
      log
        .split('\n')
        .filter((line) => line.startsWith(verb))
        .map((line) => line.slice(verb.length))
        .sort()
    expect(lines(planned.log, 'Would delete ')).toEqual(lines(done.log, 'Deleted '))
  })

  test('deletes leftovers of a finished run and a replaced cache', () => {
    const { pkg } = here
    expect(Object.keys(holdings(pkg).tags)).toEqual(['buildcache-linux-amd64', `pr-${unknown}`, 'stable', 'v1'])
    expect(caches.map(({ digest }) => pkg.active.has(digest))).toEqual([false, true])
    expect(
      read(done)
        .deleted.map(({ subject, reason }) => `${subject.replace(/ ?sha256:\w+$/, '')}|${reason}`)
        .sort(),
    ).toEqual(
      [
        ...Array<string>(2).fill('|it belonged only to a deleted ephemeral image'),
        '|a later push replaced this cache',
        `pr-${finished}|run ${finished} has finished`,
        `pr-${shared}|its run has finished; the image is kept, because it also has the tag stable`,
      ].sort(),
    )
  })

  test('removes only the tag from an image with another tag, which stays complete', () => {
    const { fake, pkg } = here
    const after = holdings(pkg)
    expect(after.tags['stable']).toBe(before.tags['stable'])
    expect(brokenTags(fake.state)).toEqual([])
  })

  test('treats an unknown run as active', () => {
    expect(read(done).kept).toContainEqual({
      image: `${here.ghcr.registry}/acme/shop/api`,
      subject: `pr-${unknown}`,
      reason: expect.stringContaining(`run ${unknown} not found`),
    })
  })

  test('writes the report to the summary: totals, audit, table', () => {
    const report = done.outputs['report'] ?? ''
    expect(done.summary.trim()).toBe(report.trim())
    expect(report).toMatch(
      new RegExp(
        [
          '^### Cleanup of `127\\.0\\.0\\.1:\\d+/acme/shop/api`\n\n',
          '5 deleted \\(up to [\\d.]+ k?B\\), 3 kept\\. All manifests that the 4 tags refer to exist\\.\n\n',
          '\\| \\| what \\| why \\|\n',
        ].join(''),
      ),
    )
    for (const { subject, reason } of read(done).deleted)
      expect(report).toContain(`| deleted | ${subject} | ${reason} |`)
  })

  test('restores a deleted image that turns out to be needed', async () => {
    const { fake, pkg, ghcr, job } = await startGithub()
    fillHistory(fake.state, pkg, 1)
    const {
      images: [image],
    } = pushRelease(fake.state, pkg, {
      tag: `pr-${finished}`,
      content: 'dead',
      platforms: ['linux/amd64'],
      nonce: annotation(finished),
    })
    fake.beforeEach = ({ endpoint, path }) => {
      if (endpoint === 'delete version' && path.endsWith(`/${image!.id}`))
        pushIndex(fake.state, pkg, [{ version: image!, platform: 'linux/amd64' }], {
          annotations: {},
          tag: 'promoted',
        })
    }
    const { code, warnings, outputs } = await job.cleanup({
      image: `${ghcr.registry}/acme/shop/api`,
      'packages-api': 'github',
      username: 'ci',
      password: 'secret',
      'github-token': 'secret',
    })
    expect([code, warnings]).toEqual([0, []])
    expect(Object.keys(holdings(pkg).tags)).toEqual(['promoted', 'v1'])
    expect(brokenTags(fake.state)).toEqual([])
    expect(outputs['report']).toContain(`| restored | ${image!.digest} |`)
  })
})

describe('a registry with its own DELETE', () => {
  async function open(): Promise<{
    readonly hands: Hands
    readonly job: Job
    readonly inputs: Readonly<Record<string, string>>
  }> {
    const { job } = await startGithub()
    const image = freshImage(farm)
    const [host = '', ...path] = image.split('/')
    return {
      job,
      hands: openHands(host, path.join('/')),
      inputs: { image, 'packages-api': 'oci', 'github-token': 'secret' },
    }
  }

  test('deletes images of finished runs, keeps others and shared digests; `dry-run` reports the same', async () => {
    const { job, hands, inputs } = await open()
    await hands.push(makeImage('release'), ['v1'])
    await hands.push(makeImage(`${finished}-1-x`), [`pr-${finished}`])
    await hands.push(makeImage(`${unknown}-1-x`), [`pr-${unknown}`])
    await hands.push(makeImage(`${live}-1-x`), [`build-0123456789ab-${live}`])
    await hands.push(makeImage(`${shared}-1-x`), [`pr-${shared}`, 'stable'])
    const all = await hands.tags()
    const planned = await job.cleanup({ ...inputs, 'dry-run': 'true' })
    expect([planned.code, planned.warnings, await hands.tags()]).toEqual([0, [], all])
    const done = await job.cleanup(inputs)
    expect([done.code, done.warnings]).toEqual([0, []])
    expect(read(planned)).toEqual(read(done))
    expect(await hands.tags()).toEqual([`build-0123456789ab-${live}`, `pr-${unknown}`, 'stable', 'v1'])
    for (const tag of await hands.tags()) expect(await hands.missing(tag)).toEqual([])
    expect(read(done).kept.map(({ reason }) => reason)).toEqual([
      expect.stringContaining(`run ${live} is still running`),
      expect.stringContaining(`run ${unknown} not found`),
      'an image that is kept refers to it.',
      'an image that is kept refers to it.',
    ])
    expect(done.outputs['report']).toContain('All manifests that the 4 tags refer to exist.')
    // The last job of a run deletes everything of that run, although it is still active.
    const last = await job.cleanup({ ...inputs, 'run-id': live })
    expect([last.code, last.warnings, await hands.tags()]).toEqual([0, [], [`pr-${unknown}`, 'stable', 'v1']])
  })

  test('reports an image that others have broken and leaves the rest of it', async () => {
    const { job, hands, inputs } = await open()
    const release = makeImage('release')
    await hands.push(release, ['v1'])
    await hands.delete(release.children[1]!.digest)
    const { code, warnings, outputs } = await job.cleanup(inputs)
    expect([code, warnings]).toEqual([
      0,
      [
        `${inputs['image'] ?? ''}: incomplete tags: v1. They refer to manifests that do not exist, which the report ` +
          'lists. Push these tags again, or delete them.',
      ],
    ])
    expect(outputs['report']).toContain(
      `1 of 1 tags refer to missing manifests: \`v1\` to \`${release.children[1]!.digest}\``,
    )
    expect(await hands.missing('v1')).toEqual([release.children[1]!.digest])
  })
})

test('reports all input errors at once and sends no request', async () => {
  const { fake, job } = await startGithub()
  const { code, log } = await job.cleanup({
    'run-id': 'latest',
    'older-than': 'a while',
    'dry-run': 'perhaps',
    'packages-api': 'quay',
  })
  expect(code).toBe(1)
  for (const input of ['image', 'run-id', 'older-than', 'dry-run', 'packages-api']) expect(log).toContain(`${input}: `)
  expect(fake.log.calls).toEqual([])
})
