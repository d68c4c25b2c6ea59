/** One request to either side, named as the tests speak of it: `delete version`, `put manifest`. */
export interface Call {
  side: 'rest' | 'registry'
  endpoint: string
  method: string
  path: string
  at: number
  status?: number
}

export interface CallLog {
  calls: Call[]
  counts: Map<string, number>
  keep: number
}

export const createLog = (keep = 10_000): CallLog => ({ calls: [], counts: new Map(), keep })

/** Notes a call; a log that keeps none counts none. */
export function note(log: CallLog, call: Call): void {
  if (log.keep === 0) return
  if (log.calls.length < log.keep) log.calls.push(call)
  log.counts.set(call.endpoint, count(log, call.endpoint) + 1)
  log.counts.set(call.side, count(log, call.side) + 1)
}

/** How often an endpoint, or a side (`rest`, `registry`), was called. */
export const count = (log: CallLog, endpointOrSide: string): number => log.counts.get(endpointOrSide) ?? 0

export function forgetCalls(log: CallLog): void {
  log.calls.length = 0
  log.counts.clear()
}
