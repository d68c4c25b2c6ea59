import { describe, expect, test } from '@jest/globals'
import { cleanUpRepository } from '../../../src/cleanup/registry-cleanup.ts'
import { createRunStatusCache } from '../../../src/forge/run-status.ts'
import type { BackendDefinition, PackageVersion } from '../../../src/packages/backend.ts'
import { openPackageRepository, packagesChoices, selectBackend } from '../../../src/packages/select.ts'
import { forgejoBackend } from '../../../src/packages/forgejo/backend.ts'
import { githubBackend } from '../../../src/packages/github/backend.ts'
import { ociBackend } from '../../../src/packages/oci/backend.ts'
import { createRegistryClient } from '../../../src/registry/client.ts'
import { behaviours, repository, withBehaviour } from './oci/behaviour.ts'
import { makeImage } from './oci/images.ts'

const github = { serverUrl: 'https://github.com', apiUrl: 'https://api.github.com' }
const enterprise = { serverUrl: 'https://git.example.com', apiUrl: 'https://git.example.com/api/v3' }
const tenant = { serverUrl: 'https://acme.ghe.com', apiUrl: 'https://api.acme.ghe.com' }
const forgejo = { serverUrl: 'https://codeberg.org', apiUrl: 'https://codeberg.org/api/v1' }
const below = { serverUrl: 'https://example.com:3000/git/', apiUrl: 'https://example.com:3000/git/api/v1' }

describe('auto', () => {
  test.each([
    ['ghcr.io', github, githubBackend, 'https://api.github.com'],
    ['GHCR.io', github, githubBackend, 'https://api.github.com'],
    ['ghcr.io', enterprise, githubBackend, 'https://api.github.com'],
    ['ghcr.io', forgejo, githubBackend, 'https://api.github.com'],
    ['containers.git.example.com', enterprise, githubBackend, 'https://git.example.com/api/v3'],
    ['containers.acme.ghe.com', tenant, githubBackend, 'https://api.acme.ghe.com'],
    ['containers.acme.ghe.com', github, githubBackend, 'https://api.acme.ghe.com'],
    ['codeberg.org', forgejo, forgejoBackend, 'https://codeberg.org'],
    ['example.com:3000', below, forgejoBackend, 'https://example.com:3000/git'],
    ['example.com', below, ociBackend, 'example.com'],
    ['codeberg.org', github, ociBackend, 'codeberg.org'],
    ['quay.io', forgejo, ociBackend, 'quay.io'],
    ['git.example.com', enterprise, ociBackend, 'git.example.com'],
    ['containers.git.example.com', github, ociBackend, 'containers.git.example.com'],
    ['containers.codeberg.org', forgejo, ociBackend, 'containers.codeberg.org'],
    ['github.com', github, ociBackend, 'github.com'],
    ['127.0.0.1:5000', github, ociBackend, '127.0.0.1:5000'],
  ])('%s, on %o', async (registry, platform, definition, endpoint) => {
    expect(await selectBackend('auto', registry, platform)).toEqual({ definition, endpoint })
  })
})

describe('explicit', () => {
  test.each([
    ['oci', 'ghcr.io', github, ociBackend, 'ghcr.io'],
    ['oci', 'codeberg.org', forgejo, ociBackend, 'codeberg.org'],
    ['github', 'ghcr.io', forgejo, githubBackend, 'https://api.github.com'],
    ['github', 'registry.example.com', enterprise, githubBackend, 'https://git.example.com/api/v3'],
    ['forgejo', 'codeberg.org', github, forgejoBackend, 'https://codeberg.org'],
    ['gitea', 'localhost:3000', github, forgejoBackend, 'http://localhost:3000'],
    ['forgejo', 'example.com:3000', below, forgejoBackend, 'https://example.com:3000/git'],
  ])('%s for %s', async (...[choice, registry, platform, definition, endpoint]) => {
    expect(await selectBackend(choice, registry, platform)).toEqual({ definition, endpoint })
  })

  test('every name in the table is a value of the input', async () => {
    expect(Object.keys(packagesChoices)).toEqual(['auto', 'github', 'forgejo', 'gitea', 'oci'])
    await expect(selectBackend('quay', 'quay.io', github)).rejects.toThrow('No packages API `quay`')
  })
})

test('another delete API is one definition and one line of the table, and cleanup works through it', async () => {
  const run = '17000000001'
  await withBehaviour(behaviours['deletion switched off'], async (fake) => {
    const [release, temporary] = [makeImage('release'), makeImage(`${run}-1-x`)]
    await fake.hands.push(release, ['v1'])
    await fake.hands.push(temporary, [`pr-${run}`])
    const deleted: string[] = []
    /** The API of an imaginary registry, which lists everything and deletes by digest. */
    const versions = (): PackageVersion[] =>
      [...fake.manifests.keys()].map((digest) => ({
        id: digest,
        digest,
        tags: [...fake.tags].flatMap(([tag, target]) => (target === digest ? [tag] : [])),
      }))
    const definition: BackendDefinition = {
      endpoint: (registry) => (registry === fake.host ? 'imaginary' : undefined),
      create: () => ({
        title: 'an imaginary API',
        capabilities: {
          listsById: false,
          listsUntagged: true,
          resolvesEachTag: false,
          deletesReferenced: true,
          deletesConcurrently: true,
          lowercasesTags: false,
        },
        async *list() {
          yield await Promise.resolve(versions())
        },
        read: ({ digest }) => Promise.resolve(versions().find((version) => version.digest === digest)),
        remove: ({ digest, tags }) => {
          deleted.push(digest)
          fake.manifests.delete(digest)
          tags.forEach((tag) => fake.tags.delete(tag))
          return Promise.resolve()
        },
        untag: () => Promise.reject(new Error('no tag is shared here')),
        restore: () => Promise.resolve(false),
      }),
    }
    const opened = await openPackageRepository(
      {
        choice: 'auto',
        platform: github,
        token: '',
        ownerKind: undefined,
        registries: { credentials: () => Promise.resolve(undefined), fetch, log: () => undefined, isPlain: () => true },
        githubClient: () => () => Promise.reject(new Error('not GitHub')),
        clock: { now: () => 0, sleep: () => Promise.resolve() },
      },
      {
        repository: { registry: fake.host, path: repository },
        client: createRegistryClient({ registry: fake.host }),
        until: Infinity,
        mark: '1-1-cleanup',
      },
      { imaginary: () => Promise.resolve(definition), github: () => Promise.resolve(githubBackend) },
    )
    const runs = createRunStatusCache(
      () => Promise.resolve({ completed: true, createdAt: -1e12, endedAt: -1e12 }),
      () => ({ now: 0, olderThan: 1 }),
    )
    const result = await cleanUpRepository(opened, { tags: ['pr-*'], untagged: true, dryRun: false }, runs)
    expect(result.audit).toEqual({ tags: 1, broken: [] })
    expect([...deleted].sort()).toEqual(
      [temporary.index, ...temporary.children, ...temporary.intermediates].map(({ digest }) => digest).sort(),
    )
    expect(await fake.hands.missing('v1')).toEqual([])
  })
})
