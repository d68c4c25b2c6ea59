import type { Journal } from '../run/journal.ts'
import type { RunDir } from '../run/run-dir.ts'
import { UserError, UserErrors } from '../lib/errors.ts'
import { withTimeout } from '../lib/time.ts'
import { openLocalEngine } from './drivers/local.ts'
import { driverOf, sshTargetOf } from './drivers/table.ts'
import type { NodeSpec } from './node-spec.ts'
import type { Node, OpenRequest } from './node.ts'
import { startAgent } from './ssh/agent.ts'
import { describeTarget } from './ssh/config.ts'
import { writePrivate } from '../lib/files.ts'

interface NodesRequest {
  readonly nodes: readonly NodeSpec[]
  readonly sshKeys: readonly string[]
  readonly knownHosts: string
  /** An agent of the job, used if no keys are given. */
  readonly agent: string | undefined
  readonly dir: RunDir
  /** Relative paths in inputs start here. */
  readonly workspace: string
}

/** The result of a probe: the node answered, or it is not available. */
export interface NodeOutcome {
  readonly spec: NodeSpec
  readonly node?: Node
  readonly failure?: UserError
}

/** For all nodes together, in milliseconds: a node that has not answered by then is not available. */
const probeDeadline = 20_000

/**
 * Opens all nodes at once, under one deadline. Throws only what no other node could solve: `UserErrors` of the inputs,
 * or a bug.
 */
export async function openNodes(request: NodesRequest, journal: Journal): Promise<NodeOutcome[]> {
  const { nodes, dir, workspace, sshKeys } = request
  const agent = await prepareSsh(request)
  const outcomes = await Promise.all(
    nodes.map((spec, index) =>
      openNode({ spec, key: `n${index}`, agent, ownAgent: sshKeys.length > 0, dir, workspace, journal }),
    ),
  )
  const inputErrors = outcomes.flatMap(({ failure }) => (failure?.code === 'inputs' ? [failure] : []))
  if (inputErrors.length > 0) throw new UserErrors(inputErrors)
  return outcomes
}

/** @returns the socket of the agent that holds the keys; empty if there is none */
async function prepareSsh({ nodes, dir, knownHosts, sshKeys, agent = '' }: NodesRequest): Promise<string> {
  if (!nodes.some(sshTargetOf)) return agent
  writePrivate(dir.knownHosts, knownHosts)
  if (sshKeys.length === 0) return agent
  await startAgent(dir.agentSocket, sshKeys)
  return dir.agentSocket
}

async function openNode(request: OpenRequest): Promise<NodeOutcome> {
  const { spec } = request
  const late = () => {
    const target = sshTargetOf(spec)
    return new UserError({
      code: 'node',
      message: `${target ? describeTarget(target) : spec.name} does not answer`,
      hint: 'No response within 20 s: check that the machine is up and not overloaded.',
    })
  }
  try {
    return { spec, node: await withTimeout(probeDeadline, driverOf(spec).open(spec.endpoint, request), late) }
  } catch (error) {
    if (error instanceof UserError) return { spec, failure: error }
    throw error
  }
}

/** Opens the local engine for platforms that no node of the list can build; or returns the reason why it cannot. */
export async function openLocal(spec: NodeSpec): Promise<Node | string> {
  try {
    return await openLocalEngine(spec)
  } catch (error) {
    if (error instanceof UserError) return error.message
    throw error
  }
}
