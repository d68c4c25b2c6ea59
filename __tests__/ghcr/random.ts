/** Numbers in [0, 1) that a seed fixes: a failing history must be repeatable. */
export type Random = () => number

export function seeded(seed: number): Random {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    return mix(state, 0) / 2 ** 32
  }
}

/** A well spread 32-bit number out of two. */
export function mix(a: number, b: number): number {
  let h = Math.imul(a ^ (a >>> 15) ^ Math.imul(b + 0x9e3779b9, 0x85ebca6b), 0x2c1b3c6d)
  h = Math.imul(h ^ (h >>> 12), 0x297a2d39)
  return (h ^ (h >>> 15)) >>> 0
}
