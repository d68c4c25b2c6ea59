import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { bootDaemon } from '../../src/buildx/boot.ts'
import { newest } from '../../src/buildx/find.ts'
import { EngineClient } from '../../src/nodes/engine/client.ts'
import { isolatedEnv } from '../farm/exec.ts'
import { nodeSpec, testNode } from '../unit/fixtures/nodes.ts'
import { useFarm } from './setup.ts'

const setup = useFarm()
let dir: string
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'boot-'))
})
afterAll(() => rmSync(dir, { recursive: true }))

/** As `buildx create` writes it into its store: it formats anything else anew. */
const toml = 'debug = true\n'
const flags = ['--allow-insecure-entitlement=network.host']
const [byBuildx, byAction] = ['buildx_buildkit_by-buildx0', 'buildx_buildkit_by-action0']

test('the container is the one that buildx creates', async () => {
  const { nodes, tools, images } = setup.farm
  const socket = nodes.amd.dockerSocket
  const engine = new EngineClient(socket)
  const job = { GITHUB_ACTIONS: 'true', GITHUB_EVENT_NAME: 'push', GITHUB_EVENT_PATH: join(dir, 'event.json') }
  writeFileSync(job.GITHUB_EVENT_PATH, '{"number": 7, "title": "<&>"}')
  writeFileSync(join(dir, 'buildkitd.toml'), toml)
  const options = { image: images.buildkit, network: 'host', 'env.A': 'b' }
  const driverOpts = Object.entries(options).flatMap(([name, value]) => ['--driver-opt', `${name}=${value}`])
  const config = ['--buildkitd-config', join(dir, 'buildkitd.toml'), '--buildkitd-flags', flags.join(' ')]
  const create = ['create', '--name', 'by-buildx', '--driver', 'docker-container', ...driverOpts, ...config]
  const env = { ...isolatedEnv(dir, { BUILDX_CONFIG: join(dir, 'buildx'), DOCKER_CONFIG: dir }), ...job }
  try {
    execFileSync(tools.buildx, [...create, '--bootstrap', `unix://${socket}`], { env, stdio: 'ignore' })
    Object.assign(process.env, job)
    const spec = { ...nodeSpec('amd', ['linux/amd64'], 'local'), driverOpts: options }
    const node = testNode('amd', ['linux/amd64'], { socket, spec, engine: await engine.info() })
    const files = { 'buildkitd.toml': Buffer.from(toml).toString('base64') }
    const journal: string[] = []
    const boot = bootDaemon(
      node,
      { container: byAction, flags, files },
      {
        buildx: { command: tools.buildx, version: newest },
        signal: new AbortController().signal,
        journal: { note: ({ kind }) => void journal.push(kind) },
        hasLogin: () => false,
        log: { debug: (text) => void journal.push(text) },
      },
    )
    await boot?.end
    expect(journal).toEqual(['boots', 'booted'])
    const [actual, expected] = await Promise.all([byAction, byBuildx].map((name) => describe(engine, name)))
    expect(actual).toEqual(expected)
    const [own, other] = await Promise.all([byAction, byBuildx].map((name) => readFiles(socket, name)))
    expect(own).toEqual(other)
    expect(Object.keys(own ?? {})).toEqual([
      'buildkit/buildkitd.toml',
      'buildkit/provenance.d/github_actions_context.json',
    ])
  } finally {
    for (const name of Object.keys(job)) Reflect.deleteProperty(process.env, name)
    for (const name of [byAction, byBuildx]) await engine.removeBuilder(name, `${name}_state`)
  }
})

/** Its configuration, without what differs from one container to the next. */
async function describe(engine: EngineClient, name: string): Promise<unknown> {
  const { Config, HostConfig, Mounts } = (await engine.inspectContainer(name)) ?? {}
  const text = JSON.stringify({ Config: { ...(Config as object), Hostname: '' }, HostConfig, Mounts })
  return JSON.parse(text.replaceAll(name, 'container'))
}

async function readFiles(socketPath: string, name: string): Promise<Record<string, unknown>> {
  const path = `/containers/${name}/archive?path=/etc/buildkit`
  const archive = await new Promise<Buffer>((resolve, reject) => {
    const sent = request({ socketPath, path }, (answer) => void buffer(answer).then(resolve, reject))
    sent.on('error', reject).end()
  })
  const tar = (...args: string[]) => execFileSync('tar', args, { input: archive, encoding: 'utf8' })
  const names = tar('-tf', '-')
    .split('\n')
    .filter((each) => each !== '' && !each.endsWith('/'))
  const read = (file: string): unknown => {
    const text = tar('-xOf', '-', file)
    return file.endsWith('.json') ? (JSON.parse(text) as unknown) : text
  }
  return Object.fromEntries(names.sort().map((file) => [file, read(file)]))
}
