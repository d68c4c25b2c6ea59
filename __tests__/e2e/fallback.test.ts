import { afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import type { Job } from './runner.ts'
import { farmInputs, freshImage, leftovers, storedIndex, type Farm } from './harness.ts'
import { useFarm } from './setup.ts'

const setup = useFarm()
let farm: Farm

beforeAll(() => {
  farm = setup.farm
})
afterEach(async () => {
  await Promise.all([farm.nodes.amd.heal(), farm.nodes.arm.heal()])
})

/** A build whose step is visible in the log and takes the given time. */
function open(seconds = 0): Job {
  return setup.job({ files: { Dockerfile: `FROM ${farm.images.base}\nRUN echo working; sleep ${seconds}\n` } })
}

async function platforms(image: string): Promise<string[]> {
  const index = await storedIndex(farm, image, 'main')
  return (index?.manifests ?? [])
    .map(({ platform }) => `${platform.os}/${platform.architecture}`)
    .filter((platform) => platform !== 'unknown/unknown')
}

async function expectNothingLeft(): Promise<void> {
  for (const job of setup.jobs) expect(await leftovers(farm, job)).toEqual([])
}

describe('a node that is unavailable from the start', () => {
  test('each fallback strategy is applied, with a warning', async () => {
    const { amd, arm } = farm.nodes
    const badArm = `linux/amd64 = ${amd.endpoint}\nlinux/arm64 = nobody@${arm.host}`
    const cases: readonly (readonly [string, Readonly<Record<string, string>>, readonly string[], RegExp])[] = [
      // Each node of a platform gets one of its two targets.
      [
        'node',
        {
          nodes: `linux/amd64 = nobody@${amd.host}\nlinux/amd64,linux/arm64 = ${arm.endpoint}`,
          variants: '{one: {tag-suffix: ""}, two: {}}',
        },
        ['linux/amd64', 'linux/arm64'],
        /linux\/amd64 (one|two) rescheduled to 10[\d.]+ \(`fallback: node`\)/,
      ],
      [
        'local',
        { nodes: `linux/amd64 = nobody@${amd.host}\nlinux/arm64 = ${arm.endpoint}` },
        ['linux/amd64', 'linux/arm64'],
        /linux\/amd64 rescheduled to local \(`fallback: local`\)/,
      ],
      [
        'emulate',
        { nodes: badArm },
        ['linux/amd64', 'linux/arm64'],
        /linux\/arm64 rescheduled to 10[\d.]+, a linux\/amd64 machine, under emulation \(`fallback: emulate`\)/,
      ],
      ['skip', { nodes: badArm }, ['linux/amd64'], /linux\/arm64 skipped \(`fallback: skip`\)/],
    ]
    for (const [word, inputs, expected, warning] of cases) {
      const [job, image] = [open(), freshImage(farm)]
      const main = await job.main(farmInputs(farm, { image, fallback: word, ...inputs }))
      const post = await job.post()
      expect([word, main.code, await platforms(image), post.code]).toEqual([word, 0, expected, 0])
      expect(main.warnings.join('\n')).toMatch(warning)
    }
    await expectNothingLeft()
  })

  test('a run of a fork without key and known hosts builds what needs no SSH node', async () => {
    const job = open()
    const main = await job.main(
      farmInputs(farm, {
        image: freshImage(farm),
        nodes: `linux/amd64 = local\nlinux/arm64 = ${farm.nodes.arm.endpoint}`,
        fallback: 'node, local, skip',
        ...{ 'ssh-private-key': '', 'ssh-known-hosts': '', trust: 'fork', push: 'false' },
      }),
    )
    const post = await job.post()
    expect(main.code === 0 ? '' : main.log).toBe('')
    expect(main.warnings.join('\n')).toMatch(/neither an SSH key nor known hosts[^]*linux\/arm64 skipped/)
    expect([post.code, post.warnings]).toEqual([0, []])
    await expectNothingLeft()
  })
})

describe('a node that is lost during the build', () => {
  test('power cut', async () => {
    const { amd, arm } = farm.nodes
    const [job, image] = [open(4), freshImage(farm)]
    const running = job.start(
      farmInputs(farm, { image, nodes: `linux/amd64 = ${amd.endpoint}\nlinux/arm64 = ${arm.endpoint}` }),
    )
    await running.waitForOutput(/linux\/amd64 .*\] working/)
    await amd.kill()
    const main = await running.result
    await amd.revive()
    const post = await job.post()
    expect([post.code, post.warnings]).toEqual([0, []])
    await expectNothingLeft()
    expect([main.code, await platforms(image)]).toEqual([0, ['linux/amd64', 'linux/arm64']])
    expect(main.warnings.join('\n')).toMatch(
      new RegExp(
        '(The connection to node \\S+ ended|Node \\S+ was lost) during the build of linux/amd64\\. ' +
          'linux/amd64 rescheduled to local',
      ),
    )
  })
})
