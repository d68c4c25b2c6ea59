import { expect, test } from '@jest/globals'
import { escapeMarkup, formatRow } from '../../../src/lib/format.ts'
import { renderLogLines } from '../../../src/report/log-lines.ts'
import {
  limitSummary,
  maskSecrets,
  renderErrorSummary,
  renderFailedSummary,
  renderSummary,
} from '../../../src/report/summary.ts'
import { renderOutputs } from '../../../src/report/outputs.ts'
import type { RunRecord } from '../../../src/report/run-record.ts'
import type { RunReport } from '../../../src/report/run-report.ts'
import { schemaErrors } from '../fixtures/results-schema.ts'
import type { TargetCache } from '../../../src/inputs/cache/cache.ts'
import type { TargetProgress } from '../../../src/buildx/measure.ts'
import type { Target } from '../../../src/plan/target.ts'
import { UserError } from '../../../src/lib/errors.ts'
import { digest, reportOf, testResult, withTests } from './reports.ts'

const troubleshooting = 'https://github.com/org/multiarch-build/blob/v1/docs/troubleshooting.md'

test('the summary of an image: digest, tags in order, platforms in the order of the inputs', () => {
  expect(renderSummary(reportOf(testResult(['']), 70_100)).split('\n')).toEqual([
    'Built 2 images in 1 min 10 s, 4 of 10 steps from cache.',
    '',
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
    `> arm is slow. [emulation](${troubleshooting}#emulation)`,
    '>',
    '> The cache is cold:',
    `> no login. [cache](${troubleshooting}#cache-exports)`,
    '',
    '#### First step that was not cached',
    '',
    '- linux/amd64: `[3/6] COPY . .`: a file that it copies has changed.',
    '- linux/arm64: `[3/6] COPY . .`: a file that it copies has changed.',
    '',
    '#### Slowest steps',
    '',
    '| step | target | time |',
    '|---|---|---:|',
    '| `[4/6] RUN make \\| tee` | linux/arm64 | 1 min 2 s |',
    '| `[4/6] RUN make \\| tee` | linux/amd64 | 9.3 s |',
    '',
    '#### Timeline',
    '',
    '```mermaid',
    'gantt',
    'dateFormat HH:mm:ss.SSS',
    'axisFormat %H:%M:%S',
    'section linux/amd64',
    'boot :00:00:00.000, 1000ms',
    'build :00:00:02.100, 10200ms',
    'export :00:00:12.300, 2000ms',
    'section linux/arm64',
    'boot :00:00:00.000, 1000ms',
    'build :00:00:02.100, 63300ms',
    'export :00:01:05.400, 2000ms',
    '```',
    '',
    '',
  ])
})

const past = (runId: string, ref: string, seconds: number, platforms = ['linux/amd64', 'linux/arm64']) => ({
  runId,
  ref,
  seconds,
  targets: new Map(platforms.map((name) => [name, { seconds: 14.5, steps: { total: 5, cached: 3 } }])),
})

function comparedWith(previous: RunRecord['previous']): RunReport {
  const run = testResult([''])
  run.record.previous = previous
  return reportOf(run, 70_100)
}

test('a run is compared with the previous one of its branch: whole, and each platform', () => {
  const report = comparedWith({ ...past('1234', 'refs/heads/main', 110.1), url: 'https://ci.example/runs/1234' })
  const summary = renderSummary(report)
  expect(summary.split('\n')[0]).toBe(
    'Built 2 images in 1 min 10 s, 4 of 10 steps from cache. 40.0 s faster than ' +
      '[run 1234](https://ci.example/runs/1234) on `main` (6 of 10 steps from cache).',
  )
  expect(summary).toContain('| platform | node | machine | time | steps from cache | size | before |\n')
  expect(summary).toContain('| 12.3 s | 2 of 5 | 28 MB | 14.5 s, 3 of 5 cached |')
  expect(renderLogLines(report).at(-1)).toBe(
    'Took 1 min 10 s, 40.0 s faster than run 1234 on main (6 of 10 steps from cache).',
  )
  const results = renderOutputs(report)['results'] ?? ''
  expect(schemaErrors(results)).toEqual([])
  expect(results).toContain('"previous":{"runId":"1234","seconds":14.5,"steps":{"total":5,"cached":3}}')
})

test.each([
  [past('7', 'refs/tags/v1', 60), '10.1 s slower than run 7 of `v1` ('],
  [past('7', 'refs/pull/5/merge', 70.5), 'As fast as run 7 of #5 ('],
])('a run is compared with %j', (previous, expected) => {
  expect(renderSummary(comparedWith(previous))).toContain(`cache. ${expected}`)
})

test('a run with other platforms is compared by platform only', () => {
  const summary = renderSummary(comparedWith(past('7', 'refs/heads/main', 1, ['linux/amd64'])))
  expect(summary.split('\n')[0]).toBe('Built 2 images in 1 min 10 s, 4 of 10 steps from cache.')
  expect(summary).toContain('| 1 min 5 s | 2 of 5 | 28 MB | – |')
})

