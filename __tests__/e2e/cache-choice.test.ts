import { beforeAll, expect, test } from '@jest/globals'
import { farmInputs, freshImage, type Farm } from './harness.ts'
import { useFarm } from './setup.ts'

// Every run has new daemons, so every cached step comes from the registry. If a build imports two caches with the same
// steps, BuildKit chooses one of them at random for each step, and misses steps that only the other one contains: so
// there are many.
const setup = useFarm()
const repetitions = 4
const hits = new Map<string, readonly string[]>()

const shared = Array.from({ length: 6 }, (_, index) => [`COPY f${index} /`, `RUN cat /f${index} > /g${index}`]).flat()

function files({ images }: Farm, release: number): Record<string, string> {
  const steps = [...shared, 'COPY app.txt /', 'RUN cat /app.txt > /app.log']
  return {
    Dockerfile: [`FROM ${images.base}`, ...steps, ''].join('\n'),
    ...Object.fromEntries(shared.map((_, index) => [`f${index}`, `content ${index}\n`])),
    'app.txt': `release ${release}\n`,
  }
}

const none = ['0 of 14', '0 of 14']
const sharedOnly = ['12 of 14', '12 of 14']
const all = ['14 of 14', '14 of 14']

interface Build {
  readonly name: string
  /** What the last two steps depend on. */
  readonly release: number
  /** The pull request; undefined: the default branch. */
  readonly number?: number
}

let image: string

async function build({ name, release, number }: Build): Promise<void> {
  const job = setup.job({
    files: files(setup.farm, release),
    ...(number !== undefined && { event: 'pull_request', ref: `refs/pull/${number}/merge` }),
  })
  const { code, log, summary } = await job.main(farmInputs(setup.farm, { image }))
  expect(code === 0 ? '' : log).toBe('')
  await job.post()
  const rows = [...summary.matchAll(/^\| linux\/\S+ .*\| (\d+ of \d+) \|/gm)]
  hits.set(
    name,
    rows.map(([, count = '']) => count),
  )
}

beforeAll(async () => {
  image = freshImage(setup.farm)
  await build({ name: 'main', release: 1 })
  await build({ name: 'first', release: 2, number: 7 })
  for (let count = 1; count <= repetitions; count++) await build({ name: `again ${count}`, release: 2, number: 7 })
  await build({ name: 'other', release: 2, number: 8 })
  await build({ name: 'back', release: 1, number: 7 })
  await build({ name: 'accepted', release: 2 })
}, 600_000)

test('the first build of a pull request reads the cache of accepted code', () => {
  expect([hits.get('main'), hits.get('first')]).toEqual([none, sharedOnly])
})

test('an unchanged pull request is built from the cache, although that of accepted code has the same steps', () => {
  const again = Array.from({ length: repetitions }, (_, index) => hits.get(`again ${index + 1}`))
  expect(again).toEqual(again.map(() => all))
})

test('a pull request does not read the cache of another one, but that of accepted code', () => {
  expect([hits.get('other'), hits.get('back')]).toEqual([sharedOnly, all])
})

test('accepted code reads no cache of pull requests', () => {
  expect(hits.get('accepted')).toEqual(sharedOnly)
})
