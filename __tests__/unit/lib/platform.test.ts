import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { parsePlatform, platformSlug } from '../../../src/lib/platform.ts'

test.each([
  ['linux/amd64', 'linux/amd64'],
  ['linux/amd64/v1', 'linux/amd64'],
  ['linux/amd64/v2', 'linux/amd64/v2'],
  ['x86_64', 'linux/amd64'],
  ['arm64', 'linux/arm64'],
  ['linux/aarch64', 'linux/arm64'],
  ['linux/arm64/v8', 'linux/arm64'],
  ['linux/arm64/8', 'linux/arm64'],
  ['Linux/ARM64', 'linux/arm64'],
  ['linux/arm64/v9', 'linux/arm64/v9'],
  ['linux/arm', 'linux/arm/v7'],
  ['linux/arm/7', 'linux/arm/v7'],
  ['linux/arm/v6', 'linux/arm/v6'],
  ['armhf', 'linux/arm/v7'],
  ['armel', 'linux/arm/v6'],
  ['arm/v7', 'linux/arm/v7'],
  ['i386', 'linux/386'],
  ['x64', 'linux/amd64'],
  ['x86', 'linux/386'],
  ['armv7', 'linux/arm/v7'],
  ['linux/armhf', 'linux/arm/v7'],
  ['arm32v6', 'linux/arm/v6'],
  ['arm64v8', 'linux/arm64'],
  ['linux/armv8', 'linux/arm64'],
  ['linux/s390x', 'linux/s390x'],
  ['S390X', 'linux/s390x'],
  ['linux/s390', 'linux/s390x'],
  ['ppc64el', 'linux/ppc64le'],
  ['riscv64gc', 'linux/riscv64'],
  ['loongarch64', 'linux/loong64'],
  ['linux/mips64el', 'linux/mips64le'],
  ['mipsel', 'linux/mipsle'],
  ['linux/riscv64', 'linux/riscv64'],
  ['windows/amd64', 'windows/amd64'],
  ['macos/arm64', 'darwin/arm64'],
  ['wasi/wasm', 'wasi/wasm'],
])('%s is %s', (text, expected) => {
  expect(parsePlatform(text)).toBe(expected)
})

test.each([
  '',
  'linux',
  'linux/',
  '/arm64',
  'linux/arm65',
  'linux/amd64/v9',
  'linux/s390x/v1',
  'linux//v7',
  'a/b/c/d',
  'constructor',
  'linux/__proto__',
  'linux/arm64 '.repeat(2),
])('%j is no platform', (text) => {
  expect(parsePlatform(text)).toBeUndefined()
})

test('a canonical platform is read as itself, and its slug fits into a tag', () => {
  const part = fc.constantFrom(
    'linux',
    'windows',
    'arm',
    'arm64',
    'amd64',
    'i386',
    'aarch64',
    'v6',
    'v7',
    'v8',
    '8',
    'v2',
    'riscv64',
  )
  fc.assert(
    fc.property(fc.array(part, { minLength: 1, maxLength: 3 }), (parts) => {
      const platform = parsePlatform(parts.join('/'))
      if (platform === undefined) return
      expect(parsePlatform(platform)).toBe(platform)
      expect(platformSlug(platform)).toMatch(/^[a-z0-9.-]{1,40}$/)
    }),
  )
})

test('platformSlug', () => {
  expect(platformSlug(parsePlatform('linux/arm/v7')!)).toBe('linux-arm-v7')
})
