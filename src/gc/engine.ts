import type { Node } from '../nodes/node.ts'
import { formatEndpoint } from '../nodes/endpoint.ts'
import { callEngine, dropVolume, EngineError, removeContainer } from '../nodes/engine/client.ts'
import { asList, asRecord, asText } from '../lib/json.ts'
import { reapCluster } from './kubernetes.ts'
import { idleTtl, staleLockAge } from './classify.ts'
import type { RunStatus } from './run-status.ts'
import {
  lockVolume,
  containerPrefix,
  resourcePrefix,
  parseResourceName,
  usageVolume,
  type ResourceOwner,
  reservationVolume,
  stateVolume,
} from '../run/names.ts'
import { holderOf, releaseLock, takeLock } from '../nodes/engine/lock.ts'
import { removeProbes } from './probes.ts'
import { errorMessage } from '../lib/errors.ts'
import type { Reaped } from './result.ts'
import type { RunDir } from '../run/run-dir.ts'

/** One daemon of ours on a node: its container, its volume, or what is left of the two. */
interface Found {
  readonly owner: ResourceOwner
  /** Of its youngest part, by the node's clock. */
  readonly age: number
  /** Of a lock: who holds it. */
  readonly holder: string
}

const deadline = 15_000

/**
 * Removes what runs of ours left on these nodes and ended without their post step. Never throws.
 *
 * @param self this run, as it is named to others
 * @param dir our private directory
 */
export async function collectNodeGarbage(
  nodes: readonly Pick<Node, 'driver' | 'socket' | 'spec'>[],
  liveness: RunStatus,
  { self, dir }: { readonly self: string; readonly dir: RunDir },
): Promise<Reaped[]> {
  // Two lines of `nodes` may name one engine, and many one cluster.
  const placeOf = ({ driver, socket, spec }: (typeof nodes)[number]) =>
    driver === 'kubernetes' ? `${formatEndpoint(spec.endpoint)} ${spec.driverOpts['namespace'] ?? ''}` : socket
  const places = new Map(nodes.filter(({ driver }) => driver !== 'remote').map((node) => [placeOf(node), node]))
  return await Promise.all(
    [...places.values()].map(async ({ driver, socket, spec }) =>
      driver === 'kubernetes'
        ? await reapCluster(spec, liveness, dir)
        : await reapEngine(socket, spec, { liveness, self }),
    ),
  )
}

async function reapEngine(
  socket: string,
  { name: node, driverOpts }: Node['spec'],
  { liveness, self }: { readonly liveness: RunStatus; readonly self: string },
): Promise<Reaped> {
  try {
    const found = await findOurs(socket)
    // Before the daemons whose image tells them.
    const probes = await removeProbes(socket, driverOpts['image'], deadline)
    const runs = await removeRuns(socket, found, liveness)
    const kept = await removeKept(socket, found, { liveness, self })
    const outcomes = [...runs, ...kept, ...probes]
    return {
      node,
      removed: outcomes.flatMap(({ name, error }) => (error === undefined ? [name] : [])),
      failed: outcomes.flatMap(({ name, error }) => (error === undefined ? [] : [`${name}: ${error}`])),
    }
  } catch (error) {
    return { node, removed: [], failed: [errorMessage(error)] }
  }
}

/** Everything on the engine that bears a name of ours. The engine's filter looks for a part of a name only. */
async function findOurs(socket: string): Promise<Found[]> {
  const filters = encodeURIComponent(JSON.stringify({ name: [resourcePrefix] }))
  const [containers, volumes, info] = await Promise.all([
    callEngine(socket, 'GET', `/containers/json?all=1&filters=${filters}`, deadline),
    callEngine(socket, 'GET', `/volumes?filters=${filters}`, deadline),
    callEngine(socket, 'GET', '/info', deadline),
  ])
  const now = Date.parse(asText(asRecord(info)['SystemTime']))
  const named = [
    ...asList(containers)
      .map(asRecord)
      .map((one) => ({ name: asText(asList(one['Names'])[0]), made: Number(one['Created']) * 1000, holder: '' })),
    ...asList(asRecord(volumes)['Volumes'])
      .map(asRecord)
      .map((one) => ({
        name: asText(one['Name']),
        made: Date.parse(asText(one['CreatedAt'])),
        holder: holderOf(one['Labels']),
      })),
  ]
  return named.flatMap(({ name, made, holder }) => {
    const owner = parseResourceName(name)
    const age = now - made
    // What has no readable time is as good as made just now.
    return owner ? [{ owner, holder, age: Number.isFinite(age) ? age : 0 }] : []
  })
}

