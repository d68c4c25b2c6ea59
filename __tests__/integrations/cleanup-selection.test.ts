import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { setTimeout as sleep } from 'node:timers/promises'
import { repositoryScope } from '../../src/run/names.ts'
import { copyImage } from '../e2e/copied-images.ts'
import { oneBuildkitdInputs, startBuildkitds } from '../e2e/harness.ts'
import { openDistribution, openGhcr, type PackageHost } from '../e2e/package-hosts.ts'
import { openGitea } from './optional-hosts.ts'
import type { JobOptions, StepResult } from '../e2e/runner.ts'
import { useFarm } from '../e2e/setup.ts'
import { newRun, splitBuilds } from '../e2e/split-jobs.ts'

const setup = useFarm()
// Several builds, on a machine that may be slow.
jest.setTimeout(1_200_000)

const ownershipAnnotation = 'io.github.multiarch-build.run'
const pullRequestKey = 'io.github.multiarch-build.pull-request'
const isCache = (tag: string) => tag.startsWith('buildcache-')
const withoutCaches = (tags: readonly string[]) => tags.filter((tag) => !isCache(tag)).sort()
const pullRequest = (number: number): JobOptions => ({
  event: 'pull_request',
  ref: `refs/pull/${number}/merge`,
  number,
})

interface Line {
  readonly subject: string
  readonly reason: string
}

const lines = ({ outputs }: StepResult, name: 'deleted' | 'kept') => JSON.parse(outputs[name] ?? '') as Line[]

const open = { 'distribution 3': openDistribution, GHCR: openGhcr, Gitea: openGitea }
type HostName = keyof typeof open
const names = Object.keys(open) as HostName[]
const hosts = new Map<HostName, PackageHost>()
function hostOf(name: HostName): PackageHost {
  const found = hosts.get(name)
  if (!found) throw new Error(`${name} is not there`)
  return found
}

/** An image in the registry of the farm, which tests store elsewhere as if their runs had built it. */
interface Built {
  readonly image: string
  readonly runId: string
}
let proposed: Built
let part: Built
let nightly: Built
let reproducible: Built

const appOf = (number: number) => ({
  Dockerfile: `FROM ${setup.farm.images.base}\nRUN echo ${number} > /number\n`,
})

beforeAll(async () => {
  const opened = names.map(async (name) => hosts.set(name, await open[name](setup.farm)))
  await Promise.all([startBuildkitds(setup.farm), ...opened])
  // The third one takes all of its steps from the first one.
  const apps = [1, 2, 1, 4].map(appOf)
  const given = { files: appOf(1), env: { SOURCE_DATE_EPOCH: '1700000000' } }
  // Without provenance, both builds give the same image.
  const texts = 'org.opencontainers.image.version=again-1'
  const same = { provenance: 'false', labels: texts, annotations: texts }
  ;[proposed, part, nightly, reproducible] = await Promise.all([
    // As a run does that is killed before its post step.
    build([[pullRequest(7), { cleanup: 'never' }]]),
    buildPart(pullRequest(7)),
    build(apps.map((files, at) => [{ files }, { tags: `nightly-${at + 1}` }])),
    build([
      [given, { tags: 'nightly-1' }],
      [given, { tags: 'again-1', ...same }],
      [given, { tags: 'again-2', ...same }],
    ]),
  ])
})
afterAll(async () => await Promise.all([...hosts.values()].map((host) => host.stop())))

/** Builds an image several times. */
async function build(builds: readonly (readonly [JobOptions, Readonly<Record<string, string>>])[]): Promise<Built> {
  const host = hostOf('distribution 3')
  const split = splitBuilds(setup, host)
  const [image, runId] = [host.freshImage(), newRun()]
  for (const [options, inputs] of builds) {
    const job = split.jobOf(runId, options)
    const main = await job.main(oneBuildkitdInputs(setup.farm, { ...host.inputs, image, ...inputs }))
    expect([main.code, main.log]).toEqual([0, main.log])
    const post = await job.post()
    expect([post.code, post.warnings]).toEqual([0, []])
  }
  return { image, runId }
}

async function buildPart(options: JobOptions): Promise<Built> {
  const host = hostOf('distribution 3')
  const split = splitBuilds(setup, host)
  const [image, runId] = [host.freshImage(), newRun()]
  const inputs = oneBuildkitdInputs(setup.farm)
  await split.buildParts({ image, runId, options, inputs, platforms: ['linux/amd64'] })
  return { image, runId }
}

type Texts = readonly (readonly [from: string, to: string])[]
const github = 'https://github.com'
const scopeOf = (serverUrl: string) => repositoryScope({ serverUrl, repository: 'acme/app' })

/** Of an image that another run built, for another pull request. */
const textsOf = (built: Built, runId: string, number: number): Texts => [
  [built.runId, runId],
  [`${scopeOf(github)}-7`, `${scopeOf(github)}-${number}`],
]

