import { existsSync, readFileSync } from 'node:fs'
import { readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { dirPrefix, farmDir, farmsRoot } from './paths.ts'

export interface NodeState {
  name: string
  address: string
  knownHosts: string
}

/** The state file of a farm: enough to attach to it, and to remove it when all its processes have ended. */
export interface FarmState {
  id: number
  pid: number
  startTime: string
  /** `up`: left running by the command line; `embedded`: ends with the process that started it. */
  kind: 'up' | 'embedded'
  ready: boolean
  tools?: string
  ports?: { main: number; private: number }
  nodes?: NodeState[]
}

export const stateFile = (id: number): string => join(farmDir(id), 'state.json')
export const controlSocket = (id: number): string => join(farmDir(id), 'control.sock')

export async function writeState(state: FarmState): Promise<void> {
  await writeFile(stateFile(state.id), JSON.stringify(state, null, 2))
}

export function readState(id: number): FarmState | undefined {
  try {
    return JSON.parse(readFileSync(stateFile(id), 'utf8')) as FarmState
  } catch {
    return undefined
  }
}

/** A process id may be reused by another process; together with the start time it is unique. */
export function processStartTime(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
  } catch {
    return ''
  }
}

export function isRunning(state: FarmState): boolean {
  return state.startTime !== '' && processStartTime(state.pid) === state.startTime
}

export async function farmIds(): Promise<number[]> {
  const names = await readdir(farmsRoot)
  return names.flatMap((name) =>
    name.startsWith(dirPrefix) && /^\d+$/.test(name.slice(dirPrefix.length))
      ? [Number(name.slice(dirPrefix.length))]
      : [],
  )
}

export async function runningFarms(): Promise<FarmState[]> {
  return (await farmIds()).flatMap((id) => readState(id) ?? []).filter(isRunning)
}

/** Farms whose supervisor has ended. A farm without a state may just be starting. */
export async function staleFarms(): Promise<number[]> {
  const stale: number[] = []
  for (const id of await farmIds()) {
    const state = readState(id)
    if (state ? !isRunning(state) : existsSync(farmDir(id)) && Date.now() - (await stat(farmDir(id))).mtimeMs > 10_000)
      stale.push(id)
  }
  return stale
}
