// Runs the farm's and the end-to-end tests on two farms, one file after the other on each, since these share its
// machines; and the unit tests with what they leave of the processors. What the unit tests say is told at the end.
// Arguments go to jest, for example a path or -t NAME: then there is one farm.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const bin = (name) => join(root, 'node_modules/.bin', name)
const results = mkdtempSync(join(tmpdir(), 'mab-test-'))
const env = {
  ...process.env,
  NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ''} --experimental-vm-modules --no-warnings`,
}
const args = process.argv.slice(2)
const farms = args.length > 0 || availableParallelism() < 2 ? 1 : 2

async function jest(project, command, output, ...more) {
  const file = join(results, `${project}.json`)
  const all = [
    bin('jest'),
    '--config',
    join(root, '.ci/jest.config.mjs'),
    '--selectProjects',
    project,
    '--passWithNoTests',
    '--json',
    '--outputFile',
    file,
    ...more,
    ...args,
  ]
  const [head, ...rest] = [...command, process.execPath, ...all]
  const [status] = await once(spawn(head, rest, { cwd: root, stdio: ['ignore', output, output], env }), 'close')
  try {
    const { numPassedTests, numFailedTests, numFailedTestSuites, numPendingTests } = JSON.parse(
      readFileSync(file, 'utf8'),
    )
    const broken = numFailedTests === 0 && (status !== 0 || numFailedTestSuites > 0) ? 1 : 0
    return { passed: numPassedTests, failed: numFailedTests + broken, skipped: numPendingTests }
  } catch {
    return { passed: 0, failed: 1, skipped: 0 }
  }
}

try {
  const log = join(results, 'unit.log')
  const output = openSync(log, 'w')
  const [unit, e2e] = await Promise.all([
    jest('unit', ['nice', '-n', '19'], output),
    jest(
      'e2e',
      [bin('tsx'), join(root, '__tests__/farm/cli.ts'), 'run', '--farms', String(farms), '--'],
      2,
      '--maxWorkers',
      String(farms),
    ),
  ])
  closeSync(output)
  process.stderr.write(readFileSync(log, 'utf8'))
  const sum = (name) => unit[name] + e2e[name]
  console.log(`${sum('passed')} passed, ${sum('failed')} failed, ${sum('skipped')} skipped`)
  process.exitCode = sum('failed') === 0 && sum('passed') > 0 ? 0 : 1
} finally {
  rmSync(results, { recursive: true, force: true })
}
