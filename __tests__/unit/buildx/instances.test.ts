import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BuilderInstances } from '../../../src/buildx/instances.ts'
import type { Node } from '../../../src/nodes/node.ts'
import type { Entry } from '../../../src/run/journal.ts'
import { RunDir } from '../../../src/run/run-dir.ts'
import { nodeSpec, platform, testNode } from '../fixtures/nodes.ts'

describe('BuilderInstances', () => {
  let path = ''
  let entries: Entry[]
  beforeEach(() => {
    path = mkdtempSync(join(tmpdir(), 'instances-'))
    entries = []
  })
  afterEach(() => rmSync(path, { recursive: true }))

  const create = (nodes: readonly Node[], persistent: ReadonlyMap<Node, string> = new Map<Node, string>()) =>
    new BuilderInstances({
      dir: new RunDir(path),
      name: 'run-1',
      nodes,
      persistent,
      // The journal entry precedes the instance file.
      journal: { note: (entry) => entries.push({ ...entry, seen: names().length } as unknown as Entry) },
      undo: { buildx: '/usr/bin/buildx', kubeconfig: '' },
    })
  const names = () => readdirSync(join(path, 'buildx', 'instances')).sort()
  const read = (name: string): unknown => JSON.parse(readFileSync(join(path, 'buildx', 'instances', name), 'utf8'))

  test('writes the format of buildx’ store: one instance for each node, one for all', () => {
    const spec = {
      ...nodeSpec('a', ['linux/amd64', 'linux/arm/v7']),
      driverOpts: { image: 'moby/buildkit' },
      buildkitdFlags: ['--debug'],
      buildkitdConfig: 'debug = true',
    }
    const instances = create([testNode('a', [], { spec }), testNode('b', ['linux/arm64'])])
    expect(instances.info).toEqual({ name: 'run-1', driver: 'docker-container' })
    expect(names()).toEqual(['run-1', 'run-1-0', 'run-1-1'])
    const node = {
      Name: 'run-1-0',
      Endpoint: 'unix:///a.sock',
      Platforms: [],
      DriverOpts: { image: 'moby/buildkit' },
      Flags: ['--debug'],
      Files: { 'buildkitd.toml': Buffer.from('debug = true').toString('base64') },
    }
    const platforms = [
      { os: 'linux', architecture: 'amd64' },
      { os: 'linux', architecture: 'arm', variant: 'v7' },
    ]
    expect(read('run-1-0')).toEqual({
      Name: 'run-1-0',
      Driver: 'docker-container',
      Nodes: [{ ...node, Platforms: platforms }],
      Dynamic: false,
    })
    expect(read('run-1-1')).toMatchObject({
      Nodes: [
        {
          Flags: ['--allow-insecure-entitlement=security.insecure', '--allow-insecure-entitlement=network.host'],
        },
      ],
    })
    expect(read('run-1')).toMatchObject({ Nodes: [{ Name: 'run-1-0' }, { Name: 'run-1-1' }] })
    expect(statSync(join(path, 'buildx', 'instances', 'run-1')).mode & 0o777).toBe(0o600)
  })

  test('a running buildkitd: no options, no flags, no files, and nothing to remove', () => {
    const node = testNode('k', ['linux/amd64'], { spec: nodeSpec('k', ['linux/amd64'], 'unix:///run/k.sock') })
    const instances = create([node])
    expect(read('run-1-0')).toMatchObject({
      Driver: 'remote',
      Nodes: [{ Endpoint: 'unix:///k.sock', DriverOpts: {}, Flags: [] }],
    })
    expect(entries).toEqual([])
    expect(instances.container(node)).toBeUndefined()
  })

  test('every container is in the journal before its instance exists', () => {
    const node = testNode('a', ['linux/amd64'])
    const instances = create([node])
    const container = instances.container(node)
    expect(entries).toEqual([
      {
        kind: 'container',
        node: 'a',
        socket: '/a.sock',
        container,
        volume: `${container}_state`,
        seen: 0,
      },
    ])
    expect(container).toMatch(/run-1-0$/)
  })

  test('a persistent builder keeps its daemon’s name, and is not in the journal', () => {
    const node = testNode('a', ['linux/amd64'])
    const instances = create([node], new Map([[node, 'kept-1']]))
    expect(read('run-1-0')).toMatchObject({ Name: 'run-1-0', Nodes: [{ Name: 'kept-1' }] })
    expect(instances.container(node)).toMatch(/kept-1$/)
    expect(entries).toEqual([])
  })

  test('nodes of several drivers have no common instance', () => {
    const remote = testNode('k', ['linux/arm64'], { spec: nodeSpec('k', ['linux/arm64'], 'unix:///run/k.sock') })
    expect(create([testNode('a', ['linux/amd64']), remote]).info).toEqual({ name: '', driver: '' })
    expect(names()).toEqual(['run-1-0', 'run-1-1'])
  })

  test('later steps get one instance of sockets, whatever the drivers; those of this run are removed', () => {
    const options = {
      ...nodeSpec('a', ['linux/amd64']),
      driverOpts: { image: 'moby/buildkit', 'default-load': 'true' },
    }
    const a = testNode('a', ['linux/amd64'], { spec: { ...options, buildkitdConfig: 'debug = true' } })
    const b = testNode('b', ['linux/386'])
    const k = testNode('k', ['linux/arm64'], { spec: nodeSpec('k', ['linux/arm64'], 'unix:///run/k.sock') })
    const instances = create([a, b, k], new Map([[b, 'kept-1']]))
    instances.forPlatforms(a, [platform('linux/riscv64')])
    expect([a, b, k].map((node) => instances.route(node))).toEqual([
      ['container', '/a.sock', instances.container(a)],
      ['container', '/b.sock', instances.container(b)],
      undefined,
    ])
    const sockets = new Map([a, b].map((node, index) => [node, `/run/b${index}.sock`]))
    expect(instances.replaceForLaterSteps([a, b, k], sockets)).toEqual({ name: 'run-1', driver: 'remote' })
    expect(names()).toEqual(['run-1', 'run-1-2'])
    expect(read('run-1')).toMatchObject({
      Driver: 'remote',
      Nodes: [
        { Name: 'run-1-0', Endpoint: 'unix:///run/b0.sock', DriverOpts: { 'default-load': 'true' }, Flags: [] },
        { Name: 'kept-1', Endpoint: 'unix:///run/b1.sock', DriverOpts: {}, Flags: [] },
        { Name: 'run-1-2', Endpoint: 'unix:///k.sock', Platforms: [{ architecture: 'arm64' }] },
      ],
    })
    expect(JSON.stringify(read('run-1'))).not.toContain('Files')
    expect(instances.replaceForLaterSteps([], sockets)).toEqual({ name: '', driver: '' })
    expect(names()).toEqual(['run-1-2'])
  })

  test('a platform that a node was not listed for: another instance of the same daemon, written once', () => {
    const node = testNode('a', ['linux/amd64'])
    const instances = create([node])
    expect(instances.forPlatforms(node, [platform('linux/amd64')])).toBe('run-1-0')
    const view = instances.forPlatforms(node, [platform('linux/riscv64')])
    expect(view).toBe('run-1-0-linux-riscv64')
    expect(read(view)).toMatchObject({
      Name: view,
      Nodes: [{ Name: 'run-1-0', Platforms: [{ architecture: 'amd64' }, { architecture: 'riscv64' }] }],
    })
    expect(instances.forPlatforms(node, [platform('linux/riscv64')])).toBe(view)
  })

  test('a node that joins later gets its instance and its journal entry then', () => {
    const instances = create([testNode('a', ['linux/amd64'])])
    expect(existsSync(join(path, 'buildx', 'instances', 'run-1-1'))).toBe(false)
    expect(instances.forPlatforms(testNode('local', ['linux/amd64']), [])).toBe('run-1-1')
    expect(entries).toHaveLength(2)
  })
})
