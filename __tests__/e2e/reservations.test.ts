import { beforeAll, describe, expect, test } from '@jest/globals'
import { farmInputs, freshImage, leftovers, type Farm } from './harness.ts'
import { useFarm } from './setup.ts'

const setup = useFarm()
let farm: Farm
beforeAll(() => {
  farm = setup.farm
})

describe('runs that share nodes', () => {
  /** Starts a build of one target, which either machine can build. */
  function begin(step: string) {
    const { amd, arm } = farm.nodes
    const job = setup.job({ files: { Dockerfile: `FROM ${farm.images.base}\nRUN ${step}\n` } })
    const running = job.start(
      farmInputs(farm, {
        image: freshImage(farm),
        nodes: `linux/amd64 = ${amd.endpoint}\nlinux/amd64 = ${arm.endpoint}`,
        cache: 'off',
      }),
    )
    return { job, running }
  }
  const nodeOf = (summary: string) => /^\| linux\/amd64 \| (\S+)/m.exec(summary)?.[1]

  test('a run that starts while another builds uses the other machine, and both leave nothing behind', async () => {
    const first = begin('echo working; sleep 10')
    await first.running.waitForOutput(/\] working/)
    const second = begin('echo second')
    const [one, two] = await Promise.all([first.running.result, second.running.result])
    expect([one.code, two.code]).toEqual([0, 0])
    expect([nodeOf(one.summary), nodeOf(two.summary)].sort()).toEqual([farm.nodes.amd.host, farm.nodes.arm.host].sort())
    expect(two.log).toContain(`${nodeOf(one.summary)} is busy with another run: scheduling fewer targets there.`)
    expect(one.log).not.toContain('is busy with another run')
    for (const { job } of [first, second]) expect(await job.post()).toMatchObject({ code: 0, warnings: [] })
    for (const { job } of [first, second]) expect(await leftovers(farm, job)).toEqual([])
  })
})
