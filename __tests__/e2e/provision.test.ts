import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { run, tryRun } from '../farm/exec.ts'
import { appFiles, freshImage, storedIndex } from './harness.ts'
import { build, kit, onMachine, useProvisioning } from './provision.ts'

// The files of docs/nodes for a buildkitd, executed on the first machine.
const setup = useProvisioning()

describe('buildkitd.service with certificates.sh', () => {
  const certificates = async (...args: string[]) =>
    await tryRun('sh', [kit('certificates.sh'), ...args], { cwd: setup.scratch })
  const issued = (name: string): string => readFileSync(join(setup.scratch, name), 'utf8')

  const pem = (option: string, text: string): string =>
    `    - |\n      ${option}=${text.trim().replaceAll('\n', '\n      ')}`

  const start = async (): Promise<void> => {
    const command = /^ExecStart=(.*)$/m.exec(readFileSync(kit('buildkitd.service'), 'utf8'))?.[1] ?? ''
    await setup.farm.nodes.amd.exec(
      [
        'install -d /usr/local/bin && ln -sf /opt/farm/buildkitd /usr/local/bin/buildkitd',
        onMachine('/etc/buildkit/buildkitd.toml', readFileSync(kit('buildkitd.toml'), 'utf8')),
        ...['ca', 'cert', 'key'].map((file) =>
          onMachine(`/etc/buildkit/${file}.pem`, issued(`server-${setup.farm.nodes.amd.host}/${file}.pem`)),
        ),
        `${command} > /run/provision.log 2>&1 & echo $! > /run/provision.pid`,
        "for i in $(seq 200); do grep -q 'running server' /run/provision.log && break; sleep 0.1; done",
      ].join('\n'),
    )
  }
  const stop = async (): Promise<void> => {
    await setup.farm.nodes.amd.exec(
      'kill $(cat /run/provision.pid); while kill -0 $(cat /run/provision.pid); do sleep 0.1; done',
    )
  }

  beforeAll(async () => {
    for (const args of [['ca'], ['server', setup.farm.nodes.amd.host], ['client', 'ci']])
      expect(await certificates(...args)).toMatchObject({ code: 0, stderr: '' })
  })
  afterAll(async () => {
    await setup.farm.nodes.amd.exec('rm -rf /usr/local/bin/buildkitd /etc/buildkit /run/provision.*')
  })

  test('a client of the CA builds, before and after renewal', async () => {
    for (const renewal of [false, true]) {
      if (renewal)
        for (const args of [
          ['server', setup.farm.nodes.amd.host],
          ['client', 'ci'],
        ])
          await certificates(...args)
      await start()
      const job = setup.job({ files: appFiles(setup.farm) })
      const image = freshImage(setup.farm)
      const main = await build(job, {
        nodes: [
          `- endpoint: tcp://${setup.farm.nodes.amd.host}:1234`,
          '  platforms: linux/amd64',
          '  driver-opts:',
          pem('cacert', issued('client-ci/ca.pem')),
          // Certificate and key as two secrets, and after the renewal as one.
          pem('cert', issued('client-ci/cert.pem') + (renewal ? issued('client-ci/key.pem') : '')),
          pem('key', (renewal ? issued('client-ci/cert.pem') : '') + issued('client-ci/key.pem')),
        ].join('\n'),
        image,
      })
      await stop()
      expect(main.code === 0 ? '' : main.log).toBe('')
      expect(await storedIndex(setup.farm, image, 'v1')).toBeDefined()
      job.end()
    }
  })

  test('does not replace a CA, and issues nothing for what is no name', async () => {
    const authority = issued('ca.pem')
    expect(await certificates('ca')).toMatchObject({ code: 1, stderr: expect.stringContaining('ca-key.pem exists') })
    expect(issued('ca.pem')).toBe(authority)
    for (const args of [['server', 'a,IP:1.2.3.4'], ['client', '../x'], ['server'], ['renew']])
      expect(await certificates(...args)).toMatchObject({ code: 1 })
  })

  test('a server certificate is for names and addresses, and only for servers', async () => {
    await certificates('server', 'names.example.com', '10.0.0.5', '::1')
    const file = join(setup.scratch, 'server-names.example.com/cert.pem')
    expect(await run('openssl', ['x509', '-in', file, '-noout', '-ext', 'subjectAltName'])).toContain(
      'DNS:names.example.com, IP Address:10.0.0.5, IP Address:0:0:0:0:0:0:0:1',
    )
    const purpose = async (name: string) =>
      (await tryRun('openssl', ['verify', '-purpose', name, '-CAfile', join(setup.scratch, 'ca.pem'), file])).code
    expect([await purpose('sslserver'), await purpose('sslclient')]).toEqual([0, 2])
  })
})
