import { describe, expect, test } from '@jest/globals'
import { readCopyInputs } from '../../../src/inputs/copy-inputs.ts'
import { InputError } from '../../../src/lib/issues.ts'
import { event } from '../fixtures/job.ts'

const tagForm = 'letters, digits, `.`, `_` and `-`, at most 128, the first a letter, digit or `_`'
const fromForm = 'write `ghcr.io/acme/app:1.2` or `ghcr.io/acme/app@sha256:…`'
const toForm = 'write `quay.io/acme/app:1.2`'
const digest = `sha256:${'a'.repeat(64)}`

async function read(given: Readonly<Record<string, string>>, platform = event) {
  const entries = Object.entries(given).map(([name, value]) => [`INPUT_${name.toUpperCase()}`, value] as const)
  return await readCopyInputs(Object.fromEntries(entries), platform)
}

async function issuesOf(given: Readonly<Record<string, string>>): Promise<readonly string[]> {
  const error = await read(given).then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof InputError)) throw new Error(`no InputError but ${String(error)}`)
  return error.issues.map(({ input, given: value, expected }) => `${input}: ${value ?? '-'} ${expected}`)
}

describe('references', () => {
  test.each([
    ['ghcr.io/Acme/App:V1', { registry: 'ghcr.io', path: 'acme/app', tag: 'V1' }],
    [`ghcr.io/acme/app@${digest}`, { registry: 'ghcr.io', path: 'acme/app', digest }],
    [`localhost:5000/app:1@${digest}`, { registry: 'localhost:5000', path: 'app', tag: '1', digest }],
    ['app:1', { registry: 'docker.io', path: 'library/app', tag: '1' }],
  ])('from %s', async (from, expected) => {
    expect((await read({ from, to: 'quay.io/acme/app:2' })).from).toEqual(expected)
  })

  test('of `to` take the tag of `from`, each once', async () => {
    const to = 'quay.io/Acme/app\nquay.io/acme/app:1, # not a comment here\ndocker.io/acme/app:latest'.replace(
      ', #',
      '\n#',
    )
    expect((await read({ from: `ghcr.io/acme/app:1@${digest}`, to })).to).toEqual([
      { registry: 'quay.io', path: 'acme/app', tag: '1' },
      { registry: 'docker.io', path: 'acme/app', tag: 'latest' },
    ])
  })

  test.each([
    [{ to: 'quay.io/acme/app:1' }, [`from: - is empty: ${fromForm}`]],
    [{ from: 'ghcr.io/acme/app:1' }, ['to: - is empty: write the repositories to copy to, one per line']],
    [
      { from: 'ghcr.io/acme/app', to: `quay.io/acme/app\nquay.io/acme/app@${digest}\nhttps://quay.io/acme/app` },
      [
        `from: ghcr.io/acme/app has neither a tag nor a digest: ${fromForm}`,
        `to: quay.io/acme/app@${digest} has a digest, and only a tag can be updated: ${toForm}`,
        expect.stringMatching(/^to: https:\/\/quay.io\/acme\/app begins with `https:\/\/`: /),
      ],
    ],
    [
      { from: `ghcr.io/acme/app@${digest}`, to: 'quay.io/acme/app' },
      ['to: quay.io/acme/app has no tag, and `from` has none: write `quay.io/acme/app:1.2`'],
    ],
    [
      { from: 'ghcr.io/acme/app@sha256:1', to: 'quay.io/acme/app:a b' },
      [
        'from: ghcr.io/acme/app@sha256:1 does not end in a valid digest: write `@sha256:` and 64 hex digits',
        `to: quay.io/acme/app:a b does not end in a valid tag: ${tagForm}`,
      ],
    ],
    [
      { from: 'ghcr.io/acme/app:1', to: 'ghcr.io/acme/app' },
      ['to: ghcr.io/acme/app:1 is the image of `from`: write another repository or another tag'],
    ],
    [
      { from: 'ghcr.io/acme/app:1', to: 'quay.io/acme/app', existing: 'replace', referrers: 'maybe', platforms: 'x' },
      [
        expect.stringMatching(/^platforms: x /),
        expect.stringMatching(/^referrers: /),
        expect.stringMatching(/^existing: /),
      ],
    ],
  ])('of %j: every issue at once', async (given, issues) => {
    expect(await issuesOf(given as unknown as Readonly<Record<string, string>>)).toEqual(issues)
  })
})

describe('logins', () => {
  const given = { from: 'ghcr.io/acme/app:1', 'github-token': 'token' }

  test('`username` is for `to`, the token for the platform’s registry', async () => {
    const { logins } = await read({ ...given, to: 'quay.io/acme/app', username: 'robot', password: 'secret' })
    expect(logins).toEqual([
      { registry: 'quay.io', username: 'robot', password: 'secret' },
      { registry: 'ghcr.io', username: event.actor, password: 'token', isPlatformToken: true },
    ])
  })

  test('`username` is also for `from` in the same registry', async () => {
    const { logins } = await read({ ...given, to: 'ghcr.io/acme/app:2', username: 'robot', password: 'secret' })
    expect(logins).toEqual([{ registry: 'ghcr.io', username: 'robot', password: 'secret' }])
  })

  test('`registry-auth` is for both', async () => {
    const auth = ['quay.io', 'docker.io'].map((registry) => `- {registry: ${registry}, username: a, password: b}`)
    const { logins } = await read({
      from: 'docker.io/acme/app:1',
      to: 'quay.io/acme/app',
      'registry-auth': auth.join('\n'),
    })
    expect(logins.map(({ registry }) => registry)).toEqual(['quay.io', 'docker.io'])
  })
})
