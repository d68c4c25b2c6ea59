import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { get } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { EngineClient } from '../../src/nodes/engine/client.ts'
import type { Job, StepResult } from './runner.ts'
import { attachFarm, farmJob, freshImage, leftovers, oneNodeInputs, storedTags, type Farm } from './harness.ts'

interface Done {
  readonly main: StepResult
  readonly post: StepResult
  /** What earlier builds on the same daemon wrote to the cache mount. */
  readonly seen: readonly string[]
}

let farm: Farm
let files: string
let image: string
let imageOfFork: string
const jobs: Job[] = []
const done = new Map<string, Done>()
let first: readonly string[]
let afterwards: readonly string[]
let config: string

const daemons = async () => {
  const { amd } = farm.nodes
  return [...(await amd.containers()).map(({ name, state }) => `${name} ${state}`), ...(await amd.volumes())]
    .map((name) =>
      name
        .replace('buildx_buildkit_mab-keep-', '')
        .replace(/^[0-9a-f]{8}-|[0-9a-f]{8}(?=_| |$)|_used_\d{8}$/g, (part) =>
          part.startsWith('_used') ? '_used' : '#',
        ),
    )
    .sort()
}

/** As in the payloads of GitHub and Forgejo: without a default branch, a push would be trusted like a proposal. */
const repository = { full_name: 'acme/app', default_branch: 'main' }

/** A push to the default branch, or a pull request from the repository `head`. */
function open(head?: string): Job {
  const event = join(files, `${head?.replace('/', '-') ?? 'push'}.json`)
  writeFileSync(
    event,
    JSON.stringify({
      repository,
      ...(head !== undefined && { pull_request: { head: { repo: { full_name: head } } } }),
    }),
  )
  const Dockerfile = [
    `FROM ${farm.images.base}`,
    'ARG NAME',
    String.raw`RUN --mount=type=cache,target=/seen echo "seen: $(ls /seen | tr '\n' ' ')"; touch "/seen/$NAME"`,
    '',
  ].join('\n')
  const job = farmJob(farm, {
    files: { Dockerfile },
    event: head === undefined ? 'push' : 'pull_request',
    env: { GITHUB_EVENT_PATH: event },
  })
  jobs.push(job)
  return job
}

async function build(name: string, head?: string, inputs: Readonly<Record<string, string>> = {}): Promise<void> {
  const job = open(head)
  const main = await job.main(
    oneNodeInputs(farm, {
      image: name.startsWith('fork') ? imageOfFork : image,
      'keep-builder': 'true',
      'build-args': `NAME=${name}`,
      ...(head === undefined && { tags: name }),
      ...inputs,
    }),
  )
  const post = await job.post()
  done.set(name, {
    main,
    post,
    seen: (/\] seen: (.*)/.exec(main.log)?.[1] ?? 'nothing was said')
      .trim()
      .split(' ')
      .filter((word) => word !== ''),
  })
}

beforeAll(async () => {
  farm = await attachFarm()
  files = mkdtempSync(join(tmpdir(), 'events-'))
  image = freshImage(farm)
  imageOfFork = freshImage(farm)
  await Promise.all([build('a'), build('b')])
  first = await daemons()
  await Promise.all([build('c'), build('proposal', 'acme/app'), build('fork', 'mallory/app')])
  await build('fork-push', 'mallory/app', { push: 'true' })
  afterwards = await daemons()
  config = await fileOf(
    (await farm.nodes.amd.containers()).find(({ name }) => name.includes('-trusted-'))?.name ?? '',
    '/etc/buildkit/buildkitd.toml',
  )
}, 120_000)
afterAll(async () => {
  const { dockerSocket } = farm.nodes.amd
  for (const { name } of await farm.nodes.amd.containers())
    if (name.includes('mab-keep-')) await new EngineClient(dockerSocket, 20_000).removeContainer(name)
  for (const name of await farm.nodes.amd.volumes())
    if (name.includes('mab-keep-')) await new EngineClient(dockerSocket, 20_000).removeVolume(name)
  for (const job of jobs) expect(await leftovers(farm, job)).toEqual([])
  jobs.forEach((job) => job.end())
  rmSync(files, { recursive: true })
})

