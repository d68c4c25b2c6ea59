import type { Call } from '../ghcr/call-log.ts'
import type { Fake } from '../ghcr/fake.ts'

/** A cleanup at work; each of its calls waits until it may go on. */
export interface Task {
  readonly name: string
  readonly waiting: { call: Call; go: () => void; kill: (error: Error) => void }[]
  /** When it last looked: at the registry's tags, at a list, at a version. */
  look: number
  list: number
  /** The digests that the newest page of this list showed. */
  page: ReadonlySet<string>
  run: number
  head: number
  readonly gets: Map<string, number>
  crashed: boolean
  done: boolean
}

class Killed extends Error {}

/** Unless `isFree`, the calls of a task wait; `before` and `after` observe each of them. */
export interface Gate {
  readonly isFree: () => boolean
  readonly before: (call: Call) => void
  readonly after: (call: Call) => void
}

/** Starts it on a view of the fake whose calls stop at our gate. */
export function startTask(
  name: string,
  fake: Fake,
  work: (fake: Fake) => Promise<unknown>,
  { isFree, before, after }: Gate,
): Task {
  const task: Task = {
    name,
    waiting: [],
    look: -1,
    list: -1,
    page: new Set(),
    run: -1,
    head: -1,
    gets: new Map(),
    crashed: false,
    done: false,
  }
  const view: Fake = {
    ...fake,
    beforeEach: (call) => {
      if (task.crashed) throw new Killed('killed')
      if (isFree()) return
      return new Promise<void>((resolve, reject) => {
        const go = () => {
          before(call)
          resolve()
        }
        task.waiting.push({ call, go, kill: reject })
      })
    },
    afterEach: after,
  }
  void work(view)
    .catch((error: unknown) => {
      if (!task.crashed) throw error
    })
    .finally(() => {
      task.done = true
    })
  return task
}

export function crash(task: Task): void {
  task.crashed = true
  for (const { kill } of task.waiting.splice(0)) kill(new Killed('killed'))
}

/**
 * All that can go on without us has gone on: Node runs a tick that a microtask has asked for when no microtask is left.
 * Nothing in a history waits for anything else, and a turn of the event loop costs as much as several calls.
 */
export const settled = (): Promise<void> => Promise.resolve().then(nextTick)

const nextTick = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve))
