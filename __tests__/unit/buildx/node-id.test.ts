import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeNodeId } from '../../../src/buildx/node-id.ts'
import { RunDir } from '../../../src/run/run-dir.ts'
import { nodeSpec, testNode } from '../fixtures/nodes.ts'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'node-id-'))
  for (const name of ['first', 'second']) {
    mkdirSync(join(root, name))
    writeFileSync(join(root, name, 'Dockerfile'), 'FROM scratch\n')
  }
})
afterEach(() => rmSync(root, { recursive: true }))

const [kept, other] = [testNode('kept', []), testNode('other', [])]
const existing = testNode('existing', [], { spec: { ...nodeSpec('existing', []), existingNodeName: 'mine' } })
const persistent = new Map([kept, existing].map((node) => [node, 'mab-keep-x'] as const))
let runs = 0

/** The id that is written; undefined if none is. */
function written({ nodes = [kept], workspace = 'first', repository = 'acme/app', trust = 'trusted' as const } = {}) {
  const dir = new RunDir(join(root, `run-${runs++}`))
  mkdirSync(dir.buildxConfig, { recursive: true })
  const path = join(root, workspace)
  const event = { serverUrl: 'https://github.com', repository, trust, workspace: path }
  const localPaths = [
    { input: 'context', path, access: 'read' as const },
    { input: 'file', path: join(path, 'Dockerfile'), access: 'read' as const },
    { input: 'build-contexts', path: join(path, 'missing'), access: 'read' as const },
  ]
  writeNodeId({ dir, event, opened: { nodes, persistent }, localPaths })
  return existsSync(dir.nodeId) ? readFileSync(dir.nodeId, 'utf8') : undefined
}

test('runs of the same checkout have the same id', () => {
  expect(written()).toMatch(/^[0-9a-f]{16}$/)
  expect(written()).toBe(written())
})

test('another repository, trust level or checkout has another id', () => {
  const ids = [
    written(),
    written({ repository: 'acme/other' }),
    written({ trust: 'pr' as never }),
    written({ workspace: 'second' }),
  ]
  expect(new Set(ids).size).toBe(4)
  rmSync(join(root, 'first'), { recursive: true })
  mkdirSync(join(root, 'another'))
  mkdirSync(join(root, 'first'))
  expect(ids).not.toContain(written())
})

test('no id if other runs may use the daemon of a node', () => {
  expect(written({ nodes: [kept, other] })).toBeUndefined()
  expect(written({ nodes: [existing] })).toBeUndefined()
})

test.each(['Dockerfile', 'src/lib/version.txt'])('no id if a program has set the time of %s', (name) => {
  mkdirSync(join(root, 'first/src/lib'), { recursive: true })
  writeFileSync(join(root, 'first', name), 'FROM scratch\n')
  expect(written()).toBeDefined()
  utimesSync(join(root, 'first', name), 1000, 1000)
  expect(written()).toBeUndefined()
  expect(written({ workspace: 'second' })).toBeDefined()
})

test('times of what is not sent do not count', () => {
  mkdirSync(join(root, 'first/.git'))
  writeFileSync(join(root, 'first/.git/config'), '')
  utimesSync(join(root, 'first/.git/config'), 1000, 1000)
  expect(written()).toBeUndefined()
  writeFileSync(join(root, 'first/.dockerignore'), '/.git/\n')
  expect(written()).toBeDefined()
  // Then it is sent nevertheless, or may be.
  writeFileSync(join(root, 'first/Dockerfile.dockerignore'), '')
  expect(written()).toBeUndefined()
  rmSync(join(root, 'first/Dockerfile.dockerignore'))
  writeFileSync(join(root, 'first/.dockerignore'), '/.git/\n!.git/config\n')
  expect(written()).toBeUndefined()
})
