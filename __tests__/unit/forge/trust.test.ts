import { describe, expect, test } from '@jest/globals'
import { classifyTrust, readOnlyTrigger } from '../../../src/forge/trust.ts'

const repository = { full_name: 'acme/app', default_branch: 'main' }
const base = { repository: 'acme/app', isProtected: false }
const pullRequest = (head: unknown, fields = {}) => ({ repository, pull_request: { head, ...fields } })
const own = { ref: 'topic', label: 'acme:topic', repo: { full_name: 'Acme/App' } }
const fork = { ref: 'main', label: 'mallory:main', repo: { full_name: 'mallory/app' } }
const triggered = (event: unknown, head_branch: unknown = 'main', full_name = 'acme/app') => ({
  repository,
  workflow_run: { event, head_branch, head_repository: { full_name } },
})

describe.each(['push', 'create', 'workflow_dispatch', 'repository_dispatch'])('%s', (name) => {
  test.each<[string, boolean, object, string]>([
    ['refs/heads/main', false, { repository }, 'trusted'],
    ['refs/heads/main', true, { repository }, 'trusted'],
    ['refs/heads/topic', false, { repository }, 'pr'],
    ['refs/heads/topic', true, { repository }, 'trusted'],
    ['refs/heads/feature/main', false, { repository }, 'pr'],
    ['refs/heads/main', false, {}, 'pr'],
    ['refs/heads/main', true, {}, 'trusted'],
    ['refs/heads/', false, { repository: { default_branch: '' } }, 'pr'],
    ['refs/tags/v1.2.3', false, { repository }, 'trusted'],
    ['refs/tags/main', false, {}, 'trusted'],
    ['refs/heads/gh-readonly-queue/main/pr-7-0123', true, { repository }, 'pr'],
    ['refs/heads/gh-readonly-queue/main/pr-7-0123', false, { repository }, 'pr'],
    ['refs/pull/7/merge', false, { repository }, 'fork'],
    ['refs/pull/7/merge', true, { repository }, 'fork'],
    ['main', false, { repository }, 'fork'],
    ['', false, { repository }, 'fork'],
    ['', true, { repository }, 'fork'],
  ])('of %s, protected: %s, payload %j', (ref, isProtected, payload, expected) => {
    expect(classifyTrust({ ...base, name, ref, isProtected, payload: { ...payload } })).toBe(expected)
  })
})

test.each<[string, object, string]>([
  ['schedule', { schedule: '0 0 * * *' }, 'trusted'],
  ['release', { repository, release: { target_commitish: 'topic' } }, 'trusted'],
  ['merge_group', { repository }, 'pr'],
])('%s, whatever its ref', (name, payload, expected) => {
  for (const ref of ['refs/heads/main', 'refs/heads/topic', 'refs/tags/v1', ''])
    for (const isProtected of [true, false])
      expect(classifyTrust({ ...base, name, ref, isProtected, payload: { ...payload } })).toBe(expected)
})

describe.each(['pull_request', 'pull_request_target', 'pull_request_review', 'pull_request_review_comment'])(
  '%s',
  (name) => {
    test.each<[string, object, string]>([
      ['of this repository', pullRequest(own), 'pr'],
      ['of this repository, as GitHub Enterprise Server describes it', pullRequest({ repo: own.repo }), 'pr'],
      ['from a fork', pullRequest(fork), 'fork'],
      ['from a deleted fork', pullRequest({ ...fork, repo: null }), 'fork'],
      ['without a head', pullRequest(undefined), 'fork'],
      ['without a pull request', { repository }, 'fork'],
      ['pushed without a branch on Forgejo, by its flow', pullRequest(own, { flow: 1 }), 'fork'],
      ['pushed without a branch on Gitea, by its label', pullRequest({ ...own, label: '' }), 'fork'],
      ['pushed without a branch on Gitea, by its ref', pullRequest({ ...own, ref: 'refs/pull/7/head' }), 'fork'],
    ])('%s', (_, payload, expected) => {
      // The ref of `pull_request_target` is the base branch, which is protected.
      for (const [ref, isProtected] of [
        ['refs/pull/7/merge', false],
        ['refs/heads/main', true],
      ] as const)
        expect(classifyTrust({ ...base, name, ref, isProtected, payload: { ...payload } })).toBe(expected)
    })
  },
)

describe('workflow_run', () => {
  test.each<[string, object, string]>([
    ['a push to the default branch', triggered('push'), 'trusted'],
    ['a push to another branch', triggered('push', 'topic'), 'pr'],
    ['a dispatch on the default branch', triggered('workflow_dispatch'), 'trusted'],
    ['a dispatch on another branch', triggered('workflow_dispatch', 'topic'), 'pr'],
    [
      'a repository dispatch, which may have built the pull request of a fork',
      triggered('repository_dispatch'),
      'fork',
    ],
    ['a schedule', triggered('schedule'), 'trusted'],
    ['a release', triggered('release', 'v1'), 'pr'],
    ['a pull request', triggered('pull_request', 'topic'), 'pr'],
    ['a pull request whose branch is named as the default branch', triggered('pull_request'), 'pr'],
    ['a merge queue', triggered('merge_group', 'gh-readonly-queue/main/pr-7'), 'pr'],
    ['a pull request without a branch on Gitea', triggered('pull_request', 'refs/pull/7/head'), 'fork'],
    ['a fork', triggered('pull_request', 'main', 'mallory/app'), 'fork'],
    [
      'a pull request of a deleted fork',
      { repository, workflow_run: { event: 'pull_request', head_repository: null } },
      'fork',
    ],
    ['a push in a fork', triggered('push', 'main', 'mallory/app'), 'fork'],
    ['pull_request_target, whose head repository is the base', triggered('pull_request_target'), 'fork'],
    ['a comment', triggered('issue_comment'), 'fork'],
    ['a review', triggered('pull_request_review'), 'fork'],
    ['another workflow_run', triggered('workflow_run'), 'fork'],
    ['an event that does not exist', triggered('constructor'), 'fork'],
    ['no event', triggered(undefined), 'fork'],
    ['no branch', triggered('push', null), 'pr'],
    ['no head repository', { repository, workflow_run: { event: 'push', head_branch: 'main' } }, 'fork'],
    ['no run', { repository }, 'fork'],
  ])('after %s', (_, payload, expected) => {
    // Its own ref is always the default branch.
    for (const isProtected of [true, false])
      expect(
        classifyTrust({ ...base, name: 'workflow_run', ref: 'refs/heads/main', isProtected, payload: { ...payload } }),
      ).toBe(expected)
  })
})

