// Runs the unit tests, then the farm's and the end-to-end tests one after the other: they share the farm's machines.
// Arguments go to jest, for example a path or -t NAME.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const bin = (name) => join(root, 'node_modules/.bin', name)
const results = mkdtempSync(join(tmpdir(), 'mab-test-'))
const env = { ...process.env, NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ''} --experimental-vm-modules --no-warnings` }
const args = process.argv.slice(2)

function jest(project, command, ...more) {
  const file = join(results, `${project}.json`)
  const all = [bin('jest'), '--config', join(root, '.ci/jest.config.mjs'), '--selectProjects', project, '--passWithNoTests', '--json', '--outputFile', file, ...more, ...args]
  const [head, ...rest] = [...command, process.execPath, ...all]
  const { status } = spawnSync(head, rest, { cwd: root, stdio: ['ignore', 2, 2], env })
  try {
    const { numPassedTests, numFailedTests, numFailedTestSuites, numPendingTests } = JSON.parse(readFileSync(file, 'utf8'))
    const broken = numFailedTests === 0 && (status !== 0 || numFailedTestSuites > 0) ? 1 : 0
    return { passed: numPassedTests, failed: numFailedTests + broken, skipped: numPendingTests }
  } catch {
    return { passed: 0, failed: 1, skipped: 0 }
  }
}

try {
  const unit = jest('unit', [])
  const e2e = jest('e2e', [bin('tsx'), join(root, '__tests__/farm/cli.ts'), 'run', '--'], '--runInBand')
  const sum = (name) => unit[name] + e2e[name]
  console.log(`${sum('passed')} passed, ${sum('failed')} failed, ${sum('skipped')} skipped`)
  process.exitCode = sum('failed') === 0 && sum('passed') > 0 ? 0 : 1
} finally {
  rmSync(results, { recursive: true, force: true })
}
