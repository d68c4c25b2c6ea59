import { createHash } from 'node:crypto'
import { formatEndpoint } from '../nodes/endpoint.ts'
import type { Node } from '../nodes/node.ts'

/** A node as far as placement is concerned. */
interface Worker {
  /** The same in every run: its endpoint. */
  readonly id: string
  /** Its share in proportion to the others: usually 1, less if it is busy with other work. */
  readonly weight: number
}

/**
 * PURE: a node as `assign` sees it. A machine with a high load gets little more than half of its share; one on which
 * other runs of this action build gets a fraction of it. These count more: they are known for every node, and how long
 * a load lasts is not.
 */
export function toWorker({ spec, engine, machine }: Node, otherRuns = 0): Worker {
  const busy = (machine?.load ?? 0) > 1.5 * (engine?.cpus ?? Infinity)
  return { id: formatEndpoint(spec.endpoint), weight: (busy ? 0.6 : 1) / (1 + otherRuns) }
}

export interface Task {
  /** The same in every run. */
  readonly key: string
  /** Tasks of one kind, those of a platform, are balanced among each other. */
  readonly kind: string
  /** Indexes of the workers that can do it; at least one. */
  readonly workers: readonly number[]
}

/** A task that has a worker. */
interface Assignment {
  readonly kind: string
  readonly worker: number
}

/**
 * PURE: assigns each task to a worker, by its index. Rendezvous hashing: as long as workers and tasks stay the same,
 * every task meets the same worker again, so that its local cache is used; if a worker is removed, only its tasks move.
 * No worker gets more tasks of a kind than its share; fractions are rounded up where they are largest.
 */
export function assign(tasks: readonly Task[], workers: readonly Worker[]): readonly number[] {
  const choice = tasks.map(() => -1)
  const assignments: Assignment[] = []
  const order = tasks.map((task, index) => ({ task, index, at: hash(task.key) })).sort((a, b) => a.at - b.at)
  for (const { task, index } of order) {
    const count = tasks.filter(({ kind }) => kind === task.kind).length
    const share = shares(
      count,
      task.workers.map((worker) => workers[worker]?.weight ?? 1),
    )
    const worker = pickWorker(task, share, workers, assignments)
    choice[index] = worker
    assignments.push({ kind: task.kind, worker })
  }
  return choice
}

/** Of the workers with a share left and the fewest tasks of other kinds, the one with the best score. */
function pickWorker(
  task: Task,
  share: readonly number[],
  workers: readonly Worker[],
  assignments: readonly Assignment[],
): number {
  const count = (worker: number, sameKind: boolean) =>
    assignments.filter((one) => one.worker === worker && (one.kind === task.kind) === sameKind).length
  const open = task.workers.filter((worker, index) => count(worker, true) < (share[index] ?? 0))
  const least = Math.min(...open.map((worker) => count(worker, false)))
  const [best = task.workers[0] ?? 0] = open
    .filter((worker) => count(worker, false) === least)
    .sort((a, b) => score(task, workers[b]) - score(task, workers[a]))
  return best
}

/**
 * The most that each may get of `count`: if all have the same weight, the quotient rounded up; otherwise those with the
 * largest fraction are rounded up.
 */
function shares(count: number, weights: readonly number[]): readonly number[] {
  const sum = weights.reduce((all, weight) => all + weight, 0)
  const exact = weights.map((weight) => (count * weight) / sum)
  const fractions = exact.map((share) => share - Math.floor(share + 1e-9))
  const left = count - exact.reduce((all, share) => all + Math.floor(share + 1e-9), 0)
  const enough = [...fractions].sort((a, b) => b - a)[left - 1] ?? Infinity
  return exact.map((share, index) => Math.floor(share + 1e-9) + ((fractions[index] ?? 0) >= enough - 1e-9 ? 1 : 0))
}

/**
 * Weighted rendezvous hashing:
 * https://www.snia.org/sites/default/files/SDC15_presentations/dist_sys/Jason_Resch_New_Consistent_Hashings_Rev.pdf
 */
function score({ key }: Task, worker: Worker | undefined): number {
  return worker ? -worker.weight / Math.log(hash(`${worker.id}\n${key}`)) : 0
}

/** Evenly distributed between 0 and 1, both excluded. */
function hash(text: string): number {
  return (createHash('sha256').update(text).digest().readUIntBE(0, 6) + 1) / (2 ** 48 + 2)
}
