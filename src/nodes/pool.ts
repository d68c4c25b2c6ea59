import type { UserError } from '../lib/errors.ts'
import type { NodeSpec } from './node-spec.ts'
import type { Node } from './node.ts'
import { openLocal, type Outcome } from './open.ts'

/** The nodes of a run, and which of them can still be used. */
export interface Pool {
  /** The nodes of the list that have not been lost. */
  usable(): readonly Node[]
  lose(node: Node, failure: UserError): void
  /** The local engine, for what no node of the list can build; or why there is none. Opened when first asked for. */
  local(): Promise<Node | string>
}

export function poolNodes(outcomes: readonly Outcome[], spare: NodeSpec): Pool {
  const lost = new Map<Node, UserError>()
  const listed = outcomes.find(({ spec }) => spec.endpoint.kind === 'local')
  let opening: Promise<Node | string> | undefined
  return {
    usable: () => outcomes.flatMap(({ node }) => (node && !lost.has(node) ? [node] : [])),
    lose: (node, failure) => void lost.set(node, failure),
    async local() {
      opening ??= listed ? Promise.resolve(listed.node ?? listed.failure?.message ?? '') : openLocal(spare)
      const local = await opening
      const failure = typeof local === 'string' ? undefined : lost.get(local)
      return failure?.message ?? local
    },
  }
}
