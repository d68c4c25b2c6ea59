import type { Trust } from '../forge/trust.ts'
import type { Journal } from '../run/journal.ts'
import type { RunDir } from '../run/run-dir.ts'
import { runsForCommandLine } from '../lib/command-line.ts'
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
  /** At the level `trusted`, a key that is missing is an error of the inputs: only other levels get no secrets. */
  readonly trust?: Trust
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
  const { nodes, dir, workspace } = request
  const { agent, keys, failure, endAgent } = await prepareSsh(request)
  const open = async (spec: NodeSpec, index: number): Promise<NodeOutcome> =>
    failure && sshTargetOf(spec)
      ? { spec, failure }
      : await openNode({ spec, key: `n${index}`, agent, keys, dir, workspace, journal })
  const outcomes = await Promise.all(nodes.map(open)).finally(endAgent)
  const inputErrors = outcomes.flatMap(({ failure }) => (failure?.code === 'inputs' ? [failure] : []))
  if (inputErrors.length > 0) throw new UserErrors(inputErrors)
  return outcomes
}

const withheldHint =
  'The CI platform withholds secrets and variables. `fallback: node, local, skip` omits the platforms of SSH nodes, ' +
  '`emulate` builds them on this runner.'

/** Only inputs at the level `fork` are complete without known hosts. */
function withheld(): UserError {
  return new UserError({
    code: 'node',
    message: 'This run of a fork has neither an SSH key nor known hosts',
    hint: withheldHint,
  })
}

interface SshAccess extends Pick<OpenRequest, 'agent' | 'keys'> {
  /** Why this runner cannot connect by SSH. */
  readonly failure?: UserError
  readonly endAgent: () => void
}

/** Starts an agent with the keys; without keys, the job's agent is used, or access that needs no key. */
async function prepareSsh({ nodes, dir, knownHosts, sshKeys, agent = '', trust }: NodesRequest): Promise<SshAccess> {
  const access: SshAccess = { agent, keys: keySource(agent, trust), endAgent: () => undefined }
  if (!nodes.some(sshTargetOf)) return access
  if (knownHosts === '') return { ...access, failure: withheld() }
  writePrivate(dir.knownHosts, knownHosts)
  if (sshKeys.length === 0) return access
  try {
    const endAgent = await startAgent(dir.agentSocket, sshKeys)
    return { agent: dir.agentSocket, keys: access.keys === 'user' ? 'user' : 'input', endAgent }
  } catch (error) {
    if (error instanceof UserError && error.code === 'runner') return { ...access, failure: error }
    throw error
  }
}

/** Where keys come from, if no input has any. */
function keySource(agent: string, trust: Trust | undefined): OpenRequest['keys'] {
  if (runsForCommandLine()) return 'user'
  if (agent !== '') return 'agent'
  return trust === 'trusted' ? 'missing' : 'none'
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
