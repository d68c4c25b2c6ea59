/** What a pass of the reaper removed, for the log. */
export interface Reaped {
  readonly node: string
  /** Names of daemons, each with its volume, and of what buildx left when it made one. */
  readonly removed: readonly string[]
  readonly failed: readonly string[]
}
