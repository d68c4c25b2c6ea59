import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { createServer, type Server } from 'node:http'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { removeOwnProbes, removeProbes } from '../../../src/gc/probes.ts'

interface Container {
  name: string
  /** Milliseconds, by the engine's clock. */
  age: number
  state: string
  ports: readonly unknown[]
  network: string
  entrypoint: readonly string[]
  autoRemove: boolean
  devices: unknown
  image: string
}

/** An engine that has been set back by a day, so that only its own clock tells ages. */
const clock = Date.now() - 86_400_000
const minute = 60_000
const imageId = (image: string) => `sha256:id-of-${image}`
let dir: string
let server: Server
let containers: Map<string, Container>
let asked: string[]
let refuse: number
/** Lists of containers asked for, and what happens before each is given. */
let looks: number
let onLook: () => void

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'engine-'))
  containers = new Map()
  asked = []
  refuse = 0
  looks = 0
  onLook = () => undefined
  server = createServer(({ method, url = '' }, answer) => {
    const say = (status: number, body: unknown) => answer.writeHead(status).end(JSON.stringify(body))
    if (url.startsWith('/containers/json')) {
      looks++
      onLook()
    }
    const id = /^\/containers\/([^/?]+)/.exec(url)?.[1] ?? ''
    const one = containers.get(id)
    if (method === 'DELETE') asked.push(url)
    if (url === '/info') say(200, { SystemTime: new Date(clock).toISOString() })
    else if (id === 'json')
      say(
        200,
        [...containers].map(([key, each]) => inList(key, each)),
      )
    else if (one === undefined) say(404, { message: 'no such container' })
    else if (method === 'GET') say(200, inFull(one))
    else if (refuse > 0) say(refuse, { message: 'refused' })
    else say(204, containers.delete(id))
  }).listen(join(dir, 'sock'))
  await once(server, 'listening')
})
afterEach(() => {
  server.close()
  rmSync(dir, { recursive: true })
})

function inList(id: string, { name, age, state, ports, network, image }: Container): unknown {
  return {
    Id: id,
    Names: name.split(' ').map((each) => `/${each}`),
    Created: Math.floor((clock - age) / 1000),
    State: state,
    Ports: ports,
    HostConfig: { NetworkMode: network },
    Image: image,
    ImageID: imageId(image),
  }
}

function inFull({ name, state, network, entrypoint, autoRemove, devices, image }: Container): unknown {
  return {
    Name: `/${name}`,
    State: { Status: state },
    Image: imageId(image),
    Config: { Image: image, Entrypoint: entrypoint },
    HostConfig: { AutoRemove: autoRemove, NetworkMode: network, DeviceRequests: devices },
  }
}

const probe: Container = {
  name: 'kind_curie',
  age: 11 * minute,
  state: 'created',
  ports: [],
  network: 'none',
  entrypoint: ['/bin/true'],
  autoRemove: true,
  devices: [{ Driver: '', Count: -1, DeviceIDs: null, Capabilities: [['gpu']], Options: {} }],
  image: 'moby/buildkit:buildx-stable-1',
}
const daemon: Container = {
  ...probe,
  name: 'buildx_buildkit_mab-0000000001-01234567-5-1-0',
  state: 'running',
  network: 'host',
  entrypoint: ['buildkitd'],
  autoRemove: false,
  devices: null,
  image: 'acme/own-daemon:1',
}
const remove = async (image?: string) => await removeProbes(join(dir, 'sock'), image, 5000)

test.each<[string, Partial<Container>]>([
  ['of the default image', {}],
  ['of the default image, with its registry and a digest', { image: 'docker.io/moby/buildkit@sha256:0' }],
  ['of the image of a daemon of ours', { image: 'acme/own-daemon:1' }],
  ['of the image that the node is to have', { image: 'acme/next-daemon:1' }],
  ['whose name was taken at first', { name: 'kind_curie7' }],
])('a probe %s goes, with its volume', async (_, differs) => {
  containers.set('daemon', daemon).set('probe', { ...probe, ...differs })
  expect(await remove('acme/next-daemon:1')).toEqual([{ name: differs.name ?? 'kind_curie' }])
  expect([...containers.keys()]).toEqual(['daemon'])
  // By force, one that was started meanwhile would go too.
  expect(asked).toEqual(['/containers/probe?v=1'])
})

