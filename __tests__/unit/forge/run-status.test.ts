import { expect, test } from '@jest/globals'
import { createRunStatusFetcher } from '../../../src/forge/run-status.ts'

const [created, ended] = ['2026-01-02T03:00:00Z', '2026-01-02T03:10:00Z']
const completed = { completed: true, createdAt: Date.parse(created), endedAt: Date.parse(ended) }
const active = { completed: false, createdAt: Date.parse(created), endedAt: Infinity }

// https://codeberg.org/forgejo/forgejo/src/branch/forgejo/modules/structs/action.go
const forgejo = { created, started: created, stopped: ended, updated: ended }

test.each([
  ['GitHub', { status: 'completed', conclusion: 'failure', created_at: created, updated_at: ended }, completed],
  ['GitHub', { status: 'in_progress', created_at: created, updated_at: ended }, active],
  ['Gitea', { status: 'completed', conclusion: 'success', started_at: created, completed_at: ended }, completed],
  ['Forgejo', { status: 'success', ...forgejo }, completed],
  ['Forgejo', { status: 'failure', ...forgejo }, completed],
  ['Forgejo', { status: 'cancelled', ...forgejo }, completed],
  ['Forgejo', { status: 'skipped', ...forgejo }, completed],
  ['Forgejo', { status: 'running', ...forgejo }, active],
  ['Forgejo', { status: 'waiting', ...forgejo }, active],
  ['Forgejo', { status: 'blocked', ...forgejo }, active],
  ['no known platform', { status: 'completed', created_at: created }, active],
])('the state of a run that %s reports: %j', async (_, data, expected) => {
  const fetchStatus = createRunStatusFetcher(() => Promise.resolve({ data }) as never, 'acme/shop')
  expect(await fetchStatus('17')).toEqual(expected)
})
