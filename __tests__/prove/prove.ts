// npm run prove [-- --histories N] [--seed S]: random histories, shared out among the processors. A failure is printed
// shrunk, with the seed that repeats it. With --mutations: wrong versions of the algorithm, and how soon each was
// caught.
import { execFile, fork } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { isDeepStrictEqual, parseArgs, promisify } from 'node:util'
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
  const { stackTraceLimit } = Error
  // A registry answers 404 all the time.
  Error.stackTraceLimit = 0
  const result = await fc.check(
    fc.asyncProperty(anyHistory, async (history) => await play(history)),
    { numRuns: histories, seed },
  )
  Error.stackTraceLimit = stackTraceLimit
  const [history] = result.counterexample ?? []
  if (!history) return
  console.error(
    `seed ${seed}, history ${result.numRuns}, shrunk ${result.numShrinks} times:\n${JSON.stringify(history)}`,
  )
  console.error(await play(history).catch((error: unknown) => error))
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
  const seconds = Math.round((performance.now() - began) / 1000)
  const verdict = `${each * workers} histories: nothing in use was lost, nothing expired remained`
  console.log(`${failed === 0 ? verdict : 'FAILED'} (${seconds} s)`)
  process.exitCode = failed
  if (failed === 0) await cleanUpLarge()
}

/** 100,000 versions fit in a small heap: cleanup keeps digests, and no manifests. V8 ends a process that needs more. */
async function cleanUpLarge(): Promise<void> {
  const program = fileURLToPath(new URL('hundred-thousand.ts', import.meta.url))
  const args = ['--max-old-space-size=192', '--import', 'tsx', program, '100000']
  const { stdout } = await promisify(execFile)(process.execPath, args, { env: { PATH: process.env['PATH'] } })
  const { heap, ...result } = JSON.parse(stdout) as { readonly heap: number }
  console.log(`100,000 versions in ${heap} MiB: ${JSON.stringify(result)}`)
  if (!isDeepStrictEqual(result, { versions: 100_002, deleted: 15 * 7, kept: 0, broken: 0 })) process.exitCode = 1
}

async function catchMutations(): Promise<void> {
  console.log(`repeat with --mutations --seed ${seed}`)
  for (const [name, mutation] of Object.entries(mutations)) {
    const { failed, numRuns, errorInstance } = await fc.check(
      fc.asyncProperty(anyHistory, async (history) => await play(history, mutation)),
      { numRuns: histories, seed, endOnFailure: true },
    )
    const message = errorInstance instanceof Error ? errorInstance.message.slice(0, 100) : ''
    if (failed) console.log(`caught by history ${numRuns}: a cleanup that ${name}: ${message}`)
    else console.log(`NOT CAUGHT by ${numRuns}: a cleanup that ${name}`)
    if (!failed) process.exitCode = 1
  }
}

await (values.worker ? work() : values.mutations ? catchMutations() : share())
