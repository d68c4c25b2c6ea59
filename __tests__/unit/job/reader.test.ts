import { afterEach, expect, test } from '@jest/globals'
import { forCommandLine, forReader } from '../../../src/job/reader.ts'
import { commandLineVariable } from '../../../src/lib/command-line.ts'
import { compareRuns } from '../../../src/report/comparison.ts'
import { formatInputIssues } from '../../../src/report/input-issues.ts'

afterEach(() => {
  process.env[commandLineVariable] = ''
})

test('errors of inputs name options, and variables of secrets', () => {
  const issues = formatInputIssues([
    { input: 'nodes', given: 'x', expected: 'has no `=`: set `nodes`, or `ssh: default`, with `name`' },
    { input: 'ssh-private-key', expected: 'is not a key' },
  ])
  expect(forCommandLine(issues)).toBe(
    '2 invalid options\n' +
      '--nodes: "x" has no `=`: set `--nodes`, or `--ssh default`, with `name`\n' +
      'MULTIARCH_BUILD_SSH_PRIVATE_KEY: is not a key',
  )
})

test('hints name options; quoted output, values and programs are unchanged', () => {
  const text = [
    '  | run the job again, with `image`',
    'image: check `driver-opts`, write `registry` or `push: false`, and install `ssh`.',
  ].join('\n')
  expect(forCommandLine(text)).toBe(
    [
      '  | run the job again, with `image`',
      'image: check `--driver-opts`, write `registry` or `--push false`, and install `ssh`.',
    ].join('\n'),
  )
})

test.each([
  ['This runner has no `ssh` command', 'This machine has no `ssh` command'],
  ['Check the proxy between this runner and github.com', 'Check the proxy between this machine and github.com'],
  ['the binary for this runner’s processor', 'the binary for this machine’s processor'],
  ['Check the registry; then run the job again.', 'Check the registry; then run the command again.'],
  ['cannot be reached from this job', 'cannot be reached from this machine'],
  [
    'The job has no login at this registry: set `username` and `password`, or log in in an earlier step. On GHCR, …',
    'You have no login at this registry: run `docker login`.',
  ],
  [
    'The login is the job’s own Docker login, from an earlier step or from the runner',
    'The login is the one of your Docker CLI',
  ],
  [
    'needs the OIDC token of the job: give the job `permissions: id-token: write`. Forks get none',
    'needs the OIDC token of a CI job: write `--sign key`',
  ],
  [
    'is not the number of a pull request: write `${{ github.event.number }}`',
    'is not the number of a pull request: write `17`, for example',
  ],
])('%s', (ofCi, ofCommandLine) => {
  expect(forReader(ofCi)).toBe(ofCi)
  process.env[commandLineVariable] = 'true'
  expect(forReader(ofCi)).toBe(ofCommandLine)
})

test('a build is compared with the previous one, which has no number that a user knows', () => {
  const previous = { runId: '17', ref: 'refs/heads/local', url: undefined, seconds: 10, targets: new Map() }
  const report = { variants: [], previous, took: 5000 } as unknown as Parameters<typeof compareRuns>[0]
  expect(compareRuns(report, false)).toMatch(/faster than run 17 on local$/)
  process.env[commandLineVariable] = 'true'
  expect(compareRuns(report, false)).toMatch(/faster than the previous build$/)
})
