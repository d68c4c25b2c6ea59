import { expect, test } from '@jest/globals'
import { renderVerification } from '../../../src/report/summary.ts'

const images = ['ghcr.io/acme/app@sha256:1', 'quay.io/acme/app@sha256:1']

test('an image that is not signed has no commands', () => {
  expect(renderVerification(images, undefined)).toBe('')
})

test('a keyless signature: one command per repository', () => {
  const text = renderVerification(images, { command: 'cosign verify --certificate-identity a' })
  for (const image of images) expect(text).toContain(`\ncosign verify --certificate-identity a ${image}\n`)
  expect(text).not.toContain('cosign.pub')
})

test('a key: the public key is in the summary', () => {
  const publicKey = '-----BEGIN PUBLIC KEY-----\nabc=\n-----END PUBLIC KEY-----\n'
  const text = renderVerification(images, { command: 'cosign verify --key cosign.pub', publicKey })
  expect(text).toContain(`with \`cosign.pub\`:\n\n\`\`\`\n${publicKey}\`\`\``)
})