interface Outcome {
  readonly name: string
  readonly error?: string
}

async function removeRuns(socket: string, found: readonly Found[], liveness: RunStatus): Promise<Outcome[]> {
  const youngest = new Map<string, { readonly owner: Extract<ResourceOwner, { kind: 'run' }>; readonly age: number }>()
  for (const { owner, age } of found) {
    if (owner.kind === 'run')
      youngest.set(owner.name, { owner, age: Math.min(age, youngest.get(owner.name)?.age ?? Infinity) })
  }
  const outcomes = await Promise.all(
    [...youngest.values()].map(async ({ owner, age }): Promise<Outcome[]> => {
      const dead = await liveness.isFinished({
        scope: owner.scope,
        runId: owner.runId,
        runAttempt: owner.runAttempt,
        age,
      })
      return dead ? [await removeDaemon(socket, owner.name)] : []
    }),
  )
  return outcomes.flat()
}

async function removeKept(
  socket: string,
  found: readonly Found[],
  { liveness, self }: { readonly liveness: RunStatus; readonly self: string },
): Promise<Outcome[]> {
  const names = new Set(found.flatMap(({ owner }) => (owner.kind === 'persistent' ? [owner.name] : [])))
  const partsOf = (name: string, all: readonly Found[]) =>
    all.filter(({ owner }) => owner.kind === 'persistent' && owner.name === name)
  const outcomes = await Promise.all(
    [...names].map(async (name): Promise<Outcome[]> => {
      const parts = partsOf(name, found)
      for (const part of parts) if (await isLost(part, liveness)) await removeVolume(socket, lockVolume(name))
      if (!isUnused(parts) || !(await takeLock(socket, name, self))) return []
      try {
        // Somebody may have come to use it in between: a mark is set before the lock is looked for.
        const now = partsOf(name, await findOurs(socket))
        if (!isUnused(now)) return []
        const outcome = await removeDaemon(socket, name)
        for (const on of marksOf(now)) await removeVolume(socket, usageVolume(name, on))
        return [outcome]
      } finally {
        await releaseLock(socket, name, self)
      }
    }),
  )
  return outcomes.flat()
}

/** A lock whose holder will not come back. */
async function isLost({ owner, age, holder }: Found, liveness: RunStatus): Promise<boolean> {
  if (owner.kind !== 'persistent' || owner.part !== 'lock') return false
  const run = parseResourceName(`${containerPrefix}${holder}-0`)
  return (
    age > staleLockAge ||
    (run?.kind === 'run' &&
      (await liveness.isFinished({ scope: run.scope, runId: run.runId, runAttempt: run.runAttempt, age })))
  )
}

/** By its last mark of use; without any, by its own age. */
function isUnused(parts: readonly Found[]): boolean {
  const marks = marksOf(parts)
  const told = parts.filter(({ owner }) => owner.kind === 'persistent' && owner.part !== 'lock')
  if (marks.length > 0) return marks.every((on) => Date.now() - on > idleTtl)
  return told.length > 0 && told.every(({ age }) => age > idleTtl)
}

function marksOf(parts: readonly Found[]): number[] {
  return parts.flatMap(({ owner }) => (owner.kind === 'persistent' && owner.part === 'usage' ? [owner.on] : []))
}

async function removeDaemon(socket: string, name: string): Promise<Outcome> {
  const container = `${containerPrefix}${name}`
  try {
    await removeContainer(socket, container, stateVolume(container), deadline)
    await dropVolume(socket, reservationVolume(name), deadline)
    return { name }
  } catch (error) {
    // Another run's reaper is at it.
    if (error instanceof EngineError && error.status === 409) return { name }
    return { name, error: errorMessage(error) }
  }
}

async function removeVolume(socket: string, volume: string): Promise<void> {
  await dropVolume(socket, volume, deadline).catch(() => undefined)
}
