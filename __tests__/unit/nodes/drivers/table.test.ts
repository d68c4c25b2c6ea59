import { afterAll, expect, test } from '@jest/globals'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BuilderInstances } from '../../../../src/buildx/instances.ts'
import { parseNodesInput } from '../../../../src/inputs/nodes/node-list.ts'
import type { InputIssue } from '../../../../src/lib/issues.ts'
import type { Log } from '../../../../src/lib/log.ts'
import { dockerContainer } from '../../../../src/nodes/drivers/docker-container.ts'
import { drivers, driverOf } from '../../../../src/nodes/drivers/table.ts'
import { formatEndpoint } from '../../../../src/nodes/endpoint.ts'
import type { Driver, Node } from '../../../../src/nodes/node.ts'
import { openNodes } from '../../../../src/nodes/open.ts'
import { planTargets } from '../../../../src/plan/targets.ts'
import { openJournal, readJournal } from '../../../../src/run/journal.ts'
import { RunDir } from '../../../../src/run/run-dir.ts'
import { Connections } from '../../../../src/stories/reconnect.ts'
import { undoEntries } from '../../../../src/stories/undo-entries.ts'
import { testVariant } from '../../fixtures/nodes.ts'

const dir = new RunDir(mkdtempSync(join(tmpdir(), 'table-')))
const removed: string[] = []
const engine = createServer(({ method = '', url = '' }, answer) => {
  if (method === 'DELETE') removed.push(url.replace(/\?.*/, ''))
  answer.writeHead(204).end()
}).listen(join(dir.path, 'engine'))

const none = () => undefined
const log: Log = { info: none, line: none, warn: none, debug: none, annotate: none, lines: none }

/** An engine that a path names: everything about a new kind of node. */
const fake: Driver = {
  ...dockerContainer,
  scheme: 'fake',
  parse: (rest) => ({ kind: 'fake', path: rest }),
  format: ({ path }) => `fake://${path ?? ''}`,
  baseName: () => 'fake',
  open: ({ path }, { spec }) =>
    Promise.resolve({
      spec,
      driver: fake,
      socket: String(path),
      platforms: spec.platforms,
      native: spec.platforms,
      took: 1,
    }),
}

drivers.set('fake', fake)
afterAll(() => {
  drivers.delete('fake')
  engine.close()
  rmSync(dir.path, { recursive: true })
})

test('a kind of endpoint is one driver: it is parsed, opened, planned, written for buildx and undone', async () => {
  const issues: InputIssue[] = []
  const text = `linux/arm64 = fake://${dir.path}/engine\nlinux/amd64 = fake://${dir.path}/engine`
  const specs = await parseNodesInput(
    text,
    { driverOpts: { network: 'host', namespace: 'x' }, buildkitdConfig: 'debug = true' },
    (issue) => issues.push(issue),
  )
  expect(issues).toMatchObject([{ input: 'driver-opts', given: 'namespace=x' }])
  expect(specs).toMatchObject([
    { name: 'fake', platforms: ['linux/arm64', 'linux/amd64'], driverOpts: { network: 'host' } },
  ])
  expect(specs.map(({ endpoint }) => formatEndpoint(endpoint))).toEqual([`fake://${dir.path}/engine`])

  const journal = openJournal(dir)
  const request = { nodes: specs, sshKeys: [], knownHosts: '', agent: undefined, dir, workspace: '/w' }
  const outcomes = await openNodes(request, journal)
  const nodes = outcomes.flatMap(({ node }): Node[] => (node ? [node] : []))
  expect(nodes).toMatchObject([{ socket: `${dir.path}/engine`, driver: fake }])

  const variants = [testVariant('', { platforms: specs[0]?.platforms ?? [] })]
  const { targets } = planTargets({ variants, fallback: [], cache: { kind: 'off' } }, outcomes, 'none')
  expect(targets.map(({ node, platform }) => [node.spec.name, platform])).toEqual([
    ['fake', 'linux/arm64'],
    ['fake', 'linux/amd64'],
  ])

  const undo = { buildx: 'docker-buildx', kubeconfig: '' }
  const instances = new BuilderInstances({ dir, name: 'mab-1', nodes, journal, persistent: new Map(), undo })
  expect(JSON.parse(readFileSync(dir.instance(instances.info.name), 'utf8'))).toMatchObject({
    Driver: 'docker-container',
    Nodes: [{ Endpoint: `unix://${dir.path}/engine`, DriverOpts: { network: 'host' } }],
  })

  const entries = readJournal(dir, { warn: () => undefined })
  const connections = new Connections(entries, () => Promise.resolve())
  await undoEntries(['container', 'pod'], { dir, entries, connections, journal, log })
  expect(removed).toEqual(['/containers/buildx_buildkit_mab-1-0', '/volumes/buildx_buildkit_mab-1-0_state'])
})

test('every kind of endpoint formats what it parses, and names its nodes', () => {
  for (const [kind, driver] of drivers) {
    if (driver.scheme === undefined) continue
    const endpoint = driver.parse?.(kind === 'tcp' ? 'host:1' : kind === 'ssh' ? 'host' : '/run/x', () => undefined)
    expect(endpoint && formatEndpoint(endpoint)).toMatch(new RegExp(`^${driver.scheme}://`))
    expect(endpoint && driverOf({ endpoint }).baseName(endpoint)).toMatch(/^[a-z]/)
  }
})
