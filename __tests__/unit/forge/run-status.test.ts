import { expect, test } from '@jest/globals'
import { GithubError } from '../../../src/forge/api-client.ts'
import { createRunStatusCache, createRunStatusFetcher, type RunState } from '../../../src/forge/run-status.ts'

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

test.each([
  [401, 'rejected', /^the CI platform does not accept the token, .* run 17 .* Check `github-token`\.$/],
  [403, 'denied', /^the token has no permission to read run 17\. Give the job `permissions: actions: read`\.$/],
])('why nothing of a run is deleted if the API answers %s', async (status, state, reason) => {
  const fetchStatus = createRunStatusFetcher(() => Promise.reject(new GithubError(status, 'no')), 'acme/shop')
  expect(await fetchStatus('17')).toBe(state)
  expect(await reasonFor(() => fetchStatus('17'))).toMatch(reason)
})

test('why nothing of a run is deleted without a token', async () => {
  expect(await reasonFor(() => Promise.resolve('no-token'))).toMatch(/^`github-token` is empty, .* Set it to a token/)
})

async function reasonFor(fetchStatus: () => Promise<RunState>): Promise<string> {
  const runs = createRunStatusCache(fetchStatus, () => ({ now: 0, olderThan: 0 }))
  await runs.load(['17'])
  const verdict = runs.classify('17')
  return verdict.expired ? 'deleted' : verdict.reason
}
