// npm run prove [-- --histories N] [--seed S]: random histories, shared out among the processors. A failure is printed
// shrunk, with the seed that repeats it. With --mutations: wrong versions of the algorithm, and how soon each was
// caught.
import { fork } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import fc from 'fast-check'
import { anyHistory } from './arbitrary.ts'
import { play } from './history.ts'
import { mutations } from './mutations.ts'

const { values } = parseArgs({
  options: {
    histories: { type: 'string', default: '100000' },
    seed: { type: 'string' },
    worker: { type: 'boolean', default: false },
    mutations: { type: 'boolean', default: false },
  },
})
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31))
const histories = Number(values.histories)

async function work(): Promise<void> {
  const result = await fc.check(
    fc.asyncProperty(anyHistory, async (history) => await play(history)),
    { numRuns: histories, seed },
  )
  if (!result.failed) return
  console.error(
    `seed ${seed}, history ${result.numRuns}, shrunk ${result.numShrinks} times:\n${JSON.stringify(result.counterexample?.[0])}\n${result.errorInstance instanceof Error ? (result.errorInstance.stack ?? '') : ''}`,
  )
  process.exitCode = 1
}

async function share(): Promise<void> {
  const workers = Math.max(1, availableParallelism())
  const each = Math.ceil(histories / workers)
  console.log(`${each * workers} histories by ${workers} processes; repeat with --seed ${seed}`)
  const began = performance.now()
  const codes = await Promise.all(
    Array.from({ length: workers }, async (_, at) => {
      const child = fork(fileURLToPath(import.meta.url), [
        '--worker',
        '--histories',
        String(each),
        '--seed',
        String(seed + at),
      ])
      return await new Promise<number>((resolve) => child.on('exit', (code) => resolve(code ?? 1)))
    }),
  )
  const failed = codes.filter((code) => code !== 0).length
  console.log(
    `${failed === 0 ? `${each * workers} histories: nothing that lives was lost, nothing dead was left` : 'FAILED'} (${Math.round((performance.now() - began) / 1000)} s)`,
  )
  process.exitCode = failed
}

async function catchMutations(): Promise<void> {
  console.log(`repeat with --mutations --seed ${seed}`)
  for (const [name, mutation] of Object.entries(mutations)) {
    const { failed, numRuns, errorInstance } = await fc.check(
      fc.asyncProperty(anyHistory, async (history) => await play(history, mutation)),
      { numRuns: histories, seed, endOnFailure: true },
    )
    console.log(
      failed
        ? `caught by history ${numRuns}: a cleanup that ${name}: ${errorInstance instanceof Error ? errorInstance.message.slice(0, 100) : ''}`
        : `NOT CAUGHT by ${numRuns}: a cleanup that ${name}`,
    )
    if (!failed) process.exitCode = 1
  }
}

await (values.worker ? work() : values.mutations ? catchMutations() : share())
