import { spawn } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { attachFarm, farmVariable, startPersistentFarm, startFarm, logTails } from './farm.ts'
import type { Farm, Registry, RequestLog } from './farm.ts'
import { leftovers, removeStaleFarms, removeFarm } from './cleanup.ts'
import { log } from './log.ts'
import { runOnPopulatedHost } from './populated-host.ts'
import { staleFarms, isRunning, runningFarms, readState } from './state.ts'
import { removeIncomplete, ensureTools, locked } from './tools.ts'

const usage = `npm run farm -- <command>
  up                    bring a farm up and leave it running
  down                  remove every farm that is up, and the leftovers of stale ones
  status                show the running farms and how to use them
  run [--farms <n>] -- <command>
                        run a command with a farm (the one that is up, or a new one that ends with the command), or with
                        several, one for each Jest worker
  populated -- <command>
                        run a command on a host with Docker settings, SSH settings, a Docker socket and QEMU, to prove
                        that tests do not depend on them; for example: populated -- npm test -- fallback
  tools                 install the tools only
  check                 list what stale farms left on this host; fails if there is anything
  fault <node> kill|revive|freeze|thaw|cut|mend|fill|unfill|wipe|stopEngine|startEngine|heal
  fault <node> delay <ms>
  fault <node> exec <shell command>
  fault registry|private <json>      e.g. '{"status":503,"method":"PUT","times":3}', '{"cut":true,"match":"/blobs/"}'
  fault registry|private clear|wipe|requests`

const simpleFaults = [
  'kill',
  'revive',
  'freeze',
  'thaw',
  'cut',
  'mend',
  'fill',
  'unfill',
  'wipe',
  'stopEngine',
  'startEngine',
  'heal',
] as const

const commands: Readonly<Record<string, (args: string[]) => Promise<number>>> = {
  up,
  down,
  status,
  run: runWith,
  populated: async (args) => await runOnPopulatedHost(args[0] === '--' ? args.slice(1) : args),
  tools: async () => print(await ensureTools()),
  check,
  fault,
  // Called by the parent shell of a supervisor that was killed.
  'remove-stale': async ([id]) => await removeIfStale(Number(id)),
}

const [command, ...args] = process.argv.slice(2)
try {
  process.exitCode = await main(command ?? 'help', args)
} catch (error) {
  log(error instanceof Error ? error.message : String(error))
  process.exitCode = 1
}

async function main(name: string, rest: string[]): Promise<number> {
  const run = commands[name]
  if (run) return await run(rest)
  console.log(usage)
  return name === 'help' || name === '--help' ? 0 : 2
}

async function up(): Promise<number> {
  const running = (await runningFarms()).find((farm) => farm.kind === 'up' && farm.ready)
  if (running) log('already up')
  else await startPersistentFarm()
  return printFarm(await attachFarm())
}

async function runWith(args: string[]): Promise<number> {
  const farms = args[0] === '--farms' ? Number(args[1]) : 1
  const rest = args[0] === '--farms' ? args.slice(2) : args
  return await withFarms(farms, rest[0] === '--' ? rest.slice(1) : rest)
}

/** `attachFarm()` in the command finds the farms by the environment variable set here. */
async function withFarms(count: number, [program, ...argv]: string[]): Promise<number> {
  if (!program || !(count > 0)) throw new Error(`run needs a command\n${usage}`)
  const running = (await runningFarms()).find((farm) => farm.kind === 'up' && farm.ready)
  if (running) log(`using farm ${running.id}, which is up`)
  const fresh = await startFarms(running ? count - 1 : count)
  const ids = [...(running ? [running.id] : []), ...fresh.map(({ id }) => id)]
  const child = spawn(program, argv, { stdio: 'inherit', env: { ...process.env, [farmVariable]: ids.join(',') } })
  // The command receives Ctrl-C as well; the farms are removed after it has ended.
  process.on('SIGINT', () => undefined)
  process.on('SIGTERM', () => child.kill('SIGTERM'))
  const code = await new Promise<number>((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (status, signal) => resolve(status ?? (signal ? 1 : 0)))
  })
  if (code !== 0) for (const id of ids) console.error(logTails(id))
  await Promise.all(fresh.map(async (farm) => await farm.stop()))
  return code
}

