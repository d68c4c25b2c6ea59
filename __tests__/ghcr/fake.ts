import { createLog, note } from './call-log.ts'
import type { Call, CallLog } from './call-log.ts'
import type { Clock } from './clock.ts'
import { ConnectionLost, takeFault } from './faults.ts'
import type { Fault } from './faults.ts'
import type { ListRules } from './lists.ts'
import { seeded } from './random.ts'
import type { Random } from './random.ts'
import { githubLimits } from './rate-limit.ts'
import type { Limiter, LimitRules } from './rate-limit.ts'
import { createState } from './state.ts'
import type { State } from './state.ts'

export interface Answer {
  status: number
  headers: Record<string, string>
  body?: unknown
}

export interface Rules {
  lists: ListRules
  limits: LimitRules
  /** Pages from this one on fail with a 500, by this chance. */
  deepPages: { from: number; chance: number }
  /** Whether a push of an index is refused when a child is missing. */
  checkChildren: boolean
  /** Whether answers are held against the published description; the cost is some 20 µs a version. */
  checkAnswers: boolean
}

/** Nothing that only happens sometimes. */
export const calm: Rules = {
  lists: { lag: 0, lagBy: 'chance', lagMs: Infinity, freshGet: true, order: 'newest' },
  limits: githubLimits,
  deepPages: { from: Infinity, chance: 0 },
  checkChildren: true,
  checkAnswers: true,
}

/** The worst that is plausible on a bad day. */
export const hostile: Rules = {
  ...calm,
  lists: { lag: 6, lagBy: 'chance', lagMs: Infinity, freshGet: false, order: 'reshuffled' },
  deepPages: { from: 50, chance: 0.3 },
}

/** A blob on its way in. */
export interface Upload {
  repository: string
  data: Uint8Array
}

/** The state, and everything around it that makes a server of it. */
export interface Fake {
  state: State
  rules: Rules
  seed: number
  random: Random
  limiter: Limiter
  faults: Fault[]
  log: CallLog
  uploads: Map<string, Upload>
  /** Before and after each call, of either side: to interleave, to check, or to crash by throwing. */
  beforeEach?: (call: Call) => void | Promise<void>
  afterEach?: (call: Call) => void | Promise<void>
}

export interface FakeOptions {
  seed?: number
  rules?: Rules
  clock?: Clock
  state?: State
  keepCalls?: number
}

export const createFake = ({ seed = 1, rules = calm, clock, state, keepCalls }: FakeOptions = {}): Fake => ({
  state: state ?? createState(clock),
  rules,
  seed,
  random: seeded(seed),
  limiter: new Map(),
  faults: [],
  log: createLog(keepCalls),
  uploads: new Map(),
})

type SpoiledAnswer = (fault: Fault, status: number) => Answer

/** The answer to a call that meets a fault, before or after its work is done; undefined if the connection is lost. */
function answerFault(fault: Fault, work: () => Answer, spoiled: SpoiledAnswer): Answer | undefined {
  if (fault.when === 'after') work()
  return typeof fault.answer === 'number' ? spoiled(fault, fault.answer) : undefined
}

/** The way of every call, over HTTP or not: hook, log, fault, work, hook. */
export async function serve(
  fake: Fake,
  call: Omit<Call, 'at'>,
  work: () => Answer,
  spoiled: SpoiledAnswer,
): Promise<Answer> {
  const { side, endpoint, method, path } = call
  const noted: Call = { side, endpoint, method, path, at: fake.state.clock.now() }
  const hooked = fake.beforeEach?.(noted)
  if (hooked) await hooked
  note(fake.log, noted)

  const fault = fake.faults.length > 0 ? takeFault(fake.faults, noted) : undefined
  const answer = fault ? answerFault(fault, work, spoiled) : work()
  if (answer) noted.status = answer.status
  const after = fake.afterEach?.(noted)
  if (after) await after
  if (!answer) throw new ConnectionLost(fault?.answer === 'timeout' ? 'timeout' : 'reset')
  return answer
}
