import { expect, test } from '@jest/globals'
import { Progress } from '../../../src/buildx/progress.ts'

// What a daemon reports may be of any size; what is kept of it is not.
const base64 = (text: string) => Buffer.from(text).toString('base64')
const digest = 'sha256:a'
const step = { digest, name: '[1/2] RUN make', started: '2026-01-01T00:00:00Z' }
const many = (count: number) => Array.from({ length: count }, (_, at) => at)

function follow(...messages: readonly object[]) {
  const logged: string[] = []
  const pushed: string[] = []
  const progress = new Progress(
    [{ id: 'arm', label: 'arm' }],
    (line) => logged.push(line),
    (_, pushedDigest) => pushed.push(pushedDigest),
  )
  for (const message of messages) progress.read(JSON.stringify(message))
  return { logged, pushed, progress }
}

test('a line that never ends is logged in parts', () => {
  const log = { vertex: digest, data: base64('x'.repeat(1_000_000)) }
  const { logged, progress } = follow({ vertexes: [step] }, ...many(12).map(() => ({ logs: [log] })))
  expect(logged.slice(1).map(({ length }) => Math.round(length / 1_000_000))).toEqual([5, 5])
  progress.end()
  expect(logged.join('').replace(/[^x]/g, '')).toHaveLength(12_000_000)
})

test('more steps than a build has are left out', () => {
  const vertexes = many(10_050).map((at) => ({ digest: `sha256:${at}`, name: `[${at}/3] RUN x` }))
  const { progress } = follow({ vertexes }, { vertexes: [{ ...vertexes[0], started: '2026-01-01T00:00:00Z' }] })
  expect(progress.states('arm')).toHaveLength(10_000)
  expect(progress.measure('arm').stepTimes).toHaveLength(1)
})

test('more parts of a step, and more warnings, than there are', () => {
  const running = many(10_050).map((at) => ({
    vertex: digest,
    id: `sha256:${at.toString(16).padStart(64, '0')}`,
    current: 1,
    started: '2026-01-01T00:00:00Z',
  }))
  const statuses = running.map((status) => ({ ...status, completed: '2026-01-01T00:00:09Z' }))
  const warnings = many(1050).map(() => ({ vertex: digest, short: base64('Rule: text (line 1)') }))
  const { progress } = follow({ vertexes: [step] }, { statuses: running }, { statuses }, { warnings })
  expect(progress.states('arm')[0]?.parts.size).toBe(10_000)
  expect(progress.measure('arm').bytes.pulled).toBe(10_000)
  expect(progress.warnings()).toHaveLength(1000)
})

test('of long errors and lines the beginning is kept', () => {
  const long = 'x'.repeat(1_000_000)
  const { progress } = follow(
    { vertexes: [step] },
    { logs: [{ vertex: digest, data: base64(`${long}\n`) }] },
    { vertexes: [{ ...step, error: long, completed: '2026-01-01T00:00:01Z' }] },
  )
  const [failed] = progress.failed()
  expect([failed?.error.length, failed?.output[0]?.length]).toEqual([65_536, 65_536])
})

test('of many long names, errors and lines of many steps little is kept', () => {
  const long = 'x'.repeat(60_000)
  const data = base64(
    many(31)
      .map((line) => `${line}${long}\n`)
      .join(''),
  )
  const messages = many(40).flatMap((at) => [
    { vertexes: [{ ...step, digest: `sha256:${at}`, name: `[${at}/99] RUN ${long}`, error: long }] },
    { logs: [{ vertex: `sha256:${at}`, data }] },
  ])
  const { progress } = follow(...messages)
  const failed = progress.failed()
  const lengths = failed.map(({ name, error, output }) => [name, error, ...output].join('').length)
  expect(failed).toHaveLength(40)
  expect(failed.every(({ output }) => output.length === 30)).toBe(true)
  expect(lengths[0]).toBeGreaterThan(1_900_000)
  expect(lengths.reduce((sum, each) => sum + each, 0)).toBeLessThan(40 * 1024 * 1024)
})

test('what is dropped of a long output leaves room for other steps', () => {
  const data = base64(
    many(31)
      .map(() => `${'x'.repeat(60_000)}\n`)
      .join(''),
  )
  const other = { ...step, digest: 'sha256:b' }
  const log = (vertex: string) => ({ logs: [{ vertex, data }] })
  const { progress } = follow({ vertexes: [step, other] }, ...many(25).map(() => log(digest)), log('sha256:b'))
  expect(progress.running(performance.now())[1]?.output.map(({ length }) => length)).toEqual(many(30).map(() => 60_000))
})

test('lines without an end of many steps are logged in parts', () => {
  const vertexes = many(8).map((at) => ({ ...step, digest: `sha256:${at}` }))
  const logs = vertexes.map((vertex) => ({ vertex: vertex.digest, data: base64('x'.repeat(4_000_000)) }))
  const { logged } = follow({ vertexes }, ...logs.map((log) => ({ logs: [log] })))
  expect(logged.filter((line) => line.length > 1_000_000)).toHaveLength(4)
})

test('more parts of all steps together than there are', () => {
  const vertexes = many(6).map((at) => ({ ...step, digest: `sha256:${at}` }))
  const statuses = vertexes.flatMap(({ digest: vertex }) => many(10_000).map((at) => ({ vertex, id: `${at}` })))
  const { progress } = follow({ vertexes }, { statuses }, { statuses })
  const counts = progress.states('arm').map(({ parts }) => parts.size)
  expect(counts).toEqual([10_000, 10_000, 10_000, 10_000, 10_000, 0])
})
