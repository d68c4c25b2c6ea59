import { expect, test } from '@jest/globals'
import {
  addRun,
  findRun,
  historyRef,
  isSameProposal,
  parseHistory,
  renderHistory,
  type PastRun,
} from '../../../../src/publish/history/runs.ts'
import { historyAnnotation, historyType } from '../../../../src/run/names.ts'

const target = { seconds: 12.5, steps: { total: 5, cached: 2 } }
const past = (ref: string, runId = '1', labels = ['linux/amd64']): PastRun => ({
  ref,
  runId,
  seconds: 30,
  targets: new Map(labels.map((label) => [label, target])),
})

/** A manifest with any text as its history. */
function manifest(history: unknown, mediaType = historyType): Uint8Array {
  const annotations = { [historyAnnotation]: typeof history === 'string' ? history : JSON.stringify(history) }
  return Buffer.from(JSON.stringify({ schemaVersion: 2, config: { mediaType }, annotations }))
}

test('what is rendered is read again, the newest run first', () => {
  const runs = addRun([past('refs/heads/old'), past('refs/heads/main', '1')], past('refs/heads/main', '2'))
  expect(runs.map(({ ref, runId }) => [ref, runId])).toEqual([
    ['refs/heads/main', '2'],
    ['refs/heads/old', '1'],
  ])
  expect(parseHistory(renderHistory(runs))).toEqual(runs)
})

test('a run is compared with its own branch, a tag with the last tag', () => {
  const runs = [past('refs/heads/main', '1'), past('refs/tags/v1', '2'), past('refs/pull/7/merge', '3')]
  const ids = ['refs/heads/main', 'refs/tags/v2', 'refs/pull/7/merge', 'refs/heads/other', ''].map(
    (ref) => findRun(runs, ref)?.runId,
  )
  expect(ids).toEqual(['1', '2', '3', undefined, undefined])
  expect(addRun(runs, past('refs/tags/v2', '4')).map(({ ref }) => ref)).not.toContain('refs/tags/v1')
})

test('it stays small, however many branches and targets there are', () => {
  let runs: readonly PastRun[] = []
  for (let branch = 0; branch < 100; branch++) runs = addRun(runs, past(`refs/heads/${branch}`))
  expect(runs).toHaveLength(20)
  const labels = Array.from({ length: 400 }, (_, index) => `linux/amd64 variant-${index}`)
  const large = renderHistory(runs.map(({ ref }) => past(ref, '1', labels)))
  expect(large.length).toBeLessThan(64 * 1024)
  const [first] = parseHistory(large)
  expect([first?.ref, first?.targets.size]).toEqual(['refs/heads/99', 400])
})

const valid = { ref: 'refs/heads/main', run: '1', seconds: 1, targets: { 'linux/amd64': [1, 2, 1] } }

test.each<[string, Uint8Array]>([
  ['no JSON', Buffer.from('<html>')],
  ['another manifest', manifest([valid], 'application/vnd.oci.image.config.v1+json')],
  ['text', manifest('hostile')],
  ['a record', manifest({ 0: valid })],
  ['far too much', Buffer.concat([manifest([valid]), Buffer.alloc(1 << 20, ' ')])],
  ['markup as a branch', manifest([{ ...valid, ref: 'refs/heads/`](https://evil.example)' }])],
  ['a line end in a branch', manifest([{ ...valid, ref: 'refs/heads/a\n::error::b' }])],
  ['a run that is no number', manifest([{ ...valid, run: '1) [x](https://evil.example' }])],
  ['a negative time', manifest([{ ...valid, seconds: -1 }])],
  ['a time without end', manifest([{ ...valid, seconds: 1e300 }])],
  ['a time as text', manifest([{ ...valid, seconds: '1' }])],
  ['targets as a list', manifest([{ ...valid, targets: [1] }])],
])('a history that is %s counts as none', (_, bytes) => {
  expect(parseHistory(bytes)).toEqual([])
})

test('targets that are not valid are left out, and names of properties are names', () => {
  const targets = { a: [1, 2, 3], b: [1, 2.5, 1], c: [1, 2, 'x'], d: 'x', e: [-1, 2, 1], good: [1, 2, 2] }
  const text = JSON.stringify([{ ...valid, targets }]).replace('"good"', '"__proto__"')
  const [run] = parseHistory(manifest(text))
  expect([...(run?.targets.keys() ?? [])]).toEqual(['__proto__'])
  expect(run?.targets.get('constructor')).toBeUndefined()
})

test.each([
  ['a pull request', { ref: 'refs/pull/7/merge', trust: 'pr', number: '7' }, 'refs/pull/7/merge'],
  ['with the ref of its base', { ref: 'refs/heads/main', trust: 'pr', number: '7' }, 'refs/pull/7/head'],
  ['a branch', { ref: 'refs/heads/topic', trust: 'pr' }, 'refs/heads/topic'],
  ['the default branch', { ref: 'refs/heads/main', trust: 'trusted' }, 'refs/heads/main'],
] as const)('a run is stored under the ref of what it builds: %s', (_, event, expected) => {
  expect(historyRef(event)).toBe(expected)
})

test.each([
  ['refs/pull/7/merge', 'refs/pull/7/merge', true],
  ['refs/pull/7/head', 'refs/pull/7/merge', true],
  ['refs/pull/77/merge', 'refs/pull/7/merge', false],
  ['refs/pull/7/merge', 'refs/heads/gh-readonly-queue/main/pr-7-0123abc', true],
  ['refs/pull/8/merge', 'refs/heads/gh-readonly-queue/main/pr-7-0123abc', false],
  ['refs/heads/topic', 'refs/heads/topic', true],
  ['refs/heads/7', 'refs/pull/7/merge', false],
])('the proposal %s is that of a run of %s: %s', (stored, ref, expected) => {
  expect(isSameProposal(stored, { ref, trust: 'pr' })).toBe(expected)
})
