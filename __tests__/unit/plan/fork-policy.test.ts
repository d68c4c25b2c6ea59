import { expect, test } from '@jest/globals'
import { describeFork } from '../../../src/plan/fork-policy.ts'

test('notes name the inputs that a fork build does not use', () => {
  const context = { keepBuilder: true, push: true, cache: { kind: 'registry' }, settings: { cacheTo: [] } }
  const nodes = [
    { driver: { startsDaemon: false }, spec: { name: 'own' } },
    { driver: { startsDaemon: true }, spec: { name: 'engine' } },
  ]
  expect(describeFork('pr', context, nodes)).toEqual({ notes: [], warnings: [] })
  const { notes, warnings } = describeFork('fork', context, nodes)
  expect([notes.length, warnings]).toEqual([2, [expect.stringMatching(/^own is a shared BuildKit/)]])
  expect(describeFork('fork', { ...context, keepBuilder: false, push: false }, [])).toEqual({ notes: [], warnings: [] })
})
