import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { defaultTags, ephemeralTag, isEphemeral, sanitiseTag } from '../../../src/metadata/default-tags.ts'
import { applyTags } from '../../../src/metadata/tags.ts'
import { isTag } from '../../../src/registry/reference.ts'
import { parseRunId } from '../../../src/forge/run-status.ts'

test.each([
  ['push', 'refs/heads/main', ['main']],
  ['push', 'refs/heads/feature/x', ['feature-x']],
  ['push', 'refs/heads/-dash', ['dash']],
  ['push', 'refs/heads/日本', ['ref-cf2abf0c5be3']],
  ['schedule', 'refs/heads/main', ['nightly', 'main']],
  ['pull_request', 'refs/pull/7/merge', ['pr-4711']],
  ['pull_request_target', 'refs/heads/main', ['pr-4711']],
  ['merge_group', 'refs/heads/gh-readonly-queue/main/pr-7', ['pr-4711']],
  ['pull_request_review', 'refs/pull/7/merge', ['pr-4711']],
  ['push', 'refs/tags/v1.2.3', ['1.2.3', '1.2', 'latest']],
  ['push', 'refs/tags/1.2.3', ['1.2.3', '1.2', 'latest']],
  ['release', 'refs/tags/v0.3.1', ['0.3.1', '0.3', 'latest']],
  ['push', 'refs/tags/v1.2.3-rc.1', ['1.2.3-rc.1']],
  ['push', 'refs/tags/v1.2.3+k3s1', ['1.2.3-k3s1', '1.2', 'latest']],
  ['push', 'refs/tags/v1.2.3-rc.1+b.5', ['1.2.3-rc.1-b.5']],
  ['push', 'refs/tags/v1', ['v1']],
  ['push', 'refs/tags/2024.01.05', ['2024.01.05']],
  ['push', 'refs/tags/app/v1.2.3', ['app-v1.2.3']],
  ['push', '', []],
])('%s of %s', (name, ref, expected) => {
  const { names, latest } = defaultTags({ name, ref, runId: '4711', trust: 'trusted' })
  expect([...names, ...(latest ? ['latest'] : [])]).toEqual(expected)
})

test.each(['pr', 'fork'] as const)(
  'a pull request never updates the tag of a branch, for any ref of its run: %s',
  (trust) => {
    for (const ref of ['refs/heads/main', 'refs/tags/v1.2.3', ''])
      expect(defaultTags({ name: 'workflow_run', ref, runId: '4711', trust }).names).toEqual(['pr-4711'])
  },
)

test.each([
  ['+main', 'main-'],
  ['#main', 'main-'],
  ['@main', 'main-'],
  ['+latest', 'latest-'],
  ['.latest', 'latest-'],
  ['+1.2.3', '1.2.3-'],
  ['-v1', 'v1-'],
  ['1.2.3+build', '1.2.3-build-'],
  ['+1.2.3-rc.1', '1.2.3-rc.1-'],
])('the changed name of the branch %s gets a hash, so that it is not a tag of releases', (branch, expected) => {
  const push = { name: 'push', ref: `refs/heads/${branch}`, runId: '1', defaultBranch: 'main' }
  for (const trust of ['trusted', 'pr'] as const) {
    const [tag = ''] = defaultTags({ ...push, trust }).names
    expect(tag.startsWith(expected)).toBe(true)
    expect(tag).toMatch(/-[0-9a-f]{7}$/)
  }
})

test.each([
  ['main', 'main', 'main'],
  ['release/main', 'release/main', 'release-main'],
  ['release+main', 'release/main', 'release-main-'],
  ['+main', undefined, 'main-'],
  ['+master', undefined, 'master-'],
  ['latest', 'main', 'latest'],
  ['1.2.3', 'main', '1.2.3'],
  ['feature/main', 'main', 'feature-main'],
  ['+dev', 'main', 'dev'],
])('branch %s with default branch %s: %s', (branch, defaultBranch, expected) => {
  const event = { name: 'push', ref: `refs/heads/${branch}`, runId: '1', trust: 'trusted' } as const
  const { names } = defaultTags({ ...event, ...(defaultBranch !== undefined && { defaultBranch }) })
  expect(names[0]?.replace(/[0-9a-f]{7}$/, '')).toBe(expected)
})

