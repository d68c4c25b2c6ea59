import { remember } from './remember.ts'

export interface Clock {
  now(): number
}

export const realClock: Clock = { now: () => Date.now() }

export const seconds = 1000
export const hours = 3600 * seconds
export const days = 24 * hours

/** Stands still until it is told to go on. */
export function manualClock(start = Date.UTC(2026, 0, 1)): Clock & { advance(ms: number): void } {
  let now = start
  return {
    now: () => now,
    advance: (ms) => {
      now += ms
    },
  }
}

/** As GitHub writes times: without fractions of a second. */
export const timestamp = remember((ms: number) => `${new Date(ms).toISOString().slice(0, 19)}Z`)
