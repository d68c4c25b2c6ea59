import { isRestorable } from './delete.ts'
import { mix } from './random.ts'
import type { Random } from './random.ts'
import { present } from './state.ts'
import type { Package, Phase, State, Version } from './state.ts'

export interface ListRules {
  /** Lists are up to so many changes of the package behind … */
  lag: number
  /** … each request by as many as chance has it, or all of them by the most. */
  lagBy: 'chance' | 'most'
  /** What is older than this is in every list, however few changes followed it. */
  lagMs: number
  /** Whether GET by id shows what is true now; else it lags as lists do. */
  freshGet: boolean
  /**
   * Undocumented at GitHub. `newest` first is what is mostly seen; `shuffled` puts new versions anywhere but keeps the
   * order of the others; `reshuffled` has another order after every change, so that a page turned while something
   * changes can miss what it has not shown yet, and show twice what it has.
   */
  order: 'newest' | 'oldest' | 'shuffled' | 'reshuffled'
}

export type ListState = 'active' | 'deleted'

/** The step whose state a request is shown. */
export function shownStep(state: State, pkg: Package, rules: ListRules, random: Random): number {
  const lag = rules.lagBy === 'most' ? rules.lag : Math.floor(random() * (rules.lag + 1))
  let step = Math.max(pkg.settled, pkg.step - lag)
  const old = state.clock.now() - rules.lagMs
  while (step < pkg.step && (pkg.times[step + 1] ?? Infinity) <= old) step++
  return step
}

/** What the version was at a step. */
export function phaseAt(version: Version, step: number): Phase | undefined {
  const last = present(version)
  return last.step <= step ? last : version.past.findLast((phase) => phase.step <= step)
}

const isIn = (phase: Phase | undefined, which: ListState): boolean =>
  phase !== undefined && (phase.deletedAt === undefined) === (which === 'active')

export interface ListSelection {
  step: number
  which: ListState
  order: ListRules['order']
  seed: number
}

/** Every version that a list shows at a step, in its order. */
export function versionsAt(state: State, pkg: Package, { step, which, order, seed }: ListSelection): Version[] {
  const key = `${which} ${step} ${order} ${seed}`
  let list = pkg.lists.get(key)
  if (!list) {
    list = [...pkg.versions.values()].filter((version) => isIn(phaseAt(version, step), which))
    if (order !== 'oldest') list.reverse()
    if (order === 'shuffled' || order === 'reshuffled') {
      const salt = order === 'shuffled' ? seed : mix(seed, step + 1)
      const rank = new Map(list.map((version) => [version, mix(version.id, salt)]))
      list.sort((a, b) => rank.get(a)! - rank.get(b)!)
    }
    const [oldest] = pkg.lists.keys()
    if (oldest !== undefined && pkg.lists.size >= 8) pkg.lists.delete(oldest)
    pkg.lists.set(key, list)
  }
  return which === 'active' ? list : list.filter((version) => isRestorable(state, phaseAt(version, step)?.deletedAt))
}
