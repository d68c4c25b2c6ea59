import { RegistryError } from '../../../../src/registry/error.ts'
import { expect, test } from '@jest/globals'
import { NotDeletedError } from '../../../../src/packages/backend.ts'
import { toSkipReason, toUnsupportedReason } from '../../../../src/packages/oci/skip-reasons.ts'
import { mapConcurrent } from '../../../../src/lib/concurrency.ts'

const refused = (host: string, kind: 'denied' | 'protocol', code?: string): RegistryError =>
  new RegistryError(`${host}: no`, { kind, host, status: kind === 'denied' ? 403 : 405, code })

test.each([
  ['123456789012.dkr.ecr.eu-central-1.amazonaws.com', 'ecr:BatchDeleteImage'],
  ['europe-docker.pkg.dev', 'artifactregistry.tags.delete'],
  ['quay.io', '`Write`'],
  ['docker.io', '`Read, Write, Delete`'],
  ['acme.azurecr.io', 'AcrDelete'],
  ['registry.example.com', '`Delete Artifact`'],
])('%s names the permission', (host, words) => {
  const kept = toSkipReason(refused(host, 'denied'), host)
  expect(kept).toBeInstanceOf(NotDeletedError)
  expect((kept as NotDeletedError).message).toContain(`${host}: no. `)
  expect((kept as NotDeletedError).message).toContain(words)
})

test.each([
  ['docker.io', 'hub.docker.com'],
  ['ghcr.io', 'packages-api: github'],
  ['acme.azurecr.io', 'az acr repository untag'],
  ['registry.example.com', 'REGISTRY_STORAGE_DELETE_ENABLED=true'],
  // A name that only ends like one of theirs is somebody else's.
  ['notghcr.io', 'REGISTRY_STORAGE_DELETE_ENABLED=true'],
])('%s names the way out', (host, words) => {
  expect(toUnsupportedReason('it stays', refused(host, 'protocol', 'UNSUPPORTED'), host).message).toContain(words)
})

test('other errors stay what they are', () => {
  const error = new TypeError('a mistake of ours')
  expect(toSkipReason(error, 'ghcr.io')).toBe(error)
})

test('some work at once, in order, until the first failure', async () => {
  let active = 0
  let most = 0
  const double = async (value: number): Promise<number> => {
    most = Math.max(most, ++active)
    await new Promise(setImmediate)
    active--
    return value * 2
  }
  expect(await mapConcurrent([1, 2, 3, 4, 5], double, 2)).toEqual([2, 4, 6, 8, 10])
  expect(most).toBe(2)
  const begun: number[] = []
  const failing = mapConcurrent(
    [0, 1, 2, 3, 4, 5],
    async (value) => {
      begun.push(value)
      await new Promise(setImmediate)
      if (value === 1) throw new Error('no')
      return value
    },
    2,
  )
  await expect(failing).rejects.toThrow('no')
  await new Promise((resolve) => setTimeout(resolve, 20))
  expect(begun.length).toBeLessThan(5)
  expect(await mapConcurrent([], double)).toEqual([])
})
