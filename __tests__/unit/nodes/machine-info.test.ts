import { describe, expect, test } from '@jest/globals'
import { spawnSync } from 'node:child_process'
import { emulatedBy, factsScript, readFacts } from '../../../src/nodes/machine-info.ts'

describe('readFacts', () => {
  test('reads what a machine said, whatever its login says before', () => {
    const facts = readFacts(
      'Welcome!\nloads of messages\nclock 1700000003\nload 0.52\nfree 2048\nemulates aarch64\nemulates *\n',
      1_700_000_000_000,
    )
    expect(facts).toEqual({ ahead: 3500, load: 0.52, free: 2_097_152, emulated: ['linux/arm64'] })
  })

  test('what was not said is not known', () => expect(readFacts('', 0)).toEqual({ emulated: [] }))

  test('the script says all of it here', () => {
    const { stdout } = spawnSync('sh', ['-s'], { input: factsScript, encoding: 'utf8' })
    const { ahead = Infinity, load, free = 0 } = readFacts(stdout, Date.now())
    expect(Math.abs(ahead)).toBeLessThan(60_000)
    expect(load).toBeGreaterThanOrEqual(0)
    expect(free).toBeGreaterThan(1_000_000)
  })

  test("qemu's names become platforms", () => {
    expect(emulatedBy(['aarch64', 'arm', 'riscv64', 'x86_64', 's390x', 'no-such', 'sparc'])).toEqual([
      'linux/arm64',
      'linux/arm/v7',
      'linux/riscv64',
      'linux/amd64',
      'linux/s390x',
    ])
  })
})
