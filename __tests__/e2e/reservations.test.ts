import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { attachFarm, farmInputs, farmJob, freshImage, leftovers, type Farm } from './harness.ts'

let farm: Farm
beforeAll(async () => {
  farm = await attachFarm()
})

describe('runs that share their nodes', () => {
  const jobs: ReturnType<typeof farmJob>[] = []
  afterAll(() => jobs.forEach((job) => job.end()))

  /** One target, which either machine could build. */
  function begin(step: string) {
    const { amd, arm } = farm.nodes
    const job = farmJob(farm, { files: { Dockerfile: `FROM ${farm.images.base}\nRUN ${step}\n` } })
    jobs.push(job)
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

  test('a run that comes while another builds gets the other machine, and nothing is left of either', async () => {
    const first = begin('echo working; sleep 10')
    await first.running.waitForOutput(/\] working/)
    const second = begin('echo second')
    const [one, two] = await Promise.all([first.running.result, second.running.result])
    expect([one.code, two.code]).toEqual([0, 0])
    expect([nodeOf(one.summary), nodeOf(two.summary)].sort()).toEqual([farm.nodes.amd.host, farm.nodes.arm.host].sort())
    expect(two.log).toContain(`${nodeOf(one.summary)} builds for another run as well: it gets less of this one.`)
    expect(one.log).not.toContain('builds for another run')
    for (const { job } of [first, second]) expect(await job.post()).toMatchObject({ code: 0, warnings: [] })
    for (const { job } of [first, second]) expect(await leftovers(farm, job)).toEqual([])
  })
})
