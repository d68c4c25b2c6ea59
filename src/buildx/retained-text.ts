import { longestText, shortenText } from './solve-status.ts'

/** Characters that are kept of all texts of a daemon together, and of each text beyond that. */
const mostText = 32 * 1024 * 1024
const shortText = 200
/** Parts of all vertexes together. */
const mostParts = 50_000

/**
 * How much of what a daemon reports is kept: there are limits for each vertex, and a hostile daemon could report
 * thousands of vertexes, each up to its limit.
 */
export class RetainedText {
  #length = 0
  #parts = 0

  /** The text, or its beginning. Call `add` with the length of what is kept of it. */
  limit(text: string): string {
    return shortenText(text, this.isFull ? shortText : longestText)
  }

  /** Counts characters that are kept from now on; a negative number for those that are dropped. */
  add(length: number): void {
    this.#length += length
  }

  get isFull(): boolean {
    return this.#length >= mostText
  }

  /** Counts another part. @returns false if there are too many */
  addPart(): boolean {
    if (this.#parts === mostParts) return false
    this.#parts++
    return true
  }
}
