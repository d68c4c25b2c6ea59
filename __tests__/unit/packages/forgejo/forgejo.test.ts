import { describe, expect, test } from '@jest/globals'
import { NotDeletedError, type PackageBackend, type PackageVersion } from '../../../../src/packages/backend.ts'
import { answer } from '../../registry/server.ts'
import { content, makeImage, type Content } from '../oci/images.ts'
import { push, withForge, type Forge } from './forge.ts'
import { ociIndex } from '../../../../src/registry/manifest.ts'

const versionOf = ({ digest }: Content, ...tags: readonly string[]): PackageVersion => ({ id: digest, digest, tags })
const rowsOf = ({ rows }: Forge): string[] => rows.map(({ name, version }) => `${name} ${version}`).sort()

async function reasonOf(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (!(error instanceof NotDeletedError)) throw new Error(`not kept: ${String(error)}`)
  return error.message
}

async function collect(api: PackageBackend): Promise<PackageVersion[]> {
  const versions = new Map<string, PackageVersion>()
  for await (const page of api.list()) for (const version of page) versions.set(version.id, version)
  return [...versions.values()]
}

test('removes all rows of an image with any name', async () => {
  await withForge(async (forge) => {
    const [release, temporary] = [makeImage('release'), makeImage('run')]
    const hands = forge.hands('app/sub')
    await hands.push(release, ['v1'])
    await forge.hands('app').push(temporary, ['pr-1'])
    const before = rowsOf(forge)
    await hands.push(temporary, ['pr-1'])
    const api = forge.open('app/sub')
    expect(await api.read(versionOf(temporary.index))).toEqual(versionOf(temporary.index, 'pr-1'))
    for (const part of [temporary.index, ...temporary.children, ...temporary.intermediates])
      await api.remove(versionOf(part, 'PR-1'))
    expect(rowsOf(forge)).toEqual(before)
    expect(await api.read(versionOf(temporary.index))).toBeUndefined()
    expect(
      forge.seen
        .filter((line) => line.includes('/packages/acme/'))
        .every((line) => line.includes('/container/app%2Fsub/')),
    ).toBe(true)
  })
})

test('keeps what a tag or a tagged index needs', async () => {
  await withForge(async (forge) => {
    const image = makeImage('run')
    await forge.hands('app').push(image, ['pr-1', 'v1'])
    const before = rowsOf(forge)
    const api = forge.open('app')
    expect(await reasonOf(api.remove(versionOf(image.index, 'pr-1')))).toBe('it also has the tag v1, so it is kept.')
    expect(await reasonOf(api.remove(versionOf(image.children[0]!)))).toBe(
      'the image with the tag v1, pr-1 needs it, so it is kept.',
    )
    expect(await reasonOf(api.untag(versionOf(image.children[0]!), 'v1'))).toBe(
      'the tag was moved to another image, so it is kept.',
    )
    expect(rowsOf(forge)).toEqual(before)
    await api.untag(versionOf(image.index, 'pr-1', 'v1'), 'PR-1')
    expect(rowsOf(forge)).toEqual(before.filter((row) => row !== 'app pr-1'))
    await api.untag(versionOf(image.index, 'pr-1', 'v1'), 'pr-1')
  })
})

test('the last row of a manifest is not its end', async () => {
  await withForge(async (forge) => {
    const image = makeImage('joined')
    const hands = forge.hands('app')
    await hands.pushByTags(image, ['build-amd64', 'build-arm64'], 'v1')
    const [child] = image.children
    await forge.open('app').untag(versionOf(child!, 'build-amd64'), 'build-amd64')
    expect(rowsOf(forge)).toEqual(['app build-arm64', `app ${child!.digest}`, 'app v1'])
    expect(await hands.missing('v1')).toEqual([])
  })
})

test('puts back what it removed', async () => {
  await withForge(async (forge) => {
    const image = makeImage('run')
    await forge.hands('app').push(image, ['pr-1'])
    const before = rowsOf(forge)
    const api = forge.open('app')
    await api.remove(versionOf(image.index, 'pr-1'))
    expect(await api.restore(versionOf(image.index))).toBe(true)
    expect(rowsOf(forge)).toEqual(before)
    expect(await api.restore(versionOf(image.index))).toBe(false)
  })
})

