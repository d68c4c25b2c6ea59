import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, test } from '@jest/globals'
import { readInputs } from '../../../src/inputs/inputs.ts'
import { readCopyInputs } from '../../../src/inputs/copy-inputs.ts'
import { secretsToMask } from '../../../src/inputs/secrets-to-mask.ts'
import { InputError } from '../../../src/lib/issues.ts'
import { event, jobWith, type Given } from '../fixtures/job.ts'

const pair = generateKeyPairSync('ec', {
  namedCurve: 'P-256',
  privateKeyEncoding: { type: 'sec1', format: 'pem' },
  publicKeyEncoding: { type: 'spki', format: 'pem' },
})
const encrypted = generateKeyPairSync('ec', {
  namedCurve: 'P-256',
  privateKeyEncoding: { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'swordfish' },
  publicKeyEncoding: { type: 'spki', format: 'pem' },
}).privateKey
const body = Buffer.from(JSON.stringify({ kdf: {}, cipher: {}, ciphertext: 'abcd' })).toString('base64')
const label = 'ENCRYPTED SIGSTORE PRIVATE KEY'
const cosignKey = `-----BEGIN ${label}-----\n${body}\n-----END ${label}-----\n`
const token = { ACTIONS_ID_TOKEN_REQUEST_URL: 'https://token.example/?a=b', ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'secret' }
const config = JSON.stringify({
  mediaType: 'application/vnd.dev.sigstore.signingconfig.v0.2+json',
  rekorTlogUrls: [{}],
})
const sha256 = `sha256:${'a'.repeat(64)}`
const root = JSON.stringify({ mediaType: 'application/vnd.dev.sigstore.trustedroot+json;version=0.1' })

const read = async (given: Given) => (await readInputs(...jobWith({ image: 'ghcr.io/acme/app', ...given }))).sign

async function issuesOf(given: Given): Promise<readonly string[]> {
  const error = await read(given).then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof InputError)) throw new Error(`no InputError but ${String(error)}`)
  const text = JSON.stringify(error.issues)
  for (const secret of [pair.privateKey.split('\n')[1] ?? '', body, 'swordfish']) expect(text).not.toContain(secret)
  return error.issues.map(({ input, expected }) => `${input}: ${expected}`)
}

// The forms of https://docs.sigstore.dev/cosign/key_management/overview/
const services = [
  'awskms:///alias/release',
  'awskms:///1234abcd-12ab-34cd-56ef-1234567890ab',
  'awskms:///arn:aws:kms:us-east-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab',
  'awskms://localhost:4566/alias/release',
  'gcpkms://projects/acme/locations/global/keyRings/release/cryptoKeys/cosign/cryptoKeyVersions/1',
  'azurekms://acme.vault.azure.net/cosign',
  'hashivault://cosign',
]

