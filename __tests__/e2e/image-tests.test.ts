import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { gunzipSync } from 'node:zlib'
import type { RequestLog } from '../farm/farm.ts'
import type { Job, StepResult } from './runner.ts'
import { resultsOf, untaggedIndexes } from './tested-releases.ts'
import {
  attachFarm,
  farmInputs,
  farmJob,
  freshImage,
  imageConfig,
  leftovers,
  mapConcurrently,
  oneNodeInputs,
  storedIndex,
  storedTags,
  waitFor,
  type Farm,
} from './harness.ts'

let farm: Farm
const jobs: Job[] = []
afterAll(() => jobs.forEach((job) => job.end()))

const dockerfile = () =>
  [
    `FROM ${farm.images.base} AS build`,
    'RUN --mount=type=secret,id=token cat /run/secrets/token | wc -c > /length',
    'RUN head -c 16 /dev/urandom | od -An -x > /id',
    'FROM build AS unit',
    'RUN echo unit tests on $(uname -m)',
    'FROM build AS broken',
    'RUN echo before the end && exit 9',
    'FROM scratch AS bare',
    'COPY --from=build /bin/busybox /busybox',
    'FROM build AS final',
    'RUN mkdir -p /data/in && echo content > /data/in/file && chmod -R 777 /data',
    'ENV GREETING="hello world" PRICE="\\$5"',
    'USER 1234:567',
    'WORKDIR /data/in',
    'ENTRYPOINT ["/bin/false"]',
    'CMD ["never"]',
    '',
  ].join('\n')

interface Played {
  readonly job: Job
  readonly image: string
  readonly main: StepResult
  readonly post: StepResult
}

async function play(inputs: Readonly<Record<string, string>>, image = freshImage(farm)): Promise<Played> {
  const job = farmJob(farm, { files: { Dockerfile: dockerfile() } })
  jobs.push(job)
  const main = await job.main(oneNodeInputs(farm, { image, secrets: 'token=hush-hush', cache: 'off', ...inputs }))
  return { job, image, main, post: await job.post() }
}

/** Everything below a tag as text: manifests, configurations, attestations and layers. */
async function stored(image: string, tag: string): Promise<string> {
  const path = image.slice(farm.registry.host.length + 1)
  const seen = new Set<string>()
  const read = async (digest: string, isManifest: boolean): Promise<string[]> => {
    if (seen.has(digest)) return []
    seen.add(digest)
    const manifest = isManifest ? await farm.registry.manifest(path, digest) : undefined
    if (!manifest) {
      const blob = Buffer.from(await farm.registry.blob(path, digest))
      return [(blob.readUInt16BE(0) === 0x1f8b ? gunzipSync(blob) : blob).toString('latin1')]
    }
    const {
      manifests = [],
      layers = [],
      config,
    } = manifest.json as Readonly<Record<string, Child[]>> & { config?: Child }
    const below = [
      ...manifests.map((child) => [child.digest, !/cacheconfig|layer/.test(child.mediaType)] as const),
      ...[...layers, ...(config ? [config] : [])].map((child) => [child.digest, false] as const),
    ]
    const texts = await Promise.all(below.map(async ([child, isBelow]) => await read(child, isBelow)))
    return [JSON.stringify(manifest.json), ...texts.flat()]
  }
  return (await read(tag, true)).join('\n')
}

interface Child {
  readonly digest: string
  readonly mediaType: string
}

/** A variant with its command and what it prints. */
type Case = readonly [name: string, test: unknown, printed: string | RegExp]

const hostile = [
  "cat > /data/x <<'EOF'",
  'FROM scratch',
  'RUN exit 1',
  'EOF',
  'test "$(head -n 1 /data/x)" = "FROM scratch" # a comment \\',
  'echo "two  spaces, \\"quotes\\", \'single\' and a \\\\"',
].join('\n')

