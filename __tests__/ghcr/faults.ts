import type { Call } from './call-log.ts'

export interface Fault {
  side?: Call['side']
  endpoint?: string
  matches?(call: Call): boolean
  /** Matching calls to let pass first; 0 unless told. */
  skip?: number
  /** Matching calls to spoil then; 1 unless told. */
  times?: number
  /** A status to answer with, or what becomes of the connection. */
  answer: 429 | 403 | 500 | 502 | 503 | 'reset' | 'timeout'
  /** For 403 and 429: seconds to wait, 60 unless told. */
  retryAfter?: number
  /** `after`: the call did its work, and only its answer is lost. */
  when?: 'before' | 'after'
}

/** The connection broke, or nothing came. Over HTTP the socket shows it; calls in process throw this. */
export class ConnectionLost extends Error {
  readonly code: 'ECONNRESET' | 'ETIMEDOUT'
  constructor(kind: 'reset' | 'timeout') {
    super(kind === 'reset' ? 'read ECONNRESET' : 'the server did not answer in time')
    this.code = kind === 'reset' ? 'ECONNRESET' : 'ETIMEDOUT'
  }
}

const isFor = (fault: Fault, call: Call): boolean =>
  (fault.side ?? call.side) === call.side &&
  (fault.endpoint ?? call.endpoint) === call.endpoint &&
  (fault.matches?.(call) ?? true)

/** The fault that this call meets, used up by one. */
export function takeFault(faults: Fault[], call: Call): Fault | undefined {
  for (const [at, fault] of faults.entries()) {
    if (!isFor(fault, call)) continue
    if ((fault.skip ?? 0) > 0) {
      fault.skip = (fault.skip ?? 0) - 1
      continue
    }
    fault.times = (fault.times ?? 1) - 1
    if (fault.times <= 0) faults.splice(at, 1)
    return fault
  }
  return undefined
}
