// npm run demo: two releases on a farm, with the log as a runner shows it.
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Job, StepResult } from '../e2e/runner.ts'
import { farmInputs, farmJob, leftovers, storedIndex, storedTags } from '../e2e/harness.ts'
import { canShowView, Screen } from '../../src/cli/screen.ts'
import { parseStates } from '../../src/cli/step.ts'
import { startFarm, type Farm } from '../farm/farm.ts'
import { leftovers as farmLeftovers } from '../farm/cleanup.ts'
import { ensureTools } from '../farm/tools.ts'
import { openRunnerLog, type RunnerLog } from './runner-log.ts'

const appDir = fileURLToPath(new URL('app', import.meta.url))
const variants = 'slim: { target: slim }\nfull: { target: full }\n'
const stop = new AbortController()
let farm: Farm | undefined
/** Whether there is a farm to stop. */
let begun = false

// The running step receives Ctrl-C as well; then its post step runs, as on a runner, and the farm stops.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    if (!stop.signal.aborted) log('Stopping: cleaning up first …')
    stop.abort(new Error('Stopped.'))
    if (!begun) process.exit(130)
  })
}

try {
  await demo()
} catch (error) {
  process.exitCode = stop.signal.aborted ? 130 : 1
  log(error instanceof Error ? error.message : String(error))
} finally {
  await farm?.stop()
}
if (farm) {
  const left = await farmLeft(farm.id)
  log(
    left.length === 0
      ? 'The farm has ended: no process, mount, network link or file of it is left.'
      : `Leftovers of the farm:\n${left.join('\n')}`,
  )
  if (left.length > 0) process.exitCode = 1
}
process.exit()

async function demo(): Promise<void> {
  title('A build farm on this machine')
  log('Starting two machines with a Docker Engine and an SSH server each, and a registry …')
  await ensureTools()
  begun = true
  const began = performance.now()
  farm = await startFarm()
  stop.signal.throwIfAborted()
  const { amd, arm } = farm.nodes
  log(`Up after ${since(began)}: ${amd.endpoint}, ${arm.endpoint}, registry ${farm.registry.host}.`)
  log('Both run on this CPU, so linux/arm64 is emulated with QEMU, hence the warnings.')
  const image = `${farm.registry.host}/acme/app`
  title('The step')
  show(describeStep(farm, image))

  title('Release 1: no cache')
  const first = await release(farm, image, '1')
  title('Release 2: one changed file, emptied machines')
  await Promise.all([amd.wipe(), arm.wipe()])
  stop.signal.throwIfAborted()
  const second = await release(farm, image, '2')

  title('Result')
  log(
    `Release 1 took ${seconds(first.took)}, release 2 ${seconds(second.took)}: the unchanged steps came from the ` +
      'registry cache, which each platform has for itself.',
  )
  if (!/\| [1-9]\d* of \d+ \|/.test(second.summary)) throw new Error('The second release had no cache hits.')
  for (const tag of ['2-slim', '2-full']) await describeImage(farm, image, tag)
  log(`Tags in the registry: ${(await storedTags(farm, image)).join(', ')}`)
}

/** One job: checkout, the step, its post step. */
async function release(on: Farm, image: string, number: string): Promise<StepResult> {
  const files = Object.fromEntries(
    readApp().map(([name, text]) => [name, text.replace('release 1', `release ${number}`)]),
  )
  const screen = canShowView(process.stdout, process.env) ? new Screen(process.stdout, process.env) : undefined
  const onMessage = (message: unknown) => screen?.update(parseStates(message, new Set()))
  const job = farmJob(on, { files, ref: `refs/tags/v${number}.0.0`, ...(screen && { onMessage }) })
  let print = (line: string) => screen?.print(line) ?? process.stdout.write(`${line}\n`)
  const runnerLog = openRunnerLog((line) => print(`  │ ${line}`))
  try {
    const main = await runMain(job, inputsOf(on, image, number), runnerLog).finally(() => screen?.close())
    print = (line) => process.stdout.write(`${line}\n`)
    if (main.summary !== '') log('Summary:')
    show(main.summary.trim())
    await runPost(job, runnerLog)
    stop.signal.throwIfAborted()
    if (main.code !== 0) throw new Error(`The step failed.\n${on.logs()}`)
    const left = await leftovers(on, job)
    if (left.length > 0) throw new Error(`Leftovers:\n${left.join('\n')}`)
    log('After the post step nothing is left: no container or volume on the machines, no agent, tunnel or file here.')
    return main
  } finally {
    job.end()
  }
}

