// Runs the farm and end-to-end tests on three farms (FARMS=2: on two), one file at a time on each, because files share
// the machines of a farm, and at the same time the unit tests, whose output is printed at the end. Their priority
// lets them end at about the same time: with a lower one they would run after the others, at a higher one slow them.
// --all adds the tests of __tests__/integrations, which install more programs. Other arguments are passed to Jest, for
// example a path or -t NAME, and select from all tests; there is only one farm then.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const bin = (name) => join(root, 'node_modules/.bin', name)
const results = mkdtempSync(join(tmpdir(), 'mab-test-'))
const NODE_OPTIONS = `${process.env.NODE_OPTIONS ?? ''} --experimental-vm-modules --no-warnings`
/** Unit tests see neither the settings of this host and user nor the variables of a CI job. */
const unitEnv = {
  PATH: process.env.PATH,
  SEED: process.env.SEED,
  TMPDIR: tmpdir(),
  HOME: join(results, 'home'),
  NODE_OPTIONS,
}
/** The farm installs its tools, so it needs caches and proxies; end-to-end tests pass an environment of their own. */
const farmEnv = { ...process.env, NODE_OPTIONS }
const args = process.argv.slice(2).filter((argument) => argument !== '--all')
const all = process.argv.includes('--all') || args.length > 0
const farmProjects = all ? ['e2e', 'integrations'] : ['e2e']
// Files wait a lot: two farms leave two processors idle at times.
const wanted = Number(process.env.FARMS ?? (availableParallelism() > 1 ? 3 : 1))
const farms = args.length > 0 ? 1 : wanted
const unitWorkers = String(Math.max(2, availableParallelism() - 1))

async function jest({ projects, command, output, env, options = [] }) {
  const file = join(results, `${projects[0]}.json`)
  const jestArgs = [
    bin('jest'),
    '--config',
    join(root, '.ci/jest.config.mjs'),
    '--selectProjects',
    ...projects,
    '--passWithNoTests',
    '--json',
    '--outputFile',
    file,
    ...options,
    ...args,
  ]
  const [head, ...rest] = [...command, process.execPath, ...jestArgs]
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

process.umask(0o022)
try {
  mkdirSync(unitEnv.HOME)
  const log = join(results, 'unit.log')
  const output = openSync(log, 'w')
  const farmRun = [bin('tsx'), join(root, '__tests__/farm/cli.ts'), 'run', '--farms', String(farms), '--']
  const [unit, onFarms] = await Promise.all([
    jest({
      projects: ['unit'],
      command: ['nice', '-n', '5'],
      output,
      env: unitEnv,
      // Lower than in the configuration: to start a worker anew takes less time than to collect its heap.
      options: ['--maxWorkers', unitWorkers, '--workerIdleMemoryLimit=250MB'],
    }),
    jest({
      projects: farmProjects,
      command: farmRun,
      output: 2,
      env: farmEnv,
      options: ['--maxWorkers', String(farms)],
    }),
  ])
  closeSync(output)
  process.stderr.write(readFileSync(log, 'utf8'))
  const sum = (name) => unit[name] + onFarms[name]
  console.log(`${sum('passed')} passed, ${sum('failed')} failed, ${sum('skipped')} skipped`)
  process.exitCode = sum('failed') === 0 && sum('passed') > 0 ? 0 : 1
} finally {
  rmSync(results, { recursive: true, force: true })
}
