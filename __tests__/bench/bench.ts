// Ours against what people type manual, on one farm, in turns: npm run bench -- [--rounds N] [--only
// lan|wan|cold|second|copy|merge|test …]
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { attachFarm, startFarm, type Farm } from '../farm/farm.ts'
import { ensureTools } from '../farm/tools.ts'
import { benchApp, cacheable, releaseFile } from './app.ts'
import { measureCopies } from './copy.ts'
import { measureMerges } from './merge.ts'
import { releaseManually } from './manual.ts'
import type { Measured } from './measure.ts'
import { measureTests } from './tests.ts'
import { releaseWithAction } from './action.ts'
import {
  renderCopies,
  renderMerges,
  renderReport,
  renderTests,
  type Kind,
  type Scenario,
  type Method,
  type Network,
} from './report.ts'

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '3' }, only: { type: 'string', multiple: true, default: [] } },
})
const rounds = Number(values.rounds)
const chosen = (...names: string[]) => names.filter((name) => values.only.includes(name))
if (
  !Number.isInteger(rounds) ||
  rounds < 1 ||
  chosen('lan', 'wan', 'cold', 'second', 'copy', 'merge', 'test').length < values.only.length
) {
  console.error('usage: npm run bench -- [--rounds N] [--only lan|wan|cold|second|copy|merge|test …]')
  process.exit(2)
}
const wires: readonly Network[] = (['LAN', '50 ms'] as const).filter(
  (wire) => chosen('lan', 'wan').length === 0 || values.only.includes(wire === 'LAN' ? 'lan' : 'wan'),
)
const kinds: readonly Kind[] = (['cold', 'second'] as const).filter(
  (kind) => chosen('cold', 'second').length === 0 || values.only.includes(kind),
)
const isRelease = values.only.some((name) => !['copy', 'merge', 'test'].includes(name)) || values.only.length === 0
const release = { action: releaseWithAction, manual: releaseManually } as const

await ensureTools()
const stop = new AbortController()
// The release at work hears of it too, and takes down what it made; then we end.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort())

const scratch = mkdtempSync(join(tmpdir(), 'bench-'))
const given = process.env['MULTIARCH_BUILD_FARM'] !== undefined
say(given ? 'using the farm around us' : 'starting the farm …')
const farm = given ? await attachFarm() : await startFarm()
try {
  if (isRelease) process.stdout.write(renderReport(await measureAll()))
  if (values.only.length === 0 || values.only.includes('copy'))
    process.stdout.write(renderCopies(await measureCopies(farm, scratch, rounds)))
  if (values.only.length === 0 || values.only.includes('merge'))
    process.stdout.write(renderMerges(await measureMerges(farm, scratch, rounds)))
  if (values.only.length === 0 || values.only.includes('test'))
    process.stdout.write(renderTests(await measureTests(farm, scratch, rounds)))
} catch (error) {
  process.exitCode = 1
  say(stop.signal.aborted ? 'stopped' : `${error instanceof Error ? error.message : String(error)}\n${farm.logs()}`)
} finally {
  rmSync(scratch, { recursive: true, force: true })
  if (!given) await farm.stop()
}
process.exit()

async function measureAll(): Promise<Scenario[]> {
  const scenarios: Scenario[] = []
  for (const wire of wires) {
    await Promise.all(Object.values(farm.nodes).map((node) => node.setDelay(wire === 'LAN' ? 0 : 50)))
    const measured: Record<Method, Record<Kind, Measured>>[] = []
    for (let round = 1; round <= rounds; round++) {
      // In turns: whatever else this machine does slows both down alike.
      const order: readonly Method[] = round % 2 === 1 ? ['action', 'manual'] : ['manual', 'action']
      const pair: Partial<Record<Method, Record<Kind, Measured>>> = {}
      for (const way of order) pair[way] = await measureWay(way, `${wire}, round ${round} of ${rounds}`)
      measured.push(pair as Record<Method, Record<Kind, Measured>>)
    }
    scenarios.push(
      ...kinds.map((kind) => ({
        wire,
        kind,
        cacheable,
        rounds: measured.map((pair) => ({ action: pair.action[kind], manual: pair.manual[kind] })),
      })),
    )
  }
  return scenarios
}

/** A first release into an empty registry, and a second one with nothing but the registry's cache to help. */
async function measureWay(way: Method, title: string): Promise<Record<Kind, Measured>> {
  await farm.registry.wipe()
  const image = `${farm.registry.host}/bench/${way.replace(' ', '-')}`
  const files = benchApp(farm)
  const cold = await measure(way, 'cold', title, { image, files, tag: '1.0.1' })
  const second = await measure(way, 'second', title, { image, files: { ...files, [releaseFile]: '2\n' }, tag: '1.0.2' })
  return { cold, second }
}

async function measure(
  way: Method,
  kind: Kind,
  title: string,
  what: { image: string; files: Record<string, string>; tag: string },
): Promise<Measured> {
  await wipeNodes(farm)
  if (stop.signal.aborted) throw new Error('stopped')
  const own = mkdtempSync(join(scratch, 'release-'))
  const measured = await release[way]({ farm, scratch: own, ...what })
  say(`${title}: ${kind}, ${way}: ${(measured.took / 1000).toFixed(1)} s`)
  return measured
}

async function wipeNodes({ nodes }: Farm): Promise<void> {
  await Promise.all(Object.values(nodes).map((node) => node.wipe()))
}

function say(line: string): void {
  process.stderr.write(`bench: ${line}\n`)
}
