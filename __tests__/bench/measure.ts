import { readFileSync } from 'node:fs'
import type { Farm } from '../farm/farm.ts'
import type { Kind } from './trace.ts'

/** One release to be made, one way or the other. */
export interface Release {
  readonly farm: Farm
  readonly image: string
  readonly files: Readonly<Record<string, string>>
  readonly tag: string
  /** An empty directory for whatever the way needs. */
  readonly scratch: string
  /** More inputs of the action. */
  readonly inputs?: Readonly<Record<string, string>>
}

/** What a release cost. Times in milliseconds. */
export interface Measured {
  readonly took: number
  readonly connections: number
  /** Steps of the Dockerfile served by the cache, by platform. */
  readonly cached: Readonly<Record<string, number>>
  /** Where the time went, one after the other: adds up to `took`. */
  readonly phases: Readonly<Record<string, number>>
  /** What BuildKit was busy with; these overlap. */
  readonly work: Readonly<Record<Kind, number>>
  /** Peak resident memory of the action, in MB. */
  readonly memory?: number
}

/** Milliseconds of processor time of all processes that have ended and that this one started. */
export function readProcessorTime(): number {
  const fields = readFileSync('/proc/self/stat', 'utf8')
    .replace(/^.*\) /, '')
    .split(' ')
  // cutime and cstime, in ticks of 10 ms (proc_pid_stat(5)).
  return (Number(fields[13]) + Number(fields[14])) * 10
}

export function now(): number {
  return performance.timeOrigin + performance.now()
}

/** Counts the SSH connections that `work` opens on the farm's machines. */
export async function countConnections<T>(
  farm: Farm,
  work: () => Promise<T>,
): Promise<{ result: T; connections: number }> {
  const nodes = Object.values(farm.nodes)
  await Promise.all(nodes.map((node) => node.resetCounters()))
  const result = await work()
  const counts = await Promise.all(nodes.map((node) => node.sshConnections()))
  return { result, connections: counts.reduce((sum, count) => sum + count, 0) }
}