const passing: readonly Case[] = [
  ['exec', ['/bin/busybox', 'echo', 'a  b', '$GREETING', '<<EOF', '"q"', "it's"], 'a  b $GREETING <<EOF "q" it\'s\n'],
  ['json', '["/bin/busybox", "echo", "${GREETING} %{GREETING}"]', '${GREETING} %{GREETING}\n'],
  ['shell', 'echo "$GREETING, ${PRICE}"', 'hello world, $5\n'],
  ['shell-stops', 'echo one | cat\ntrue || false\necho two', 'one\ntwo\n'],
  ['user', 'id -u; id -g', '1234\n567\n'],
  ['workdir', 'pwd; cat file', '/data/in\ncontent\n'],
  ['entrypoint', 'echo not $0', 'not /bin/sh\n'],
  ['secret', 'cat /length; ls /run/secrets 2>&1 || true; env | grep -c hush || true', /^9\nls: .*No such file.*\n0\n$/],
  ['hostile', hostile, 'two  spaces, "quotes", \'single\' and a \\\n'],
  ['not-json', '[ -f /data/in/file ] && echo there', 'there\n'],
  ['numbers', '[1, 2] 2>/dev/null || echo not an array of strings', 'not an array of strings\n'],
  ['unicode', "printf '\\303\\274 ü\\n'", 'ü ü\n'],
  ['standard-error', 'echo out; echo err >&2', /^(out\nerr|err\nout)\n$/],
  ['no-line-end', 'printf partial', 'partial'],
  // More than the result keeps, and less than the 200 KiB per second at which BuildKit clips the log of a step.
  [
    'huge',
    'seq 1 100000 | head -c 150000; echo; echo end',
    /^\[Only the end of the output; the log has more\]\n\d+\n[^]*\nend\n$/,
  ],
]

describe('images that pass their tests', () => {
  let all: Played
  let bare: Played
  let stage: Played
  let fresh: readonly Played[]
  let unpushed: Played
  let traces: Played

  beforeAll(async () => {
    farm = await attachFarm()
    const variants = Object.fromEntries(passing.map(([name, command]) => [name, { test: command }]))
    const one = { 'no-cache': 'true', test: 'cat /id', target: 'final', tags: 'v1' }
    ;[all, bare, stage, unpushed, traces] = await Promise.all([
      play({ target: 'final', variants: JSON.stringify(variants), tags: 'v1' }),
      play({ target: 'bare', test: '["/busybox", "echo", "no shell"]', tags: 'v1' }),
      play({ target: 'final', test: 'true', 'test-target': 'unit', tags: 'v1' }),
      play({ target: 'final', test: 'echo built', 'test-target': 'unit', push: 'false' }),
      play({ target: 'final', test: 'echo left by the test > /data/in/left', cache: 'registry', tags: 'v1' }),
    ])
    fresh = [await play(one), await play(one)]
  })

  test('all runs succeed and leave nothing behind', async () => {
    for (const { main, post, job } of [all, bare, stage, unpushed, traces, ...fresh]) {
      expect([main.code, main.errors, main.log]).toEqual([0, [], main.log])
      expect([post.code, post.warnings]).toEqual([0, []])
      expect(await leftovers(farm, job)).toEqual([])
    }
  })

  test.each(passing)('%s', (name, _, printed) => {
    const output = resultsOf(all.main).find(({ variant }) => variant === name)?.targets[0]?.test?.output
    if (typeof printed === 'string') expect(output).toBe(printed)
    else expect(output).toMatch(printed)
  })

  test('the output is bounded in `results`', () => {
    expect(Buffer.byteLength(all.main.outputs['results'] ?? '')).toBeLessThan(100 * 1024)
  })

  test('the log has the output with the platform, the summary a column', () => {
    expect(all.main.log).toMatch(/linux\/amd64 user +│ \[test\] 1234\n/)
    expect(all.main.log).toMatch(/linux\/amd64 workdir: .*, test passed in \d+\.\d s/)
    expect(all.main.summary).toMatch(/\| size \| test \|\n.*\n.*\| passed, \d+\.\d s \|/)
    expect(bare.main.log).toContain('linux/amd64 │ [test] /busybox echo no shell\nlinux/amd64 │ [test] no shell\n')
  })

  test('`test-target` builds a stage that is not in the image', async () => {
    expect(stage.main.log).toMatch(/linux\/amd64 │ \[unit \d\/\d\] unit tests on x86_64/)
    expect((await imageConfig(farm, stage.image, 'v1', 'linux/amd64')) as { config: unknown }).toMatchObject({
      config: { User: '1234:567', Entrypoint: ['/bin/false'] },
    })
  })

  test('with `push: false` both run, and nothing is pushed', () => {
    expect(unpushed.main.log).toMatch(/\[test\] built\n/)
    expect(unpushed.main.log).toMatch(/unit tests on x86_64/)
    expect(unpushed.main.outputs['results']).toBe('[]')
  })

  test('nothing of the test is in the image, its provenance or its cache', async () => {
    const [index, cache] = await Promise.all(['v1', 'buildcache-linux-amd64'].map((tag) => stored(traces.image, tag)))
    expect(index).toMatch(/slsa\.dev\/provenance/)
    expect(cache).toMatch(/application\/vnd\.buildkit\.cacheconfig/)
    for (const text of [index, cache]) expect(text).not.toMatch(/left by the test|test-of-image/)
  })

  test('the tested image is the published one, also if no step is cached', async () => {
    const printed = fresh.map(({ main }) => resultsOf(main)[0]?.targets[0]?.test?.output ?? '')
    expect(new Set(printed).size).toBe(2)
    for (const [index, { main, image }] of fresh.entries()) {
      expect(await stored(image, 'v1')).toContain(printed[index])
      expect(main.log.match(/\[build 3\/3\] RUN/g)).toHaveLength(1)
    }
  })

  test('a test never comes from a cache', async () => {
    const inputs = { target: 'final', test: 'echo once more', tags: 'v1', 'keep-builder': 'true' }
    for (const { main } of [await play(inputs), await play(inputs)])
      expect(main.log).toMatch(/\[test\] once more\n.*\[test\] done/)
    await farm.nodes.amd.wipe()
  })
})