/** Read as a tar archive, in which text files are readable. */
async function fileOf(container: string, path: string): Promise<string> {
  return await new Promise((resolve, reject) => {
    get(
      { socketPath: farm.nodes.amd.dockerSocket, path: `/containers/${container}/archive?path=${path}` },
      (answer) => void text(answer).then(resolve, reject),
    ).on('error', reject)
  })
}

describe('keep-builder', () => {
  test('every run succeeds, and its post step removes everything else of the run', () => {
    for (const { main, post } of done.values()) {
      expect([main.code, main.log]).toEqual([0, main.log])
      expect([post.code, post.warnings]).toEqual([0, []])
    }
    for (const { temp, home } of jobs) expect([...readdirSync(temp), ...readdirSync(home)]).toEqual([])
  })

  test('two first runs at the same time create one daemon with its limits', () => {
    expect(first).toEqual(['#trusted-# running', '#trusted-#_state', '#trusted-#_used'])
    expect(config).toContain('maxUsedSpace = "20%"')
  })

  test('the next push reuses it, a pull request uses another one, a fork no persistent one', () => {
    expect(done.get('c')?.seen).toEqual(['a', 'b'])
    expect(done.get('proposal')?.seen).toEqual([])
    expect(done.get('fork')?.seen).toEqual([])
    expect(afterwards).toEqual([
      '#pr-# running',
      '#pr-#_state',
      '#pr-#_used',
      '#trusted-# running',
      '#trusted-#_state',
      '#trusted-#_used',
    ])
  })
})

describe('the context of a kept workspace', () => {
  /** Bytes that the build received, and what it read from the file. */
  async function upload(job: Job): Promise<readonly [bytes: number, content: string]> {
    const inputs = { image, tags: 'context', 'keep-builder': 'true', cache: 'off' }
    const { code, log, outputs } = await job.main(oneNodeInputs(farm, inputs))
    expect([code, log]).toEqual([0, log])
    expect((await job.post()).code).toBe(0)
    const bytes = Number(/"bytes":\{"context":(\d+)/.exec(outputs['results'] ?? '')?.[1])
    return [bytes, /content: (\w+)/.exec(log)?.[1] ?? '']
  }

  function openWithContext(content: string): Job {
    const job = farmJob(farm, {
      files: {
        Dockerfile: `FROM ${farm.images.base}\nCOPY . /\nRUN echo "content: $(cat changing)"\n`,
        large: '0123456789'.repeat(500_000),
        changing: content,
      },
    })
    jobs.push(job)
    return job
  }

  test('is not sent again; only a changed file is', async () => {
    const job = openWithContext('old')
    expect(await upload(job)).toEqual([expect.closeTo(5_000_000, -4), 'old'])
    writeFileSync(join(job.workspace, 'changing'), 'new')
    const [bytes, content] = await upload(job)
    expect(content).toBe('new')
    expect(bytes).toBeLessThan(1000)
  })

  test('is sent again by another checkout, and if a program has set the times of its files', async () => {
    const job = openWithContext('one')
    const set = () => ['large', 'changing'].forEach((name) => utimesSync(join(job.workspace, name), 1000, 1000))
    set()
    expect(await upload(job)).toEqual([expect.closeTo(5_000_000, -4), 'one'])
    writeFileSync(join(job.workspace, 'changing'), 'two')
    set()
    expect(await upload(job)).toEqual([expect.closeTo(5_000_000, -4), 'two'])
  })
})

test('a fork pushes nothing by default and writes no cache, and the log says so', async () => {
  const fork = done.get('fork-push')
  const byDefault = done.get('fork')?.main
  expect(byDefault?.log).toContain('Nothing is pushed, because this run builds a pull request from a fork')
  expect([byDefault?.outputs['tags'], byDefault?.log]).toEqual([
    '',
    expect.not.stringContaining('caches are read-only'),
  ])
  expect(fork?.main.outputs['tags']).toMatch(/:pr-\d+$/)
  expect(fork?.main.log).toContain('Fork build: caches are read-only')
  expect(fork?.main.log).toContain('Fork build: `keep-builder` is ignored')
  expect(await storedTags(farm, imageOfFork)).toEqual([])
  const caches = ['', '-pr', '-pr-stats', '-stats'].map((suffix) => `buildcache-linux-amd64${suffix}`)
  expect(await storedTags(farm, image)).toEqual(['a', 'b', ...caches, 'c', 'context'])
})
