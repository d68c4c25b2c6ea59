import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import type { Farm } from '../farm/farm.ts'
import { releaseWithAction } from './action.ts'
import { benchApp, releaseFile } from './app.ts'
import { readProcessorTime, type Measured } from './measure.ts'

/** A second release with a test that does nothing, and one without. Times in milliseconds. */
export interface MeasuredTest {
  readonly tested: Measured
  readonly untested: Measured
  /** Processor time of the steps and of buildx. */
  readonly testedWork: number
  readonly untestedWork: number
}

/** Makes second releases with and without `test`, in turns; each finds nothing but the registry's cache. */
export async function measureTests(farm: Farm, scratch: string, rounds: number): Promise<MeasuredTest[]> {
  const measured: MeasuredTest[] = []
  const files = benchApp(farm)
  await farm.registry.wipe()
  const image = `${farm.registry.host}/bench/tests`
  const release = async (text: string, inputs: Readonly<Record<string, string>> = {}) => {
    await Promise.all(Object.values(farm.nodes).map((node) => node.wipe()))
    const before = readProcessorTime()
    const own = mkdtempSync(join(scratch, 'tests-'))
    const release = { farm, image, files: { ...files, [releaseFile]: `${text}\n` }, tag: '1.0.0', scratch: own, inputs }
    return { result: await releaseWithAction(release), work: readProcessorTime() - before }
  }
  await release('first')
  for (let round = 1; round <= rounds; round++) {
    const turns = [
      async () => ({ ...(await release(`tested ${round}`, { test: 'true' })), isTested: true }),
      async () => ({ ...(await release(`untested ${round}`)), isTested: false }),
    ]
    const results: Awaited<ReturnType<(typeof turns)[number]>>[] = []
    for (const turn of round % 2 === 1 ? turns : turns.reverse()) results.push(await turn())
    const [tested, untested] = [true, false].map((kind) => results.find(({ isTested }) => isTested === kind))
    if (!tested || !untested) throw new Error('a turn is missing')
    process.stderr.write(
      `bench: test, round ${round} of ${rounds}: ` +
        `${(tested.result.took / 1000).toFixed(1)} s with, ${(untested.result.took / 1000).toFixed(1)} s without\n`,
    )
    measured.push({
      tested: tested.result,
      untested: untested.result,
      testedWork: tested.work,
      untestedWork: untested.work,
    })
  }
  return measured
}
