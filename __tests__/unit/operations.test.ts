import { describe, expect, test } from '@jest/globals'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { newest, oldest } from '../../src/buildx/find.ts'
import { oldestCosign } from '../../src/inputs/sign.ts'
import { asRecord, asText } from '../../src/lib/json.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const read = (path: string) => readFileSync(join(root, path), 'utf8')
const page = read('docs/operations.md')

/** The only match of a pattern in a file. */
function find(path: string, pattern: RegExp): string {
  const [, found = ''] = pattern.exec(read(path)) ?? []
  if (found === '') throw new Error(`${path} has nothing like ${pattern.source}`)
  return found
}

/** The cells of a row, by the text with which it begins. */
function row(start: string, text = page): readonly string[] {
  const line = text.split('\n').find((one) => one.startsWith(`| ${start} |`)) ?? ''
  return line.split('|').map((cell) => cell.trim())
}

const tool = (name: string, module: string) =>
  find(`__tests__/farm/tools/${name}/go.mod`, new RegExp(`${module} v(\\S+)`))
const deferredOutput = find('src/buildx/image-tests.ts', /firstWithDeferredOutput = '([^']+)'/)
const node = find('package.json', /"node": ">=([\d.]+)"/)

describe('docs/operations.md', () => {
  test.each([
    ['buildx', oldest, newest],
    ['buildx with `test` or `test-target`', deferredOutput, newest],
    ['Docker Engine on nodes and runner', find('src/stories/dry-run-nodes.ts', /oldestEngine = ([\d.]+)/), undefined],
    ['cosign, for `sign`', oldestCosign, find('__tests__/farm/optional-tools.ts', /gitVersion=v([\d.]+)/)],
    ['Node.js in job images of Forgejo and Gitea, and for the command line', node, undefined],
  ])('the oldest and the tested version of %s are those of the code', (component, minimum, tested) => {
    const [, , documented = '', used = ''] = row(component)
    expect(documented).toBe(minimum)
    if (tested !== undefined) expect(used).toBe(tested)
  })

  test('names the versions of the software that the tests use', () => {
    expect(row('BuildKit')[3]).toBe(find('__tests__/farm/tools.ts', /buildkitVersion = 'v([\d.]+)'/))
    expect(row('Gitea')[3]).toBe(tool('gitea', 'code.gitea.io/gitea'))
    expect(page).toContain(`act ${tool('act', 'github.com/nektos/act')},`)
    for (const registry of [
      `CNCF Distribution ${tool('registry', 'distribution/v3')}`,
      `CNCF Distribution ${tool('registry2', 'docker/distribution').replace('+incompatible', '')}`,
      `Gitea ${tool('gitea', 'code.gitea.io/gitea')}`,
      `Zot ${tool('zot', 'require zotregistry.io/zot')}`,
    ])
      expect(row(registry)).toHaveLength(8)
  })

  test('other pages name the same versions', () => {
    const minor = (version: string) => version.replace(/\.0$/, '')
    expect(read('README.md')).toContain(`buildx ${minor(oldest)} or newer, and`)
    expect(read('README.md')).toContain(`\`test\` and \`test-target\` need buildx ${minor(deferredOutput)},`)
    expect(read('docs/testing.md')).toContain(`need buildx ${minor(deferredOutput)} or newer`)
    expect(read('docs/air-gapped.md')).toContain(`a buildx older than ${minor(deferredOutput)}`)
    expect(read('docs/signing.md')).toContain(`${oldestCosign} or newer`)
    const forgejo = read('docs/forgejo.md')
    expect(row('buildx', forgejo).slice(2, 4)).toEqual([
      `${minor(oldest)}, for \`test\` ${minor(deferredOutput)}. \`version\` downloads it`,
      newest,
    ])
    expect(row('Gitea', forgejo)[3]).toBe(tool('gitea', 'code.gitea.io/gitea'))
    const runner = row('GitHub runner')[2]?.split(',')[0] ?? ''
    expect(read('README.md')).toContain(`(runner ${minor(runner)} or newer)`)
    for (const name of ['README.md', 'SECURITY.md'])
      expect(read(name)).toContain(`Git ${row('Git on the runner')[2]?.split(' ')[0] ?? ''} or newer`)
  })

  test.each([
    [
      'the node is lost | 8.5 s',
      'src/nodes/watch.ts',
      'enginePace: Pace = { interval: 2000, deadline: 7000, patience: 8500 }',
    ],
    [
      'the node is lost | 13 s',
      'src/nodes/watch.ts',
      'daemonPace: Pace = { interval: 3000, deadline: 7000, patience: 13_000 }',
    ],
    [
      '52 s if BuildKit itself runs under QEMU',
      'src/nodes/watch.ts',
      'emulatedDaemonPace: Pace = { interval: 3000, deadline: 28_000, patience: 52_000 }',
    ],
    ['all nodes must answer the first connection | within 20 s', 'src/nodes/open.ts', 'probeDeadline = 20_000'],
    ['One call of cosign | 10 minutes', 'src/publish/sign/cosign.ts', 'deadline = 10 * 60_000'],
    ['`test-timeout`, 10 minutes', 'action.yml', 'default: 10m'],
    ['after 14 days', 'src/gc/run-status.ts', 'idleTtl = 14 * day'],
    ['ten minutes after the killed run has ended', 'src/gc/run-status.ts', 'endGrace = 10 * minute'],
    ['after six days', 'src/gc/run-status.ts', 'maxJobAge = 6 * day'],
    ['less than 1 GB', 'src/report/log-lines.ts', 'scarceDisk = 1e9'],
    ['the last 20 branches', 'src/publish/history/runs.ts', 'mostRuns = 20'],
    ['at most 20 % of the disk', 'src/nodes/buildkitd-config.ts', 'maxUsedSpace = "20%"'],
    ['less than 20 % of the disk is free', 'src/nodes/buildkitd-config.ts', 'minFreeSpace = "20%"'],
    ['`timeout-minutes: 60` per job', '.github/workflows/image.yml', 'timeout-minutes: { type: number, default: 60,'],
  ])('%s', (text, path, code) => {
    expect(page.toLowerCase()).toContain(text.toLowerCase())
    expect(read(path)).toContain(code)
  })

  test('names the metric of the disk as Prometheus does', () => {
    const [, metric = ''] = /`(multiarch_build_node_disk\w+)`/.exec(page) ?? []
    expect(read('docs/observability/README.md')).toContain(`\`${metric}\``)
  })
})

test('every action runs on the Node.js of the runner that docs/operations.md names', () => {
  const actions = ['', 'cleanup/', 'merge/', 'copy/']
    .map((dir) => `${dir}action.yml`)
    .filter((path) => existsSync(join(root, path)))
  expect(actions.map((path) => find(path, /^ {2}using: (\S+)$/m))).toEqual(actions.map(() => 'node24'))
  expect(row('GitHub runner')[2]).toContain('`node24`')
  expect(asText(asRecord(asRecord(JSON.parse(read('package.json')))['engines'])['node'])).toBe(`>=${node}`)
})