describe('lists', () => {
  test.each([
    [true, true],
    [true, false],
    [false, true],
  ])('with Link: %s, with X-Total-Count: %s', async (hasLinks, hasTotals) => {
    await withForge(async (forge) => {
      const image = makeImage('release')
      for (let at = 0; at < 120; at++) push(forge, 'app', `v${at}`, image.index)
      for (let at = 0; at < 30; at++) push(forge, 'my-app', `v${at}`, image.children[0]!)
      push(forge, 'my-app', image.children[0]!.digest, image.children[0]!)
      Object.assign(forge, { hasLinks, hasTotals })
      const versions = await collect(forge.open('app'))
      expect(versions.map(({ digest, tags }) => [digest, tags.length])).toEqual([[image.index.digest, 120]])
    })
  })

  test('stop when the caller does, newest first', async () => {
    await withForge(async (forge) => {
      for (let at = 0; at < 200; at++) push(forge, 'app', `v${at}`, makeImage('release').index)
      push(forge, 'app', 'pr-1', makeImage('run').index)
      for await (const page of forge.open('app').list()) {
        expect(page[0]).toMatchObject(versionOf(makeImage('run').index, 'pr-1'))
        break
      }
      expect(forge.seen.filter((line) => line.includes('/api/v1/'))).toHaveLength(1)
    })
  })

  test('report when a tag of an image was last pushed; no time if the API has none', async () => {
    await withForge(async (forge) => {
      const [one, two, undated] = [makeImage('one').index, makeImage('two').index, makeImage('three').index]
      push(forge, 'app', 'again', one, '2026-01-01T00:00:00Z')
      push(forge, 'app', 'v2', two, '2026-01-02T00:00:00Z')
      push(forge, 'app', 'again', one, '2026-01-03T00:00:00Z')
      for (let at = 0; at < 60; at++) push(forge, 'app', `old-${at}`, one, '2025-01-01T00:00:00Z')
      push(forge, 'app', 'undated', undated, 'yesterday')
      const versions = await collect(forge.open('app'))
      const times = new Map(versions.map(({ digest, taggedAt }) => [digest, taggedAt]))
      expect([one, two, undated].map(({ digest }) => times.get(digest))).toEqual([
        Date.UTC(2026, 0, 3),
        Date.UTC(2026, 0, 2),
        undefined,
      ])
    })
  })

  test('request each tag once, and again where it was pushed again', async () => {
    await withForge(async (forge) => {
      const [one, two] = [makeImage('one'), makeImage('two')]
      for (let at = 0; at < 30; at++) push(forge, 'app', `v${at}`, one.index)
      const api = forge.open('app')
      await api.read(versionOf(one.index))
      const asked = (): number => forge.seen.filter((line) => line.startsWith('GET /v2/acme/app/manifests/v')).length
      expect(asked()).toBe(30)
      push(forge, 'app', 'v7', two.index)
      expect((await api.read(versionOf(two.index)))?.tags).toEqual(['v7'])
      expect(asked()).toBe(31)
    })
  })

  test('a deletion during paging hides nothing', async () => {
    await withForge(async (forge) => {
      const image = makeImage('run')
      push(forge, 'app', 'v1', image.index)
      for (let at = 0; at < 99; at++) push(forge, 'app', `w${at}`, makeImage('other').index)
      push(forge, 'app', 'pr-1', image.index)
      // The list has three pages, and v1 alone is on the last; a row of the first goes before that is asked for.
      let deleted = 0
      forge.before = (line) => {
        if (!line.includes('page=3') || deleted++ > 0) return
        forge.rows.splice(
          forge.rows.findIndex(({ version }) => version === 'w98'),
          1,
        )
      }
      expect([...((await forge.open('app').read(versionOf(image.index)))?.tags ?? [])].sort()).toEqual(['pr-1', 'v1'])
      expect(deleted).toBe(1)
    })
  })

  test('that never hold still prove nothing', async () => {
    await withForge(async (forge) => {
      const image = makeImage('run')
      for (let at = 0; at < 120; at++) push(forge, 'app', `w${at}`, makeImage('other').index)
      push(forge, 'app', 'pr-1', image.index)
      forge.before = (line) => {
        if (line.includes('page=2')) forge.rows.splice(0, 10)
      }
      expect(await reasonOf(forge.open('app').remove(versionOf(image.index, 'pr-1')))).toContain(
        'changed the list of packages while it was read',
      )
      expect(rowsOf(forge)).toContain('app pr-1')
    })
  })

  test('what is older than the run is left out, but not what has no date', async () => {
    await withForge(async (forge) => {
      const image = makeImage('run')
      push(forge, 'app', 'old', image.index, '2026-01-01T00:00:00Z')
      push(forge, 'app', 'undated', image.index, 'soon')
      push(forge, 'app', 'pr-1', image.index, '2026-01-02T00:00:00+01:00')
      const api = forge.open('app', { since: new Date('2026-01-01T22:00:00Z') })
      expect((await api.read(versionOf(image.index)))?.tags).toEqual(['pr-1', 'undated'])
    })
  })

  test('an owner without packages, and manifests that are no index', async () => {
    await withForge(async (forge) => {
      expect(await collect(forge.open('app'))).toEqual([])
      const odd = content('{"schemaVersion":2,"manifests":"none"}', ociIndex)
      push(forge, 'app', 'odd', odd)
      expect(await collect(forge.open('app'))).toMatchObject([versionOf(odd, 'odd')])
    })
  })
})

