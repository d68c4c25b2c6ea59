import { beforeAll, describe, expect, test } from '@jest/globals'
import { gunzipSync } from 'node:zlib'
import type { RequestLog } from '../farm/farm.ts'
import type { Job, StepResult } from './runner.ts'
import { resultsOf, untaggedIndexes } from './tested-releases.ts'
import {
  farmInputs,
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
import { useFarm } from './setup.ts'

const setup = useFarm()
let farm: Farm

const dockerfile = () =>
  [
    `FROM ${farm.images.base} AS build`,
    'RUN --mount=type=secret,id=token cat /run/secrets/token | wc -c > /length',
    'RUN head -c 16 /dev/urandom | od -An -x > /id',
    'FROM build AS unit',
    'RUN echo unit tests on $(uname -m)',
    'FROM unit AS integration',
    'RUN echo integration tests, after the unit tests',
    'FROM build AS broken',
    'RUN echo before the end && exit 9',
    'FROM scratch AS bare',
    'COPY --from=build /bin/busybox /busybox',
    'FROM build AS evil',
    `COPY <<'EOF' /evil\n#!/bin/busybox sh\n${commands.map((line) => `echo '${line}'`).join('\n')}\nEOF`,
    'RUN ["/bin/busybox", "sh", "-c", "chmod 755 /evil && rm /bin/sh && mv /evil /bin/sh"]',
    'FROM build AS final',
    'RUN mkdir -p /data/in && echo content > /data/in/file && chmod -R 777 /data',
    'ENV GREETING="hello world" PRICE="\\$5"',
    'USER 1234:567',
    'WORKDIR /data/in',
    'ENTRYPOINT ["/bin/false"]',
    'CMD ["never"]',
    '',
  ].join('\n')

/** What an image may print to be obeyed by the runner: none of it may begin a line of the log. */
const commands = [
  '::set-output name=digest::sha256:evil',
  '::add-mask::linux',
  '::error::from the image',
  '::stop-commands::token',
  '##[error]from the image',
]

interface Played {
  readonly job: Job
  readonly image: string
  readonly main: StepResult
  readonly post: StepResult
}

async function play(inputs: Readonly<Record<string, string>>, image = freshImage(farm)): Promise<Played> {
  const job = setup.job({ files: { Dockerfile: dockerfile() } })
  const { mirror = '', ...others } = inputs
  const images = mirror === '' ? image : `${image}\nname=${image}-mirror,required=false`
  const given = { image: images, secrets: 'token=hush-hush', cache: 'off', 'keep-builder': 'true', ...others }
  const main = await job.main(oneNodeInputs(farm, given))
  return { job, image, main, post: await job.post() }
}

/** Everything but the persistent builder, on which these tests run without a boot for each. */
async function leftByJobs(played: readonly Pick<Played, 'job'>[]): Promise<readonly string[]> {
  const left = await Promise.all(played.map(async ({ job }) => await leftovers(farm, job)))
  return left.flat().filter((line) => !line.includes('mab-keep-'))
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
  ['commands', commands.map((line) => `echo '${line}'`).join('\n'), `${commands.join('\n')}\n`],
  ['forks', 'for i in $(seq 100); do sleep 600 & done; trap "" TERM; sleep 600 & echo forked', 'forked\n'],
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
  let evil: Played
  let fresh: readonly Played[]
  let again: readonly Played[]
  let unpushed: Played
  let traces: Played

  beforeAll(async () => {
    farm = setup.farm
    const variants = Object.fromEntries(passing.map(([name, command]) => [name, { test: command }]))
    // Concurrent builds on one builder share a step, also if one of them uses no cache: only one log has its output.
    const alone = { 'keep-builder': 'false', target: 'final' }
    const one = { ...alone, 'no-cache': 'true', test: 'cat /id', tags: 'v1' }
    const twice = async (inputs: Readonly<Record<string, string>>) => [await play(inputs), await play(inputs)]
    ;[all, bare, stage, evil, unpushed, traces, fresh, again] = await Promise.all([
      play({ target: 'final', variants: JSON.stringify(variants), tags: 'v1' }),
      play({ target: 'bare', test: '["/busybox", "echo", "no shell"]', tags: 'v1' }),
      play({ target: 'final', test: 'true', 'test-target': 'integration', tags: 'v1' }),
      play({ target: 'evil', test: 'true', tags: 'v1' }),
      play({ ...alone, test: 'echo built', 'test-target': 'unit', push: 'false' }),
      play({ target: 'final', test: 'echo left by the test > /data/in/left', cache: 'registry', tags: 'v1' }),
      twice(one),
      twice({ target: 'final', test: 'echo once more', tags: 'v1' }),
    ])
  })

  test('all runs succeed and leave nothing behind', async () => {
    const played = [all, bare, stage, evil, unpushed, traces, ...fresh, ...again]
    for (const { main, post } of played) {
      expect([main.code, main.errors, main.log]).toEqual([0, [], main.log])
      expect([post.code, post.warnings]).toEqual([0, []])
    }
    expect(await leftByJobs(played)).toEqual([])
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

  test('the commands of an image are text for the runner', () => {
    for (const { main, image } of [all, evil]) {
      const lines = main.raw.split('\n')
      const obeyed = lines.filter((line) => /^\s*::|##\[/.test(line) && !/^::(add-mask|debug)::/.test(line))
      expect(obeyed).toEqual([])
      expect(main.masks).not.toContain('linux')
      expect(main.outputs['image']).toMatch(new RegExp(`^${image}@sha256:[0-9a-f]{64}$`))
    }
    expect(resultsOf(evil.main)[0]?.targets[0]?.test?.output).toBe(`${commands.join('\n')}\n`)
  })

  test('`test-target` builds stages that are not in the image', async () => {
    expect(stage.main.log).toMatch(/linux\/amd64 │ \[unit \d\/\d\] unit tests on x86_64/)
    expect(stage.main.log).toMatch(/linux\/amd64 │ \[integration \d\/\d\] integration tests, after the unit tests/)
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

  test('a test never comes from a cache', () => {
    for (const { main } of again) expect(main.log).toMatch(/\[test\] once more\n.*\[test\] done/)
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
    'a timeout that the test ignores, with its children',
    { test: 'trap "" TERM INT HUP; sleep 600 & echo waiting; while true; do sleep 1; done', 'test-timeout': '2s' },
    'The test of linux/amd64 did not end within 2.0 s',
    / {2}\| waiting\n/,
  ],
  ['output without end', { test: 'yes', 'test-timeout': '2s' }, /did not end within 2\.0 s$/, / {2}\| y\n {2}\| y\n/],
  [
    'an image without a push',
    { test: 'exit 6', push: 'false' },
    'The test of linux/amd64 failed with exit code: 6',
    /printed nothing/,
  ],
  [
    'an image with a mirror',
    { test: 'exit 6', mirror: 'true' },
    'The test of linux/amd64 failed with exit code: 6',
    /printed nothing/,
  ],
  [
    'one of several variants',
    { variants: '{good: {test: "true"}, bad: {test: "sleep 1; exit 5"}}' },
    'The test of linux/amd64 bad failed with exit code: 5',
    /Cancelled because of this failure: linux\/amd64 good/,
  ],
  [
    'a stage',
    { 'test-target': 'broken', test: 'true' },
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
    farm = setup.farm
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
    const isPushed = new RegExp(`/${path}(-mirror)?/manifests/`)
    expect(requests.filter((one) => one.method === 'PUT' && isPushed.test(one.path))).toEqual([])
  })

  test('nothing is left', async () => {
    expect(await leftByJobs([...played.values()])).toEqual([])
    await waitFor(
      'end of the processes',
      async () => (await farm.nodes.amd.exec('pgrep -f "[s]leep 600" || true')).stdout.trim() === '',
    )
    await farm.nodes.amd.wipe()
  })
})

interface TwoReleases {
  readonly tags: readonly string[]
  readonly first: Release
  readonly second: Release
  /** The digests of the tags after each of them. */
  readonly digests: readonly (readonly (string | undefined)[])[]
  readonly image: string
  /** How many requests there were before the second one. */
  readonly since: number
}

type Release = Omit<Played, 'image'>

/** On two nodes: the second release fails on the second platform. */
async function releaseOnTwoNodes(): Promise<TwoReleases> {
  const image = freshImage(farm)
  const release = async (command: string): Promise<Release> => {
    const job = setup.job({ files: { Dockerfile: dockerfile() }, ref: 'refs/tags/v1.2.3' })
    const inputs = { image, target: 'final', test: command, secrets: 'token=x', 'fail-fast': 'false' }
    return { job, main: await job.main(farmInputs(farm, inputs)), post: await job.post() }
  }
  const first = await release('uname -m')
  const tags = (await storedTags(farm, image)).filter((tag) => !tag.startsWith('buildcache-'))
  const digestsNow = () => Promise.all(tags.map(async (tag) => (await storedIndex(farm, image, tag))?.digest))
  const before = await digestsNow()
  const since = (await farm.registry.requests()).length
  const second = await release('test "$(uname -m)" = x86_64')
  return { tags, first, second, digests: [before, await digestsNow()], image, since }
}

describe('other ways to build', () => {
  let two: TwoReleases
  let local: readonly Played[]
  let parts: readonly Played[]

  beforeAll(async () => {
    farm = setup.farm
    const own = { 'keep-builder': 'false', target: 'final' }
    const onLocal = async () => {
      const inputs = { ...own, nodes: 'linux/amd64 = local', test: 'echo local', 'test-target': 'unit' }
      const load = { ...inputs, load: 'true', image: 'tested' }
      const pushed = await play(inputs)
      return [
        pushed,
        await play({ ...load, tags: 'loaded' }),
        await play({ ...load, tags: 'not-loaded', test: 'exit 1' }),
      ]
    }
    const asParts = async () => {
      const part = { ...own, partial: 'true' }
      const built = await play({ ...part, test: 'seq 1 5000; echo end of part' })
      return [built, await play({ ...part, test: 'exit 1' }, built.image)]
    }
    ;[two, local, parts] = await Promise.all([releaseOnTwoNodes(), onLocal(), asParts()])
  })

  test('on two SSH nodes, a test that fails on one leaves every tag where it was, and nothing behind', async () => {
    const { first, second, tags, digests, image, since } = two
    expect([first.main.code, first.main.log]).toEqual([0, first.main.log])
    expect(resultsOf(first.main)[0]?.targets.map(({ test: result }) => result?.output)).toEqual([
      'x86_64\n',
      'aarch64\n',
    ])
    expect([second.main.code, second.main.errors]).toEqual([1, ['The test of linux/arm64 failed with exit code: 1']])
    expect([...tags].sort()).toEqual(['1.2', '1.2.3', 'latest'])
    expect(digests[1]).toEqual(digests[0])
    expect([second.post.code, second.post.warnings]).toEqual([0, []])
    // The index that the other node had pushed by digest is deleted.
    expect(await untaggedIndexes(farm, image, since)).toEqual([])
  })

  test('the local engine, and `load`', async () => {
    const [pushed, loaded, failed] = local
    for (const played of [pushed, loaded]) {
      expect([played?.main.code, played?.main.log]).toEqual([0, played?.main.log])
      expect(played?.main.log).toMatch(/\[test\] local\n/)
      expect(played?.main.log).toMatch(/unit tests on x86_64\n/)
    }
    expect(failed?.main.code).toBe(1)
    const images = await farm.local.images()
    expect(images.filter((name) => name.includes('tested:'))).toEqual([expect.stringMatching(/tested:loaded$/)])
  })

  test('a part of a split build is tested, and its results stay short', () => {
    const [built, failed] = parts
    if (!built) throw new Error('nothing was built')
    expect([built.main.code, built.main.log]).toEqual([0, built.main.log])
    const output = resultsOf(built.main)[0]?.targets[0]?.test?.output ?? ''
    expect(output).toMatch(/^\[Only the end of the output; the log has more\]\n[^]*end of part\n$/)
    expect(Buffer.byteLength(output)).toBeLessThan(2200)
    expect(failed?.main.errors).toEqual(['The test of linux/amd64 failed with exit code: 1'])
  })

  test('nothing is left', async () => {
    for (const { job } of [two.first, two.second, ...local, ...parts]) expect(await leftovers(farm, job)).toEqual([])
  })

  test('a node that is killed in mid-test: the image is built and tested elsewhere', async () => {
    const image = freshImage(farm)
    const { amd, arm } = farm.nodes
    const job = setup.job({ files: { Dockerfile: dockerfile() } })
    // The registry answers this node not before it is dead, and the others at once.
    const hold = { match: '/v2/hold', status: 404 }
    await farm.registry.fault({ ...hold, from: 'amd', delayMs: 60_000 })
    const held = `wget -q -O - http://${farm.registry.host}/v2/hold 2> /dev/null || true`
    const inputs = { image, target: 'final', test: `echo testing; ${held}; echo tested`, secrets: 'token=x' }
    const nodes = `linux/amd64 = ${amd.endpoint}\nlinux/arm64 = ${arm.endpoint}`
    const running = job.start(farmInputs(farm, { ...inputs, nodes }))
    await running.waitForOutput(/linux\/amd64 .*\[test\] testing/)
    await amd.kill()
    const main = await running.result
    await amd.revive()
    const post = await job.post()
    await amd.heal()
    await farm.registry.clearFaults()
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
