import { beforeAll, expect, test } from '@jest/globals'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { asRecord } from '../../src/lib/json.ts'
import { freshImage, imageConfig, oneNodeInputs, type Farm } from './harness.ts'
import { useFarm } from './setup.ts'
import { resultsOf } from './tested-releases.ts'

// Two variants for two platforms, all of which compile in the same stage. Every run has a new daemon, which imports a
// cache of each target: all of them contain the steps of that stage.
const setup = useFarm()
let farm: Farm
let image: string

const variants = ['slim', 'full']
const platforms = ['linux/amd64', 'linux/386']

const dockerfile = (base: string) => `
FROM --platform=$BUILDPLATFORM ${base} AS compile
COPY . /src
COPY --from=lib . /lib
RUN cat /src/app.txt /lib/lib.txt /proc/sys/kernel/random/uuid > /program
FROM compile AS link
ARG NAME
ARG TARGETARCH
RUN echo "$NAME for $TARGETARCH" > /name
FROM scratch
COPY --from=link /program /program
COPY --from=link /name /name
`

interface Built {
  /** Whether each step of each target came from a cache. */
  readonly areCached: readonly boolean[]
  /** The layer of each target with the result of the shared stage. */
  readonly programs: ReadonlySet<unknown>
}

async function build(app: string): Promise<Built> {
  const files = { Dockerfile: dockerfile(farm.images.base), 'app.txt': app, '../lib/lib.txt': 'library\n' }
  // As in a shell that has followed a link: buildx must not resolve relative paths with it.
  const links = mkdtempSync(join(tmpdir(), 'links-'))
  const link = join(links, 'deeper/than/the/workspace')
  const job = setup.job({ files, env: { PWD: link } })
  mkdirSync(dirname(link), { recursive: true })
  symlinkSync(job.workspace, link)
  const main = await job.main(
    oneNodeInputs(farm, {
      image,
      tags: 'v1',
      nodes: `${platforms.join(',')} = ${farm.nodes.amd.endpoint}`,
      variants: variants.map((name) => `${name}: {build-args: NAME=${name}}`).join('\n'),
      'build-contexts': 'lib=../lib',
    }),
  )
  const post = await job.post()
  rmSync(links, { recursive: true })
  expect([main.code, post.code, main.log]).toEqual([0, 0, main.log])
  const targets = resultsOf(main).flatMap((result) => result.targets)
  const configs = await Promise.all(
    variants.flatMap((name) => platforms.map((platform) => imageConfig(farm, image, `v1-${name}`, platform))),
  )
  return {
    areCached: targets.map(({ steps }) => steps.cached === steps.total),
    programs: new Set(configs.map((config) => (asRecord(asRecord(config)['rootfs'])['diff_ids'] as unknown[])[0])),
  }
}

const builds: Built[] = []

beforeAll(async () => {
  farm = setup.farm
  image = freshImage(farm)
  for (const app of ['one\n', 'one\n', 'one\n', 'one\n', 'one\n', 'two\n']) builds.push(await build(app))
})

test('unchanged: every step of every target comes from its cache, in each run', () => {
  const unchanged = builds.slice(1, 5)
  expect(unchanged.map(({ areCached }) => areCached)).toEqual(Array(4).fill([true, true, true, true]))
  for (const { programs } of unchanged) expect(programs).toEqual(builds[0]?.programs)
})

test('a step that all targets share and no cache has runs once', () => {
  const [first, , , , , changed] = builds
  expect([first?.programs.size, changed?.programs.size]).toEqual([1, 1])
  expect(changed?.programs).not.toEqual(first?.programs)
  expect(changed?.areCached).toEqual([false, false, false, false])
})
