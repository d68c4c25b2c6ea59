// The action against other means, on one farm, in turns: npm run bench -- [--rounds N] [--only NAME …]
import { mkdtempSync, rmSync } from 'node:fs'
import { cpus, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { attachFarm, startFarm, type Farm } from '../farm/farm.ts'
import { ensureTools } from '../farm/tools.ts'
import { measureCaches } from './caches.ts'
import { renderComparisons, type Benchmark, type Comparison } from './compare.ts'
import { measureContext } from './context.ts'
import { copyKinds, measureCopies } from './copy.ts'
import { measureKeep } from './keep.ts'
import { measureMerges } from './merge.ts'
import { measureReleases } from './releases.ts'
import {
  goalOf,
  mergeGoal,
  renderCopies,
  renderMerges,
  renderReport,
  renderTests,
  testGoal,
  copyGoals,
  type Network,
} from './report.ts'
import { measureSplit } from './split.ts'
import { measureTargets } from './targets.ts'
import { measureTelemetry } from './telemetry.ts'
import { measureTests } from './tests.ts'

interface Bench {
  readonly farm: Farm
  readonly scratch: string
  readonly rounds: number
}

const byCommands = '`buildx create`, `build`, `rm`'

const benches: Readonly<Record<string, (bench: Bench) => Promise<Benchmark>>> = {
  lan: (bench) => releases(bench, 'LAN'),
  wan: (bench) => releases(bench, '50 ms'),
  keep: ({ farm, scratch, rounds }) => measureKeep(farm, scratch, rounds),
  context: ({ farm, scratch, rounds }) => measureContext(farm, scratch, rounds),
  cache: ({ farm, rounds }) => measureCaches(farm, rounds),
  targets: ({ farm, scratch, rounds }) => measureTargets(farm, scratch, rounds),
  split: ({ farm, scratch, rounds }) => measureSplit(farm, scratch, rounds),
  merge: merges,
  copy: copies,
  test: tests,
  telemetry: ({ farm, scratch, rounds }) => measureTelemetry(farm, scratch, rounds),
}

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '3' }, only: { type: 'string', multiple: true, default: [] } },
})
const rounds = Number(values.rounds)
if (!Number.isInteger(rounds) || rounds < 1 || values.only.some((name) => !(name in benches))) {
  console.error(`usage: npm run bench -- [--rounds N] [--only ${Object.keys(benches).join('|')} …]`)
  process.exit(2)
}

await ensureTools()
const stop = new AbortController()
// The release at work hears of it too, and takes down what it made; then we end.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort())

// Real servers offer it, and what it costs per connection belongs to the measurement.
const asShipped = { keyExchange: 'default' } as const
const scratch = mkdtempSync(join(tmpdir(), 'bench-'))
const given = process.env['MULTIARCH_BUILD_FARM'] !== undefined
say(given ? 'using the farm around us' : 'starting the farm …')
const farm = given ? await attachFarm() : await startFarm({ nodes: { amd: asShipped, arm: asShipped } })
const comparisons: Comparison[] = []
try {
  for (const [name, bench] of Object.entries(benches)) {
    if (values.only.length > 0 && !values.only.includes(name)) continue
    stop.signal.throwIfAborted()
    say(`${name}, ${rounds} rounds, load ${loadavg()[0]?.toFixed(1) ?? ''} on ${cpus().length} processors`)
    const measured = await bench({ farm, scratch, rounds })
    process.stdout.write(measured.details)
    comparisons.push(...measured.comparisons)
    process.stderr.write(renderComparisons(measured.comparisons))
  }
} catch (error) {
  process.exitCode = 1
  say(stop.signal.aborted ? 'stopped' : `${error instanceof Error ? error.message : String(error)}\n${farm.logs()}`)
} finally {
  if (comparisons.length > 0) process.stdout.write(`\n${renderComparisons(comparisons)}`)
  rmSync(scratch, { recursive: true, force: true })
  if (!given) await farm.stop()
}
process.exit()

async function releases(bench: Bench, wire: Network): Promise<Benchmark> {
  const scenarios = await measureReleases({ ...bench, wires: [wire], kinds: ['cold', 'second'], stop: stop.signal })
  const comparisons = scenarios.map((scenario): Comparison => {
    const goal = goalOf(scenario)
    const pairs = scenario.rounds.map(({ action, manual }) => ({ action: action.took, other: manual.took }))
    const wireTitle = wire === 'LAN' ? wire : '50 ms round trip'
    const title = `${scenario.kind === 'cold' ? 'first' : 'second'} release, ${wireTitle}`
    const limit = goal === undefined ? {} : { goal: { kind: 'ratio', most: goal } as const }
    return { title, other: byCommands, unit: 's', rounds: pairs, ...limit }
  })
  return { details: renderReport(scenarios), comparisons }
}

async function copies({ farm, scratch, rounds }: Bench): Promise<Benchmark> {
  const measured = await measureCopies(farm, scratch, rounds)
  const comparisons = copyKinds.map((kind): Comparison => ({
    title: `copy of 200 MB ${kind}`,
    other: '`imagetools create`',
    unit: 's',
    rounds: measured[kind].map(({ action, imagetools }) => ({ action, other: imagetools })),
    goal: { kind: 'ratio', most: copyGoals[kind] },
  }))
  return { details: renderCopies(measured), comparisons }
}

async function merges({ farm, scratch, rounds }: Bench): Promise<Benchmark> {
  const measured = await measureMerges(farm, scratch, rounds)
  const comparison: Comparison = {
    title: 'merge of 4 variants × 3 platforms',
    other: '`imagetools create` and `inspect`',
    unit: 's',
    rounds: measured.map(({ action, imagetools }) => ({ action, other: imagetools })),
    goal: { kind: 'ratio', most: mergeGoal },
  }
  return { details: renderMerges(measured), comparisons: [comparison] }
}

async function tests({ farm, scratch, rounds }: Bench): Promise<Benchmark> {
  const measured = await measureTests(farm, scratch, rounds)
  const comparison: Comparison = {
    title: 'second release with a test of the image',
    other: 'the same run without',
    unit: 's',
    rounds: measured.map(({ tested, untested }) => ({ action: tested.took, other: untested.took })),
    goal: { kind: 'ratio', most: testGoal },
  }
  return { details: renderTests(measured), comparisons: [comparison] }
}

function say(line: string): void {
  process.stderr.write(`bench: ${line}\n`)
}