test.each([
  ['+main', 'main-'],
  ['+latest', 'latest-'],
  ['#1.2.3', '1.2.3-'],
  ['latest', 'latest'],
  ['stable', 'stable'],
  ['v1.2.3+k3s1', '1.2.3-k3s1'],
])('Git tag %s: %s', (name, expected) => {
  const event = { name: 'push', ref: `refs/tags/${name}`, runId: '1', trust: 'trusted', defaultBranch: 'main' } as const
  expect(defaultTags(event).names[0]?.replace(/[0-9a-f]{7}$/, '')).toBe(expected)
})

test('branches whose changed names are equal get different hashes', () => {
  const tags = ['+main', '#main', '@main', '++main'].map((branch) => {
    const event = { name: 'push', ref: `refs/heads/${branch}`, runId: '1', trust: 'pr', defaultBranch: 'main' } as const
    return defaultTags(event).names[0]
  })
  expect(new Set(tags).size).toBe(tags.length)
})

test.each([
  ['push', 'pr', 'dev'],
  ['workflow_dispatch', 'pr', 'dev'],
  ['create', 'pr', 'dev'],
  ['workflow_run', 'pr', 'pr-1'],
  ['check_suite', 'pr', 'pr-1'],
  ['issue_comment', 'fork', 'pr-1'],
  ['push', 'fork', 'pr-1'],
  ['something_new', 'fork', 'pr-1'],
] as const)('%s at the trust level %s gives %s', (name, trust, expected) => {
  expect(defaultTags({ name, ref: 'refs/heads/dev', runId: '1', trust }).names).toEqual([expected])
})

test('the hash keeps a long tag valid', () => {
  const ref = `refs/heads/+1.2.3-${'b'.repeat(200)}`
  const [tag = ''] = defaultTags({ name: 'push', ref, runId: '1', trust: 'trusted', defaultBranch: 'main' }).names
  expect(isTag(tag)).toBe(true)
})

test.each([
  [[], 'pr-4711'],
  [['', 'py311', ''], 'pr-4711-py311'],
  [['py-', 'slim', '-arm'], 'pr-4711-py-slim-arm'],
  [['a/b', '', '-feature/x-'], 'pr-4711-a-b-feature-x'],
  [['', 'x'.repeat(200), ''], `pr-4711-${'x'.repeat(120)}`],
])('the temporary tag with %j is %s', (parts, expected) => {
  const tag = ephemeralTag({ runId: '4711' }, parts)
  expect(tag).toBe(expected)
  expect([isTag(tag), isEphemeral(tag, { runId: '4711' }, false), parseRunId(tag)]).toEqual([true, true, '4711'])
})

test('any name becomes a valid tag, and a valid tag stays as it is', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => isTag(sanitiseTag(text))))
  fc.assert(fc.property(fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/), (tag) => sanitiseTag(tag) === tag))
  fc.assert(
    fc.property(fc.constantFrom('heads', 'tags'), fc.string({ minLength: 1, unit: 'binary' }), (kind, name) =>
      defaultTags({ name: 'push', ref: `refs/${kind}/${name}`, runId: '1', trust: 'trusted' }).names.every(isTag),
    ),
  )
})

test('a long branch name is shortened by the length of the suffix', () => {
  const plan = { names: ['b'.repeat(128)], references: [], byEvent: true, notes: [] }
  const [tag] = applyTags(plan, [{ registry: 'ghcr.io', path: 'a/b' }], '-slim', () => expect('a mistake').toBe('none'))
  expect(tag?.tag).toBe(`${'b'.repeat(123)}-slim`)
})

test.each([
  ['pr-4711', true],
  ['pr-4711-slim', true],
  ['pr-47110', false],
  ['pr-471', false],
  ['xpr-4711', false],
  ['main', false],
])('%s carries the run id: %s', (tag, expected) => {
  expect([true, false].map((byName) => isEphemeral(tag, { runId: '4711' }, byName))).toEqual([expected, expected])
})

test('on a young server a run may have the number of its pull request, whose tag stays', () => {
  expect(isEphemeral('pr-17', { runId: '17', number: '17' }, true)).toBe(false)
  expect(isEphemeral('pr-17', { runId: '17', number: '17' }, false)).toBe(true)
  expect(isEphemeral('pr-18', { runId: '18', number: '17' }, true)).toBe(true)
})

test('the tag of a pull request carries the run id', () => {
  expect(isEphemeral(ephemeralTag({ runId: '1' }), { runId: '1' }, false)).toBe(true)
})
