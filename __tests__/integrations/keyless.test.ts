import { afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { ensureKeylessSsh } from '../farm/optional-tools.ts'
import { freshImage, leftovers, storedIndex, type Farm } from '../e2e/harness.ts'
import { useFarm } from '../e2e/setup.ts'

// A server that admits clients by their network instead of by a key, and that cannot forward sockets: Tailscale SSH.
const setup = useFarm()
let farm: Farm
const port = 2224

beforeAll(async () => {
  farm = setup.farm
  copyFileSync(await ensureKeylessSsh(), join(farm.dir, 'amd/share/keyless-ssh'))
}, 300_000)
afterEach(async () => {
  await farm.nodes.amd.exec('kill $(cat /run/keyless.pid)')
})

async function serve(banner = ''): Promise<void> {
  const { amd } = farm.nodes
  const { stdout } = await amd.exec(
    [
      `/share/keyless-ssh ${amd.host}:${port} /etc/ssh/host_key ci ${banner} > /run/keyless.log 2>&1 &`,
      'echo $! > /run/keyless.pid',
      'for i in $(seq 100); do grep -s listens /run/keyless.log && break; sleep 0.1; done',
    ].join('\n'),
  )
  expect(stdout).toBe('listens\n')
}

function inputs(image: string): Record<string, string> {
  const { amd } = farm.nodes
  return {
    nodes: `linux/amd64 = ssh://ci@${amd.host}:${port}`,
    'ssh-known-hosts': amd.knownHosts.replace(/^\S+/, `[${amd.host}]:${port}`),
    'driver-opts': `image=${farm.images.buildkit}\nnetwork=host`,
    fallback: 'fail',
    image,
    tags: 'v1',
  }
}

describe('a node that admits clients without a key', () => {
  test('builds, without an input for a key, and nothing is left', async () => {
    await serve()
    const [job, image] = [setup.job(), freshImage(farm)]
    const main = await job.main(inputs(image))
    const post = await job.post()
    expect([main.code, main.warnings, main.log]).toEqual([0, [], main.log])
    expect([post.code, post.warnings, post.log]).toEqual([0, [], post.log])
    expect(await storedIndex(farm, image, 'v1')).toBeDefined()
    expect(await leftovers(farm, job)).toEqual([])
    job.end()
  })

  test('that asks for a confirmation in a browser is named, with the setting that changes it', async () => {
    await serve(`'# Tailscale SSH requires an additional check.'`)
    const job = setup.job()
    const main = await job.main(inputs(freshImage(farm)))
    await job.post()
    expect({ code: main.code, log: main.log }).toEqual({
      code: 1,
      log: expect.stringContaining(`requires a confirmation in a browser`),
    })
    expect(main.log).toContain('"action": "accept"')
    expect(await leftovers(farm, job)).toEqual([])
    job.end()
  })
})
