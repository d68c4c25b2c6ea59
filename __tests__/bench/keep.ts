import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import type { Farm } from '../farm/farm.ts'
import { releaseWithAction } from './action.ts'
import { benchApp, releaseFile } from './app.ts'
import { alternate, pairRounds, type Benchmark } from './compare.ts'
import { releaseManually } from './manual.ts'
import { expectNoBuilders } from './releases.ts'
import type { Release } from './measure.ts'

const mostOfManual = 0.32

/** A second release with the builders of the first one, and the manual commands, which create a builder each time. */
export async function measureKeep(farm: Farm, scratch: string, rounds: number): Promise<Benchmark> {
  await farm.registry.wipe()
  const files = benchApp(farm)
  const wipe = () => Promise.all(Object.values(farm.nodes).map((node) => node.wipe()))
  let releases = 0
  const describe = (method: string): Release => ({
    farm,
    image: `${farm.registry.host}/bench/keep-${method}`,
    files: { ...files, [releaseFile]: `${++releases}\n` },
    tag: '1.0.0',
    scratch: mkdtempSync(join(scratch, 'keep-')),
    inputs: { 'keep-builder': 'true' },
  })
  const took = await alternate(rounds, {
    action: async () => {
      await wipe()
      await releaseWithAction(describe('action'))
      return (await releaseWithAction(describe('action'))).took
    },
    manual: async () => {
      await wipe()
      // Fills the cache in the registry and leaves BuildKit's image on the nodes, as the action's first release does.
      await releaseManually(describe('manual'))
      await expectNoBuilders(farm)
      return (await releaseManually(describe('manual'))).took
    },
  })
  const comparison = {
    title: 'second release with `keep-builder`, LAN',
    other: '`buildx create`, `build`, `rm`',
    unit: 's',
    rounds: pairRounds(took.action, took.manual),
    goal: { kind: 'ratio', most: mostOfManual },
  } as const
  return { details: '', comparisons: [comparison] }
}