describe('trouble', () => {
  test.each([401, 403])('%i names the scope, and nothing is deleted', async (status) => {
    await withForge(async (forge) => {
      const image = makeImage('run')
      await forge.hands('app').push(image, ['pr-1'])
      const before = rowsOf(forge)
      forge.fault = (line, response) =>
        line.startsWith('DELETE') &&
        answer(
          response,
          status,
          {},
          JSON.stringify({ message: `token forge-token does not have at least one of required scope(s)` }),
        )
      const reason = await reasonOf(forge.open('app').remove(versionOf(image.index, 'pr-1')))
      expect(reason).toContain('write:package')
      expect(reason).toContain('the default token of a job often has no permission')
      expect(reason).not.toContain('forge-token')
      expect(rowsOf(forge)).toEqual(before)
    })
  })

  test('a token that may not even list', async () => {
    await withForge(async (forge) => {
      const api = forge.open('app', { token: 'wrong' })
      expect(await reasonOf(collect(api))).toContain('write:package')
      expect(await reasonOf(api.read(versionOf(makeImage('run').index)))).toContain('write:package')
    })
  })

  test('a lost answer to a DELETE, and a forge that is busy', async () => {
    await withForge(async (forge) => {
      const image = makeImage('run')
      await forge.hands('app').push(image, ['pr-1'])
      let faults = 0
      forge.fault = (line, response) => {
        const lost = line.startsWith('DELETE') && line.includes('pr-1')
        if (faults > 2 || !(lost || (faults < 2 && line.includes('/api/v1/')))) return false
        faults++
        if (lost)
          forge.rows.splice(
            forge.rows.findIndex(({ version }) => version === 'pr-1'),
            1,
          )
        return answer(response, 503, { 'retry-after': '2' })
      }
      await forge.open('app').remove(versionOf(image.index, 'pr-1'))
      expect(faults).toBe(3)
      expect(rowsOf(forge)).toEqual(
        [...image.children, ...image.intermediates].map(({ digest }) => `app ${digest}`).sort(),
      )
    })
  })

  test.each(['<html>', '{"message":"ok"}', '[{"name":"app"}]'])('a list that is none: %s', async (body) => {
    await withForge(async (forge) => {
      forge.fault = (line, response) => line.includes('/api/v1/') && answer(response, 200, {}, body)
      expect(await reasonOf(collect(forge.open('app')))).toContain('the list of packages cannot be parsed')
    })
  })

  test('a redirect would take the token along', async () => {
    await withForge(async (forge) => {
      forge.fault = (line, response) =>
        line.includes('/api/v1/') && answer(response, 302, { location: 'http://127.0.0.1:9/' })
      expect(await reasonOf(collect(forge.open('app')))).toContain('no answer')
    })
  })
})