test.each<[string, object]>([
  ['issue_comment', { repository, issue: { pull_request: {} } }],
  ['issue_comment', { repository, issue: {} }],
  ['issue_comment', pullRequest(own)],
  ['pull_request_comment', pullRequest(own)],
  ['issues', { repository }],
  ['check_suite', { repository, check_suite: { head_branch: 'main' } }],
  ['check_run', { repository }],
  ['status', { repository }],
  ['deployment', { repository, deployment: { ref: 'main' } }],
  ['deployment_status', { repository, deployment: { ref: 'main' } }],
  ['discussion', { repository }],
  ['fork', { repository }],
  ['watch', { repository }],
  ['registry_package', { repository, registry_package: { package_version: { target_commitish: 'main' } } }],
  ['page_build', { repository }],
  ['PUSH', { repository }],
  ['pull_request_sync', pullRequest(own)],
  ['delete', { repository }],
  ['toString', { repository }],
  ['', { repository }],
])('%s has the lowest level, though its ref is the protected default branch', (name, payload) => {
  expect(classifyTrust({ ...base, name, ref: 'refs/heads/main', isProtected: true, payload: { ...payload } })).toBe(
    'fork',
  )
})

test.each(['push', 'schedule', 'release', 'pull_request', 'workflow_run', 'merge_group'])(
  '%s with a payload that cannot be read has the lowest level',
  (name) =>
    expect(classifyTrust({ ...base, name, ref: 'refs/heads/main', isProtected: true, payload: undefined })).toBe(
      'fork',
    ),
)

test.each(['push', 'release', 'workflow_dispatch'])('%s that contains the pull request of a fork', (name) => {
  expect(classifyTrust({ ...base, name, ref: 'refs/heads/main', payload: pullRequest(fork) })).toBe('fork')
  expect(classifyTrust({ ...base, name, ref: 'refs/heads/main', payload: pullRequest(own) })).toBe('pr')
})

test.each<[string, object, string]>([
  ['a fork', pullRequest(fork), 'fork'],
  ['a deleted fork', pullRequest({ ...fork, repo: null }), 'fork'],
  ['this repository', pullRequest(own), 'pr'],
])('repository_dispatch for a pull request of %s, as a bot sends it for a comment', (_, described, expected) => {
  const payload = { repository, client_payload: described }
  for (const isProtected of [true, false])
    expect(classifyTrust({ ...base, name: 'repository_dispatch', ref: 'refs/heads/main', isProtected, payload })).toBe(
      expected,
    )
})

test.each<[string, object, string]>([
  ['says that it is no fork, but has another owner', { ...fork, repo: { ...fork.repo, fork: false } }, 'fork'],
  ['has the name of the repository in another owner', { ...own, repo: { full_name: 'acme-2/app' } }, 'fork'],
  ['still has the name before the repository was renamed', { ...own, repo: { full_name: 'acme/old' } }, 'fork'],
  ['has no name', { ...own, repo: { id: 1 } }, 'fork'],
  ['has a name that is not a text', { ...own, repo: { full_name: ['acme/app'] } }, 'fork'],
])('a head repository that %s', (_, head, expected) => {
  const payload = pullRequest(head)
  expect(classifyTrust({ ...base, name: 'pull_request', ref: 'refs/pull/7/merge', payload })).toBe(expected)
})

test.each<[name: string, actor: string, payload: object, expected: string | undefined]>([
  ['pull_request', 'mallory', pullRequest(fork), 'fork'],
  ['pull_request', 'octo', pullRequest(own), undefined],
  ['pull_request', 'octo', pullRequest(own, { flow: 1 }), 'fork'],
  ['pull_request', 'dependabot[bot]', pullRequest(own), 'Dependabot'],
  ['pull_request_review', 'mallory', pullRequest(fork), 'fork'],
  // Runs with the rights of the base.
  ['pull_request_target', 'mallory', pullRequest(fork), undefined],
  ['pull_request_target', 'dependabot[bot]', pullRequest(own), undefined],
  ['push', 'dependabot[bot]', { repository }, 'Dependabot'],
  ['push', 'octo', { repository }, undefined],
  ['schedule', 'dependabot[bot]', { repository }, undefined],
  ['issue_comment', 'mallory', { repository }, undefined],
])('the token of %s by %s, payload %j, can only read because of: %s', (name, actor, payload, expected) => {
  const ref = 'refs/heads/topic'
  expect(readOnlyTrigger({ ...base, name, ref, actor, payload: { ...payload } })).toBe(expected)
})

test('the token of a pull request whose payload cannot be read counts as one of a fork', () => {
  const context = { ...base, name: 'pull_request', ref: 'refs/pull/7/merge', actor: 'octo', payload: undefined }
  expect(readOnlyTrigger(context)).toBe('fork')
})
