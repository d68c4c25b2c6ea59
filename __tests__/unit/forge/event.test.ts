import { afterAll, describe, expect, test } from '@jest/globals'
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readEvent, withCommitDate } from '../../../src/forge/event.ts'

const dir = mkdtempSync(join(tmpdir(), 'event-'))
afterAll(() => rmSync(dir, { recursive: true, force: true }))

function read(payload: object, env: Readonly<Record<string, string>> = {}, prefix = 'GITHUB') {
  const path = join(dir, 'event.json')
  writeFileSync(path, JSON.stringify(payload))
  return readEvent({
    [`${prefix}_EVENT_PATH`]: path,
    [`${prefix}_REPOSITORY`]: 'acme/app',
    [`${prefix}_SHA`]: sha,
    [`${prefix}_EVENT_NAME`]: 'push',
    [`${prefix}_REF`]: 'refs/heads/main',
    ...env,
  })
}

const sha = '0123456789abcdef0123456789abcdef01234567'
const repository = {
  name: 'App',
  description: 'Does it',
  html_url: 'https://github.com/acme/App',
  default_branch: 'main',
  private: false,
  license: { spdx_id: 'MIT' },
}

describe('readEvent', () => {
  test.each(['GITHUB', 'FORGEJO', 'GITEA'])('a push, in variables of %s', (prefix) => {
    expect(
      read({ repository, head_commit: { id: sha, timestamp: '2020-01-10T01:30:00+01:00' } }, {}, prefix),
    ).toMatchObject({
      name: 'push',
      ref: 'refs/heads/main',
      sha,
      defaultBranch: 'main',
      commitDate: new Date('2020-01-10T00:30:00Z'),
      repositoryMetadata: { title: 'App', description: 'Does it', url: 'https://github.com/acme/App', license: 'MIT' },
    })
  })

  test('a pull request', () => {
    const event = read({
      number: 15,
      pull_request: { number: 15, head: { sha: 'abc' }, base: { ref: 'main' } },
      repository,
    })
    expect(event).toMatchObject({ number: '15', headSha: 'abc', baseRef: 'main' })
    expect(event).not.toHaveProperty('commitDate')
  })

  test('a pushed tag', () => {
    expect(
      read({
        base_ref: 'refs/heads/main',
        commits: [
          { id: 'f00', timestamp: 'x' },
          { id: sha, timestamp: '2020-01-10T00:30:00Z' },
        ],
      }),
    ).toMatchObject({ baseRef: 'refs/heads/main', commitDate: new Date('2020-01-10T00:30:00Z') })
  })

  test('a scheduled run, whose payload has few fields', () => {
    const event = read({ schedule: '0 0 * * *' }, { GITHUB_EVENT_NAME: 'schedule' })
    expect(event).toMatchObject({
      defaultBranch: 'main',
      repositoryMetadata: { title: 'app', description: '', url: 'https://github.com/acme/app', license: '' },
    })
  })

  test.each([
    [{ licenses: ['MIT'] }, 'MIT'],
    [{ licenses: ['MIT', 'Apache-2.0'] }, ''],
    [{ license: null }, ''],
    [{ licenses: [] }, ''],
  ])('the licence of %j', (fields, expected) => {
    expect(read({ repository: fields }).repositoryMetadata.license).toBe(expected)
  })

  test.each([
    { repository: 'x', pull_request: [], commits: {} },
    { head_commit: { id: sha, timestamp: 'yesterday' } },
    [],
  ])('a payload of another form: %j', (payload) => {
    expect(read(payload)).not.toHaveProperty('commitDate')
  })
})

