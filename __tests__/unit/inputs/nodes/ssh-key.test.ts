import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { parseSshKeys } from '../../../../src/inputs/nodes/ssh-key.ts'
import {
  otherKey,
  pem,
  pkcs8Key,
  pkcs8WithPassphrase,
  plainKey,
  publicKey,
  rsaKey,
  rsaWithPassphrase,
  withPassphrase,
} from '../../fixtures/keys.ts'

function read(text: string): { readonly keys: readonly string[]; readonly told: readonly string[] } {
  const told: string[] = []
  const keys = parseSshKeys(text, (mistake) => {
    expect(mistake).toEqual({ input: 'ssh-private-key', expected: expect.any(String) })
    told.push(mistake.expected)
  })
  return { keys, told }
}

describe('forgiven', () => {
  test.each([
    ['as it is', plainKey, [plainKey]],
    ['RSA', rsaKey, [rsaKey]],
    ['PKCS#8', pkcs8Key, [pkcs8Key]],
    ['CRLF', plainKey.replaceAll('\n', '\r\n'), [plainKey]],
    ['no final newline', plainKey.trimEnd(), [plainKey]],
    ['indented', plainKey.replace(/^/gm, '    '), [plainKey]],
    ['\\n written out', plainKey.replaceAll('\n', '\\n'), [plainKey]],
    ['\\n written out, quoted', `"${plainKey.replaceAll('\n', '\\n')}"`, [plainKey]],
    ['in one line', plainKey.replaceAll('\n', ' '), [plainKey]],
    ['byte order mark', `\uFEFF${plainKey}`, [plainKey]],
    ['several', `# deploy\n${plainKey}${rsaKey}\n\n${otherKey}`, [plainKey, rsaKey, otherKey]],
    ['several without a newline between', plainKey.trimEnd() + otherKey.trimEnd(), [plainKey, otherKey]],
    ['twice the same', plainKey + plainKey, [plainKey]],
    ['nothing', ' \n', []],
  ])('%s', (_, text, keys) => {
    expect(read(text)).toEqual({ keys, told: [] })
  })
})

describe('refused, each with a message of its own', () => {
  const body = plainKey.split('\n').slice(1, -2).join('\n')
  test.each([
    ['OpenSSH passphrase', withPassphrase, 'holds a key with a passphrase'],
    ['PEM passphrase', rsaWithPassphrase, 'holds a key with a passphrase'],
    ['PKCS#8 passphrase', pkcs8WithPassphrase, 'holds a key with a passphrase'],
    ['public key', publicKey, 'holds a public key'],
    ['SSH2 public key', '---- BEGIN SSH2 PUBLIC KEY ----\nAAAA\n---- END SSH2 PUBLIC KEY ----', 'holds a public key'],
    ['PEM public key', pem('PUBLIC KEY', Buffer.from('x')), 'holds a public key'],
    ['PuTTY', 'PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nPrivate-Lines: 1\nAAAA', "is in PuTTY's format"],
    ['base64 of a key', Buffer.from(plainKey).toString('base64'), 'is encoded with base64'],
    ['no BEGIN and END', body, 'lacks its BEGIN and END lines'],
    ['no END', plainKey.slice(0, -40), 'has a BEGIN line without the END line'],
    ['no BEGIN', plainKey.slice(40), 'has an END line without the BEGIN line'],
    ['cut in the middle', plainKey.replace(/\n[^\n]+\n([^\n]+\n-----END)/, '\n$1'), 'holds a damaged key'],
    ['RSA cut in the middle', rsaKey.replace(/\n[^\n]+\n([^\n]+\n-----END)/, '\n$1'), 'holds a damaged key'],
    ['masked', '-----BEGIN OPENSSH PRIVATE KEY-----\n***\n-----END OPENSSH PRIVATE KEY-----', 'holds a damaged key'],
    ['certificate', pem('CERTIFICATE', Buffer.from('x')), 'contains a PEM block that is not a private key'],
    ['DSA', pem('DSA PRIVATE KEY', Buffer.from('x')), 'holds a DSA key'],
    ['a path', '/home/ci/.ssh/id_rsa', 'is a file name'],
    ['words', 'my secret', 'contains text that is not a private key'],
  ])('%s', (_, text, expected) => {
    const { keys, told } = read(text)
    expect(keys).toEqual([])
    expect(told).toEqual([expect.stringContaining(expected)])
  })
})

test('a valid key beside an invalid one: the invalid one is reported', () => {
  expect(read(plainKey + withPassphrase)).toMatchObject({
    keys: [plainKey],
    told: [expect.stringContaining('passphrase')],
  })
})

test('no text throws or is printed, in whole or in part', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[A-Za-z0-9+/=\n-]{16,300}$/), fc.boolean(), (text, framed) => {
      const { told } = read(
        framed ? `-----BEGIN OPENSSH PRIVATE KEY-----\n${text}\n-----END OPENSSH PRIVATE KEY-----` : text,
      )
      for (const word of text.split(/\s+/).filter((part) => part.length > 11)) expect(told.join()).not.toContain(word)
    }),
  )
})
