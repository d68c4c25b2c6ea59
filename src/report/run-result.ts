import type { GroupResult } from '../buildx/run.ts'
import type { Node } from '../nodes/node.ts'
import type { Published } from '../publish/variants.ts'
import type { Plan } from '../plan/target.ts'

export interface RunResult {
  readonly plan: Plan
  readonly groups: readonly GroupResult[]
  readonly published: readonly Published[]
  readonly builder: string
  /** Those that were usable when it was made. */
  readonly nodes: readonly Node[]
  /** Where the builder is kept; later steps that want it set BUILDX_CONFIG to this. */
  readonly buildxConfig: string
  readonly notes: readonly string[]
}
