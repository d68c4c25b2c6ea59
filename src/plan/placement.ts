import { createHash } from 'node:crypto'

/** A node as far as spreading goes. */
export interface Worker {
  /** The same in every run: its endpoint. */
  readonly id: string
  /** How much it should get beside the others; 1 is usual, less where it is busy with other work. */
  readonly weight: number
}

export interface Task {
  /** The same in every run. */
  readonly key: string
  /** Pieces of one kind are balanced among each other: those of a platform. */
  readonly kind: string
  /** Which holders can take it, by their numbers; at least one. */
  readonly workers: readonly number[]
}

/**
 * PURE: which holder takes which piece, by number. Rendezvous hashing: as long as the holders and pieces stay, every
 * piece meets the same holder again, so that its local cache serves; when a holder goes, only what it had moves. No
 * holder gets more of a kind than its share; what a share has behind the point is rounded up where that is most.
 */
export function assign(pieces: readonly Task[], holders: readonly Worker[]): readonly number[] {
  const choice = pieces.map(() => -1)
  const taken: { readonly kind: string; readonly holder: number }[] = []
  const order = pieces.map((piece, index) => ({ piece, index, at: hash(piece.key) })).sort((a, b) => a.at - b.at)
  for (const { piece, index } of order) {
    const share = shares(
      pieces.filter(({ kind }) => kind === piece.kind).length,
      piece.workers.map((holder) => weightOf(holders, holder)),
    )
    const count = (holder: number, same: boolean) =>
      taken.filter((one) => one.holder === holder && (one.kind === piece.kind) === same).length
    const open = piece.workers.filter((holder, index) => count(holder, true) < (share[index] ?? 0))
    // A holder of several kinds that has none of the others yet comes first.
    const least = Math.min(...open.map((holder) => count(holder, false)))
    const [best = piece.workers[0] ?? 0] = open
      .filter((holder) => count(holder, false) === least)
      .sort((a, b) => score(piece, holders[b]) - score(piece, holders[a]))
    choice[index] = best
    taken.push({ kind: piece.kind, holder: best })
  }
  return choice
}

/**
 * The most that each may get of `count`: all alike, one more than its whole part; where they differ, whoever has the
 * larger rest.
 */
function shares(count: number, weights: readonly number[]): readonly number[] {
  const sum = weights.reduce((all, weight) => all + weight, 0)
  const exact = weights.map((weight) => (count * weight) / sum)
  const rests = exact.map((share) => share - Math.floor(share + 1e-9))
  const left = count - exact.reduce((all, share) => all + Math.floor(share + 1e-9), 0)
  const enough = [...rests].sort((a, b) => b - a)[left - 1] ?? Infinity
  return exact.map((share, index) => Math.floor(share + 1e-9) + ((rests[index] ?? 0) >= enough - 1e-9 ? 1 : 0))
}

function weightOf(holders: readonly Worker[], holder: number): number {
  return holders[holder]?.weight ?? 1
}

/**
 * Weighted rendezvous:
 * https://www.snia.org/sites/default/files/SDC15_presentations/dist_sys/Jason_Resch_New_Consistent_Hashings_Rev.pdf
 */
function score({ key }: Task, holder: Worker | undefined): number {
  return holder ? -holder.weight / Math.log(hash(`${holder.id}\n${key}`)) : 0
}

/** Evenly between 0 and 1, both excluded. */
function hash(text: string): number {
  return (createHash('sha256').update(text).digest().readUIntBE(0, 6) + 1) / (2 ** 48 + 2)
}
