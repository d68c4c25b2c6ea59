import { expect, test } from '@jest/globals'
import { createGithubBackend } from '../../../../src/packages/github/backend.ts'
import { createRegistryClient } from '../../../../src/registry/client.ts'

test('a list of versions that never ends is given up', async () => {
  let requests = 0
  const backend = createGithubBackend({
    request: () => {
      requests++
      return Promise.resolve({ status: 200, data: [], link: '<https://api.github.com/more>; rel="next"' })
    },
    owner: 'acme',
    name: 'app',
    registry: createRegistryClient({ registry: 'ghcr.io' }),
    mark: '1-1-cleanup',
    clock: { now: () => 0, sleep: () => Promise.resolve() },
  })
  const readAll = async () => {
    let pages = 0
    for await (const page of backend.list()) pages += page.length + 1
    return pages
  }
  await expect(readAll()).rejects.toThrow('more than 5000 pages')
  expect(requests).toBe(5000)
})