/** Inputs, the headline, and what the log has before it. */
type Failure = readonly [name: string, inputs: Record<string, string>, headline: string | RegExp, detail: RegExp]

const failing: readonly Failure[] = [
  [
    'an exit code',
    { test: 'echo one; echo two; exit 3' },
    'The test of linux/amd64 failed with exit code: 3',
    / {2}\| one\n {2}\| two\nNo tag was updated/,
  ],
  [
    'a failing line of a script',
    { test: 'echo first\nfalse\necho never' },
    'The test of linux/amd64 failed with exit code: 1',
    / {2}\| first\nNo tag/,
  ],
  ['no output', { test: 'exit 4' }, 'The test of linux/amd64 failed with exit code: 4', /printed nothing/],
  ['an unknown command', { test: 'nope --version' }, 'The test of linux/amd64 failed with exit code: 127', /nope/],
  ['an unknown program', { test: '["nope"]' }, 'The test of linux/amd64 cannot start', /executable file not found/],
  ['no shell', { target: 'bare', test: 'echo x' }, 'The test of linux/amd64 cannot start', /without a shell/],
  [
    'a file without permission',
    { test: '["/data/in/file"]' },
    'The test of linux/amd64 cannot start',
    /program of `test`/,
  ],
  [
    'a signal',
    { test: "sh -c 'kill -9 $$'\nexit 0" },
    'The test of linux/amd64 failed with exit code: 137',
    /killed a process/,
  ],
  [
    'a timeout',
    { test: 'echo waiting; sleep 600', 'test-timeout': '2s' },
    'The test of linux/amd64 did not end within 2.0 s',
    / {2}\| waiting\n/,
  ],
  [
    'one of several variants',
    { variants: '{good: {test: "true"}, bad: {test: "sleep 1; exit 5"}}' },
    'The test of linux/amd64 bad failed with exit code: 5',
    /Cancelled because of this failure: linux\/amd64 good/,
  ],
  [
    'a stage',
    { 'test-target': 'broken' },
    /^linux\/amd64: .*RUN echo before the end.* failed: exit code: 9$/,
    /before/,
  ],
  ['an unknown stage', { 'test-target': 'nowhere' }, /^linux\/amd64: .*nowhere/, /nowhere/],
  [
    'huge output',
    { test: 'seq 1 20000; echo the end; exit 1' },
    'The test of linux/amd64 failed with exit code: 1',
    / {2}\| the end\n/,
  ],
]

describe('images that fail their tests', () => {
  let played: ReadonlyMap<string, Played>
  let requests: readonly RequestLog[]

  beforeAll(async () => {
    farm = await attachFarm()
    const images = await mapConcurrently(failing, async ([name, inputs]) => {
      const run = await play({ target: 'final', tags: 'v1', cache: 'registry', ...inputs })
      return [name, run] as const
    })
    played = new Map(images)
    requests = await farm.registry.requests()
  })

  test.each(failing)('%s', (name, _, headline, detail) => {
    const { main, post, image } = played.get(name)!
    expect([main.code, post.code, post.warnings]).toEqual([1, 0, []])
    if (typeof headline === 'string') expect(main.errors).toEqual([headline])
    else expect(main.errors[0]).toMatch(headline)
    expect(main.errors[0]?.length).toBeLessThanOrEqual(100)
    expect(main.log).toMatch(detail)
    expect(main.summary).toContain('### Build failed: no tag was updated')
    const path = image.slice(farm.registry.host.length + 1)
    expect(requests.filter((one) => one.method === 'PUT' && one.path.includes(`/${path}/manifests/`))).toEqual([])
  })

  test('nothing is left', async () => {
    for (const { job } of played.values()) expect(await leftovers(farm, job)).toEqual([])
    await waitFor(
      'end of the processes',
      async () => (await farm.nodes.amd.exec('pgrep -f "[s]leep 600" || true')).stdout.trim() === '',
    )
  })
})

