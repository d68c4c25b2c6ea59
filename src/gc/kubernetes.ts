import { errorMessage } from '../lib/errors.ts'
import { exec, inheritedEnv } from '../lib/exec.ts'
import { asList, asRecord, asText, tryParseJson } from '../lib/json.ts'
import type { ClusterEndpoint } from '../nodes/drivers/kubernetes.ts'
import type { NodeSpec } from '../nodes/node-spec.ts'
import { containerPrefix, managedBy, managedByLabel, parseResourceName, type ResourceOwner } from '../run/names.ts'
import type { RunDir } from '../run/run-dir.ts'
import type { NodeGarbage } from './log.ts'
import type { RunChecker } from './run-status.ts'

/** Milliseconds for each call of kubectl. */
const deadline = 20_000

/** A Deployment of this action in a cluster. */
interface Deployment {
  readonly name: string
  readonly owner: Extract<ResourceOwner, { kind: 'run' }>
  /** Milliseconds. */
  readonly age: number
  /** The ConfigMaps that it mounts and that were created for it. */
  readonly configMaps: readonly string[]
}

/**
 * Removes what runs of this action left in the namespace and that ended without their post step. Uses kubectl, since
 * buildx cannot list; without kubectl on this machine nothing is removed. Never throws.
 */
export async function collectClusterGarbage(spec: NodeSpec, runs: RunChecker, dir: RunDir): Promise<NodeGarbage> {
  const flags = kubectlFlags(spec, dir)
  try {
    if (!(await hasKubectl(flags))) return { node: spec.name, removed: [], failed: [] }
    const deployments = await findDeployments(flags)
    const isFinished = await Promise.all(deployments.map(({ owner, age }) => runs.isFinished({ ...owner, age })))
    const finished = deployments.filter((_, at) => isFinished[at])
    return { node: spec.name, ...(await removeDeployments(flags, finished)) }
  } catch (error) {
    const message = errorMessage(error)
    const reason = /forbidden/i.test(message)
      ? 'the account of the kubeconfig has no permission to `list` deployments, so leftovers cannot be found'
      : message
    return { node: spec.name, removed: [], failed: [reason] }
  }
}

function kubectlFlags({ endpoint, driverOpts }: NodeSpec, dir: RunDir): string[] {
  const { kubeconfig = '' } = endpoint as ClusterEndpoint
  const { namespace = '' } = driverOpts
  return [
    '--cache-dir',
    dir.kubectlCache,
    ...(kubeconfig === '' ? [] : ['--kubeconfig', kubeconfig]),
    ...(namespace === '' ? [] : ['--namespace', namespace]),
  ]
}

async function removeDeployments(
  flags: readonly string[],
  deployments: readonly Deployment[],
): Promise<Pick<NodeGarbage, 'removed' | 'failed'>> {
  const names = deployments.map(({ name }) => name)
  const configMaps = deployments.flatMap((deployment) => deployment.configMaps)
  try {
    // The Deployments last, since the ConfigMaps are found through them.
    if (configMaps.length > 0) await kubectl([...flags, 'delete', 'configmap', ...configMaps, '--ignore-not-found'])
    if (names.length > 0)
      await kubectl([...flags, 'delete', 'deployment', ...names, '--ignore-not-found', '--wait=false'])
    return { removed: names, failed: [] }
  } catch (error) {
    return { removed: [], failed: [`${names.join(', ')}: ${errorMessage(error)}`] }
  }
}

async function findDeployments(flags: readonly string[]): Promise<Deployment[]> {
  const selector = `${managedByLabel}=${managedBy}`
  const text = await kubectl([...flags, 'get', 'deployments', '--selector', selector, '--output', 'json'])
  return asList(asRecord(tryParseJson(text))['items'])
    .map(asRecord)
    .flatMap(parseDeployment)
}

function parseDeployment({ metadata, spec }: Record<string, unknown>): Deployment[] {
  const { name: text, creationTimestamp } = asRecord(metadata)
  const name = asText(text)
  const owner = parseResourceName(`${containerPrefix}${name}`)
  if (owner?.kind !== 'run' || owner.name !== name) return []
  const age = Date.now() - Date.parse(asText(creationTimestamp))
  const volumes = asList(asRecord(asRecord(asRecord(spec)['template'])['spec'])['volumes']).map(asRecord)
  const configMaps = volumes
    .map((volume) => asText(asRecord(volume['configMap'])['name']))
    .filter((map) => map === `${name}-config` || map.startsWith(`${name}-config-`))
  // Without a readable time it counts as new.
  return [{ name, owner, age: Number.isFinite(age) ? age : 0, configMaps }]
}

/** Whether this machine has kubectl. @throws Error if it cannot be started for another reason */
async function hasKubectl(flags: readonly string[]): Promise<boolean> {
  try {
    // Some builds of kubectl ask the cluster even for this, and cache the answer.
    await exec('kubectl', [...flags, 'version', '--client'], { env: inheritedEnv(), deadline })
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false
    throw new Error(`kubectl could not be started: ${errorMessage(error)}`, { cause: error })
  }
}

/** The standard output of kubectl. @throws Error if it fails, or cannot be started */
async function kubectl(args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await exec('kubectl', args, { env: inheritedEnv(), deadline })
  if (code !== 0) throw new Error(stderr.trim().split('\n').at(-1) ?? `kubectl exited with code ${code}`)
  return stdout
}
