import { expect, test } from '@jest/globals'
import { formatLine } from '../../../src/cli/step.ts'
import { formatInputIssues } from '../../../src/report/input-issues.ts'

const shown = (text: string) => formatLine(`::error::${text.replaceAll('\n', '%0A')}`, new Set())

test('errors of inputs name options, and variables of secrets', () => {
  const issues = formatInputIssues([
    { input: 'nodes', given: 'x', expected: 'has no `=`: set `nodes`, or `ssh: default`, with `name`' },
    { input: 'ssh-private-key', expected: 'is not a key' },
  ])
  expect(shown(issues)).toBe(
    'error: 2 invalid options\n' +
      '--nodes: "x" has no `=`: set `--nodes`, or `--ssh default`, with `name`\n' +
      'MULTIARCH_BUILD_SSH_PRIVATE_KEY: is not a key',
  )
})

test('other errors are unchanged', () => {
  expect(shown('test: `image` failed\nimage: none')).toBe('error: test: `image` failed\nimage: none')
})
