import { UserError, errorMessage } from '../lib/errors.ts'
import { parsePlatform } from '../lib/platform.ts'
import { isLoopback } from '../lib/proxy.ts'
import { withAbort } from '../lib/time.ts'
import { EngineClient, EngineError, type EngineInfo } from '../nodes/engine/client.ts'
import type { Node } from '../nodes/node.ts'
import { createNodePool } from '../nodes/pool.ts'
import { formatRepository, type Repository } from '../registry/reference.ts'
import { formatNode, nodeWarnings } from '../report/log-lines.ts'
import type { DryRunPorts, Run } from './ports.ts'
import { Problems, type DryRunResult } from './problems.ts'

export interface NodeChecks {
  /** What each engine has and reaches, one line each. */
  readonly lines: readonly string[]
  readonly warnings: readonly string[]
  readonly problems: readonly UserError[]
  /** BuildKit images that could not be found: a build may still get them later, but these nodes cannot build now. */
  readonly pullFailures: readonly UserError[]
}

/** The result of a check, and what it means for a run. */
interface Check {
  readonly line: string
  readonly warning?: string
  readonly problem?: UserError
  readonly pullFailure?: UserError
}

/** Of buildx (https://github.com/docker/buildx/blob/v0.38.2/driver/bkimage/bkimage.go). */
const defaultImage = 'moby/buildkit:buildx-stable-1'
/** The oldest engine that the API client of buildx accepts (API version 1.40). */
const oldestEngine = 19.03
/** Milliseconds for each request; the engine itself queries a registry. */
const deadline = 10_000
/** Errors of an engine that got no answer from a registry: https://pkg.go.dev/net#OpError */
const unreachable = /dial tcp|no such host|i\/o timeout|connection (refused|reset)|Client\.Timeout/

/** `dry-run: nodes`: what the nodes are and what they lack. Plans nothing. */
export async function checkNodesOnly(run: Run, { openNodes }: Pick<DryRunPorts, 'openNodes'>): Promise<DryRunResult> {
  const problems = new Problems()
  const outcomes = (await problems.collect(withAbort(run.signal, openNodes()))) ?? []
  problems.add(outcomes.flatMap(({ failure }) => failure ?? []))
  const { nodes } = await createNodePool(outcomes, run)
  const checks = await checkNodes(
    nodes,
    run.inputs.variants.flatMap(({ images }) => images),
  )
  problems.add([...checks.problems, ...checks.pullFailures])
  const report = {
    nodes: outcomes.map((outcome) => formatNode(outcome)),
    checks: checks.lines,
    targets: [],
    tags: [],
    permissions: [],
    post: [],
    warnings: [...run.inputs.warnings, ...nodeWarnings(nodes).map(({ text }) => text), ...checks.warnings],
    problems: problems.headlines,
  }
  return { report, problems: problems.all }
}

/**
 * Queries the engines of nodes for what a build needs: their version, the BuildKit image, and access to the registries
 * of `repositories`. Creates and pulls nothing.
 */
export async function checkNodes(nodes: readonly Node[], repositories: readonly Repository[]): Promise<NodeChecks> {
  const registries = new Map(repositories.map((repository) => [repository.registry, repository]))
  const found = await Promise.all(
    nodes.flatMap((node) =>
      node.engine === undefined || !node.driver.startsDaemon
        ? []
        : [
            Promise.resolve(checkVersion(node.spec.name, node.engine)),
            checkImage(node, node.engine),
            ...[...registries.values()].map((repository) => checkRegistry(node, repository)),
          ],
    ),
  )
  return {
    lines: found.flatMap(({ line }) => (line === '' ? [] : line)),
    warnings: found.flatMap(({ warning }) => warning ?? []),
    problems: found.flatMap(({ problem }) => problem ?? []),
    pullFailures: found.flatMap(({ pullFailure }) => pullFailure ?? []),
  }
}

function checkVersion(name: string, { version }: EngineInfo): Check {
  if (!(Number.parseFloat(version) < oldestEngine)) return { line: '' }
  const message = `${name} runs Docker Engine ${version}, which is too old for buildx`
  return { line: '', problem: new UserError({ code: 'node', message, hint: 'Install version 23 or newer there.' }) }
}

/** The image of the BuildKit container: on the node, or in a registry that the node reaches. */
async function checkImage({ spec, socket }: Node, { os, arch }: EngineInfo): Promise<Check> {
  const image = spec.driverOpts['image'] ?? defaultImage
  const [client, line] = [new EngineClient(socket, deadline), `${spec.name}: BuildKit image ${image}`]
  try {
    if (await client.hasImage(image)) return { line: `${line} is present` }
    const platforms = (await client.inspectDistribution(image)).map((platform) => parsePlatform(platform))
    const native = parsePlatform(`${os}/${arch}`)
    if (platforms.length === 0 || platforms.includes(native)) return { line: `${line} can be pulled` }
    return { line: `${line} has no ${os}/${arch}`, problem: imageProblem(image, `has no image for ${os}/${arch}`) }
  } catch (error) {
    if (isStatus(error, [404]))
      return { line: `${line} does not exist`, problem: imageProblem(image, 'does not exist') }
    if (isStatus(error, [401, 403])) return { line: `${line}: its registry requires a login, so it was not checked` }
    const message = `${spec.name} cannot pull the BuildKit image ${image}: ${errorMessage(error)}`
    return { line: `${line} was not found`, pullFailure: new UserError({ code: 'node', message, hint: pullHint }) }
  }
}

const pullHint =
  'Check whether this node reaches the registry, or set `image` in `driver-opts` to an image that it can pull.'

function imageProblem(image: string, what: string): UserError {
  return new UserError({
    code: 'node',
    message: `The BuildKit image ${image} ${what}`,
    hint: 'Correct `image` in `driver-opts`, or remove it: the default image has the usual platforms.',
  })
}

/** An engine that gets any answer reaches the registry; BuildKit has its own logins and certificates. */
async function checkRegistry({ spec, socket }: Node, repository: Repository): Promise<Check> {
  const { registry: host } = repository
  const isOwnNetwork = spec.driverOpts['network'] !== 'host' && spec.existingNodeName === undefined
  if (isLoopback(host) && isOwnNetwork)
    return {
      line: `${spec.name}: ${host} is not reachable from a BuildKit container`,
      warning: `BuildKit on ${spec.name} cannot reach ${host} of its machine: add \`network=host\` to \`driver-opts\``,
    }
  try {
    await new EngineClient(socket, deadline).inspectDistribution(formatRepository(repository))
  } catch (error) {
    const reason = errorMessage(error)
    if (!(error instanceof EngineError) || error.status === 0 || unreachable.test(reason))
      return {
        line: `${spec.name}: ${host} is not reachable`,
        warning: `${spec.name} cannot reach ${host}, to which it pushes: ${reason}`,
      }
  }
  return { line: `${spec.name}: ${host} is reachable` }
}

function isStatus(error: unknown, statuses: readonly number[]): boolean {
  return error instanceof EngineError && statuses.includes(error.status)
}