describe('two SSH nodes', () => {
  beforeAll(async () => {
    farm = await attachFarm()
  })

  test('a test that fails on one platform leaves every tag where it was, and nothing behind', async () => {
    const image = freshImage(farm)
    const release = async (command: string) => {
      const job = farmJob(farm, { files: { Dockerfile: dockerfile() }, ref: 'refs/tags/v1.2.3' })
      jobs.push(job)
      const inputs = { image, target: 'final', test: command, secrets: 'token=x', 'fail-fast': 'false' }
      return { job, main: await job.main(farmInputs(farm, inputs)), post: await job.post() }
    }
    const first = await release('uname -m')
    expect([first.main.code, first.main.log]).toEqual([0, first.main.log])
    expect(resultsOf(first.main)[0]?.targets.map(({ test: result }) => result?.output)).toEqual([
      'x86_64\n',
      'aarch64\n',
    ])
    const tags = await storedTags(farm, image)
    const before = await Promise.all(tags.map(async (tag) => (await storedIndex(farm, image, tag))?.digest))
    const manifests = await farm.registry.requests()
    const second = await release('test "$(uname -m)" = x86_64')
    expect([second.main.code, second.main.errors]).toEqual([1, ['The test of linux/arm64 failed with exit code: 1']])
    const after = await Promise.all(tags.map(async (tag) => (await storedIndex(farm, image, tag))?.digest))
    const isRelease = (_: unknown, index: number) => tags[index]?.startsWith('buildcache-') === false
    expect(after.filter(isRelease)).toEqual(before.filter(isRelease))
    expect([second.post.code, second.post.warnings]).toEqual([0, []])
    expect(await leftovers(farm, second.job)).toEqual([])
    // The index that the other node had pushed by digest is deleted.
    expect(await untaggedIndexes(farm, image, manifests.length)).toEqual([])
  })

  test('a node that is killed in mid-test: the image is built and tested elsewhere', async () => {
    const image = freshImage(farm)
    const { amd, arm } = farm.nodes
    const job = farmJob(farm, { files: { Dockerfile: dockerfile() } })
    jobs.push(job)
    const inputs = { image, target: 'final', test: 'echo testing; sleep 4; echo tested', secrets: 'token=x' }
    const nodes = `linux/amd64 = ${amd.endpoint}\nlinux/arm64 = ${arm.endpoint}`
    const running = job.start(farmInputs(farm, { ...inputs, nodes }))
    await running.waitForOutput(/linux\/amd64 .*\[test\] testing/)
    await amd.kill()
    const main = await running.result
    await amd.revive()
    const post = await job.post()
    await amd.heal()
    expect([main.code, post.code, post.warnings, main.log]).toEqual([0, 0, [], main.log])
    expect(main.warnings.join('\n')).toMatch(/linux\/amd64 rescheduled to local/)
    const targets = resultsOf(main)[0]?.targets
    expect(targets?.map((target) => [target.platform, target.test?.output])).toEqual([
      ['linux/amd64', 'testing\ntested\n'],
      ['linux/arm64', 'testing\ntested\n'],
    ])
    expect(await leftovers(farm, job)).toEqual([])
  })
})

describe('other ways to build', () => {
  beforeAll(async () => {
    farm = await attachFarm()
  })

  test('the local engine, and `load`', async () => {
    const inputs = { nodes: 'linux/amd64 = local', target: 'final', test: 'echo local' }
    const [pushed, loaded] = [
      await play(inputs),
      await play({ ...inputs, load: 'true', tags: 'loaded', image: 'tested' }),
    ]
    for (const { main } of [pushed, loaded]) {
      expect([main.code, main.log]).toEqual([0, main.log])
      expect(main.log).toMatch(/\[test\] local\n/)
    }
    const failed = await play({ ...inputs, test: 'exit 1', load: 'true', tags: 'not-loaded', image: 'tested' })
    expect(failed.main.code).toBe(1)
    const images = await farm.local.images()
    expect(images.filter((name) => name.includes('tested:'))).toEqual([expect.stringMatching(/tested:loaded$/)])
  })

  test('a part of a split build is tested, and its results stay short', async () => {
    const command = 'seq 1 5000; echo end of part'
    const { main, image } = await play({ target: 'final', partial: 'true', test: command })
    expect([main.code, main.log]).toEqual([0, main.log])
    const output = resultsOf(main)[0]?.targets[0]?.test?.output ?? ''
    expect(output).toMatch(/^\[Only the end of the output; the log has more\]\n[^]*end of part\n$/)
    expect(Buffer.byteLength(output)).toBeLessThan(2200)
    const failed = await play({ target: 'final', partial: 'true', test: 'exit 1' }, image)
    expect(failed.main.errors).toEqual(['The test of linux/amd64 failed with exit code: 1'])
  })
})
