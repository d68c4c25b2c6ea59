import { setTimeout as sleep } from 'node:timers/promises'
import type { Random } from '../ghcr/random.ts'
import type { Job, Running, StepResult } from '../e2e/runner.ts'

/** How one run is cut off. All of it comes from the seed. */
export interface Case {
  readonly number: number
  /** A kill of main, or of post, as a part of the time it usually takes; undefined: it goes on to its end. */
  readonly main: Kill | undefined
  /** `none`: the machine is gone with main. */
  readonly post: Kill | 'none' | undefined
  readonly nodes: 'one' | 'two'
  readonly keep: boolean
}

export interface Kill {
  readonly at: number
  /** `cancel` is what a runner does: SIGINT, SIGTERM after 7.5 s, SIGKILL 2.5 s later. */
  readonly how: 'SIGKILL' | 'SIGTERM' | 'cancel'
}

export function drawCase(number: number, random: Random): Case {
  const kill = (): Kill => {
    const how = random()
    return { at: random() * 1.05, how: how < 0.6 ? 'SIGKILL' : how < 0.8 ? 'cancel' : 'SIGTERM' }
  }
  const victim = random()
  const main = victim < 0.7 ? kill() : undefined
  const post = victim < 0.4 ? undefined : victim < 0.55 ? 'none' : kill()
  return { number, main, post, nodes: random() < 0.3 ? 'two' : 'one', keep: random() < 0.2 }
}

export function describeCase({ number, main, post, nodes, keep }: Case): string {
  const format = (kill: Kill | 'none' | undefined) =>
    kill === undefined ? 'whole' : kill === 'none' ? 'never' : `${kill.how} at ${Math.round(kill.at * 100)} %`
  const where = `${nodes} node${nodes === 'two' ? 's' : ''}${keep ? ', keep-builder' : ''}`
  return `case ${number}: main ${format(main)}, post ${format(post)}, ${where}`
}

/** The usual duration of a step in milliseconds. */
export interface Usual {
  readonly main: number
  readonly post: number
}

export interface Outcome {
  /** Everything that must not have happened. */
  readonly problems: readonly string[]
}

export async function runCase(
  { main, post }: Case,
  job: Job,
  inputs: Readonly<Record<string, string>>,
  usual: Usual,
): Promise<Outcome> {
  const problems: string[] = []
  const first = await endAs(job.start(inputs), main, usual.main)
  if (first.forced) problems.push(`main did not end in the time that a runner gives:\n${first.result.log}`)
  if (main === undefined && first.result.code !== 0) problems.push(`main failed:\n${first.result.log}`)
  if (/Unexpected error|bug of/.test(first.result.log)) problems.push(`main did not expect that:\n${first.result.log}`)
  if (post === 'none') return { problems }
  const last = await endAs(job.startPost(), post, usual.post)
  if (last.forced) problems.push(`post did not end in the time that a runner gives:\n${last.result.log}`)
  if (
    post === undefined &&
    (last.result.code !== 0 || last.result.errors.length > 0 || last.result.warnings.length > 0)
  )
    problems.push(`post failed or warned:\n${last.result.log}`)
  return { problems }
}

async function endAs(
  running: Running,
  kill: Kill | undefined,
  usual: number,
): Promise<{ readonly result: StepResult; readonly forced: boolean }> {
  if (kill === undefined) return { result: await running.result, forced: false }
  const over = running.result.then(() => true)
  if (await Promise.race([over, sleep(kill.at * usual, false)])) return { result: await running.result, forced: false }
  let forced = false
  const patience: NodeJS.Timeout[] = []
  if (kill.how === 'cancel') {
    running.process.kill('SIGINT')
    patience.push(setTimeout(() => running.process.kill('SIGTERM'), 7500))
  } else running.process.kill(kill.how)
  if (kill.how !== 'SIGKILL') {
    patience.push(
      setTimeout(() => {
        forced = true
        running.process.kill('SIGKILL')
      }, 10_000),
    )
  }
  const result = await running.result
  patience.forEach((timer) => clearTimeout(timer))
  return { result, forced }
}
