import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { Server } from 'node:https'
import type { Job, StepResult } from './runner.ts'
import { createCertificateAuthority, serveTls, type CertificateAuthority } from './tls.ts'
import { farmInputs, leftovers, storedIndex, type Farm } from './harness.ts'
import { useFarm } from './setup.ts'

// The farm's registries at the address of the bridge, which is not trusted by default: one with plain HTTP, one with a
// certificate of a private CA that requires a login.
const setup = useFarm()
let farm: Farm
let authority: CertificateAuthority
let server: Server
let job: Job
let main: StepResult
let post: StepResult
const path = `acme/reached-${process.pid}-${Date.now()}`

beforeAll(async () => {
  farm = setup.farm
  authority = createCertificateAuthority()
  const bridge = farm.nodes.amd.host.replace(/\d+$/, '1')
  const served = await serveTls(authority, bridge, farm.privateRegistry.host)
  server = served.server
  const plain = `${bridge}:${farm.registry.host.split(':')[1] ?? ''}`
  const { username, password } = farm.privateRegistry
  job = setup.job({
    event: 'pull_request',
    ref: 'refs/pull/7/merge',
    files: { Dockerfile: `FROM ${served.host}/farm/base:latest\nRUN uname -m > /arch\n`, 'ca.pem': authority.ca },
  })
  main = await job.main(
    farmInputs(farm, {
      image: `${plain}/${path}\n${served.host}/${path}`,
      registries: `"${plain}": {http: true}\n"${served.host}": {ca: ca.pem}\n`,
      'registry-auth': `- registry: ${served.host}\n  username: ${username}\n  password: ${password}\n`,
    }),
  )
  const tag = `pr-${job.runId}`
  pushed = [
    await storedIndex(farm, `${farm.registry.host}/${path}`, tag),
    (await farm.privateRegistry.manifest(path, tag))?.json,
  ]
  post = await job.post()
})
let pushed: readonly unknown[]
afterAll(() => {
  server.close()
  authority.end()
})

describe('registries by host', () => {
  test('nodes pull and push, and checks read, over plain HTTP and over TLS with a private CA', () => {
    expect(main.code === 0 ? '' : main.log).toBe('')
    for (const index of pushed)
      expect(index).toMatchObject({
        manifests: expect.arrayContaining([
          expect.objectContaining({ platform: { os: 'linux', architecture: 'amd64' } }),
          expect.objectContaining({ platform: { os: 'linux', architecture: 'arm64' } }),
        ]),
      })
  })

  test('the post step reaches them too', async () => {
    expect([post.code, post.warnings]).toEqual([0, []])
    expect(await storedIndex(farm, `${farm.registry.host}/${path}`, `pr-${job.runId}`)).toBeUndefined()
    expect(await farm.privateRegistry.manifest(path, `pr-${job.runId}`)).toBeUndefined()
    expect(await leftovers(farm, job)).toEqual([])
  })
})

test('the configuration of buildkitd takes the files of a registry to every node', async () => {
  const served = await serveTls(authority, farm.nodes.amd.host.replace(/\d+$/, '1'), farm.registry.host)
  const files = {
    Dockerfile: `FROM ${served.host}/farm/base:latest\nRUN uname -m > /arch\n`,
    'certs/ca.pem': authority.ca,
  }
  const other = setup.job({ files })
  const inputs = { image: `${farm.registry.host}/${path}`, push: 'false', cache: 'off' }
  const config = `[registry."${served.host}"]\n  ca = ["certs/ca.pem"]`
  const results = [
    await other.main(farmInputs(farm, { ...inputs, 'buildkitd-config-inline': config })),
    await other.main(farmInputs(farm, inputs)),
  ]
  await other.post()
  other.end()
  served.server.close()
  expect([results[0]?.code === 0 ? '' : results[0]?.log, results[1]?.code]).toEqual(['', 1])
})
