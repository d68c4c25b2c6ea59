import { expect, test } from '@jest/globals'
import { Progress } from '../../../src/buildx/progress.ts'

/** The daemon's clock is ten minutes ahead of this machine's. */
const daemon = Date.now() + 600_000
const at = (seconds: number) => new Date(daemon + seconds * 1000).toISOString()

interface Fields {
  readonly name: string
  readonly started?: string
  readonly completed?: string
  readonly cached?: boolean
  readonly error?: string
}

function follow(ids: readonly string[], vertexes: readonly Fields[], statuses: readonly object[] = []): Progress {
  const progress = new Progress(
    ids.map((id) => ({ id, label: id })),
    () => undefined,
  )
  vertexes.forEach((fields, index) => progress.read(JSON.stringify({ vertexes: [{ digest: `v${index}`, ...fields }] })))
  progress.read(JSON.stringify({ statuses }))
  return progress
}

const times = (start: number, end: number) => ({ started: at(start), completed: at(end) })

test('the phases of a target, by this machine’s clock; the boot by buildx’ clock', () => {
  const boot = {
    started: new Date(daemon - 605_000).toISOString(),
    completed: new Date(daemon - 601_000).toISOString(),
  }
  const { phases, whole } = follow(
    ['arm'],
    [
      { name: '[internal] load local bake definitions', ...boot, started: boot.completed },
      { name: '[internal] booting buildkit', ...boot },
      { name: '[internal] load build definition from Dockerfile', ...times(-30, -29) },
      { name: '[internal] load metadata for docker.io/library/busybox', ...times(-29, -28) },
      { name: '[internal] load build context', ...times(-28, -26) },
      { name: 'importing cache manifest from r/a:buildcache', ...times(-28, -27) },
      { name: '[2/3] RUN make', ...times(-26, -10) },
      { name: 'exporting to image', ...times(-10, -5) },
      { name: 'exporting cache to registry', ...times(-5, 0) },
    ],
    [{ vertex: 'v7', id: 'pushing layers', ...times(-8, -6) }],
  ).measure('arm')
  const lasted = Object.entries(phases).map(([phase, { start, end }]) => [phase, (end - start) / 1000])
  expect(Object.fromEntries(lasted)).toEqual({
    boot: 4,
    context: 4,
    cacheImport: 1,
    build: 19,
    export: 5,
    push: 2,
    cacheExport: 5,
  })
  expect(phases.boot?.start).toBe(daemon - 605_000)
  // The last message arrived when this machine's clock showed the time of the end, or a little later.
  expect((whole?.end ?? 0) - (daemon - 600_000)).toBeGreaterThanOrEqual(0)
  expect(whole?.end).toBeLessThanOrEqual(Date.now())
  expect((whole?.end ?? 0) - (whole?.start ?? 0)).toBe(30_000)
})

test('steps in the order of their start, each once; a step that one of them ran is not cached', () => {
  const { stepTimes, steps } = follow(
    ['a', 'b'],
    [
      { name: '[a 3/3] RUN x', ...times(5, 9) },
      { name: '[a 2/3] COPY . .', ...times(4, 4), cached: true },
      { name: '[a 3/3] RUN x', ...times(5, 9), cached: true },
      { name: '[a 1/3] FROM busybox', ...times(1, 3) },
      { name: '[b 2/3] COPY . .', ...times(4, 8) },
      { name: '[a 4/4] RUN never' },
    ],
  ).measure('a')
  expect(stepTimes).toEqual([
    { name: '[1/3] FROM busybox', took: 2000, cached: false },
    { name: '[2/3] COPY . .', took: 0, cached: true },
    { name: '[3/3] RUN x', took: 4000, cached: false },
  ])
  expect(steps).toEqual({ total: 3, cached: 2 })
})

test('bytes by kind; undefined where BuildKit reports none', () => {
  const layer = (digit: string) => `sha256:${digit.repeat(64)}`
  const { bytes } = follow(
    ['arm'],
    [
      { name: '[internal] load build context', ...times(0, 1) },
      { name: '[1/2] FROM busybox', ...times(0, 1) },
    ],
    [
      { vertex: 'v0', id: 'transferring context: 5B', current: 3 },
      { vertex: 'v0', id: 'transferring context: 5B', current: 5 },
      { vertex: 'v1', id: layer('1'), current: 10 },
      { vertex: 'v1', id: layer('2'), current: 20 },
      { vertex: 'v1', id: `extracting ${layer('2')}`, current: 0 },
    ],
  ).measure('arm')
  expect(bytes).toEqual({ context: 5, pulled: 30, pushed: undefined })
})

test.each([
  ['none is read', [], undefined],
  ['the only one does not exist', ['r/a:cache: not found'], []],
  ['one of two exists', ['r/a:cache: not found', ''], ['r/1']],
])('which caches were found: %s', (_, errors, expected) => {
  const imports = errors.map((error, index) => ({ name: `importing cache manifest from r/${index}`, error }))
  const vertexes = [{ name: '[2/2] RUN make' }, ...imports].map((fields) => ({ ...fields, ...times(-9, -8) }))
  expect(follow(['arm'], vertexes).measure('arm').cachesFound).toEqual(expected)
})

test('a target of which nothing started has no times', () => {
  expect(follow(['arm', 'amd'], [{ name: '[amd 1/1] RUN x', ...times(0, 1) }]).measure('arm')).toEqual({
    whole: undefined,
    phases: {},
    steps: { total: 0, cached: 0 },
    stepTimes: [],
    bytes: { context: undefined, pulled: undefined, pushed: undefined },
  })
})
