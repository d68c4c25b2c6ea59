import { expect, test } from '@jest/globals'
import { renderDryRun, renderDryRunSummary, type DryRunReport } from '../../../src/report/dry-run.ts'

const target = { platform: 'linux/amd64', variant: '', node: 'amd', emulated: false }
const report: DryRunReport = {
  nodes: ['amd: Docker 28.5; by ssh://amd'],
  targets: [
    { ...target, cache: '', cacheState: 'unknown' },
    { ...target, variant: 'slim', emulated: true, cache: 'app:buildcache', cacheState: 'empty' },
    { ...target, variant: 'full', cache: 'app:buildcache-full', cacheState: 'filled' },
    { ...target, variant: 'new', cache: 'app:buildcache-pr', cacheState: 'empty', reads: 'app:buildcache' },
    { ...target, variant: 'other', cache: 'app:buildcache-pr', cacheState: 'filled', reads: 'app:buildcache' },
  ],
  tags: [
    { tag: 'app:1', now: '' },
    { tag: 'app:2', now: 'sha256:abc' },
    { tag: 'app:3', now: undefined },
  ],
  permissions: ['ghcr.io: push'],
  post: [],
  warnings: ['a_b|c'],
  problems: [],
}

test('the log has the sections that are not empty', () => {
  expect(renderDryRun(report)).toEqual([
    'Plan (dry run: nothing was built or pushed)',
    'Nodes:',
    '  amd: Docker 28.5; by ssh://amd',
    'Targets:',
    '  linux/amd64: on amd, no cache',
    '  linux/amd64 slim: on amd (emulated), cache app:buildcache (does not exist yet)',
    '  linux/amd64 full: on amd, cache app:buildcache-full',
    '  linux/amd64 new: on amd, cache app:buildcache-pr (does not exist yet; reads app:buildcache)',
    '  linux/amd64 other: on amd, cache app:buildcache-pr (reads app:buildcache)',
    'Tags:',
    '  app:1: new',
    '  app:2: replaces sha256:abc',
    '  app:3: the registry did not report whether it exists',
    'Permissions:',
    '  ghcr.io: push',
    'Warnings:',
    '  a_b|c',
  ])
})

test('the summary states whether the plan would work, and escapes names', () => {
  expect(renderDryRunSummary(report)).toMatch(/^### Plan\n\nThis would work\. Nothing was built or pushed\.\n/)
  expect(renderDryRunSummary(report)).toContain('- a\\_b\\|c')
  const failed = renderDryRunSummary({ ...report, problems: ['arm does not answer'] })
  expect(failed).toContain('This would **not** work.')
  expect(failed).toContain('#### Why this would not work\n- arm does not answer')
})

test('a long line keeps its text, without control characters', () => {
  const long = `${'x'.repeat(120)}\u001b[31m\n`
  expect(renderDryRun({ ...report, warnings: [long] }).at(-1)).toBe(`  ${'x'.repeat(120)} [31m `)
})