describe.each(names)('on %s', (name) => {
  let host: PackageHost
  let split: ReturnType<typeof splitBuilds>
  beforeAll(() => {
    host = hostOf(name)
    split = splitBuilds(setup, host)
  })

  /** Stores tags of an image with its caches, one after the other, and replaces texts in them. */
  async function store(built: Built, tags: readonly string[], image: string, texts: Texts = []): Promise<void> {
    const source = hostOf('distribution 3')
    const serverUrl = host.env['GITHUB_SERVER_URL'] ?? github
    const all: Texts = [...texts, [scopeOf(github), scopeOf(serverUrl)], [github, serverUrl]]
    const change = (text: string) => all.reduce((changed, [from, to]) => changed.replaceAll(from, to), text)
    const caches = (await source.tags(built.image)).filter(isCache)
    for (const tag of [...caches, ...tags]) {
      await copyImage(source.at(built.image), host.at(image), tag, { as: change(tag), change })
      // GitHub and Gitea report times in whole seconds.
      if (tags.length > 1 && tags.includes(tag)) await sleep(1000 - (Date.now() % 1000))
    }
  }

  /** Stores the image of a run for a pull request. */
  async function storeProposed(image: string, number: number): Promise<string> {
    const runId = newRun()
    await store(proposed, [`pr-${proposed.runId}`], image, textsOf(proposed, runId, number))
    return runId
  }

  /** What no tag needs, although it has a version as an image has. */
  async function namedUntagged(image: string): Promise<readonly string[]> {
    const found = await Promise.all((await split.untagged(image)).map((digest) => host.read(image, digest)))
    return found.flatMap((manifest) => manifest?.annotations?.['org.opencontainers.image.version'] ?? [])
  }

  async function expectWhole(image: string, tags: readonly string[]): Promise<void> {
    for (const tag of tags)
      for (const { digest } of (await host.read(image, tag))?.manifests ?? [])
        expect([tag, (await host.read(image, digest))?.digest]).toEqual([tag, digest])
  }

  /** The ownership annotations of what no tag needs, and was built for the pull request. */
  async function ownersOfUntagged(image: string, number: number): Promise<readonly (string | undefined)[]> {
    const found = await Promise.all((await split.untagged(image)).map((digest) => host.read(image, digest)))
    return found.flatMap(({ annotations } = { digest: '' }) =>
      annotations?.[pullRequestKey]?.endsWith(`-${number}`) ? [annotations[ownershipAnnotation]] : [],
    )
  }

  /** The dry run reports the same as the cleanup, and deletes nothing. */
  async function cleanUp(image: string, inputs: Readonly<Record<string, string>>): Promise<StepResult> {
    const job = split.jobOf(newRun(), pullRequest(7))
    const all = { ...host.inputs, image, ...inputs }
    const before = await host.tags(image)
    const planned = await job.cleanup({ ...all, 'dry-run': 'true' })
    expect([planned.code, await host.tags(image)]).toEqual([0, before])
    const done = await job.cleanup(all)
    expect([done.code, done.errors, done.warnings]).toEqual([0, [], []])
    const sorted = (result: StepResult) =>
      lines(result, 'deleted')
        .map(({ subject, reason }) => `${subject.replace(/ ?sha256:\w+$/, '')}: ${reason}`)
        .sort()
    expect(sorted(planned)).toEqual(sorted(done))
    return done
  }

  test('`pr-number` deletes what finished runs built for that pull request, and nothing else', async () => {
    const image = host.freshImage()
    const [first, second, other, active] = [
      await storeProposed(image, 7),
      await storeProposed(image, 7),
      await storeProposed(image, 77),
      await storeProposed(image, 7),
    ]
    // The name of the tag is that of a run of pull request 7, but the image is one of a release.
    const named = newRun()
    await store(nightly, ['nightly-1'], image, [['nightly-1', `pr-${named}`]])
    for (const runId of [first, second, other, named]) host.finish(runId)
    const index = await host.read(image, `pr-${first}`)
    const platforms = await Promise.all((index?.manifests ?? []).map(({ digest }) => host.read(image, digest)))
    const numbers = [index, ...platforms].map((manifest) => manifest?.annotations?.[pullRequestKey])
    expect(numbers.sort()).toEqual([...Array<unknown>(2).fill(expect.stringMatching(/^[0-9a-f]{8}-7$/)), undefined])
    const result = await cleanUp(image, { 'pr-number': '7', tags: 'pr-*\nbuild-*' })
    const stay = [other, active, named].map((run) => `pr-${run}`)
    expect(withoutCaches(await host.tags(image))).toEqual(stay.sort())
    for (const one of [first, second])
      expect(lines(result, 'deleted').map(({ reason }) => reason)).toContain(
        `run ${one} of pull request 7 has finished`,
      )
    expect(lines(result, 'kept')).toEqual([
      { image, subject: `pr-${active}`, reason: expect.stringMatching(/still running|not found/) },
    ])
    await expectWhole(image, stay)
    // Nothing of it is left without a tag, except what belongs to the run that goes on.
    for (const owner of await ownersOfUntagged(image, 7)) expect(owner).toMatch(new RegExp(`^${active}-`))
  })

  test('`pr-number` deletes the parts of a split build that was never merged', async () => {
    const image = host.freshImage()
    const [ours, theirs] = [newRun(), newRun()]
    const tag = (runId: string) => `build-0123456-${runId}-linux-amd64`
    await store(part, [tag(part.runId)], image, textsOf(part, ours, 7))
    await store(part, [tag(part.runId)], image, textsOf(part, theirs, 8))
    for (const run of [ours, theirs]) host.finish(run)
    await cleanUp(image, { 'pr-number': '7' })
    expect(withoutCaches(await host.tags(image))).toEqual([tag(theirs)])
  })

  test('`keep-n-tagged` keeps the newest images of a pattern, and whatever another tag needs', async () => {
    const image = host.freshImage()
    await store(nightly, ['nightly-1', 'nightly-2', 'nightly-3', 'nightly-4'], image)
    await store(nightly, ['nightly-1'], image, [['nightly-1', 'latest']])
    const oldest = await host.read(image, 'nightly-1')
    const given = { tags: 'nightly-*', 'keep-n-tagged': '2', 'older-than': '0 s', 'exclude-tags': 'nightly-2' }
    const result = await cleanUp(image, given)
    expect(withoutCaches(await host.tags(image))).toEqual(['latest', 'nightly-2', 'nightly-3', 'nightly-4'])
    expect(lines(result, 'deleted').map(({ reason }) => reason)).toContain('not one of the 2 newest of `nightly-*`')
    expect(lines(result, 'kept').map(({ subject, reason }) => `${subject}: ${reason}`)).toEqual(
      expect.arrayContaining([
        'nightly-2: it matches `exclude-tags`.',
        'nightly-3: one of the 2 newest of `nightly-*`.',
        'nightly-4: one of the 2 newest of `nightly-*`.',
      ]),
    )
    expect(await host.read(image, oldest?.digest ?? '')).toBeUndefined()
    await expectWhole(image, ['latest', 'nightly-2', 'nightly-3', 'nightly-4'])
    // The image says itself which tag it has, so it goes with its tag, where the API lists it.
    if (name !== 'distribution 3') expect(await namedUntagged(image)).toEqual([])
  })

  /** `created` in the configuration of the image. */
  async function createdOf(image: string, tag: string): Promise<string> {
    const index = await host.read(image, tag)
    const platform = index?.manifests?.find((entry) => entry.platform?.os === 'linux')
    const manifest = platform ? await host.read(image, platform.digest) : index
    const config = (await host.readBlob(image, manifest?.config?.digest ?? '')) as { readonly created?: string }
    return config.created ?? ''
  }

  test('`keep-n-tagged` never deletes the image that was published last', async () => {
    const image = host.freshImage()
    await store(nightly, ['nightly-1', 'nightly-2', 'nightly-3'], image)
    // The last build took all of its steps from the first one, and the time of its configuration too.
    expect(await createdOf(image, 'nightly-3')).toBe(await createdOf(image, 'nightly-1'))
    await cleanUp(image, { tags: 'nightly-*', 'keep-n-tagged': '1', 'older-than': '0 s' })
    expect(withoutCaches(await host.tags(image))).toEqual(['nightly-3'])
    await expectWhole(image, ['nightly-3'])
  })

  test('`older-than` keeps an image that has just been published, whatever its configuration says', async () => {
    const image = host.freshImage()
    await store(reproducible, ['nightly-1', 'again-1', 'again-2'], image)
    expect((await host.read(image, 'again-2'))?.digest).toBe((await host.read(image, 'again-1'))?.digest)
    expect(await createdOf(image, 'nightly-1')).toBe('2023-11-14T22:13:20Z')
    const tags = 'nightly-*\nagain-*'
    const result = await cleanUp(image, { tags, 'keep-n-tagged': '0', 'older-than': '1 hour' })
    expect(withoutCaches(await host.tags(image))).toEqual(['again-1', 'again-2', 'nightly-1'])
    expect(lines(result, 'kept').map(({ subject, reason }) => `${subject}: ${reason}`)).toContain(
      'nightly-1: the image is younger than `older-than`.',
    )
    await cleanUp(image, { tags, 'keep-n-tagged': '0', 'older-than': '0 s' })
    // Gitea reports when each tag was pushed; elsewhere nothing tells for an image that may have been pushed again.
    expect(withoutCaches(await host.tags(image))).toEqual(name === 'Gitea' ? [] : ['again-1', 'again-2'])
  })

  test('`exclude-tags` keeps an image with all of its tags', async () => {
    const image = host.freshImage()
    const [kept, deleted] = [await storeProposed(image, 7), await storeProposed(image, 7)]
    for (const runId of [kept, deleted]) host.finish(runId)
    const result = await cleanUp(image, { 'older-than': '0 s', 'exclude-tags': `pr-${kept}*` })
    expect(withoutCaches(await host.tags(image))).toEqual([`pr-${kept}`])
    expect(lines(result, 'kept')).toContainEqual({
      image,
      subject: `pr-${kept}`,
      reason: 'it matches `exclude-tags`.',
    })
  })
})
