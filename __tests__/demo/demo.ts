// The main job on a build farm of its own, twice, for people to watch: npm run demo
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Job, StepResult } from '../e2e/runner.ts'
import { farmInputs, farmJob, leftovers, storedIndex, storedTags } from '../e2e/harness.ts'
import { startFarm, type Farm } from '../farm/farm.ts'
import { leftovers as farmLeftovers } from '../farm/cleanup.ts'
import { ensureTools } from '../farm/tools.ts'
import { openRunnerLog, type RunnerLog } from './runner-log.ts'

const appDir = fileURLToPath(new URL('app', import.meta.url))
const variants = 'slim: { target: slim }\nfull: { target: full }\n'
const stop = new AbortController()
let farm: Farm | undefined
/** From here on there is something to be taken down. */
let begun = false

// The step at work hears of a Ctrl-C as well; then its post step runs, as on a runner, and the farm goes.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    if (!stop.signal.aborted) say('Stopping: cleaning up first …')
    stop.abort(new Error('Stopped.'))
    if (!begun) process.exit(130)
  })
}

try {
  await demo()
} catch (error) {
  process.exitCode = stop.signal.aborted ? 130 : 1
  say(error instanceof Error ? error.message : String(error))
} finally {
  await farm?.stop()
}
if (farm) {
  const left = await farmLeft(farm.id)
  say(
    left.length === 0
      ? 'The farm is gone: no process, mount, network link or file of it is left.'
      : `Left over of the farm:\n${left.join('\n')}`,
  )
  if (left.length > 0) process.exitCode = 1
}
process.exit()

async function demo(): Promise<void> {
  title('A build farm on this machine')
  say('Starting two machines with a Docker Engine and an SSH server each, and a registry …')
  await ensureTools()
  begun = true
  const began = performance.now()
  farm = await startFarm()
  stop.signal.throwIfAborted()
  const { amd, arm } = farm.nodes
  say(`Up after ${since(began)}: ${amd.endpoint}, ${arm.endpoint}, registry ${farm.registry.host}.`)
  say('Both are this very machine, so on this farm linux/arm64 runs through QEMU, and the log and the summary say so.')
  const image = `${farm.registry.host}/acme/app`
  title('The step')
  show(describeStep(farm, image))

  title('Release 1: nothing is cached anywhere')
  const first = await release(farm, image, '1')
  title('Release 2: one changed file, and machines that were wiped')
  await Promise.all([amd.wipe(), arm.wipe()])
  stop.signal.throwIfAborted()
  const second = await release(farm, image, '2')

  title('What came of it')
  say(
    `Release 1 took ${seconds(first.took)}, release 2 ${seconds(second.took)}: the unchanged steps came from the ` +
      'registry cache, which each platform has for itself.',
  )
  if (!/\| [1-9]\d* of \d+ \|/.test(second.summary)) throw new Error('The second release took nothing from the cache.')
  for (const tag of ['2-slim', '2-full']) await describeImage(farm, image, tag)
  say(`Tags in the registry: ${(await storedTags(farm, image)).join(', ')}`)
}

/** One job: checkout, our step, its post step. */
async function release(on: Farm, image: string, number: string): Promise<StepResult> {
  const files = Object.fromEntries(
    readApp().map(([name, text]) => [name, text.replace('release 1', `release ${number}`)]),
  )
  const job = farmJob(on, { files, ref: `refs/tags/v${number}.0.0` })
  const log = openRunnerLog((line) => process.stdout.write(`  │ ${line}\n`))
  try {
    const main = await runMain(job, inputsOf(on, image, number), log)
    if (main.summary !== '') say('Its summary:')
    show(main.summary.trim())
    await runPost(job, log)
    stop.signal.throwIfAborted()
    if (main.code !== 0) throw new Error(`The step failed.\n${on.logs()}`)
    const left = await leftovers(on, job)
    if (left.length > 0) throw new Error(`Left over:\n${left.join('\n')}`)
    say('After its post step, nothing is left: no container or volume on any machine, no agent, tunnel or file here.')
    return main
  } finally {
    job.end()
  }
}

async function runMain(job: Job, inputs: Record<string, string>, log: RunnerLog): Promise<StepResult> {
  const running = job.start(inputs)
  log.follow(running.process.stdout)
  log.follow(running.process.stderr)
  // After a Ctrl-C in a terminal it has had its signal already; one of another kind does it no harm.
  const end = () => setTimeout(() => running.process.kill('SIGTERM'), 300)
  stop.signal.addEventListener('abort', end, { once: true })
  try {
    return await running.result
  } finally {
    stop.signal.removeEventListener('abort', end)
  }
}

async function runPost(job: Job, log: RunnerLog): Promise<void> {
  say('Its post step:')
  const post = await job.post()
  // An impatient second Ctrl-C may have ended it; what it does, it can do again.
  const last = post.code === 0 ? post : await job.post()
  last.raw
    .trimEnd()
    .split('\n')
    .forEach((line) => log.line(line))
  if (last.code !== 0 || last.warnings.length > 0) throw new Error('The post step could not clean up.')
}

function inputsOf(on: Farm, image: string, number: string): Record<string, string> {
  return farmInputs(on, { image, variants, tags: number, 'build-args': `BASE=${on.images.base}` })
}

/** As its author would write it. */
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
    throw new Error(`${image}:${tag} should hold two platforms, and holds ${platforms.join(', ') || 'none'}.`)
  say(`${image}:${tag} in the registry: ${platforms.join(', ')}`)
}

function readApp(): [string, string][] {
  const paths = readdirSync(appDir, { recursive: true, encoding: 'utf8' }).filter((path) =>
    statSync(join(appDir, path)).isFile(),
  )
  return paths.map((path) => [path, readFileSync(join(appDir, path), 'utf8')])
}

/** What is left of this farm; other farms may run on this host, or be ending. */
async function farmLeft(id: number): Promise<string[]> {
  const own = new RegExp(`mab(?:-farm-)?${id}(?!\\d)`)
  for (let tries = 0; ; tries++) {
    const found = (await farmLeftovers()).filter((one) => own.test(one))
    // What is just ending is not left over.
    if (found.length === 0 || tries === 30) return found
    await sleep(100)
  }
}

function title(text: string): void {
  process.stdout.write(`\n━━ ${text}\n`)
}

function say(text: string): void {
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
