import { expect, test } from '@jest/globals'
import { annotate, withoutRepeats } from '../../../src/buildx/checks.ts'

const warning = {
  rule: 'JSONArgsRecommended',
  message: 'JSON arguments recommended',
  url: 'https://docs.docker.com/x',
  line: 3,
}
const more = '\nMore: https://docs.docker.com/x'

test.each([
  [
    'the context’s own Dockerfile',
    { context: '/w/app' },
    { title: warning.rule, message: `JSON arguments recommended${more}`, file: 'app/Dockerfile', line: 3 },
  ],
  [
    'one by name',
    { context: '/w', file: '/w/prod.Dockerfile' },
    { title: warning.rule, message: `JSON arguments recommended${more}`, file: 'prod.Dockerfile', line: 3 },
  ],
  [
    'one beside the workspace',
    { context: '/w-other' },
    { title: warning.rule, message: `line 3: JSON arguments recommended${more}` },
  ],
  [
    'that of a repository',
    { context: 'https://github.com/acme/app.git#0123' },
    { title: warning.rule, message: `line 3: JSON arguments recommended${more}` },
  ],
])('an annotation names a file of the workspace: %s', (_, variant, expected) => {
  expect(annotate(warning, variant, '/w')).toEqual(expected)
})

test('findings of two platforms are reported once', () => {
  const [one, two] = [
    annotate(warning, { context: '/w' }, '/w'),
    annotate({ ...warning, line: 4 }, { context: '/w' }, '/w'),
  ]
  expect(withoutRepeats([one, two, { ...one }])).toEqual([one, two])
})