test('the timeline of a short run has a time at every second only', () => {
  const run = testResult([''])
  const groups = run.record.groups.filter(({ group }) =>
    group.targets.some(({ platform }) => platform === 'linux/amd64'),
  )
  expect(renderSummary(reportOf(run, 1))).not.toContain('tickInterval')
  // The build of the other platform takes more than a minute.
  Object.assign(run.record, { groups })
  expect(renderSummary(reportOf(run, 1))).toContain('axisFormat %H:%M:%S\ntickInterval 1second\n')
})

test('the summary of an image that was not pushed', () => {
  const summary = renderSummary(reportOf(testResult(['slim'], false), 5000))
  expect(summary).toContain('### Image `slim`: built, not pushed\n')
  expect(summary).toContain('| linux/arm64 | arm |  | 1 min 5 s | 2 of 5 | – |')
  expect(summary).toContain('Built 2 images in 5.0 s')
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
  expect(summary.split('\n').slice(2, 9)).toEqual([
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
    '**RUN make \\<all> failed for linux/amd64 full on amd**',
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

test('names and messages of a Dockerfile, a node or a registry are no markup in any summary', () => {
  const hostile = '[log in](https://evil.example) ![](https://evil.example/x) <img src=x> ``` `[a](b)` `'
  const escaped = '\\[log in\\](https://evil.example) !\\[\\](https://evil.example/x) \\<img src=x>'
  const error = new UserError({ code: 'build', message: hostile, hint: `~~~\n${hostile}`, details: [] })
  const run = failedRun()
  const failed = Object.assign(run, { groups: run.groups.map((group) => ({ ...group, failure: error })) })
  const summaries = [
    renderFailedSummary(failed, 5000),
    renderErrorSummary(hostile, ''),
    renderSummary({ ...reportOf(testResult(['']), 1), notes: [{ topic: 'mirror', text: hostile }] }),
    formatRow([hostile, 'x']),
  ]
  for (const summary of summaries) {
    expect(summary).toContain(`${escaped} \\`)
    expect(summary.replaceAll(escaped, '').replaceAll('`[a](b)`', '')).not.toMatch(/evil|(?<!\\)<|^~/m)
  }
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
    '### Failed\n\n**arm \\<x> does not answer**\n\n```\n  | ssh: timed out\nCheck the machine.\n```\n\n',
  )
  expect(renderErrorSummary('x', '')).toBe('### Failed\n\n**x**\n\n')
})

test('secrets in the output of a failed build are masked in the summary', () => {
  const run = failedRun()
  const details = ['token=s3cr3t-long', 'key=s3cr3t']
  const failure = new UserError({ code: 'build', message: 'echo a<b&c failed', hint: '', details })
  run.groups = run.groups.map((group) => ({ ...group, failure }))
  const summary = maskSecrets(renderFailedSummary(run, 0), ['s3cr3t', 's3cr3t-long', 'a<b&c', ''])
  expect(summary).not.toMatch(/s3cr3t|a\\?<b/)
  expect(summary).toContain('token=***\nkey=***')
  expect(summary).toContain('**echo *** failed**')
})

test('secrets are masked wherever Markdown escapes other characters of them', () => {
  const secrets = ['a|b[c]', '~x`y<z', '#1\\2', 'ü$(x)*']
  const texts = secrets.flatMap((secret) => [secret, formatRow([secret]), escapeMarkup(secret), `\`\` ${secret} \`\``])
  expect(maskSecrets(texts.join('\n'), secrets)).toBe(
    secrets.flatMap(() => ['***', '| *** |', '***', '`` *** ``']).join('\n'),
  )
})

/** The report of a run whose first target was measured like this. */
function reportWith(change: Partial<TargetProgress>, cache?: TargetCache) {
  const run = testResult([''])
  run.record.groups = run.record.groups.map(({ group, ...result }) => ({
    ...result,
    group: { ...group, targets: group.targets.map((target) => ({ ...target, ...(cache && { cache }) })) },
    progress: new Map([...result.progress].map(([id, progress]) => [id, { ...progress, ...change }])),
  }))
  return reportOf(run, 0)
}

const step = (name: string, took: number, cached = false) => ({ name, took, cached })

test.each([
  ['everything was cached', { total: 1, cached: 1 }, [step('[2/2] RUN x', 0, true)], undefined],
  ['a base image was pulled', { total: 0, cached: 0 }, [step('[1/1] FROM x', 9)], undefined],
  ['a command changed', { total: 2, cached: 1 }, [step('[b 2/2] RUN x', 9)], /the command, a build argument or/],
  [
    'a directory changed',
    { total: 2, cached: 1 },
    [step('[2/2] WORKDIR /`a`', 9)],
    /`` \[2\/2\] WORKDIR \/`a` ``: the inst/,
  ],
])('the first step that was not cached: %s', (_, steps, stepTimes, expected) => {
  const summary = renderSummary(reportWith({ steps, stepTimes }))
  if (expected) expect(summary).toMatch(expected)
  else expect(summary).not.toContain('First step that was not cached')
})

test.each([
  ['there is one', ['r/a:b'], 'a file that it copies has changed, or the base image is another one.'],
  ['there is none', [], 'no step was cached: the cache does not exist yet or could not be read.'],
  ['none was read', undefined, /no step was cached: the cache .*, could not be read, or has another base image\./],
])('no step was cached although a cache could serve it: %s', (_, cachesFound, expected) => {
  const missed = { steps: { total: 2, cached: 0 }, stepTimes: [step('[2/3] COPY . .', 9), step('[3/3] RUN x', 9)] }
  const [, reason = ''] =
    /`\[2\/3\] COPY \. \.`: (.*)/.exec(renderSummary(reportWith({ ...missed, cachesFound }))) ?? []
  if (typeof expected === 'string') expect(reason).toBe(expected)
  else expect(reason).toMatch(expected)
})

test('no step was cached because the registry has no cache', () => {
  const missed = { steps: { total: 1, cached: 0 }, stepTimes: [step('[2/2] RUN x', 9)], cachesFound: undefined }
  const cache = { name: 'r/a:b', from: [], to: 'type=registry,ref=r/a:b' }
  expect(renderSummary(reportWith(missed, cache))).toContain(
    '`[2/2] RUN x`: no step was cached: the cache does not exist yet or could not be read.',
  )
})

test.each([
  [['r/a:b'], false],
  [['r/a:b', 'r/a:b'], false],
  [['r/a:b', 'r/a:c'], true],
])('a build that read the caches %j may have missed steps: %s', (cachesFound, expected) => {
  const missed = { steps: { total: 2, cached: 1 }, stepTimes: [step('[2/2] RUN x', 9)], cachesFound }
  expect(renderSummary(reportWith(missed)).includes('several-caches-with-the-same-steps')).toBe(expected)
})

test('the summary of 60 targets of 200 steps is complete', () => {
  const run = testResult(Array.from({ length: 30 }, (_, index) => `variant-${index}`))
  const stepTimes = Array.from({ length: 200 }, (_, index) =>
    step(`[build ${index + 1}/200] RUN ${'make all && '.repeat(40)}`, 2000 + index),
  )
  const change = { stepTimes, steps: { total: 200, cached: 1 } }
  run.record.groups = run.record.groups.map((group) => ({
    ...group,
    progress: new Map([...group.progress].map(([id, progress]) => [id, { ...progress, ...change }])),
  }))
  const summary = renderSummary(reportOf(run, 0))
  expect(summary.match(/^- linux\/\w+ variant-\d+: `\[build 1\/200\] RUN make/gm)).toHaveLength(60)
  expect(limitSummary(summary)).toBe(summary)
})

test('steps of less than a second are not in the list of the slowest', () => {
  expect(renderSummary(reportWith({ stepTimes: [step('[2/2] RUN x', 999)] }))).not.toContain('Slowest steps')
})

test('many targets have one plain bar each instead of a picture, and names cannot change the picture', () => {
  const names = Array.from({ length: 11 }, (_, index) => `v${index}`)
  const summary = renderSummary(reportOf(testResult(names), 0))
  expect(summary).not.toContain('mermaid')
  expect(summary).toMatch(/^linux\/amd64 v0 {2}█{9} {31} 12\.3 s$/m)
  expect(summary).toMatch(/^linux\/arm64 v10 █{40} 1 min 5 s$/m)
  const [, picture = ''] = renderSummary(reportOf(testResult(['a:b;#c']), 0)).split('```mermaid')
  expect(picture).toContain('section linux/amd64 a_b__c\n')
})

test('no times, no picture', () => {
  const summary = renderSummary(reportWith({ whole: undefined, phases: {}, stepTimes: [] }))
  expect(summary).not.toMatch(/Timeline|mermaid/)
})

test('a long summary is cut after a line, outside of a code block', () => {
  const markdown = ['a', '````', 'äää', 'ccc', '````', 'd'].join('\n')
  expect(limitSummary(markdown, 1000)).toBe(markdown)
  const long = ['a', '````', ...Array.from({ length: 100 }, () => 'ä'.repeat(20))].join('\n')
  const cut = limitSummary(long, 1000)
  expect(Buffer.byteLength(cut)).toBeLessThanOrEqual(1000)
  expect(cut.split('\n').slice(-5)).toEqual([
    'ä'.repeat(20),
    '````',
    '',
    'The rest of this summary is left out: GitHub shows at most 1 MiB. The log has everything.',
    '',
  ])
})

test('tests of images have a column, and a text in the log', () => {
  const report = reportOf(withTests(testResult(['']), 'fine'), 0)
  expect(renderSummary(report)).toMatch(/\| test \|\n.*\n\| linux\/amd64 \|.*\| passed, 1\.2 s \|\n/)
  expect(renderLogLines(report)[0]).toContain('2 of 5 steps from cache, test passed in 1.2 s, 28 MB')
})
