import { spawn } from 'node:child_process'
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { clientFor } from './client.ts'
import type { Farm } from './client.ts'
import { ensureImages } from './images.ts'
import { findIp, makeBridge } from './network.ts'
import { farmDir, farmSources, projectRoot, subnet } from './paths.ts'
import { removeStaleFarms, removeFarm } from './cleanup.ts'
import { makeKey } from './ssh.ts'
import { runningFarms, readState, processStartTime, writeState } from './state.ts'
import type { FarmState } from './state.ts'
import type { NodeOptions, SupervisorSetup } from './supervisor.ts'
import { ensureTools } from './tools.ts'
import type { Tools } from './tools.ts'

export type { Farm, FarmNode, LocalEngine, Registry } from './client.ts'
export type { Fault, RequestLog } from './fault-proxy.ts'

export interface FarmOptions {
  /** Extra machines, or settings for `amd` and `arm`, which are always there. */
  nodes?: Record<string, NodeOptions>
}

/** Starts a farm that ends with this process, even if it is killed. */
export async function startFarm(options: FarmOptions = {}): Promise<Farm> {
  return await launch('embedded', options)
}

/** Starts a farm that stays until `down`. */
export async function startPersistentFarm(options: FarmOptions = {}): Promise<Farm> {
  return await launch('up', options)
}

/** The number of the farm to attach to, or several, one per Jest worker. */
export const farmVariable = 'MULTIARCH_BUILD_FARM'

/**
 * The farm of `farm run`, or of its farms the one of this worker of jest's, or the one that `farm up` left running. It
 * is not ours to stop.
 */
export async function attachFarm(): Promise<Farm> {
  const all = process.env[farmVariable]?.split(',') ?? []
  const wanted = all[(Number(process.env['JEST_WORKER_ID'] ?? 1) - 1) % all.length]
  const found = (await runningFarms()).find(
    (farm) => farm.ready && (wanted !== undefined ? farm.id === Number(wanted) : farm.kind === 'up'),
  )
  if (!found) throw new Error('no farm is up: run npm run farm -- up')
  return clientFor(found, await ensureTools())
}

async function launch(kind: FarmState['kind'], options: FarmOptions): Promise<Farm> {
  const tools = await ensureTools()
  await ensureImages(tools)
  await removeStaleFarms()
  const nodes: Record<string, NodeOptions> = { amd: {}, arm: {}, ...options.nodes }
  for (const name of Object.keys(nodes))
    if (!/^[a-z][a-z0-9]{0,6}$/.test(name) || name === 'local')
      throw new Error(`"${name}" cannot be the name of a node: up to 7 lower-case letters and digits, not "local"`)
  const id = await claim(tools, kind)
  try {
    await makeKey(join(farmDir(id), 'keys/ci'), 'ci')
    await makeKey(join(farmDir(id), 'keys/other'), 'nobody')
    const { gone } = await supervise({ id, kind, nodes })
    const state = readState(id)
    if (!state?.ready) throw new Error('the farm ended directly after its start')
    return clientFor(state, tools, gone)
  } catch (error) {
    const logs = logTails(id)
    await removeFarm(id)
    throw new Error(`the farm did not start: ${error instanceof Error ? error.message : String(error)}\n${logs}`, {
      cause: error,
    })
  }
}

/** Takes the lowest free number; creating the bridge decides between two concurrent farms. */
async function claim(tools: Tools, kind: FarmState['kind']): Promise<number> {
  const ip = await findIp(tools)
  const routes = readFileSync('/proc/net/route', 'utf8')
  for (let id = 1; id < 250; id++) {
    const network = subnet(id)
      .split('.')
      .reverse()
      .map((n) => Number(n).toString(16).padStart(2, '0'))
      .join('')
      .toUpperCase()
    if (routes.includes(`\t00${network}\t`)) continue
    try {
      await mkdir(farmDir(id), { mode: 0o700 })
    } catch {
      continue
    }
    await writeState({ id, kind, pid: process.pid, startTime: processStartTime(process.pid), ready: false })
    await mkdir(join(farmDir(id), 'logs'))
    await mkdir(join(farmDir(id), 'keys'))
    try {
      await makeBridge(ip, id)
      return id
    } catch (error) {
      await removeFarm(id)
      throw error
    }
  }
  throw new Error('all 249 farm numbers are in use on this host')
}

/**
 * The supervisor has a mount namespace of its own, so that no mount of the farm shows on the host. The shell above it
 * cleans up when it was killed without a chance to do so itself. The pipe on its stdin ends with this process.
 */
async function supervise(setup: SupervisorSetup): Promise<{ gone: () => Promise<void> }> {
  const log = openSync(join(farmDir(setup.id), 'logs/supervisor.log'), 'a')
  const env = { ...process.env }
  delete env['NODE_OPTIONS']
  const node = [process.execPath, '--import', 'tsx']
  const script =
    'dir=$1; id=$2; shift 2; unshare --mount --propagation private -- "$@"; ' +
    '[ ! -d "$dir" ] || "$1" "$2" "$3" "$0" remove-stale "$id"'
  const child = spawn(
    'sh',
    [
      '-c',
      script,
      join(farmSources, 'cli.ts'),
      farmDir(setup.id),
      String(setup.id),
      ...node,
      join(farmSources, 'supervisor.ts'),
      `${farmDir(setup.id)}/`,
      JSON.stringify(setup),
    ],
    { cwd: projectRoot, env, detached: true, stdio: [setup.kind === 'embedded' ? 'pipe' : 'ignore', 'pipe', log] },
  )
  closeSync(log)
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  await new Promise<void>((resolve, reject) => {
    let output = ''
    child.once('error', reject)
    child.once('exit', () => reject(new Error('its supervisor ended')))
    child.stdout?.on('data', (chunk: Buffer) => {
      output += chunk.toString()
      if (!output.includes('\n')) return
      const { error } = JSON.parse(output) as { error?: string }
      if (error) reject(new Error(error))
      else resolve()
    })
  })
  child.unref()
  for (const stream of [child.stdin, child.stdout]) (stream as { unref?: () => void } | null)?.unref?.()
  // A farm that is not stopped does not keep this process from exiting.
  return {
    gone: async () => {
      child.ref()
      await gone
    },
  }
}

/** The last lines of every log, for error messages. */
export function logTails(id: number, lines = 15): string {
  const dir = join(farmDir(id), 'logs')
  try {
    return readdirSync(dir)
      .sort()
      .map(
        (name) =>
          `--- ${name}\n${readFileSync(join(dir, name), 'utf8')
            .trimEnd()
            .split('\n')
            .slice(-lines)
            .map((line) => line.slice(0, 400))
            .join('\n')}`,
      )
      .join('\n')
  } catch {
    return ''
  }
}
