import { describe, expect, jest, test } from '@jest/globals'
import { runnerLog } from '../../../src/job/runner-log.ts'
import { cleanUpRegistries, type CleanupPorts } from '../../../src/stories/cleanup.ts'
import { withRegistry } from '../registry/server.ts'
import { collectingLog, registries, testPackages } from './fixtures.ts'

const inputs = {
  tags: ['pr-*'],
  excludeTags: [],
  olderThan: 0,
  runId: undefined,
  prNumber: undefined,
  keepNTagged: undefined,
  untagged: false,
  unmarked: 'auto' as const,
  dryRun: false,
}

function ports(access = registries): CleanupPorts & { readonly lines: string[] } {
  const { log, lines } = collectingLog()
  return {
    packages: testPackages(access),
    fetchRunStatus: () => Promise.resolve({ completed: true, endedAt: 0, createdAt: 0 }),
    event: { runId: '2', runAttempt: 1, serverUrl: 'https://github.com', repository: 'acme/app' },
    until: Date.now() + 60_000,
    log,
    lines,
  }
}

describe('the cleanup story', () => {
  test('a repository that cannot be opened is a warning, and the next one is cleaned up', async () => {
    await withRegistry('none', async ({ host }) => {
      const access = {
        ...registries,
        credentials: (repository: { readonly path: string }) =>
          repository.path === 'acme/broken' ? Promise.reject(new Error('no login')) : Promise.resolve(undefined),
      }
      const given = ports(access)
      const images = ['acme/broken', 'acme/app'].map((path) => ({ registry: host, path }))
      const { results, errors } = await cleanUpRegistries({ ...inputs, images }, given)
      expect(results.map(({ name }) => name)).toEqual([`${host}/acme/broken`, `${host}/acme/app`])
      expect(given.lines).toContain(`warning: ${host}/acme/broken: no login`)
      expect(errors).toEqual([])
      expect(results[0]?.kept).toEqual([{ subject: '', reason: 'no login' }])
    })
  })

  test('an internal error fails the action, after the other repositories are cleaned up', async () => {
    await withRegistry('none', async ({ host, seen }) => {
      const bug = new TypeError('client.list is not a function')
      const access = {
        ...registries,
        credentials: (repository: { readonly path: string }) =>
          repository.path === 'acme/broken' ? Promise.reject(bug) : Promise.resolve(undefined),
      }
      const images = ['acme/broken', 'acme/app'].map((path) => ({ registry: host, path }))
      expect((await cleanUpRegistries({ ...inputs, images }, ports(access))).errors).toEqual([bug])
      expect(seen.some(({ url }) => url.startsWith('/v2/acme/app/'))).toBe(true)
    })
  })

  test.each([{ runId: '17000000001' }, { prNumber: '7' }])(
    'of one run or pull request, which may have pushed nothing, a repository that does not exist is a warning: %j',
    async (mode) => {
      await withRegistry('none', async ({ host, faults }) => {
        faults.push(({ url = '' }, response) => {
          if (!url.startsWith('/v2/acme/ap/')) return false
          response.writeHead(404).end()
          return true
        })
        const given = ports()
        const images = ['acme/ap', 'acme/app'].map((path) => ({ registry: host, path }))
        const { results, errors } = await cleanUpRegistries({ ...inputs, ...mode, images }, given)
        expect(errors).toEqual([])
        expect(results.map(({ name, kept }) => [name, kept])).toEqual(images.map(({ path }) => [`${host}/${path}`, []]))
        expect(given.lines).toEqual([
          `warning: The repository ${host}/acme/ap does not exist, so there is nothing to delete. ` +
            'If a build has pushed an image to it, check the spelling of `image`.',
          `${host}/acme/ap: nothing to delete`,
          `${host}/acme/app: nothing to delete`,
        ])
      })
    },
  )

  test('a repository that does not exist fails the action, after the others are cleaned up', async () => {
    await withRegistry('none', async ({ host, faults }) => {
      faults.push(({ url = '' }, response) => {
        if (!url.startsWith('/v2/acme/ap/')) return false
        response.writeHead(404).end('{"errors":[{"code":"NAME_UNKNOWN"}]}')
        return true
      })
      const images = ['acme/ap', 'acme/app'].map((path) => ({ registry: host, path }))
      const { results, errors } = await cleanUpRegistries({ ...inputs, images }, ports())
      expect(errors.map(({ message }) => message)).toEqual([`image: the repository ${host}/acme/ap does not exist`])
      expect(results.map(({ audit }) => audit)).toEqual([undefined, { tags: 0, broken: [] }])
    })
  })

  test('no text of a registry becomes a workflow command', async () => {
    const written: string[] = []
    const stdout = jest.spyOn(process.stdout, 'write').mockImplementation((text) => written.push(String(text)) > 0)
    const attack = 'x\n::set-env name=PATH::/attack\n##[add-path]/attack\r::stop-commands::now'
    const access = { ...registries, credentials: () => Promise.reject(new Error(attack)) }
    const image = { registry: 'registry.example.com', path: 'acme/app' }
    await cleanUpRegistries({ ...inputs, images: [image] }, { ...ports(access), log: runnerLog })
    stdout.mockRestore()
    const lines = written.join('').split(/[\r\n]+/)
    expect(lines.filter((line) => !line.startsWith('::warning::') && /^\s*::|##\[/.test(line))).toEqual([])
    expect(written.join('')).toContain('/attack')
  })
})