test.each<[string, Partial<Container>]>([
  ['is young', { age: 9 * minute }],
  ['has no age', { age: Number.NaN }],
  ['runs', { state: 'running' }],
  ['has ended', { state: 'exited' }],
  ['has a name', { name: 'probe' }],
  ['has a name of ours', { name: 'buildx_buildkit_mab-0000000001-01234567-5-1-1' }],
  ['has a second name', { name: 'kind_curie db' }],
  ['has ports', { ports: [{ PrivatePort: 80, Type: 'tcp' }] }],
  ['has a network', { network: 'bridge' }],
  ['runs something else', { entrypoint: ['/bin/sh'] }],
  ['runs something more', { entrypoint: ['/bin/true', 'x'] }],
  ['stays when it ends', { autoRemove: false }],
  ['asks for no device', { devices: null }],
  ['asks for another device', { devices: [{ Capabilities: [['tpu']] }] }],
  ['is of another image', { image: 'acme/app:1' }],
  ['is of an image that only sounds alike', { image: 'moby/buildkit-tools:1' }],
  ['is of the image of somebody else’s registry', { image: 'ghcr.io/moby/buildkit:1' }],
])('what is like a probe and %s stays', async (_, differs) => {
  containers.set('daemon', daemon).set('other', { ...probe, ...differs })
  expect(await remove()).toEqual([])
  expect(asked).toEqual([])
  expect([...containers.keys()]).toEqual(['daemon', 'other'])
})

test('what cannot be removed is told, unless it was started or is gone', async () => {
  containers.set('probe', probe)
  refuse = 500
  expect(await remove()).toEqual([{ name: 'kind_curie', error: 'refused' }])
  refuse = 409
  expect(await remove()).toEqual([])
  server.close()
  expect(await remove()).toMatchObject([{ name: 'what buildx left', error: expect.stringContaining('no answer') }])
})

describe('what an own run left that was ended while it booted', () => {
  const own: Container = { ...probe, age: 3000 }
  const removeOwn = async () =>
    await removeOwnProbes(join(dir, 'sock'), {
      image: 'acme/own:1',
      began: Date.now() - 10_000,
      deadline: 5000,
      pace: 1,
    })

  test.each(['moby/buildkit:buildx-stable-1', 'acme/own:1'])(
    'goes once nobody can start it any more: %s',
    async (image) => {
      containers.set('own', { ...own, image })
      expect(await removeOwn()).toEqual([{ name: 'kind_curie' }])
      expect(asked).toEqual(['/containers/own?v=1'])
      expect(looks).toBe(5)
    },
  )

  test('goes, too, where the engine is still making it at the first looks', async () => {
    onLook = () => {
      if (looks === 3) containers.set('own', { ...own, age: 0 })
    }
    expect(await removeOwn()).toEqual([{ name: 'kind_curie' }])
    expect([...containers.keys()]).toEqual([])
  })

  test('other runs’ stay, which are started within some looks', async () => {
    onLook = () => {
      if (looks % 4 !== 1) return
      containers.clear()
      containers.set(`of run ${looks}`, own)
    }
    expect(await removeOwn()).toEqual([])
    expect(asked).toEqual([])
  })

  test.each<[string, Partial<Container>]>([
    ['was made before the run began', { age: 60_000 }],
    ['has no age', { age: Number.NaN }],
    ['is of another image', { image: 'acme/app:1' }],
    ['runs something else', { entrypoint: ['/bin/sh'] }],
  ])('what is like it and %s stays', async (_, differs) => {
    containers.set('other', { ...own, ...differs })
    expect(await removeOwn()).toEqual([])
    expect(asked).toEqual([])
  })

  test('where there is nothing, nobody waits for it to be old', async () => {
    expect(await removeOwn()).toEqual([])
    expect(looks).toBe(3)
  })
})
