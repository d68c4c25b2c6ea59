import { expect, test } from '@jest/globals'
import { secretsToMask } from '../../../src/inputs/secrets-to-mask.ts'

const pem = '-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMG\nByqGSM49AgEG\n-----END PRIVATE KEY-----'
const list = "- {registry: a, username: b, password: \"list1234\"}\n- registry: c\n  password: 'it''s5678'"

test.each<[source: string, env: Record<string, string>, secrets: readonly string[]]>([
  ['passwords', { INPUT_PASSWORD: 'hunter2' }, ['hunter2']],
  ['passwords, however short', { INPUT_PASSWORD: 'abc' }, ['abc']],
  ['platform tokens', { 'INPUT_GITHUB-TOKEN': ' ghs_1\n' }, ['ghs_1']],
  ['SSH keys', { 'INPUT_SSH-PRIVATE-KEY': pem }, ['MIGHAgEAMBMG', 'ByqGSM49AgEG']],
  ['SSH keys on one line', { 'INPUT_SSH-PRIVATE-KEY': pem.replaceAll('\n', '\\n') }, ['MIGHAgEAMBMG', 'ByqGSM49AgEG']],
  ['build secrets', { INPUT_SECRETS: 'one=v1234' }, ['one=v1234', 'v1234']],
  [
    'build secrets of several lines',
    { INPUT_SECRETS: '"two=line ""one""\nline two"' },
    ['"two=line ""one""', 'line two"', 'line "one"', 'line two'],
  ],
  [
    'build secrets with quotes in further lines',
    { INPUT_SECRETS: '"two=line one\n{""key"": ""v1234""}\nlast"' },
    ['line one', '{"key": "v1234"}', 'last'],
  ],
  [
    'variables of build secrets',
    {
      'INPUT_SECRET-ENVS': 'one=FIRST\n"two=SECOND",three=THIRD',
      FIRST: 'first1',
      SECOND: 'second2\nline',
      OTHER: 'other',
    },
    ['first1', 'second2', 'line'],
  ],
  ['passwords of registry-auth', { 'INPUT_REGISTRY-AUTH': list }, ['list1234', "it''s5678"]],
  ['inline TLS keys of driver-opts', { 'INPUT_DRIVER-OPTS': `"key=${pem}"` }, ['MIGHAgEAMBMG', 'ByqGSM49AgEG']],
  ['inline TLS keys of append', { INPUT_APPEND: `- driver-opts: |\n    ${pem}` }, ['MIGHAgEAMBMG', 'ByqGSM49AgEG']],
  ['cache credentials', { INPUT_CACHE: 'type=s3,secret_access_key=sak12345' }, ['sak12345']],
  ['cache credentials of azblob', { 'INPUT_CACHE-FROM': 'type=azblob,account_key=ak123456' }, ['ak123456']],
  ['cache credentials of gha', { 'INPUT_CACHE-TO': 'type=gha,token=tok12345' }, ['tok12345']],
  ['cache credentials of the job: AWS', { AWS_SECRET_ACCESS_KEY: 'aws-key1' }, ['aws-key1']],
  ['cache credentials of the job: the service', { ACTIONS_RUNTIME_TOKEN: 'a.b.c' }, ['a.b.c']],
  ['logins as registries receive them', { INPUT_USERNAME: 'ci', INPUT_PASSWORD: 'hunter2' }, ['Y2k6aHVudGVyMg==']],
  ['URLs with a password', { INPUT_CONTEXT: 'https://x-access-token:gh1234@github.com/acme/app.git' }, ['gh1234']],
  [
    'URLs with a token for a user',
    { 'INPUT_BUILD-CONTEXTS': 'a=https://ghp_0123456789abcdefghij@github.com/acme/app.git' },
    ['ghp_0123456789abcdefghij'],
  ],
  ['URLs in build arguments', { 'INPUT_BUILD-ARGS': 'INDEX=https://u:p1234@pypi.example.com/x' }, ['p1234']],
  ['proxies', { https_proxy: 'http://user:p%40ss1234@proxy:3128' }, ['p%40ss1234', 'p@ss1234']],
  ['values as JSON and URLs quote them', { INPUT_PASSWORD: 'a"b\\c d' }, ['a"b\\c d', 'a\\"b\\\\c d', 'a%22b%5Cc%20d']],
])('%s', (_, env, secrets) => {
  expect(secretsToMask(env)).toEqual(expect.arrayContaining([...secrets]))
})

test('short lines stay visible, and nothing is masked without a secret', () => {
  expect(secretsToMask({ INPUT_SECRETS: 'a=1' })).toEqual([])
  expect(secretsToMask({ INPUT_CONTEXT: 'ssh://git@github.com/acme/app.git', HTTP_PROXY: 'http://proxy:1' })).toEqual(
    [],
  )
  expect(secretsToMask({ INPUT_IMAGE: 'ghcr.io/acme/app', INPUT_CACHE: 'registry' })).toEqual([])
})
