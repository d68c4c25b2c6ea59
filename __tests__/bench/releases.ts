import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import type { Farm } from '../farm/farm.ts'
import { releaseWithAction } from './action.ts'
import { benchApp, cacheable, releaseFile } from './app.ts'
import { releaseManually } from './manual.ts'
import type { Measured } from './measure.ts'
import type { Kind, Method, Network, Scenario } from './report.ts'

const methods = { action: releaseWithAction, manual: releaseManually } as const

export interface ReleaseBench {
  readonly farm: Farm
  readonly scratch: string
  readonly rounds: number
  readonly wires: readonly Network[]
  readonly kinds: readonly Kind[]
  readonly stop: AbortSignal
}

/** Releases by the action and by what people type, in turns, on each wire. */
export async function measureReleases(bench: ReleaseBench): Promise<Scenario[]> {
  const { farm, rounds, wires, kinds } = bench
  const scenarios: Scenario[] = []
  for (const wire of wires) {
    await Promise.all(Object.values(farm.nodes).map((node) => node.setDelay(wire === 'LAN' ? 0 : 50)))
    const measured: Record<Method, Record<Kind, Measured>>[] = []
    for (let round = 1; round <= rounds; round++) {
      // In turns: whatever else this machine does slows both down alike.
      const order: readonly Method[] = round % 2 === 1 ? ['action', 'manual'] : ['manual', 'action']
      const pair: Partial<Record<Method, Record<Kind, Measured>>> = {}
      for (const method of order) pair[method] = await measureMethod(bench, method, `${wire}, round ${round}`)
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
  await Promise.all(Object.values(farm.nodes).map((node) => node.setDelay(0)))
  return scenarios
}

/**
 * A first release to an empty registry from empty nodes, and a second one on the nodes as the first has left them: with
 * BuildKit's image, but without a builder or a volume, so that only the cache in the registry helps.
 */
async function measureMethod(bench: ReleaseBench, method: Method, title: string): Promise<Record<Kind, Measured>> {
  const { farm, scratch, stop } = bench
  await Promise.all([farm.registry.wipe(), ...Object.values(farm.nodes).map((node) => node.wipe())])
  const image = `${farm.registry.host}/bench/${method}`
  const files = benchApp(farm)
  const measure = async (kind: Kind, release: { readonly files: Record<string, string>; readonly tag: string }) => {
    stop.throwIfAborted()
    const own = mkdtempSync(join(scratch, 'release-'))
    const measured = await methods[method]({ farm, image, scratch: own, ...release })
    process.stderr.write(`bench: ${title}: ${kind}, ${method}: ${(measured.took / 1000).toFixed(1)} s\n`)
    return measured
  }
  const cold = await measure('cold', { files, tag: '1.0.1' })
  await expectNoBuilders(farm)
  const second = await measure('second', { files: { ...files, [releaseFile]: '2\n' }, tag: '1.0.2' })
  return { cold, second }
}

/** @throws if a node has a container or a volume, in which a cache could be. */
export async function expectNoBuilders(farm: Farm): Promise<void> {
  const left = await Promise.all(
    Object.values(farm.nodes).map(async (node) => [
      ...(await node.containers()).map(({ name }) => name),
      ...(await node.volumes()),
    ]),
  )
  if (left.flat().length > 0) throw new Error(`the first release left ${left.flat().join(', ')} on the nodes`)
}
