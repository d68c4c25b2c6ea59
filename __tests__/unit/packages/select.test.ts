import { describe, expect, test } from '@jest/globals'
import { choosePackagesApi } from '../../../src/packages/select.ts'

const github = { serverUrl: 'https://github.com', apiUrl: 'https://api.github.com' }
const enterprise = { serverUrl: 'https://git.example.com', apiUrl: 'https://git.example.com/api/v3' }
const tenant = { serverUrl: 'https://acme.ghe.com', apiUrl: 'https://api.acme.ghe.com' }
const forgejo = { serverUrl: 'https://codeberg.org', apiUrl: 'https://codeberg.org/api/v1' }
const below = { serverUrl: 'https://example.com:3000/git/', apiUrl: 'https://example.com:3000/git/api/v1' }

describe('auto', () => {
  test.each([
    ['ghcr.io', github, { kind: 'github', apiUrl: 'https://api.github.com' }],
    ['GHCR.io', github, { kind: 'github', apiUrl: 'https://api.github.com' }],
    ['ghcr.io', enterprise, { kind: 'github', apiUrl: 'https://api.github.com' }],
    ['ghcr.io', forgejo, { kind: 'github', apiUrl: 'https://api.github.com' }],
    ['containers.git.example.com', enterprise, { kind: 'github', apiUrl: 'https://git.example.com/api/v3' }],
    ['containers.acme.ghe.com', tenant, { kind: 'github', apiUrl: 'https://api.acme.ghe.com' }],
    ['containers.acme.ghe.com', github, { kind: 'github', apiUrl: 'https://api.acme.ghe.com' }],
    ['codeberg.org', forgejo, { kind: 'forgejo', serverUrl: 'https://codeberg.org' }],
    ['example.com:3000', below, { kind: 'forgejo', serverUrl: 'https://example.com:3000/git' }],
    ['example.com', below, { kind: 'oci' }],
    ['codeberg.org', github, { kind: 'oci' }],
    ['quay.io', forgejo, { kind: 'oci' }],
    ['git.example.com', enterprise, { kind: 'oci' }],
    ['containers.git.example.com', github, { kind: 'oci' }],
    ['containers.codeberg.org', forgejo, { kind: 'oci' }],
    ['github.com', github, { kind: 'oci' }],
    ['127.0.0.1:5000', github, { kind: 'oci' }],
  ])('%s, from %o', (registry, forge, expected) => {
    expect(choosePackagesApi('auto', registry, forge)).toEqual(expected)
  })
})

describe('said', () => {
  test.each([
    ['oci', 'ghcr.io', github, { kind: 'oci' }],
    ['oci', 'codeberg.org', forgejo, { kind: 'oci' }],
    ['github', 'ghcr.io', forgejo, { kind: 'github', apiUrl: 'https://api.github.com' }],
    ['github', 'registry.example.com', enterprise, { kind: 'github', apiUrl: 'https://git.example.com/api/v3' }],
    ['forgejo', 'codeberg.org', github, { kind: 'forgejo', serverUrl: 'https://codeberg.org' }],
    ['forgejo', 'localhost:3000', github, { kind: 'forgejo', serverUrl: 'http://localhost:3000' }],
    ['forgejo', 'example.com:3000', below, { kind: 'forgejo', serverUrl: 'https://example.com:3000/git' }],
  ] as const)('%s for %s', (choice, registry, forge, expected) => {
    expect(choosePackagesApi(choice, registry, forge)).toEqual(expected)
  })
})
