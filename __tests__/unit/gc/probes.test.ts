import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { createServer, type Server } from 'node:http'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { removeProbes } from '../../../src/gc/probes.ts'
import { EngineClient } from '../../../src/nodes/engine/client.ts'

interface Container {
  names: readonly string[]
  /** Milliseconds, by the engine's clock. */
  age: number
  state: string
  network: string
  command: string
  image: string
}

/** An engine whose clock is a day behind, so that only its own clock gives the right ages. */
const clock = Date.now() - 86_400_000
const minute = 60_000
let dir: string
let server: Server
let containers: Map<string, Container>
let deletions: string[]
let refusal: number

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'engine-'))
  containers = new Map()
  deletions = []
  refusal = 0
  server = createServer(({ method, url = '' }, response) => {
    const answer = (status: number, body: unknown) => response.writeHead(status).end(JSON.stringify(body))
    const id = /^\/containers\/([^/?]+)/.exec(url)?.[1] ?? ''
    if (method === 'DELETE') deletions.push(url)
    if (url === '/_ping') response.writeHead(200, { Date: new Date(clock).toUTCString() }).end('OK')
    else if (id === 'json') answer(200, [...containers].map(summary))
    else if (!containers.has(id)) answer(404, { message: 'no such container' })
    else if (refusal > 0) answer(refusal, { message: 'refused' })
    else answer(204, containers.delete(id))
  }).listen(join(dir, 'sock'))
  await once(server, 'listening')
})
afterEach(() => {
  server.close()
  rmSync(dir, { recursive: true })
})

function summary([id, { names, age, state, network, command, image }]: [string, Container]): unknown {
  return {
    Id: id,
    Names: names.map((name) => `/${name}`),
    Created: Math.floor((clock - age) / 1000),
    State: state,
    HostConfig: { NetworkMode: network },
    Command: command,
    Image: image,
  }
}

const probe: Container = {
  names: ['kind_curie'],
  age: 11 * minute,
  state: 'created',
  network: 'none',
  command: '/bin/true',
  image: 'moby/buildkit:buildx-stable-1',
}
const daemon: Container = {
  ...probe,
  names: ['buildx_buildkit_mab-0000000001-01234567-5-1-0'],
  state: 'running',
  network: 'host',
  command: 'buildkitd',
  image: 'acme/own-daemon:1',
}
const remove = async (image?: string) =>
  await removeProbes(new EngineClient(join(dir, 'sock'), 5000), image, 10 * minute)

test.each<[string, Partial<Container>]>([
  ['of the default image', {}],
  ['of the default image, with its registry and a digest', { image: 'docker.io/moby/buildkit@sha256:0' }],
  ['of the image of a daemon of this action', { image: 'acme/own-daemon:1' }],
  ['of the image that is configured for the node', { image: 'acme/next-daemon:1' }],
  ['whose first name was in use', { names: ['kind_curie7'] }],
])('a probe %s is removed with its volume', async (_, differs) => {
  containers.set('daemon', daemon).set('probe', { ...probe, ...differs })
  expect(await remove('acme/next-daemon:1')).toEqual([{ name: differs.names?.[0] ?? 'kind_curie' }])
  expect([...containers.keys()]).toEqual(['daemon'])
  // By force, a container that was started meanwhile would be removed too.
  expect(deletions).toEqual(['/containers/probe?v=1'])
})

test.each<[string, Partial<Container>]>([
  ['is young', { age: 9 * minute }],
  ['has no age', { age: Number.NaN }],
  ['is running', { state: 'running' }],
  ['has exited', { state: 'exited' }],
  ['has a name', { names: ['probe'] }],
  ['has a name of this action', { names: ['buildx_buildkit_mab-0000000001-01234567-5-1-1'] }],
  ['has a second name', { names: ['kind_curie', 'db'] }],
  ['has a network', { network: 'bridge' }],
  ['runs another command', { command: '/bin/sh' }],
  ['runs a longer command', { command: '/bin/true x' }],
  ['has another image', { image: 'acme/app:1' }],
  ['has an image with a similar name', { image: 'moby/buildkit-tools:1' }],
  ['has an image of another registry', { image: 'ghcr.io/moby/buildkit:1' }],
])('a similar container that %s stays', async (_, differs) => {
  containers.set('daemon', daemon).set('other', { ...probe, ...differs })
  expect(await remove()).toEqual([])
  expect(deletions).toEqual([])
  expect([...containers.keys()]).toEqual(['daemon', 'other'])
})

test('a failure is reported, unless the container was started', async () => {
  containers.set('probe', probe)
  refusal = 500
  expect(await remove()).toEqual([{ name: 'kind_curie', error: 'refused' }])
  refusal = 409
  expect(await remove()).toEqual([])
  server.close()
  await expect(remove()).rejects.toThrow('no answer')
})
