import { afterEach, expect, test } from '@jest/globals'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseRepository } from '../../../src/registry/reference.ts'
import { checkNodes } from '../../../src/stories/dry-run-nodes.ts'
import { testNode } from '../fixtures/nodes.ts'

let dir = ''
let server: Server | undefined

afterEach(async () => {
  server?.closeAllConnections()
  await new Promise((resolve) => server?.close(resolve))
  rmSync(dir, { recursive: true })
})

type Answers = Readonly<Record<string, readonly [status: number, body: object]>>

/** An engine that has no image and answers queries of registries as given. */
async function check(version: string, answers: Answers, name = 'ghcr.io/acme/app', driverOpts = {}) {
  dir = mkdtempSync(join(tmpdir(), 'node-checks-'))
  const socket = join(dir, 's')
  server = createServer(({ url = '' }, response) => {
    const path = /^\/distribution\/(.*)\/json$/.exec(url)?.[1] ?? ''
    const [status, body] = answers[path] ?? [404, { message: 'No such image' }]
    response.writeHead(status).end(JSON.stringify(body))
  })
  await new Promise<void>((resolve) => server?.listen(socket, resolve))
  const engine = { version, os: 'linux', arch: 'riscv64', cpus: 4, containerd: true, root: '/var/lib/docker' }
  const repository = parseRepository(name, () => undefined)
  const node = testNode('board', ['linux/riscv64'], { engine, socket })
  const spec = { ...node.spec, driverOpts }
  const found = await checkNodes([{ ...node, spec }], repository ? [repository] : [])
  return {
    ...found,
    problems: found.problems.map(({ message }) => message),
    pullFailures: found.pullFailures.map(({ message }) => message),
  }
}

const image = 'moby/buildkit:buildx-stable-1'
const platforms = (...names: readonly string[]) => ({
  Platforms: names.map((architecture) => ({ os: 'linux', architecture })),
})

test('a node that lacks nothing', async () => {
  const answers: Answers = {
    [image]: [200, platforms('amd64', 'riscv64')],
    'ghcr.io/acme/app': [404, { message: 'manifest unknown' }],
  }
  expect(await check('28.5.2', answers)).toEqual({
    lines: [`board: BuildKit image ${image} can be pulled`, 'board: ghcr.io is reachable'],
    warnings: [],
    problems: [],
    pullFailures: [],
  })
})

test('an engine that is too old, an image without its architecture, and a registry that it cannot reach', async () => {
  const down = 'Get "https://ghcr.io/v2/": dial tcp: lookup ghcr.io: no such host'
  const answers: Answers = {
    [image]: [200, platforms('amd64', 'arm64')],
    'ghcr.io/acme/app': [500, { message: down }],
  }
  const { warnings, problems } = await check('18.09.1', answers)
  expect(problems).toEqual([
    'board runs Docker Engine 18.09.1, which is too old for buildx',
    `The BuildKit image ${image} has no image for linux/riscv64`,
  ])
  expect(warnings).toEqual([`board cannot reach ghcr.io, to which it pushes: ${down}`])
})

test.each([
  [401, [], 'its registry requires a login'],
  [500, [`board cannot pull the BuildKit image ${image}: `], 'was not found'],
])('a BuildKit image whose registry answers %i is no failure of the plan', async (status, failing, line) => {
  const { lines, warnings, problems, pullFailures } = await check('28.5.2', {
    [image]: [status, { message: 'refused' }],
  })
  expect(lines[0]).toContain(line)
  expect(pullFailures).toEqual(failing.map((text) => expect.stringContaining(text)))
  expect(warnings).toEqual([])
  expect(problems).toEqual([])
})

test('a registry of the machine is reachable only with its network', async () => {
  const answers: Answers = { [image]: [200, platforms('riscv64')] }
  const { lines, warnings } = await check('28.5.2', answers, '127.0.0.1:5000/app')
  expect(lines).toContain('board: 127.0.0.1:5000 is not reachable from a BuildKit container')
  expect(warnings).toEqual([expect.stringContaining('add `network=host` to `driver-opts`')])
})

test('with the network of the machine, its engine is asked', async () => {
  const answers: Answers = { [image]: [200, platforms('riscv64')] }
  const { lines, warnings } = await check('28.5.2', answers, '127.0.0.1:5000/app', { network: 'host' })
  expect(lines).toContain('board: 127.0.0.1:5000 is reachable')
  expect(warnings).toEqual([])
})