async function runMain(job: Job, inputs: Record<string, string>, runnerLog: RunnerLog): Promise<StepResult> {
  const running = job.start(inputs)
  runnerLog.follow(running.process.stdout)
  runnerLog.follow(running.process.stderr)
  // After Ctrl-C in a terminal it has already received a signal; a second one does no harm.
  const end = () => setTimeout(() => running.process.kill('SIGTERM'), 300)
  stop.signal.addEventListener('abort', end, { once: true })
  try {
    return await running.result
  } finally {
    stop.signal.removeEventListener('abort', end)
  }
}

async function runPost(job: Job, runnerLog: RunnerLog): Promise<void> {
  log('Post step:')
  const post = await job.post()
  // A second Ctrl-C may have ended it; it is idempotent.
  const last = post.code === 0 ? post : await job.post()
  last.raw
    .trimEnd()
    .split('\n')
    .forEach((line) => runnerLog.line(line))
  if (last.code !== 0 || last.warnings.length > 0) throw new Error('The post step could not clean up.')
}

function inputsOf(on: Farm, image: string, number: string): Record<string, string> {
  return farmInputs(on, { image, variants, tags: number, 'build-args': `BASE=${on.images.base}` })
}

/** The step as a workflow author writes it. */
function describeStep(on: Farm, image: string): string {
  const secrets: Readonly<Record<string, string>> = {
    'ssh-private-key': '${{ secrets.BUILDKIT_SSH_KEY }}',
    'ssh-known-hosts': '${{ vars.BUILDKIT_KNOWN_HOSTS }}',
  }
  const inputs = Object.entries({ ...inputsOf(on, image, '1'), ...secrets }).map(([name, value]) => {
    const lines = value.trim().split('\n')
    return lines.length === 1
      ? `    ${name}: ${value}`
      : [`    ${name}: |`, ...lines.map((line) => `      ${line}`)].join('\n')
  })
  return ['- uses: org/multiarch-build@v1', '  with:', ...inputs].join('\n')
}

async function describeImage(on: Farm, image: string, tag: string): Promise<void> {
  const index = await storedIndex(on, image, tag)
  const platforms =
    index?.manifests
      .filter(({ platform }) => platform.os !== 'unknown')
      .map(({ platform, digest }) => `${platform.os}/${platform.architecture} ${digest.slice(0, 19)}…`) ?? []
  if (platforms.length !== 2)
    throw new Error(`${image}:${tag} should have two platforms, but has ${platforms.join(', ') || 'none'}.`)
  log(`${image}:${tag} in the registry: ${platforms.join(', ')}`)
}

function readApp(): [string, string][] {
  const paths = readdirSync(appDir, { recursive: true, encoding: 'utf8' }).filter((path) =>
    statSync(join(appDir, path)).isFile(),
  )
  return paths.map((path) => [path, readFileSync(join(appDir, path), 'utf8')])
}

/** Leftovers of this farm; other farms may run on this host. */
async function farmLeft(id: number): Promise<string[]> {
  const pattern = new RegExp(`mab(?:-farm-)?${id}(?!\\d)`)
  for (let tries = 0; ; tries++) {
    const found = (await farmLeftovers()).filter((one) => pattern.test(one))
    // A process that is just ending is no leftover.
    if (found.length === 0 || tries === 30) return found
    await sleep(100)
  }
}

function title(text: string): void {
  process.stdout.write(`\n━━ ${text}\n`)
}

function log(text: string): void {
  process.stdout.write(`${text}\n`)
}

function show(text: string): void {
  if (text !== '') process.stdout.write(`${text.replace(/^/gm, '  ')}\n`)
}

function since(began: number): string {
  return seconds(performance.now() - began)
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}