describe('keys', () => {
  test.each([
    [
      'a key of cosign',
      { 'sign-key': cosignKey, 'sign-password': 'pw' },
      { kind: 'cosign', text: cosignKey, password: 'pw' },
    ],
    [
      'one on a single line',
      { 'sign-key': cosignKey.trim().replaceAll('\n', '\\n') },
      { kind: 'cosign', password: '' },
    ],
    ...services.map((uri): [string, Given, { readonly kind: string; readonly text: string }] => [
      uri,
      { 'sign-key': uri },
      { kind: 'kms', text: uri },
    ]),
    ['a plain key', { 'sign-key': pair.privateKey }, { kind: 'plain', password: '' }],
    ['a key that OpenSSL encrypted', { 'sign-key': encrypted, 'sign-password': 'swordfish' }, { kind: 'plain' }],
  ])('%s', async (_, given, expected) => {
    const sign = await read({ sign: 'key', ...given })
    expect(sign).toMatchObject({ key: expected, log: true, config: '', root: '' })
    if (expected.kind === 'plain') expect(sign?.key?.text).toMatch(/^-----BEGIN PRIVATE KEY-----\n/)
  })

  test.each<[string, Given, string]>([
    ['none', {}, 'sign-key: is empty'],
    ['a public key', { 'sign-key': pair.publicKey }, 'sign-key: is a public key'],
    ['a key that was cut off', { 'sign-key': pair.privateKey.slice(0, 80) }, 'sign-key: is damaged'],
    ['a damaged key', { 'sign-key': cosignKey.replace(body, body.slice(8)) }, 'sign-key: is damaged'],
    ['two keys', { 'sign-key': pair.privateKey + encrypted }, 'sign-key: is not a private key'],
    ['a path', { 'sign-key': 'cosign.key' }, 'sign-key: is not a private key'],
    ['another scheme', { 'sign-key': 'env://KEY' }, 'sign-key: is not a key management service'],
    ['a secret of Kubernetes', { 'sign-key': 'k8s://default/key' }, 'sign-key: is not a key management service'],
    ['a service without a key', { 'sign-key': 'awskms://' }, 'sign-key: is not a private key'],
    ['two services', { 'sign-key': 'awskms:///alias/a gcpkms://b' }, 'sign-key: is not a private key'],
    ['a wrong password', { 'sign-key': encrypted, 'sign-password': 'no' }, 'sign-password: does not decrypt'],
    ['no password', { 'sign-key': encrypted }, 'sign-password: does not decrypt'],
    [
      'a part',
      { 'sign-key': cosignKey, partial: 'true', platforms: 'linux/amd64' },
      'sign: has no effect with `partial',
    ],
    [
      'a fork',
      { 'sign-key': cosignKey, push: 'true', event: { trust: 'fork' } },
      'sign: would sign the code of a fork',
    ],
    ['a trusted root alone', { 'sign-key': cosignKey, 'sign-root': root }, 'sign-root: has no effect without'],
    ['no trusted root', { 'sign-key': cosignKey, 'sign-config': config }, 'sign-root: is empty'],
    ['another JSON', { 'sign-key': cosignKey, 'sign-config': root }, 'sign-config: is not a signing configuration'],
    [
      'a cosign without a digest',
      { 'sign-key': cosignKey, 'cosign-release': 'v3.1.3' },
      'cosign-release: has no digest',
    ],
    ['an old cosign', { 'sign-key': cosignKey, 'cosign-release': `v2.6.0@${sha256}` }, 'cosign-release: is too old'],
    ['another text', { 'sign-key': cosignKey, 'cosign-release': 'latest' }, 'cosign-release: is not a version'],
    ['no such file', { 'sign-key': cosignKey, 'sign-config': 'no.json' }, 'sign-config: was not found: /w/no.json'],
    [
      'a log that the configuration has',
      { 'sign-key': cosignKey, 'sign-config': config, 'sign-root': root, 'sign-log': 'false' },
      'sign-log: contradicts `sign-config`',
    ],
  ])('%s is an input error', async (_, given, expected) => {
    expect(await issuesOf({ sign: 'key', ...given })).toEqual([expect.stringContaining(expected)])
  })

  test('a cosign to download', async () => {
    const given = { sign: 'key', 'sign-key': cosignKey, 'cosign-release': `3.1.3@${sha256}` }
    expect((await read(given))?.release).toEqual({ version: '3.1.3', digest: 'a'.repeat(64) })
  })

  test('a key without `sign` is an input error, and `sign: false` is not', async () => {
    expect(await issuesOf({ 'sign-key': cosignKey })).toEqual([expect.stringMatching(/^sign-key: is set, but nothing/)])
    expect(await read({ sign: 'false', 'sign-key': cosignKey })).toBeUndefined()
  })

  test('nothing is signed if nothing is pushed', async () => {
    const readOnly: Given['event'] = { trust: 'fork', readOnlyTrigger: 'fork' }
    expect(await read({ sign: 'key', event: readOnly })).toBeUndefined()
    expect(await read({ sign: 'keyless', push: 'false' })).toBeUndefined()
  })

  test('every line is masked, and a URI is not', () => {
    const masked = secretsToMask({ 'INPUT_SIGN-KEY': pair.privateKey, 'INPUT_SIGN-PASSWORD': 'pw' })
    expect(masked).toEqual(expect.arrayContaining(['pw', ...pair.privateKey.trim().split('\n').slice(1, -1)]))
    expect(secretsToMask({ 'INPUT_SIGN-KEY': 'awskms:///alias/a' })).toEqual([])
  })
})

describe('the log', () => {
  test.each([
    [false, undefined, true],
    [true, undefined, false],
    [undefined, undefined, false],
    [false, 'false', false],
    [true, 'true', true],
  ])('of a repository with isPrivate %s and `sign-log` %s: %s', async (isPrivate, log, expected) => {
    const change = { ...event, isPrivate } as Partial<typeof event>
    expect(await read({ sign: 'key', 'sign-key': cosignKey, 'sign-log': log, event: change })).toMatchObject({
      log: expected,
    })
  })
})

describe('keyless', () => {
  test('with the OIDC token of the job', async () => {
    expect(await read({ sign: 'keyless', ...token })).toEqual({ config: '', root: '', log: true })
  })

  test('on Forgejo with a Sigstore of one’s own', async () => {
    const own = { 'sign-config': config, 'sign-root': root, FORGEJO_ACTIONS: 'true' }
    expect(await read({ sign: 'keyless', ...token, ...own })).toEqual({ config, root, log: true })
  })

  test.each<[string, Given, string]>([
    [
      'without the permission',
      {},
      'sign: needs the OIDC token of the job: give the job `permissions: id-token: write`',
    ],
    ['on Forgejo', { ...token, GITEA_ACTIONS: 'true' }, 'sign: needs a Sigstore of your own on Forgejo and Gitea'],
    ['with a key', { ...token, 'sign-key': cosignKey }, 'sign-key: has no effect with `sign: keyless`'],
    ['without a log', { ...token, 'sign-log': 'false' }, 'sign-log: must be `true` with `sign: keyless`'],
    ['in a private repository', { ...token, event: { isPrivate: true } }, 'sign-log: must be `true` here'],
  ])('%s is an input error', async (_, given, expected) => {
    expect(await issuesOf({ sign: 'keyless', ...given })).toEqual([expect.stringContaining(expected)])
  })
})

test('copy signs at every level', async () => {
  const inputs = { FROM: 'ghcr.io/acme/app:1', TO: 'quay.io/acme/app', SIGN: 'key', 'SIGN-KEY': cosignKey }
  const env = Object.fromEntries(Object.entries(inputs).map(([name, value]) => [`INPUT_${name}`, value]))
  expect((await readCopyInputs(env, { ...event, trust: 'fork' })).sign?.key?.kind).toBe('cosign')
})
