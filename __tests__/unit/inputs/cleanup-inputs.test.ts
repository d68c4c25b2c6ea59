import { expect, test } from '@jest/globals'
import { readCleanupInputs } from '../../../src/inputs/cleanup-inputs.ts'
import { InputError } from '../../../src/lib/issues.ts'
import { formatInputIssues } from '../../../src/report/input-issues.ts'
import { certificate, event, jobWith, type Given } from '../fixtures/job.ts'

const read = (given: Given) => {
  const [env, , files] = jobWith({ nodes: undefined, ...given })
  return readCleanupInputs(env, event, files)
}
const day = 86_400_000

test('defaults', async () => {
  expect(await read({ 'github-token': 't' })).toEqual({
    images: [{ registry: 'ghcr.io', path: 'acme/app' }],
    tags: ['pr-*', 'build-*'],
    excludeTags: [],
    olderThan: 3 * day,
    runId: undefined,
    prNumber: undefined,
    keepNTagged: undefined,
    untagged: true,
    unmarked: 'auto',
    dryRun: false,
    packagesApi: 'auto',
    logins: [{ registry: 'ghcr.io', username: 'octo', password: 't', isPlatformToken: true }],
    registries: {},
    warnings: [],
  })
})

test('as in the main action: lists with commas, several logins, registries', async () => {
  const inputs = await read({
    image: 'ghcr.io/acme/app, quay.io/acme/app\n# none',
    tags: 'pr-*, nightly-*',
    'exclude-tags': 'latest\nv*',
    'registry-auth': '- {registry: quay.io, username: a, password: b}',
    registries: 'quay.io: {ca: ca.pem}',
    'packages-api': 'oci',
    'dry-run': 'true',
    'run-id': '17',
    'older-than': '12 hours',
    unmarked: 'delete',
  })
  expect(inputs).toMatchObject({
    images: [
      { registry: 'ghcr.io', path: 'acme/app' },
      { registry: 'quay.io', path: 'acme/app' },
    ],
    tags: ['pr-*', 'nightly-*'],
    excludeTags: ['latest', 'v*'],
    logins: [{ registry: 'quay.io', username: 'a', password: 'b' }],
    registries: { 'quay.io': { ca: certificate } },
    packagesApi: 'oci',
    dryRun: true,
    unmarked: 'delete',
    runId: '17',
    olderThan: day / 2,
  })
})

test('the number of a pull request', async () => {
  expect(await read({ 'pr-number': '42' })).toMatchObject({ prNumber: '42', runId: undefined })
})

test('how many images stay', async () => {
  const tags = 'nightly-*'
  expect(await read({ tags, 'keep-n-tagged': '0' })).toMatchObject({ keepNTagged: 0, prNumber: undefined })
  expect(await read({ tags, 'keep-n-tagged': '10' })).toMatchObject({ keepNTagged: 10 })
})

test.each(['', ' \n# none'])('retention needs patterns of its own, and not %j', async (tags) => {
  const error: unknown = await read({ tags, 'keep-n-tagged': '3' }).catch((thrown: unknown) => thrown)
  expect(error instanceof InputError && formatInputIssues(error.issues)).toBe(
    '1 invalid input\ntags: is empty: `keep-n-tagged` needs patterns of its own, such as `nightly-*`',
  )
  expect(await read({ tags: 'pr-*\nbuild-*', 'keep-n-tagged': '3' })).toMatchObject({ tags: ['pr-*', 'build-*'] })
})

test('all issues at once', async () => {
  const error: unknown = await read({
    image: '',
    'run-id': 'x',
    'pr-number': '#7',
    'keep-n-tagged': '-1',
    'older-than': 'long',
    untagged: 'no',
    username: 'bot',
  }).catch((thrown: unknown) => thrown)
  expect(error instanceof InputError && formatInputIssues(error.issues).split('\n').slice(1)).toEqual([
    'image: is empty: write the repositories to clean up, for example `ghcr.io/acme/app`',
    'older-than: "long" is not a valid duration: write `3 days`, `12 hours` or `2 weeks`',
    'run-id: "x" is not a valid run id: write `${{ github.run_id }}`',
    'pr-number: "#7" is not the number of a pull request: write `${{ github.event.number }}`',
    'keep-n-tagged: "-1" is not a number of images: write `10`, for example',
    'untagged: "no" is neither `true` nor `false`',
    'pr-number: cannot be combined with `run-id`: set only one of them',
    'keep-n-tagged: cannot be combined with `run-id`: set only one of them',
    'tags: is empty: `keep-n-tagged` needs patterns of its own, such as `nightly-*`',
    'password: is missing, but `username` is set: set both or neither; ' +
      'secrets are empty if their name is misspelled, and in runs for forks',
  ])
})
