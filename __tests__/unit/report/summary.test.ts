import { expect, test } from '@jest/globals'
import { renderLogLines } from '../../../src/report/log-lines.ts'
import { maskSecrets, renderErrorSummary, renderFailedSummary, renderSummary } from '../../../src/report/summary.ts'
import type { Target } from '../../../src/plan/target.ts'
import { UserError } from '../../../src/lib/errors.ts'
import { digest, reportOf, testResult } from './reports.ts'

test('the summary of an image: digest, tags in order, platforms in the order of the inputs', () => {
  expect(renderSummary(reportOf(testResult(['']), 70_100)).split('\n')).toEqual([
    '### Image',
    `\`ghcr.io/acme/app@${digest('index ')}\``,
    '',
    '- `ghcr.io/acme/app:1.2.3`',
    '- `ghcr.io/acme/app:1.2`',
    '- `ghcr.io/acme/app:latest`',
    '',
    '| platform | node | machine | time | steps from cache | size |',
    '|---|---|---|---:|---:|---:|',
    '| linux/amd64 | amd | amd64, 4 CPUs, Docker 28.5.2 | 12.3 s | 2 of 5 | 28 MB |',
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
  const summary = renderSummary(reportOf(testResult(['slim'], false), 5000))
  expect(summary).toContain('### Image `slim`: built, not pushed\n')
  expect(summary).toContain('| linux/arm64 | arm |  | 1 min 5 s | 2 of 5 | – |')
  expect(summary).toContain('Took 5.0 s.')
})

test('names of nodes cannot break the table', () => {
  const result = testResult([''])
  const rename = (target: Target) => ({
    ...target,
    node: { ...target.node, spec: { ...target.node.spec, name: 'a|b\nc' } },
  })
  result.record.groups = result.record.groups.map((each) => ({
    ...each,
    group: { ...each.group, targets: each.group.targets.map(rename) },
  }))
  expect(renderSummary(reportOf(result, 0))).toContain('| linux/amd64 | a\\|b c |')
})

test('the log has one line per target, then the images and their tags', () => {
  expect(renderLogLines(reportOf(testResult(['slim']), 70_100))).toEqual([
    '  linux/amd64 slim: amd, 12.3 s, 2 of 5 steps from cache, 28 MB',
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
  const inOrder = reportOf(result, 0)
  result.record.groups = [...result.record.groups].reverse()
  const reversed = reportOf(result, 0)
  expect(renderSummary(reversed)).toBe(renderSummary(inOrder))
  expect(renderLogLines(reversed)).toEqual(renderLogLines(inOrder))
})

test('several variants have an overview with the own time of each target', () => {
  const summary = renderSummary(reportOf(testResult(['slim', 'full']), 70_100))
  expect(summary.split('\n').slice(0, 7)).toEqual([
    '### Overview',
    '',
    '| variant | linux/amd64 | linux/arm64 | tags |',
    '|---|---:|---:|---:|',
    '| slim | 12.3 s | 1 min 5 s | 3 |',
    '| full | 12.3 s | 1 min 5 s | 3 |',
    '',
  ])
  expect(renderSummary(reportOf(testResult(['slim']), 0))).not.toContain('Overview')
})

function failedRun(change: { readonly cause?: boolean; readonly code?: 'build' | 'cancelled' } = {}) {
  const { plan, record } = testResult(['slim', 'full'])
  const failure = new UserError({
    code: change.code ?? 'build',
    message: 'RUN make <all> failed for linux/amd64 full on amd',
    hint: 'See the output above.',
    details: ['make: *** [all] Error 2', '```'],
  })
  const failing = plan.targets.find(({ id }) => id === 'full-linux-amd64')
  record.groups = record.groups.map((group) =>
    group.group.node.spec.name === 'amd'
      ? { ...group, built: [], failure, ...(failing && change.cause !== false && { failing }) }
      : group,
  )
  return record
}

test('the summary of a failed run has the result of every target, the cause and its output', () => {
  expect(renderFailedSummary(failedRun(), 5000).split('\n')).toEqual([
    '### Build failed: no tag was updated',
    '',
    '| target | node | result |',
    '|---|---|---|',
    '| linux/amd64 slim | amd | cancelled |',
    '| linux/arm64 slim | arm | built |',
    '| linux/amd64 full | amd | failed |',
    '| linux/arm64 full | arm | built |',
    '',
    '**RUN make &lt;all> failed for linux/amd64 full on amd**',
    '',
    '````',
    'make: *** [all] Error 2',
    '```',
    '````',
    '',
    'See the output above.',
    '',
    'Took 5.0 s.',
    '',
    '',
  ])
})

test.each([
  ['the failing target is not known', failedRun({ cause: false }), 'failed'],
  ['another group failed', failedRun({ cause: false, code: 'cancelled' }), 'cancelled'],
  ['the build never started', Object.assign(failedRun(), { groups: [] }), 'not built'],
])('the result of a target if %s', (_, run, expected) => {
  const summary = renderFailedSummary(run, 5000)
  expect(summary).toContain(`| linux/amd64 slim | amd | ${expected} |`)
  expect(summary.includes('**RUN make')).toBe(expected === 'failed')
})

test('the summary of any other failure has headline, details and hint', () => {
  expect(renderErrorSummary('arm <x> does not answer', '  | ssh: timed out\nCheck the machine.\n')).toBe(
    '### Failed\n\n**arm &lt;x> does not answer**\n\n```\n  | ssh: timed out\nCheck the machine.\n```\n\n',
  )
  expect(renderErrorSummary('x', '')).toBe('### Failed\n\n**x**\n\n')
})

test('secrets in the output of a failed build are masked in the summary', () => {
  const run = failedRun()
  const details = ['token=s3cr3t-long', 'key=s3cr3t']
  const failure = new UserError({ code: 'build', message: 'echo a<b&c failed', hint: '', details })
  run.groups = run.groups.map((group) => ({ ...group, failure }))
  const summary = maskSecrets(renderFailedSummary(run, 0), ['s3cr3t', 's3cr3t-long', 'a<b&c', ''])
  expect(summary).not.toMatch(/s3cr3t|a&lt;b/)
  expect(summary).toContain('token=***\nkey=***')
  expect(summary).toContain('**echo *** failed**')
})
