import { describe, expect, test } from '@jest/globals'
import { spawnSync } from 'node:child_process'
import { emulatedPlatforms, machineInfoScript, parseMachineInfo } from '../../../src/nodes/machine-info.ts'

describe('parseMachineInfo', () => {
  test('ignores a login banner', () => {
    const info = parseMachineInfo(
      'Welcome!\nloads of messages\nclock 1700000003\nload 0.52\nfree 2048\nemulates aarch64\nemulates *\n',
      1_700_000_000_000,
    )
    expect(info).toEqual({ ahead: 3500, load: 0.52, free: 2_097_152, emulated: ['linux/arm64'] })
  })

  test('values that are absent are undefined', () => expect(parseMachineInfo('', 0)).toEqual({ emulated: [] }))

  test('the script prints every value on this machine', () => {
    const { stdout } = spawnSync('sh', ['-s'], { input: machineInfoScript, encoding: 'utf8' })
    const { ahead = Infinity, load, free = 0 } = parseMachineInfo(stdout, Date.now())
    expect(Math.abs(ahead)).toBeLessThan(60_000)
    expect(load).toBeGreaterThanOrEqual(0)
    expect(free).toBeGreaterThan(1_000_000)
  })

  test('names of QEMU become platforms', () => {
    expect(emulatedPlatforms(['aarch64', 'arm', 'riscv64', 'x86_64', 's390x', 'no-such', 'sparc'])).toEqual([
      'linux/arm64',
      'linux/arm/v7',
      'linux/riscv64',
      'linux/amd64',
      'linux/s390x',
    ])
  })
})
