import { afterAll, describe, expect, test } from '@jest/globals'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { GithubError, type GithubRequest } from '../../../src/forge/api-client.ts'
import { readEvent, withCommitDate } from '../../../src/forge/event.ts'
import { createEventDetails, withRepositoryDetails } from '../../../src/forge/event-details.ts'

const dir = mkdtempSync(join(tmpdir(), 'details-'))
afterAll(() => rmSync(dir, { recursive: true }))

const sha = '0123456789abcdef0123456789abcdef01234567'
const repository = {
  full_name: 'acme/app',
  name: 'app',
  description: 'Does it',
  default_branch: 'trunk',
  private: false,
  license: { spdx_id: 'MIT' },
}

function environment(payload: object | string, more: Readonly<Record<string, string>> = {}) {
  const path = join(dir, 'event.json')
  writeFileSync(path, typeof payload === 'string' ? payload : JSON.stringify(payload))
  return {
    GITHUB_EVENT_PATH: path,
    GITHUB_REPOSITORY: 'acme/app',
    GITHUB_SHA: sha,
    GITHUB_EVENT_NAME: 'push',
    GITHUB_REF: 'refs/heads/trunk',
    GITHUB_WORKSPACE: dir,
    ...more,
  }
}

function api(answers: Readonly<Record<string, unknown>>, signal = AbortSignal.timeout(5000)) {
  const calls: string[] = []
  const request: GithubRequest = (route, { owner, repo, sha: commit }) => {
    calls.push(`${route} ${[owner, repo, commit].join(' ').trim()}`)
    const data = answers[route]
    return data === undefined ? Promise.reject(new GithubError(403, 'no')) : Promise.resolve({ data, link: '' })
  }
  return { calls, details: createEventDetails(request, { repository: 'acme/app' }, { signal, log: () => undefined }) }
}

const repositoryRoute = 'GET /repos/{owner}/{repo}'
const commitRoute = 'GET /repos/{owner}/{repo}/git/commits/{sha}'

describe('a payload without the repository', () => {
  const schedule = environment({ schedule: '0 0 * * *' }, { GITHUB_EVENT_NAME: 'schedule' })

  test('gives the labels, the visibility and the default branch that other events give', async () => {
    const { calls, details } = api({ [repositoryRoute]: repository })
    const event = await withRepositoryDetails(readEvent(schedule), schedule, details)
    const push = readEvent(environment({ repository }))
    expect(event).toMatchObject({ isPrivate: false, defaultBranch: 'trunk' })
    expect(event.repositoryMetadata).toEqual(push.repositoryMetadata)
    expect(calls).toEqual([`${repositoryRoute} acme app`])
  })

  test.each([
    ['trunk', repository, 'trusted'],
    ['topic', repository, 'pr'],
    ['trunk', undefined, 'pr'],
    ['trunk', { message: 'no' }, 'pr'],
    ['trunk', 'nonsense', 'pr'],
  ])('a push to %s is trusted by the default branch of the API, %j', async (branch, answer, expected) => {
    const env = environment({}, { GITHUB_REF: `refs/heads/${branch}` })
    const { details } = api(answer === undefined ? {} : { [repositoryRoute]: answer })
    expect(readEvent(env).trust).toBe('pr')
    expect((await withRepositoryDetails(readEvent(env), env, details)).trust).toBe(expected)
  })

  test('an API that does not answer does not delay the run', async () => {
    const details = createEventDetails(
      () => new Promise(() => undefined),
      { repository: 'acme/app' },
      { signal: AbortSignal.abort(), log: () => undefined },
    )
    expect((await withRepositoryDetails(readEvent(schedule), schedule, details)).isPrivate).toBeUndefined()
    expect(await details.commitDate(sha)).toBeUndefined()
  })
})

test.each([
  ['contains the repository', { repository }, 'trusted'],
  ['cannot be read', 'no JSON', 'fork'],
])('nothing is requested for a payload that %s', async (_, payload, trust) => {
  const env = environment(payload)
  const { calls, details } = api({ [repositoryRoute]: repository })
  expect((await withRepositoryDetails(readEvent(env), env, details)).trust).toBe(trust)
  expect(calls).toEqual([])
})

describe('the date of a commit', () => {
  test.each([
    ['GitHub', { sha, committer: { name: 'octo', date: '2020-01-10T00:30:00Z' } }],
    ['Gitea and Forgejo', { sha, committer: { id: 1 }, commit: { committer: { date: '2020-01-10T01:30:00+01:00' } } }],
  ])('as %s describes it', async (_, answer) => {
    const { calls, details } = api({ [commitRoute]: answer })
    const event = await withCommitDate(readEvent(environment({})), details.commitDate)
    expect(event.commitDate).toEqual(new Date('2020-01-10T00:30:00Z'))
    expect(calls).toEqual([`${commitRoute} acme app ${sha}`])
  })

  test('is not requested if the payload contains it, or without need', async () => {
    const { calls, details } = api({})
    const payload = { head_commit: { id: sha, timestamp: '2020-01-10T00:30:00Z' } }
    await withCommitDate(readEvent(environment(payload)), details.commitDate)
    expect((await withCommitDate(readEvent(environment({})))).commitDate).toBeUndefined()
    expect(calls).toEqual([])
  })

  test('stays unknown if the API does not contain it', async () => {
    const event = readEvent(environment({ pull_request: { head: { sha } } }))
    expect(await withCommitDate(event, api({}).details.commitDate)).not.toHaveProperty('headCommitDate')
  })
})
