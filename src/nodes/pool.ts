import type { UserError } from '../lib/errors.ts'
import type { Event } from '../forge/event.ts'
import { repositoryScope } from '../run/names.ts'
import type { NodeSpec } from './node-spec.ts'
import type { Node } from './node.ts'
import { openLocal, type NodeOutcome } from './open.ts'
import { planPersistentBuilders } from './persistent.ts'

/** The nodes of a run, and which of them are still available. */
export class NodePool {
  readonly #outcomes: readonly NodeOutcome[]
  readonly #localFallback: NodeSpec
  readonly #lost = new Map<Node, UserError>()
  #opening: Promise<Node | string> | undefined

  constructor(outcomes: readonly NodeOutcome[], localFallback: NodeSpec) {
    this.#outcomes = outcomes
    this.#localFallback = localFallback
  }

  /** The nodes of the list that have not been lost. */
  available(): readonly Node[] {
    return this.#outcomes.flatMap(({ node }) => (node && !this.#lost.has(node) ? [node] : []))
  }

  markLost(node: Node, failure: UserError): void {
    this.#lost.set(node, failure)
  }

  /**
   * The local engine, for platforms that no node of the list can build; or the reason why there is none. Opened at the
   * first call, unless it is listed.
   */
  async local(): Promise<Node | string> {
    this.#opening ??= this.#openLocal()
    const local = await this.#opening
    const failure = typeof local === 'string' ? undefined : this.#lost.get(local)
    return failure?.message ?? local
  }

  async #openLocal(): Promise<Node | string> {
    const listed = this.#outcomes.find(({ spec }) => spec.endpoint.kind === this.#localFallback.endpoint.kind)
    return listed ? (listed.node ?? listed.failure?.message ?? '') : await openLocal(this.#localFallback)
  }
}

/** The inputs that concern nodes. */
interface NodeInputs {
  /** Whether builders are left running for the next run. */
  readonly keepBuilder: boolean
  /** The local engine, as `fallback` would use it. */
  readonly localFallback: NodeSpec
}

interface PoolRequest {
  readonly inputs: NodeInputs
  readonly event: Event
}

export interface OpenedNodes {
  /** Every node of the list, available or not. */
  readonly outcomes: readonly NodeOutcome[]
  readonly pool: NodePool
  /** The available nodes. */
  readonly nodes: readonly Node[]
  /** Names of the builders that are left running after the run. */
  readonly persistent: ReadonlyMap<Node, string>
  /** If some nodes are not available: the local engine, or the reason why there is none. */
  readonly local: Node | string
}

/** The pool of nodes whose probes are finished. */
export async function createNodePool(
  opened: readonly NodeOutcome[],
  { inputs, event }: PoolRequest,
): Promise<OpenedNodes> {
  const { outcomes, persistent } = namePersistent(opened, inputs.keepBuilder, event)
  const pool = new NodePool(outcomes, inputs.localFallback)
  const nodes = pool.available()
  return { outcomes, pool, nodes, persistent, local: nodes.length < outcomes.length ? await pool.local() : '' }
}

function namePersistent(
  outcomes: readonly NodeOutcome[],
  keep: boolean,
  event: Event,
): Pick<OpenedNodes, 'outcomes' | 'persistent'> {
  const nodes = outcomes.flatMap(({ node }) => node ?? [])
  const { trust } = event
  if (!keep || trust === 'fork') {
    const existing = nodes.flatMap((node) => {
      const { existingNodeName: name } = node.spec
      return name === undefined ? [] : [[node, name] as const]
    })
    return { outcomes, persistent: new Map(existing) }
  }
  const { nodes: planned, names } = planPersistentBuilders(nodes, { scope: repositoryScope(event), trust })
  const withLimits = new Map(nodes.map((node, index) => [node, planned[index] ?? node]))
  return {
    persistent: names,
    outcomes: outcomes.map((outcome) => ({
      ...outcome,
      ...(outcome.node && { node: withLimits.get(outcome.node) ?? outcome.node }),
    })),
  }
}
