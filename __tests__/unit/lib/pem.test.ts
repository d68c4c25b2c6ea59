import { expect, test } from '@jest/globals'
import { createPrivateKey, generateKeyPairSync } from 'node:crypto'
import { restorePem } from '../../../src/lib/pem.ts'

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
const chain = `${pem}# another one\n${pem}`

test.each<[string, (text: string) => string]>([
  ['as it is', (text) => text],
  ['with CRLF', (text) => text.replaceAll('\n', '\r\n')],
  ['in one line with spaces', (text) => text.replaceAll('\n', ' ')],
  ['in one line with a written \\n', (text) => text.replaceAll('\n', '\\n')],
  ['in one line with a written \\r\\n', (text) => text.replaceAll('\n', '\\r\\n')],
  ['indented', (text) => text.replace(/^/gm, '    ')],
  ['with a byte order mark', (text) => `\uFEFF${text}`],
])('PEM pasted %s', (_, paste) => {
  const restored = restorePem(paste(pem))
  expect(restored).toBe(pem)
  expect(createPrivateKey(restored).equals(privateKey)).toBe(true)
  expect(restorePem(paste(chain)).match(/^-----BEGIN PRIVATE KEY-----\n/gm)).toHaveLength(2)
})

test('headers of a block keep their lines', () => {
  const encrypted = '-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END RSA PRIVATE KEY-----\n'
  expect(restorePem(encrypted)).toBe(encrypted)
})
