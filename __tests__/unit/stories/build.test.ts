import { describe, expect, test } from '@jest/globals'
import { existsSync, readFileSync } from 'node:fs'
import { UserError } from '../../../src/lib/errors.ts'
import { BuildErrors } from '../../../src/report/run-report.ts'
import { readJournal } from '../../../src/run/journal.ts'
import { buildImage } from '../../../src/stories/build.ts'
import { push, withPushed } from '../publish/parts.ts'
import { emptyResult, testPorts, testRun, type TestRun } from './fixtures.ts'

const platforms = ['linux/amd64', 'linux/arm64']
const pushed = platforms.map((name) => push(name))
const digestOf = (platform: string) => pushed[platforms.indexOf(platform)]?.part.digest ?? ''
const kinds = ({ run }: TestRun) => readJournal(run.dir, run.log).map(({ kind }) => kind)

describe('the build story', () => {
  test('opens nodes, builds, publishes an index of all platforms, and updates the tag last', async () => {
    await withPushed(pushed, async (_, registry) => {
      const given = await testRun({ image: `${registry.host}/acme/app`, tags: '1.0', registries: plain(registry.host) })
      const ports = testPorts(given, digestOf)
      const result = await buildImage(given.run, ports)
      expect(ports.calls).toEqual(['open', 'build'])
      expect(registry.tags.get('acme/app:1.0')).toBe(result.published[0]?.digest)
      expect(result.published[0]?.platforms.map(({ platform }) => platform)).toEqual(platforms)
      expect(kinds(given)).toEqual(['manifest', 'manifest', 'manifest', 'tag'])
      expect(given.lines.filter((line) => line.startsWith('warning'))).toEqual([])
      expect(given.lines).toContain('Building linux/amd64, linux/arm64 with buildx 0.38.2')
    })
  })

  test('logins are in the run directory, and build secrets only while something is built', async () => {
    const given = await testRun({ push: 'false', username: 'ci', password: 'pass-word', secrets: 'token=hidden' })
    let secret = ''
    const { dir } = given.run
    const ports = testPorts(given, digestOf)
    await buildImage(given.run, {
      ...ports,
      buildGroups: (request) => {
        secret = readFileSync(dir.secret(0), 'utf8')
        return ports.buildGroups(request)
      },
    })
    expect([secret, existsSync(dir.secrets)]).toEqual(['hidden', false])
    expect(readFileSync(dir.dockerConfig, 'utf8')).toContain(Buffer.from('ci:pass-word').toString('base64'))
  })

  test('a failed group fails the run with its error, and nothing is published', async () => {
    await withPushed(pushed, async (_, registry) => {
      const given = await testRun({ image: `${registry.host}/acme/app`, tags: '1.0', registries: plain(registry.host) })
      const failure = new UserError({ code: 'build', message: 'A step failed', hint: 'Fix it.' })
      const work = buildImage(given.run, {
        ...testPorts(given, digestOf),
        buildGroups: ({ groups }) =>
          Promise.resolve({
            results: groups.map((group) => ({ ...emptyResult, group, failure })),
            notes: [],
          }),
      })
      await expect(work).rejects.toThrow('A step failed')
      // The summary shows every planned target, and what became of its group.
      const failed: unknown = await work.catch((error: unknown) => error)
      if (!(failed instanceof BuildErrors)) throw new Error('BuildErrors is expected')
      expect(failed.record.targets.length).toBeGreaterThan(0)
      expect(failed.record.groups.every((group) => group.failure === failure)).toBe(true)
      expect([registry.tags.size, kinds(given)]).toEqual([0, []])
    })
  })

  test('a cancelled run does not publish', async () => {
    const cancel = new AbortController()
    const given = await testRun({ push: 'false' }, cancel.signal)
    const ports = testPorts(given, digestOf)
    const work = buildImage(given.run, {
      ...ports,
      buildGroups: (request) => {
        cancel.abort(new Error('cancelled'))
        return ports.buildGroups(request)
      },
    })
    await expect(work).rejects.toThrow('cancelled')
    expect(existsSync(given.run.dir.secrets)).toBe(false)
  })

  test('a run that is cancelled while the registry does not answer ends at once', async () => {
    await withPushed(pushed, async (_, registry) => {
      const cancel = new AbortController()
      const image = `${registry.host}/acme/app`
      const given = await testRun({ image, tags: '1.0', registries: plain(registry.host) }, cancel.signal)
      registry.faults.push(({ method }) => {
        if (method !== 'PUT') return false
        setTimeout(() => cancel.abort(new Error('cancelled')), 50)
        return true
      })
      await expect(buildImage(given.run, testPorts(given, digestOf))).rejects.toThrow('cancelled')
      expect(registry.tags.size).toBe(0)
    })
  }, 5000)

  test('`call` checks the Dockerfile instead of building', async () => {
    const given = await testRun({ call: 'check' })
    const ports = testPorts(given, digestOf)
    const { published } = await buildImage(given.run, ports)
    expect([ports.calls, published, given.run.record.groups]).toEqual([['open', 'call'], [], []])
  })
})

/** The input `registries` for a registry that speaks plain http. */
function plain(host: string): string {
  return `"${host}": {http: true}`
}
