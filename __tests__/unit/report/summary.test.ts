import { expect, test } from '@jest/globals'
import { renderLogLines } from '../../../src/report/log-lines.ts'
import { createRunReport } from '../../../src/report/run-report.ts'
import { renderSummary } from '../../../src/report/summary.ts'
import { digest, testResult } from './reports.ts'

test('the summary of an image: digest, tags in order, platforms in the order of the inputs', () => {
  expect(renderSummary(createRunReport(testResult(['']), 70_100)).split('\n')).toEqual([
    '### Image',
    `\`ghcr.io/acme/app@${digest('index ')}\``,
    '',
    '- `ghcr.io/acme/app:1.2.3`',
    '- `ghcr.io/acme/app:1.2`',
    '- `ghcr.io/acme/app:latest`',
    '',
    '| platform | node | machine | time | steps from cache | size |',
    '|---|---|---|---:|---:|---:|',
    '| linux/amd64 | amd | amd64, 4 CPUs, Docker 28.5.2 | 1 min 5 s | 2 of 5 | 28 MB |',
    '| linux/arm64 | arm |  | 1 min 5 s | 2 of 5 | 28 MB |',
    '',
    '> arm is slow.',
    '>',
    '> The cache is cold.',
    '',
    'Took 1 min 10 s.',
    '',
    '',
  ])
})

test('the summary of an image that was not pushed', () => {
  const summary = renderSummary(createRunReport(testResult(['slim'], false), 5000))
  expect(summary).toContain('### Image `slim`: built, not pushed\n')
  expect(summary).toContain('| linux/arm64 | arm |  | 1 min 5 s | 2 of 5 | – |')
  expect(summary).toContain('Took 5.0 s.')
})

test('names of nodes cannot break the table', () => {
  const result = testResult([''])
  const [node] = result.plan.targets.map((target) => target.node)
  const renamed = { ...node!, spec: { ...node!.spec, name: 'a|b\nc' } }
  const groups = result.groups.map((each) => ({ ...each, group: { ...each.group, node: renamed } }))
  expect(renderSummary(createRunReport({ ...result, groups }, 0))).toContain('| linux/amd64 | a\\|b c |')
})

test('the log has one line per target, then the images and their tags', () => {
  expect(renderLogLines(createRunReport(testResult(['slim']), 70_100))).toEqual([
    '  linux/amd64 slim: amd, 1 min 5 s, 2 of 5 steps from cache, 28 MB',
    '  linux/arm64 slim: arm, 1 min 5 s, 2 of 5 steps from cache, 28 MB',
    `  ghcr.io/acme/app@${digest('index slim')}`,
    '  → ghcr.io/acme/app:1.2.3-slim',
    '  → ghcr.io/acme/app:1.2-slim',
    '  → ghcr.io/acme/app:latest-slim',
    'Took 1 min 10 s.',
  ])
})

test('the order does not depend on which group ends first', () => {
  const result = testResult(['', 'slim'])
  const inOrder = createRunReport(result, 0)
  const reversed = createRunReport({ ...result, groups: [...result.groups].reverse() }, 0)
  expect(renderSummary(reversed)).toBe(renderSummary(inOrder))
  expect(renderLogLines(reversed)).toEqual(renderLogLines(inOrder))
})
