import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { UserError } from '../../../src/lib/errors.ts'
import { readJournal } from '../../../src/run/journal.ts'
import { dryRun } from '../../../src/stories/dry-run.ts'
import { withRegistry, type Fault } from '../registry/server.ts'
import { testPackages, testPorts, testRun } from './fixtures.ts'

/** A login that may push may start an upload. */
const acceptUpload: Fault = ({ method, url = '' }, response) => {
  if (method !== 'POST') return false
  response.writeHead(202, { location: `${url}1` }).end()
  return true
}

describe('the dry run story', () => {
  test('reports nodes, targets, tags and permissions, and creates nothing', async () => {
    await withRegistry('none', async (registry) => {
      const image = `${registry.host}/acme/app`
      registry.faults.push(acceptUpload)
      const given = await testRun({ image, tags: '1.0', 'github-token': 'a-token' })
      const ports = testPorts(given, () => '')
      const { report, problems } = await dryRun(given.run, ports)
      expect(problems).toEqual([])
      expect(report.nodes[0]).toMatch(/; by unix:\/\/\/run\/buildkit\.sock, its own buildkitd$/)
      expect(report.targets.map(({ platform, cache }) => [platform, cache.startsWith(`${image}:`)])).toEqual([
        ['linux/amd64', true],
        ['linux/arm64', true],
      ])
      expect(report.tags).toEqual([{ tag: `${image}:1.0`, now: '' }])
      expect(report.permissions).toContain(`push to ${image}: allowed`)
      expect(report.permissions).toContain('status of this repository’s runs: not readable')
      expect(report.warnings.join('\n')).toMatch(/is not installed on this runner.*actions: read/s)
      expect([ports.calls, readJournal(given.run.dir, given.run.log)]).toEqual([['open'], []])
      expect([registry.tags.size, registry.manifests.size]).toEqual([0, 0])
    })
  })

  test('without a token, as on a laptop, does not report what it may read', async () => {
    const given = await testRun({ push: 'false' })
    const { report } = await dryRun(given.run, {
      ...testPorts(given, () => ''),
      fetchRunStatus: () => Promise.resolve('no-token'),
    })
    expect([report.permissions, report.warnings.join('\n')]).toEqual([[], expect.not.stringContaining('actions: read')])
  })

  test.each([
    ['denied', () => Promise.resolve('denied' as const), /^Without `permissions: actions: read`, leftovers/],
    ['rejected', () => Promise.resolve('rejected' as const), /^The CI platform does not accept `github-token`\. /],
    [
      'unreachable',
      () => Promise.reject(new Error('ENOTFOUND')),
      /^The API of the CI platform could not be reached\. /,
    ],
  ])('says why the status of runs cannot be read: %s', async (_, fetchRunStatus, expected) => {
    const given = await testRun({ push: 'false', 'github-token': 'a-token' })
    const { report } = await dryRun(given.run, { ...testPorts(given, () => ''), fetchRunStatus })
    expect(report.permissions).toEqual(['status of this repository’s runs: not readable'])
    expect(report.warnings.filter((text) => text.includes('six days'))).toEqual([expect.stringMatching(expected)])
  })

  test('reports every problem, of nodes and of registries', async () => {
    const given = await testRun({ image: 'registry.example.com/acme/app' })
    const failure = new UserError({ code: 'node', message: 'No node answers', hint: 'Start one.' })
    const down = () => Promise.reject(new Error('registry down'))
    const { report, problems } = await dryRun(given.run, {
      ...testPorts(given, () => ''),
      openNodes: () => Promise.reject(failure),
      packages: testPackages({ credentials: down, fetch: down, log: () => undefined }),
    })
    expect(problems.map(({ message }) => message)).toEqual([
      'No node answers',
      'Nothing can be pushed to registry.example.com/acme/app',
    ])
    expect(report.problems).toEqual(problems.map(({ message }) => message))
    expect(report.targets).toEqual([])
  })

  test('buildx finds the files of secrets while it validates the definition, and they are removed', async () => {
    const given = await testRun({ push: 'false', secrets: 'a=S3CRET-A\nb=S3CRET-B' })
    const command = join(given.run.dir.path, 'fake-buildx')
    // As buildx does: session/secrets/secretsprovider/store.go.
    const check = `
      const { readFileSync, statSync } = require('node:fs')
      const { target } = JSON.parse(readFileSync(process.argv[4], 'utf8'))
      const files = Object.values(target).flatMap(({ secret }) => secret.map((one) => /src=([^,]*)/.exec(one)[1]))
      files.forEach((file) => statSync(file))
      process.exit(files.length === 4 ? 0 : 1)`
    const script = `#!${process.execPath}\n${check.trim()}\n`
    writeFileSync(command, script, { mode: 0o700 })
    const findBuildx = () => Promise.resolve({ command, version: '0.38.2' })
    const { problems } = await dryRun(
      { ...given.run, event: { ...given.run.event, workspace: given.run.dir.path } },
      { ...testPorts(given, () => ''), findBuildx },
    )
    expect(problems.flatMap(({ message, details }) => [message, ...details])).toEqual([])
    expect(existsSync(given.run.dir.secrets)).toBe(false)
  })

  test('an unexpected error is not a finding', async () => {
    const given = await testRun({ push: 'false' })
    const openNodes = () => Promise.reject(new TypeError('a bug'))
    await expect(dryRun(given.run, { ...testPorts(given, () => ''), openNodes })).rejects.toThrow('a bug')
  })
})