describe('withCommitDate', () => {
  // The user's own may require signatures, for example.
  const withoutUserConfig = { GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_SYSTEM: '/dev/null' }
  const git = (...args: string[]) =>
    execFileSync('git', ['-C', dir, '-c', 'user.name=a', '-c', 'user.email=a@b', ...args], {
      encoding: 'utf8',
      env: { ...process.env, ...withoutUserConfig, GIT_COMMITTER_DATE: '1578616200 +0900' },
    }).trim()

  test('reads it from the checkout', async () => {
    git('init', '--quiet')
    git('commit', '--quiet', '--allow-empty', '--message', 'committer x 5 +0000')
    const event = { ...read({}), workspace: dir, sha: git('rev-parse', 'HEAD') }
    expect((await withCommitDate(event)).commitDate).toEqual(new Date('2020-01-10T00:30:00Z'))
    expect((await withCommitDate({ ...event, sha })).commitDate).toBeUndefined()
    expect((await withCommitDate({ ...event, commitDate: new Date(0) })).commitDate).toEqual(new Date(0))
    expect((await withCommitDate({ ...event, workspace: join(dir, 'nowhere') })).commitDate).toBeUndefined()
    const request = { ...event, headSha: event.sha, sha, workspace: dir }
    expect(await withCommitDate(request)).toMatchObject({ headCommitDate: new Date('2020-01-10T00:30:00Z') })
  })

  test('does not run what the configuration of a hostile checkout names', async () => {
    const [workspace, marker] = [join(dir, 'hostile'), join(dir, 'marker')]
    execFileSync('git', ['init', '--quiet', workspace])
    writeFileSync(
      join(workspace, '.git/config'),
      `[core]
        repositoryformatversion = 1
        sshCommand = "touch ${marker};"
        fsmonitor = "touch ${marker};"
      [extensions]
        partialClone = origin
      [remote "origin"]
        url = ssh://nowhere.invalid/x
        promisor = true
        uploadpack = "touch ${marker};"
      `,
    )
    expect((await withCommitDate({ ...read({}), workspace })).commitDate).toBeUndefined()
    expect(existsSync(marker)).toBe(false)
    // The same command with the checkout's configuration runs it, unless Git is too old to fetch single objects.
    spawnSync('git', ['-C', workspace, 'cat-file', 'commit', sha])
    expect(existsSync(marker)).toBe(true)
  })

  test('reads a checkout with SHA-256', async () => {
    const workspace = join(dir, 'sha256')
    execFileSync('git', ['init', '--quiet', '--object-format=sha256', workspace])
    const commit = (...args: string[]) => git('-C', workspace, ...args)
    commit('commit', '--quiet', '--allow-empty', '--message', 'x')
    const event = { ...read({}), workspace, sha: commit('rev-parse', 'HEAD') }
    expect((await withCommitDate(event)).commitDate).toEqual(new Date('2020-01-10T00:30:00Z'))
  })
})

test.each<[isProtected: string | undefined, trust: string]>([
  ['true', 'trusted'],
  ['false', 'pr'],
  ['TRUE', 'pr'],
  ['1', 'pr'],
  ['', 'pr'],
  [undefined, 'pr'],
])('a branch whose GITHUB_REF_PROTECTED is %j has the level %s', (isProtected, trust) => {
  const env = { GITHUB_EVENT_NAME: 'push', GITHUB_REF: 'refs/heads/topic' }
  const payload = { repository: { full_name: 'acme/app', default_branch: 'main' } }
  expect(read(payload, { ...env, ...(isProtected !== undefined && { GITHUB_REF_PROTECTED: isProtected }) }).trust).toBe(
    trust,
  )
})

describe('a payload that cannot be read', () => {
  const env = { GITHUB_EVENT_NAME: 'push', GITHUB_REF: 'refs/heads/main', GITHUB_REF_PROTECTED: 'true' }
  const [missing, invalid] = [join(dir, 'missing.json'), join(dir, 'invalid.json')]
  writeFileSync(invalid, '["no object"]')
  const [nothing, cut, deep] = ['null', '{"repository":{', '['.repeat(200_000)].map((text, index) => {
    writeFileSync(join(dir, `payload-${index}.json`), text)
    return join(dir, `payload-${index}.json`)
  })
  test.each([
    [{}, 'GITHUB_EVENT_PATH is not set'],
    [{ GITHUB_EVENT_PATH: missing }, missing],
    [{ GITHUB_EVENT_PATH: dir }, dir],
    [{ GITHUB_EVENT_PATH: invalid }, 'not a JSON object'],
    [{ GITHUB_EVENT_PATH: nothing }, 'not a JSON object'],
    [{ GITHUB_EVENT_PATH: cut }, 'JSON'],
    [{ GITHUB_EVENT_PATH: deep }, 'JSON'],
    [{ GITHUB_EVENT_PATH: '/dev/null' }, 'JSON'],
  ])('%j: a warning and the lowest trust level', (path, text) => {
    const warnings: string[] = []
    expect(readEvent({ ...env, ...path }, (warning) => warnings.push(warning)).trust).toBe('fork')
    expect(warnings).toEqual([expect.stringContaining(text)])
    expect(warnings).toEqual([expect.stringContaining('trust level `fork`')])
  })
})
