import { createHash } from 'node:crypto'
import { renderCommand } from '../inputs/image-tests.ts'
import type { VariantSpec } from '../inputs/variants.ts'
import { firstLine } from '../lib/format.ts'
import { targetLabel, type Target } from '../plan/target.ts'
import { oldest } from './find.ts'
import type { Progress, ProgressTarget, RunningVertex } from './progress.ts'
import { isFrom, isStep, testStage } from './steps.ts'

/**
 * The first buildx whose bake has `--jobs=defer-output`: it exports nothing, neither images nor caches, before every
 * target of the call is built, and the tests are targets of the call.
 */
const firstWithDeferredOutput = '0.38.0'

const notPublished = { output: ['type=cacheonly'], attest: ['type=provenance,disabled=true'] }
/** What a step of the image's own Dockerfile gets too. */
const inherited: readonly string[] = ['extra-hosts', 'network', 'shm-size', 'ulimits']

/** The bake targets of one image: the command of `test`, and the stage of `test-target`. */
export function testIds(id: string): { readonly command: string; readonly stage: string } {
  return { command: `${id}--test`, stage: `${id}--stage` }
}

/**
 * PURE: the bake targets that test the image of a target: the command of `test` on top of the built image, and the
 * stage of `test-target`. They are built by the same call as the image, on the same node, and export nothing.
 *
 * @param image the bake target of the image
 * @param nonce unique to this run
 */
export function testTargets(
  { id, variant, platform }: Target,
  image: Readonly<Record<string, unknown>>,
  nonce: string,
): Readonly<Record<string, unknown>> {
  const { command, stage } = variant.tests ?? {}
  const ids = testIds(id)
  return {
    ...(command && {
      [ids.command]: {
        context: '.',
        contexts: { image: `target:${id}` },
        'dockerfile-inline': renderDockerfile(command),
        platforms: [platform],
        // BuildKit runs equal steps of two targets, or of two runs, only once; the host name makes each step unique.
        args: { BUILDKIT_SANDBOX_HOSTNAME: `test-${shortHash(`${nonce} ${id}`)}` },
        'no-cache': true,
        ...Object.fromEntries(Object.entries(image).filter(([name]) => inherited.includes(name))),
        ...notPublished,
      },
    }),
    ...(stage !== undefined && {
      [ids.stage]: { ...image, target: stage, annotations: [], 'cache-to': [], ...notPublished },
    }),
  }
}

/** BuildKit names steps after their stage only if there are several stages; the first one is not built. */
function renderDockerfile(command: readonly string[]): string {
  return `FROM scratch AS unused\nFROM image AS ${testStage}\nRUN ${renderCommand(command)}\n`
}

function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12)
}

/** PURE: the targets of a call as the log names them: the tests of an image have the label of the image. */
export function progressTargets(targets: readonly Target[]): readonly ProgressTarget[] {
  return targets.flatMap((target): ProgressTarget[] => {
    const { command, stage } = target.variant.tests ?? {}
    const [label, ids] = [targetLabel(target), testIds(target.id)]
    return [
      { id: target.id, label },
      ...(command ? [{ id: ids.command, label, command: describeCommand(command) }] : []),
      ...(stage === undefined ? [] : [{ id: ids.stage, label }]),
    ]
  })
}

/** The command on one line. A name of only the first line of a script would look like the command that failed. */
function describeCommand(command: readonly string[]): string {
  const isScript = command[0] === '/bin/sh' && command[1] === '-ec'
  if (!isScript) return command.join(' ')
  const lines = (command[2] ?? '').split('\n').filter((line) => line.trim() !== '')
  const first = firstLine(lines[0] ?? '')
  return lines.length > 1 ? `script of ${lines.length} lines: ${first} …` : first
}

/** PURE: arguments of bake: nothing is exported before the tests of all images of the call have succeeded. */
export function exportArgs(targets: readonly Target[]): readonly string[] {
  return targets.some(({ variant }) => variant.tests) ? ['--jobs=defer-output'] : []
}

/** PURE: the target of the image to which a bake target belongs: itself, its test or its test stage. */
export function findTarget(targets: readonly Target[], id: string | undefined): Target | undefined {
  return targets.find((target) => target.id === id || isTestOf(target, id))
}

/** PURE: whether a bake target tests the image of a target. */
function isTestOf(target: Pick<Target, 'id'>, id: string | undefined): boolean {
  const { command, stage } = testIds(target.id)
  return id === command || id === stage
}

/** A test that took too long. */
export interface TestTimeout {
  readonly target: Target
  /** Milliseconds that it may take. */
  readonly limit: number
  /** The last lines that it printed. */
  readonly output: readonly string[]
}

/** Milliseconds. */
const watchInterval = 500

/** Calls back once a test takes longer than `test-timeout` allows. @returns what ends the watch */
export function watchTests(
  targets: readonly Target[],
  progress: Progress,
  onTimeout: (timeout: TestTimeout) => void,
): () => void {
  const tested = targets.filter(({ variant }) => variant.tests)
  const timer = setInterval(() => {
    const timeout = tested.length > 0 ? findTimeout(tested, progress.running(performance.now())) : undefined
    if (!timeout) return
    clearInterval(timer)
    onTimeout(timeout)
  }, watchInterval)
  return () => clearInterval(timer)
}

/** PURE: the first test that takes too long; steps that the image needs too do not count. */
function findTimeout(targets: readonly Target[], running: readonly RunningVertex[]): TestTimeout | undefined {
  for (const { name, targets: ids, runningFor, output } of running) {
    const target =
      isStep(name) && !isFrom(name)
        ? targets.find((one) => ids.length > 0 && ids.every((id) => isTestOf(one, id)))
        : undefined
    const limit = target?.variant.tests?.timeout ?? Infinity
    if (target && runningFor >= limit) return { target, limit, output }
  }
  return undefined
}

/** PURE: the oldest buildx that can build these variants. */
export function oldestBuildx(variants: readonly VariantSpec[]): string {
  return variants.some(({ tests }) => tests) ? firstWithDeferredOutput : oldest
}
