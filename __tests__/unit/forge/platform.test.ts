import { expect, test } from '@jest/globals'
import { firstAllowed, GithubError, type GithubRequest } from '../../../src/forge/api-client.ts'
import { acceptsJobToken, detectPlatform, isForgejoRunner } from '../../../src/forge/platform.ts'

const github = { serverUrl: 'https://github.com', apiUrl: 'https://api.github.com' }
const enterprise = { serverUrl: 'https://github.example', apiUrl: 'https://github.example/api/v3' }
const forgejo = { serverUrl: 'https://git.example:3000', apiUrl: 'https://git.example:3000/api/v1/' }

test.each([
  [github, 'github.com'],
  [enterprise, 'enterprise-server'],
  [forgejo, 'forgejo'],
  [{ serverUrl: 'https://acme.ghe.com', apiUrl: 'https://api.acme.ghe.com' }, 'ghe.com'],
  [{ serverUrl: 'https://ghe.com.example', apiUrl: 'https://api.example' }, 'unknown'],
])('the platform of %j is %s', (platform, expected) => expect(detectPlatform(platform)).toBe(expected))

test('runners of Forgejo and Gitea', () => {
  expect([{ FORGEJO_ACTIONS: 'true' }, { GITEA_ACTIONS: 'true' }].map(isForgejoRunner)).toEqual([true, true])
  expect([{}, { GITHUB_ACTIONS: 'true' }, { GITEA_ACTIONS: '' }].map(isForgejoRunner)).toEqual([false, false, false])
})

test.each([
  [github, 'https://api.github.com/', true],
  [github, 'https://api.github.com.example', false],
  [github, 'http://api.github.com', false],
  [enterprise, 'https://api.github.com', false],
  [enterprise, 'https://github.example/api/v3', true],
  [forgejo, 'https://api.github.com', false],
  [forgejo, 'https://git.example:3000', true],
  [forgejo, 'https://git.example', false],
  [forgejo, 'https://other.example:3000', false],
  [{ serverUrl: '', apiUrl: '' }, '', false],
])('the job token of %j is sent to %s: %s', (platform, url, expected) =>
  expect(acceptsJobToken(platform, url)).toBe(expected),
)

test('a request is sent with the first token that is allowed to, which then serves the next ones', async () => {
  const sent: string[] = []
  const client =
    (name: string, answer: (route: string) => number): GithubRequest =>
    (route) => {
      sent.push(`${name} ${route}`)
      const status = answer(route)
      const message = status === 403 && route === 'busy' ? 'API rate limit exceeded' : 'no'
      return status === 200
        ? Promise.resolve({ data: name, link: '' })
        : Promise.reject(new GithubError(status, message))
    }
  const request = firstAllowed([
    client('job', (route) => (route === 'list' ? 200 : 403)),
    client('login', (route) => (route === 'all' ? 404 : 200)),
  ])
  await expect(request('busy', {})).rejects.toThrow('rate limit')
  for (const [route, expected] of [
    ['list', 'job'],
    ['delete', 'login'],
    ['list', 'login'],
  ] as const)
    expect((await request(route, {})).data).toBe(expected)
  await expect(request('all', {})).rejects.toMatchObject({ status: 404 })
  expect(sent).toEqual(['job busy', 'job list', 'job delete', 'login delete', 'login list', 'login all'])
  await expect(firstAllowed([])('list', {})).rejects.toMatchObject({ status: 401 })
})
