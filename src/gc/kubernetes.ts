import type { NodeSpec } from '../nodes/node-spec.ts'
import { asList, asRecord, asText, tryParseJson } from '../lib/json.ts'
import { errorMessage } from '../lib/errors.ts'
import { inheritedEnv, exec } from '../lib/exec.ts'
import type { RunStatus } from './run-status.ts'
import { containerPrefix, parseResourceName, type ResourceOwner, managedBy, managedByLabel } from '../run/names.ts'
import type { Reaped } from './result.ts'
import type { RunDir } from '../run/run-dir.ts'

const deadline = 20_000

/** A Deployment of ours in a cluster. */
interface Found {
  readonly name: string
  readonly owner: Extract<ResourceOwner, { kind: 'run' }>
  readonly age: number
  /** What it mounts, of the same name. */
  readonly configMaps: readonly string[]
}

/**
 * Removes what runs of ours left in the namespace and ended without their post step; by kubectl, where this machine has
 * it: buildx cannot list. Never throws.
 *
 * @param dir a private directory
 */
export async function reapCluster(
  { name: node, endpoint, driverOpts }: NodeSpec,
  liveness: RunStatus,
  dir: RunDir,
): Promise<Reaped> {
  const { namespace = '' } = driverOpts
  const kubeconfig = endpoint.kind === 'kubernetes' ? endpoint.kubeconfig : undefined
  // What it keeps in the user's own directory else.
  const where = [
    '--cache-dir',
    dir.kubectlCache,
    ...(kubeconfig === undefined ? [] : ['--kubeconfig', kubeconfig]),
    ...(namespace === '' ? [] : ['--namespace', namespace]),
  ]
  let removed: string[] = []
  const failed: string[] = []
  try {
    const ours = await findOurs(where)
    const dead = (
      await Promise.all(
        ours.map(async (found) => ((await liveness.isFinished({ ...found.owner, age: found.age })) ? [found] : [])),
      )
    ).flat()
    const [names, configMaps] = [dead.map(({ name }) => name), dead.flatMap((one) => one.configMaps)]
    try {
      // The Deployments last: they are what the others are found by.
      if (configMaps.length > 0) await kubectl([...where, 'delete', 'configmap', ...configMaps, '--ignore-not-found'])
      if (names.length > 0)
        await kubectl([...where, 'delete', 'deployment', ...names, '--ignore-not-found', '--wait=false'])
      removed = names
    } catch (error) {
      failed.push(`${names.join(', ')}: ${errorMessage(error)}`)
    }
  } catch (error) {
    failed.push(
      /forbidden/i.test(errorMessage(error))
        ? 'the account of the kubeconfig may not `list` deployments, so nothing was looked for'
        : errorMessage(error),
    )
  }
  return { node, removed, failed }
}

async function findOurs(where: readonly string[]): Promise<Found[]> {
  const text = await kubectl([
    ...where,
    'get',
    'deployments',
    '--selector',
    `${managedByLabel}=${managedBy}`,
    '--output',
    'json',
  ])
  return asList(asRecord(tryParseJson(text))['items'])
    .map(asRecord)
    .flatMap((one): Found[] => {
      const { name: given, creationTimestamp } = asRecord(one['metadata'])
      const name = asText(given)
      const owner = parseResourceName(`${containerPrefix}${name}`)
      if (owner?.kind !== 'run' || owner.name !== name) return []
      const age = Date.now() - Date.parse(asText(creationTimestamp))
      const volumes = asList(asRecord(asRecord(asRecord(one['spec'])['template'])['spec'])['volumes']).map(asRecord)
      const configMaps = volumes
        .map((volume) => asText(asRecord(volume['configMap'])['name']))
        .filter((map) => map === `${name}-config` || map.startsWith(`${name}-config-`))
      // What has no readable time is as good as made just now.
      return [{ name, owner, age: Number.isFinite(age) ? age : 0, configMaps }]
    })
}

/** Its standard output; empty where this machine has no kubectl. */
async function kubectl(args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await exec('kubectl', args, { env: inheritedEnv(), deadline }).catch(() => ({
    code: 0,
    stdout: '',
    stderr: '',
  }))
  if (code !== 0) throw new Error(stderr.trim().split('\n').at(-1) ?? `kubectl ended with code ${code}`)
  return stdout
}
