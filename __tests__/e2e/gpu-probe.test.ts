import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isolatedEnv } from '../farm/exec.ts'
import { removeProbes } from '../../src/gc/probes.ts'
import { EngineClient } from '../../src/nodes/engine/client.ts'
import { farmInputs, freshImage, leftovers, type Farm } from './harness.ts'
import { useFarm } from './setup.ts'

// buildx itself creates the probe container here: its properties may change with the buildx version.
const setup = useFarm()
let farm: Farm
let dir: string
let server: Server
let socket: string
let buildx: ChildProcess | undefined
/** The process to kill before it starts a container on the engine. */
let victim: ChildProcess | undefined
/** The time of the engine in milliseconds. */
let ahead = 0

/** A proxy in front of the engine, for buildx. */
function relay(incoming: IncomingMessage, answer: ServerResponse): void {
  const { method, headers, url: path = '' } = incoming
  if (path.endsWith('/start')) {
    victim?.kill('SIGKILL')
    if (victim === buildx) answer.destroy()
    return
  }
  const onward = request({ socketPath: farm.nodes.amd.dockerSocket, method, path, headers }, (answered) => {
    const date = new Date(Date.parse(answered.headers.date ?? '') + ahead).toUTCString()
    answer.writeHead(answered.statusCode ?? 500, { ...answered.headers, date })
    answered.pipe(answer)
  })
  onward.on('error', () => answer.destroy())
  incoming.pipe(onward)
}

beforeAll(async () => {
  farm = setup.farm
  dir = mkdtempSync(join(tmpdir(), 'probe-'))
  socket = join(dir, 'sock')
  server = createServer(relay).listen(socket)
  await once(server, 'listening')
})
afterAll(() => {
  buildx?.kill('SIGKILL')
  server.closeAllConnections()
  server.close()
  rmSync(dir, { recursive: true })
})

test('the probe container of a killed buildx is recognised and removed once it is old', async () => {
  const { amd } = farm.nodes
  const before = { containers: await amd.containers(), volumes: await amd.volumes() }
  const env = isolatedEnv(dir, { BUILDX_CONFIG: join(dir, 'buildx'), DOCKER_CONFIG: dir })
  buildx = spawn(
    farm.tools.buildx,
    [
      'create',
      '--name',
      'killed',
      '--driver',
      'docker-container',
      '--driver-opt',
      `image=${farm.images.buildkit}`,
      '--bootstrap',
      `unix://${socket}`,
    ],
    { env, stdio: 'ignore' },
  )
  victim = buildx
  const [, signal] = (await once(buildx, 'exit')) as [unknown, NodeJS.Signals | null]
  expect(signal).toBe('SIGKILL')
  const [probe, ...more] = (await amd.containers()).filter(({ id }) => !before.containers.some((one) => one.id === id))
  expect(probe).toMatchObject({ state: 'created' })
  expect(more).toEqual([])

  ahead = 11 * 60_000
  const minAge = 600_000
  expect(await removeProbes(new EngineClient(amd.dockerSocket), farm.images.buildkit, minAge)).toEqual([])
  expect(await removeProbes(new EngineClient(socket), 'acme/other:1', minAge)).toEqual([])
  expect(await removeProbes(new EngineClient(socket), farm.images.buildkit, minAge)).toEqual([{ name: probe?.name }])
  expect(await amd.containers()).toEqual(before.containers)
  expect(await amd.volumes()).toEqual(before.volumes)
})

test('the post step removes it if its own run was killed at that moment', async () => {
  const { amd } = farm.nodes
  ahead = 0
  const job = setup.job({ env: { DOCKER_HOST: `unix://${socket}` } })
  try {
    const main = job.start(farmInputs(farm, { nodes: 'linux/amd64 = local', image: freshImage(farm) }))
    victim = main.process
    const { code, log } = await main.result
    expect([code, log]).toEqual([137, log])
    expect(await amd.containers()).toMatchObject([{ state: 'created' }])
    const post = await job.post()
    expect([post.code, post.errors, post.warnings, post.log]).toEqual([0, [], [], post.log])
    expect(await leftovers(farm, job)).toEqual([])
  } finally {
    job.end()
  }
})
