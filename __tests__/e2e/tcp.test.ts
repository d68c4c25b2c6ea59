import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { localFallbackNode } from '../../src/inputs/nodes/node-list.ts'
import { openNodes } from '../../src/nodes/open.ts'
import type { Platform } from '../../src/lib/platform.ts'
import { buildLater } from './later-steps.ts'
import type { Job, StepResult } from './runner.ts'
import { createCertificateAuthority } from './tls.ts'
import { startTlsBuildkitd, type TlsBuildkitd } from './tls-buildkitd.ts'
import { appFiles, freshImage, leftovers, storedIndex, type Farm } from './harness.ts'
import { useFarm } from './setup.ts'
import { expectFailingStage, expectTimeout, releaseTwice } from './tested-releases.ts'
import { RunDir } from '../../src/run/run-dir.ts'

// A buildkitd on the first machine that accepts only clients with a certificate of its CA.
const setup = useFarm()
let farm: Farm
let buildkitd: TlsBuildkitd
let image: string
let job: Job
let inputs: Readonly<Record<string, string>>
let main: StepResult
let keys: readonly unknown[]
let later: readonly boolean[]

beforeAll(async () => {
  farm = setup.farm
  buildkitd = await startTlsBuildkitd(farm)
  const { authority, client, endpoint } = buildkitd
  image = freshImage(farm)
  job = setup.job({ files: { ...appFiles(farm), 'ca.pem': authority.ca, 'cert.pem': client.cert } })
  inputs = {
    nodes: `linux/amd64 = ${endpoint}`,
    'driver-opts': `cacert=ca.pem\ncert=cert.pem\n"key=${client.key.replaceAll('\n', ' ')}"`,
  }
  main = await job.main({ ...inputs, image, tags: 'v1', use: 'true' })
  keys = readdirSync(main.state['dir'] ?? '', { recursive: true }).filter((name) => String(name).endsWith('.pem'))
  later = await buildLater(farm, job, main, { platforms: ['linux/amd64'] })
  await job.post()
})
afterAll(async () => {
  await buildkitd.end()
})

describe('a buildkitd behind mutual TLS', () => {
  test('builds, pushes, and is unchanged afterwards', async () => {
    expect(main.code === 0 ? '' : main.log).toBe('')
    expect((await storedIndex(farm, image, 'v1'))?.manifests.map(({ platform }) => platform.architecture)).toContain(
      'amd64',
    )
    expect((await leftovers(farm, job)).filter((line) => !line.includes('.pem'))).toEqual([])
    expect(main.raw.replace(/^::add-mask::.*$/gm, '')).not.toMatch(/PRIVATE KEY-----\n?[A-Za-z0-9+/]/)
  })

  test('warns of certificates that expire soon', () => {
    const { host } = buildkitd
    expect(main.warnings).toEqual([
      `The certificate of ${host} expires in 1 day: issue a new one and restart its buildkitd with it.`,
      expect.stringContaining(`The client certificate for ${host} expires in 1 day: issue a new one and replace`),
    ])
  })

  test('later steps build with it and find no TLS key', () => expect([later, keys]).toEqual([[true], []]))

  test('images are tested before their tag is updated', async () => {
    await releaseTwice(farm, job, ['linux/amd64'], inputs)
    await expectFailingStage(farm, job, inputs)
    await expectTimeout(farm, { job, seconds: 611 }, inputs)
    expect((await leftovers(farm, job)).filter((line) => !line.includes('.pem'))).toEqual([])
  })

  test('is pinged during the build, and its loss is detected', async () => {
    const scratch = mkdtempSync(join(tmpdir(), 'tcp-'))
    const { host, port, authority, client } = buildkitd
    const spec = {
      ...localFallbackNode({ driverOpts: {}, buildkitdConfig: '' }),
      driverOpts: { cacert: authority.ca, cert: client.cert, key: client.key },
      endpoint: { kind: 'tcp' as const, host, port },
      platforms: ['linux/amd64' as Platform],
    }
    try {
      const [outcome] = await openNodes(
        { nodes: [spec], sshKeys: [], knownHosts: '', agent: undefined, dir: new RunDir(scratch), workspace: scratch },
        { note: () => undefined },
      )
      await outcome?.node?.ping?.(10_000)
      await farm.nodes.amd.exec('kill -STOP $(cat /run/tls/pid)')
      await expect(outcome?.node?.ping?.(500)).rejects.toThrow('No buildkitd answers')
    } finally {
      await farm.nodes.amd.exec('kill -CONT $(cat /run/tls/pid)')
      rmSync(scratch, { recursive: true })
    }
  })

  test('a client certificate of another CA is reported before the build', async () => {
    const other = createCertificateAuthority()
    const { cert, key } = other.issue('client', '127.0.0.1')
    const refused = await job.main({
      nodes: [
        `- endpoint: ${buildkitd.endpoint}`,
        '  platforms: linux/amd64',
        '  driver-opts:',
        ...Object.entries({ cacert: other.ca, cert, key }).map(
          ([name, pem]) => `    - |\n      ${name}=${pem.replaceAll('\n', '\n      ')}`,
        ),
        '',
      ].join('\n'),
      image,
      tags: 'v2',
      fallback: 'fail',
    })
    await job.post()
    expect(refused.code).toBe(1)
    expect(refused.log).toContain(`No buildkitd answers at ${buildkitd.endpoint}`)
    expect(await storedIndex(farm, image, 'v2')).toBeUndefined()
    other.end()
  })
})
