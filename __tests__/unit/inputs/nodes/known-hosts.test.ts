import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { covers, formatKnownHosts, parseKnownHosts } from '../../../../src/inputs/nodes/known-hosts.ts'
import { field, hashedHost, publicBlob } from '../../fixtures/keys.ts'

const key = `ssh-ed25519 ${publicBlob.toString('base64')}`
const otherKey = `ssh-ed25519 ${Buffer.concat([field('ssh-ed25519'), field(Buffer.alloc(32, 9))]).toString('base64')}`

function read(text: string) {
  const told: string[] = []
  const lines = parseKnownHosts(text, ({ expected }) => told.push(expected))
  expect(told).toEqual([])
  return lines
}

describe('covers', () => {
  test.each<[string, string, number, boolean]>([
    [`arm ${key}`, 'arm', 22, true],
    [`arm ${key} comment here`, 'ARM', 22, true],
    [`arm,10.0.0.1 ${key}`, '10.0.0.1', 22, true],
    [`arm ${key}`, 'arm2', 22, false],
    [`arm ${key}`, 'arm', 2222, true],
    [`[arm]:2222 ${key}`, 'arm', 2222, true],
    [`[arm]:2222 ${key}`, 'arm', 22, false],
    [`[arm]:2222 ${key}`, 'arm', 2223, false],
    [`fd00::1 ${key}`, 'fd00::1', 22, true],
    [`[fd00::1]:2222 ${key}`, 'fd00::1', 2222, true],
    [`[FD00:0:0:0::1]:2222 ${key}`, 'fd00::1', 2222, true],
    [`fd00:0000::0001 ${key}`, 'fd00::1', 22, true],
    [`fd00::2 ${key}`, 'fd00::1', 22, false],
    [`*.example.com ${key}`, 'arm.example.com', 22, true],
    [`*.example.com ${key}`, 'example.com', 22, false],
    [`ar? ${key}`, 'arm', 22, true],
    [`*.example.com,!bad.example.com ${key}`, 'bad.example.com', 22, false],
    [`*.example.com,!bad.example.com ${key}`, 'good.example.com', 22, true],
    [`!arm ${key}`, 'other', 22, false],
    [hashedHost('arm'), 'arm', 22, true],
    [hashedHost('arm'), 'arm2', 22, false],
    [hashedHost('[arm]:2222'), 'arm', 2222, true],
    [`@cert-authority *.example.com ${key}`, 'arm.example.com', 22, true],
    [`@revoked arm ${key}`, 'arm', 22, false],
    [`@revoked * ${key}\narm ${key}`, 'arm', 22, false],
    [`@revoked * ${key}\narm ${otherKey}`, 'arm', 22, true],
    ['# nothing\n\n', 'arm', 22, false],
  ])('%s: %s port %s', (text, host, port, expected) => {
    expect(covers(read(text), host, port)).toBe(expected)
  })
})

test('hashed names match what was hashed, and nothing else', () => {
  const host = fc.stringMatching(/^[a-z0-9]([a-z0-9.-]{0,20}[a-z0-9])?$/)
  fc.assert(
    fc.property(
      host,
      host,
      fc.constantFrom(22, 2222),
      fc.uint8Array({ minLength: 20, maxLength: 20 }),
      (name, other, port, salt) => {
        const lines = read(hashedHost(port === 22 ? name : `[${name}]:${port}`, Buffer.from(salt)))
        expect(covers(lines, name, port)).toBe(true)
        expect(covers(lines, other, port)).toBe(other === name)
      },
    ),
  )
})

test('what was read is written for ssh, and read again as the same', () => {
  const lines = read(`@revoked old ${key} x\r\n  arm,[b]:2 ${otherKey}`)
  expect(formatKnownHosts(lines)).toBe(`@revoked old ${key}\narm,[b]:2 ${otherKey}\n`)
  expect(parseKnownHosts(formatKnownHosts(lines))).toEqual(lines)
})

test('no text makes it throw, and many stars take no time', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => covers(parseKnownHosts(text), 'arm', 22) || true))
  // Were it tried with every star in every place, this would not end.
  expect(covers(read(`${'*a'.repeat(200)}b ${key}`), 'a'.repeat(250), 22)).toBe(false)
})
