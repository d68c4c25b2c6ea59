import { afterEach, expect, test } from '@jest/globals'
import { forCommandLine, forReader } from '../../../src/job/reader.ts'
import { emptySecret } from '../../../src/inputs/settings/secrets.ts'
import { commandLineVariable } from '../../../src/lib/command-line.ts'
import { pushLoginHint } from '../../../src/registry/credentials/origin.ts'
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
    'secret-envs: "tok=TOK" names the variable TOK, which is not set: set it in the step\'s `env`',
    'secret-envs: "tok=TOK" names the variable TOK, which is not set: set it in the environment',
  ],
  [
    `The secret \`a\` has no value, so the build does not get it: ${emptySecret}.`,
    'The secret `a` has no value, so the build does not get it.',
  ],
  [
    `is missing, but \`username\` is set: set both or neither; ${emptySecret}`,
    'is missing, but `--username` is set: set both or neither',
  ],
  [
    '`github-token` is empty, so whether run 7 has finished is unknown. Set it to a token that may read runs.',
    '`MULTIARCH_BUILD_GITHUB_TOKEN` is empty, so whether run 7 has finished is unknown. ' +
      'Set it to a token that may read runs.',
  ],
  [
    'the token has no permission to read run 7. Give the job `permissions: actions: read`.',
    'the token has no permission to read run 7. Use a token that may read runs.',
  ],
  [
    'Set `ssh-private-key: ${{ secrets.NAME }}`. Secrets are empty if their name is misspelled, in runs for forks, ' +
      'and in runs of Dependabot, which has secrets of its own.',
    'Set `MULTIARCH_BUILD_SSH_PRIVATE_KEY`.',
  ],
  [
    pushLoginHint('token', false),
    'The login is the token (`MULTIARCH_BUILD_GITHUB_TOKEN`): give the token the scope `write:packages`, and its ' +
      'user the Write role in the settings of the package.',
  ],
  [
    'The job needs `permissions: packages: write`, and the package’s settings must give this repository the Admin role',
    'The token needs the scope `delete:packages`, and its user the Admin role for the package.',
  ],
  ['the agent is `SSH_AUTH_SOCK` of the job', 'the agent is `SSH_AUTH_SOCK` of your shell'],
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
