import type { Event } from '../forge/event.ts'
import { scopeOf } from '../run/names.ts'
import type { Node } from './node.ts'
import { openNodes, type NodesRequest, type Outcome } from './open.ts'
import type { NodeSpec } from './node-spec.ts'
import type { Journal } from '../run/journal.ts'
import { poolNodes, type Pool } from './pool.ts'
import { planKept } from './persistent.ts'

/** Of the inputs, what is about nodes. */
interface NodeInputs extends Pick<NodesRequest, 'nodes' | 'sshKeys' | 'knownHosts'> {
  /** Whether daemons stay on their nodes for the next run. */
  readonly keepBuilder: boolean
  /** The local engine, as `fallback` would use it. */
  readonly spare: NodeSpec
}

interface ReadyRequest extends Pick<NodesRequest, 'dir' | 'agent'> {
  readonly inputs: NodeInputs
  readonly event: Event
  readonly journal: Journal
}

export interface Ready {
  /** Every node of the list, usable or not. */
  readonly outcomes: readonly Outcome[]
  readonly pool: Pool
  /** The usable ones. */
  readonly nodes: readonly Node[]
  /** Names of the daemons that stay after the run. */
  readonly kept: ReadonlyMap<Node, string>
  /** Where some cannot be used: the local engine, or why there is none. */
  readonly local: Node | string
}

/** Opens all nodes at once, with names for the daemons that stay there, where they may. */
export async function readyNodes(request: ReadyRequest): Promise<Ready> {
  const { inputs, event, dir, agent, journal } = request
  return await poolAll(await openNodes({ ...inputs, dir, agent, workspace: event.workspace }, journal), request)
}

/** What can be said of nodes that could not even be tried. */
export async function poolAll(
  opened: readonly Outcome[],
  { inputs, event }: Pick<ReadyRequest, 'inputs' | 'event'>,
): Promise<Ready> {
  const { outcomes, kept } = keepDaemons(opened, inputs.keepBuilder, event)
  const pool = poolNodes(outcomes, inputs.spare)
  const nodes = pool.usable()
  return { outcomes, pool, nodes, kept, local: nodes.length < outcomes.length ? await pool.local() : '' }
}

function keepDaemons(outcomes: readonly Outcome[], keep: boolean, event: Event): Pick<Ready, 'outcomes' | 'kept'> {
  const { trust } = event
  const existing = new Map(
    outcomes.flatMap(({ node }) => (node?.spec.daemon === undefined ? [] : [[node, node.spec.daemon] as const])),
  )
  if (!keep || trust === 'fork') return { outcomes, kept: existing }
  const nodes = outcomes.flatMap(({ node }) => node ?? [])
  const { nodes: named, names } = planKept(nodes, { scope: scopeOf(event), trust })
  return {
    kept: names,
    outcomes: outcomes.map((outcome) => ({
      ...outcome,
      ...(outcome.node && { node: named[nodes.indexOf(outcome.node)] ?? outcome.node }),
    })),
  }
}