async function startFarms(count: number): Promise<Farm[]> {
  const started = await Promise.allSettled(Array.from({ length: count }, async () => await startFarm()))
  const farms = started.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
  const failed = started.find((one) => one.status === 'rejected')
  if (!failed) return farms
  await Promise.all(farms.map(async (farm) => await farm.stop()))
  throw failed.reason
}

async function down(): Promise<number> {
  for (const farm of (await runningFarms()).filter((f) => f.kind === 'up')) {
    process.kill(farm.pid, 'SIGTERM')
    const end = Date.now() + 15_000
    while (isRunning(farm) && Date.now() < end) await sleep(50)
    if (isRunning(farm) || readState(farm.id)) await removeFarm(farm.id)
  }
  await removeStaleFarms()
  await locked(removeIncomplete)
  return await check()
}

async function status(): Promise<number> {
  const farms = await runningFarms()
  for (const farm of farms)
    log(`farm ${farm.id}: ${farm.kind}${farm.ready ? '' : ', starting'}, supervisor ${farm.pid}`)
  if (!farms.some((farm) => farm.kind === 'up' && farm.ready)) {
    log('no farm is up')
    return 1
  }
  return printFarm(await attachFarm())
}

async function check(): Promise<number> {
  let found = await leftovers()
  // A farm that is just ending leaves nothing behind.
  for (let tries = 0; found.length > 0 && tries < 30; tries++) {
    await sleep(100)
    found = await leftovers()
  }
  for (const item of found) log(`leftover: ${item}`)
  if (found.length === 0) log('no leftovers of farms that are not running')
  return found.length === 0 ? 0 : 1
}

/** The number may have been given to a new farm in the meantime. */
async function removeIfStale(id: number): Promise<number> {
  if ((await staleFarms()).includes(id)) await removeFarm(id)
  return 0
}

async function fault([target = '', action = '', ...rest]: string[]): Promise<number> {
  const farm = await attachFarm()
  if (target === 'registry') return await registryFault(farm.registry, action)
  if (target === 'private') return await registryFault(farm.privateRegistry, action)
  const engine = target === 'local' ? farm.local : farm.nodes[target]
  const targets = `local, ${Object.keys(farm.nodes).join(', ')}, registry, private`
  if (!engine) throw new Error(`this farm has no ${target}; it has ${targets}`)
  if (action === 'exec') {
    const { code, stdout, stderr } = await engine.exec(rest.join(' '))
    process.stdout.write(stdout)
    process.stderr.write(stderr)
    return code
  }
  if (action === 'delay' && 'setDelay' in engine) await engine.setDelay(Number(rest[0] ?? 0))
  else if (isSimpleFault(action)) await engine[action]()
  else throw new Error(`no such fault: ${action}\n${usage}`)
  return 0
}

async function registryFault(registry: Registry, action: string): Promise<number> {
  if (action === 'clear') await registry.clearFaults()
  else if (action === 'wipe') await registry.wipe()
  else if (action === 'requests') for (const entry of await registry.requests()) console.log(formatRequest(entry))
  else await registry.fault(JSON.parse(action) as object)
  return 0
}

function formatRequest({ time, from, method, path, status, ms, fault }: RequestLog): string {
  return `${new Date(time).toISOString()} ${from} ${method} ${path} ${status} ${ms} ms${fault ? ' (fault)' : ''}`
}

function isSimpleFault(action: string): action is (typeof simpleFaults)[number] {
  return (simpleFaults as readonly string[]).includes(action)
}

function printFarm(farm: Farm): number {
  console.log(`registry        ${farm.registry.host}
with a password ${farm.privateRegistry.host}  (${farm.privateRegistry.username} / ${farm.privateRegistry.password})
nodes           ${Object.values(farm.nodes)
    .map((node) => `${node.name} ${node.endpoint}`)
    .join('   ')}
local engine    DOCKER_HOST=${farm.local.dockerHost}
private key     ${farm.privateKeyFile}
buildkit image  ${farm.images.buildkit}  (driver options: image=…, network=host)
base image      ${farm.images.base}
tools           PATH=${farm.tools.bin}:$PATH
logs            ${farm.dir}/logs
known hosts
${farm.knownHosts}`)
  return 0
}

function print(value: object): number {
  console.log(JSON.stringify(value, null, 2))
  return 0
}
