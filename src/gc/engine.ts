import { errorMessage } from '../lib/errors.ts'
import { EngineError, type EngineClient } from '../nodes/engine/client.ts'
import { lockHolder, releaseLock, takeLock } from '../nodes/engine/lock.ts'
import {
  containerPrefix,
  lockVolume,
  parseResourceName,
  reservationVolume,
  resourcePrefix,
  stateVolume,
  usageVolume,
  type ResourceOwner,
} from '../run/names.ts'
import { removeProbes, type Outcome } from './probes.ts'
import { idleTtl, staleLockAge, type RunChecker } from './run-status.ts'

/** A container or a volume of a builder of this action. */
interface Resource {
  readonly owner: ResourceOwner
  /** Milliseconds by the engine's clock. */
  readonly age: number
  /** The builder name of the run that holds a lock. */
  readonly holder: string
}

/** Between creating and starting a probe there are only moments. Milliseconds. */
const minProbeAge = 10 * 60_000

/** Removes builders of finished runs, and unused persistent builders, from one engine. */
export class EngineGarbage {
  readonly #engine: EngineClient
  readonly #runs: RunChecker
  readonly #self: string

  /** @param self the builder name of this run */
  constructor(engine: EngineClient, runs: RunChecker, self: string) {
    this.#engine = engine
    this.#runs = runs
    this.#self = self
  }

  /**
   * @param image the image of daemons on this node, if it is not BuildKit's own
   * @throws EngineError
   */
  async collect(image: string | undefined): Promise<readonly Outcome[]> {
    const resources = await this.#findResources()
    // Before the daemons, whose images identify probes.
    const probes = await this.#removeProbes(image)
    const runs = await this.#removeFinished(resources)
    const persistent = await this.#removeUnused(resources)
    return [...runs, ...persistent, ...probes]
  }

  async #findResources(): Promise<Resource[]> {
    const [containers, volumes, now] = await Promise.all([
      this.#engine.listContainers(resourcePrefix),
      this.#engine.listVolumes(resourcePrefix),
      this.#engine.time(),
    ])
    const named = [
      ...containers.map(({ names, createdAt }) => ({ name: names[0] ?? '', createdAt, holder: '' })),
      ...volumes.map(({ name, createdAt, labels }) => ({
        name,
        createdAt: Date.parse(createdAt),
        holder: lockHolder(labels),
      })),
    ]
    return named.flatMap(({ name, createdAt, holder }) => {
      const owner = parseResourceName(name)
      const age = now - createdAt
      // Without a readable time it counts as new.
      return owner ? [{ owner, holder, age: Number.isFinite(age) ? age : 0 }] : []
    })
  }

  async #removeProbes(image: string | undefined): Promise<Outcome[]> {
    try {
      return await removeProbes(this.#engine, image, minProbeAge)
    } catch (error) {
      return [{ name: 'containers that buildx left', error: errorMessage(error) }]
    }
  }

  async #removeFinished(resources: readonly Resource[]): Promise<Outcome[]> {
    const youngest = new Map<string, Resource & { readonly owner: { readonly kind: 'run' } }>()
    for (const { owner, age, holder } of resources) {
      if (owner.kind !== 'run') continue
      youngest.set(owner.name, { owner, holder, age: Math.min(age, youngest.get(owner.name)?.age ?? Infinity) })
    }
    const outcomes = await Promise.all(
      [...youngest.values()].map(async ({ owner, age }) =>
        (await this.#isFinished(owner, age)) ? [await this.#removeBuilder(owner.name)] : [],
      ),
    )
    return outcomes.flat()
  }

  async #removeUnused(resources: readonly Resource[]): Promise<Outcome[]> {
    const names = new Set(resources.flatMap(({ owner }) => (owner.kind === 'persistent' ? [owner.name] : [])))
    const outcomes = await Promise.all(
      [...names].map(async (name) => {
        const parts = partsOf(name, resources)
        for (const part of parts) if (await this.#isStaleLock(part)) await this.#tryRemoveVolume(lockVolume(name))
        return isUnused(parts) ? await this.#removePersistent(name) : []
      }),
    )
    return outcomes.flat()
  }

  /** With the lock: a run that uses the builder records that before it checks the lock. */
  async #removePersistent(name: string): Promise<Outcome[]> {
    if (!(await takeLock(this.#engine, name, this.#self))) return []
    try {
      const parts = partsOf(name, await this.#findResources())
      if (!isUnused(parts)) return []
      const outcome = await this.#removeBuilder(name)
      for (const day of usageDays(parts)) await this.#tryRemoveVolume(usageVolume(name, day))
      return [outcome]
    } finally {
      await releaseLock(this.#engine, name, this.#self)
    }
  }

  /** Whether the holder of the lock will never release it. */
  async #isStaleLock({ owner, age, holder }: Resource): Promise<boolean> {
    if (owner.kind !== 'persistent' || owner.part !== 'lock') return false
    const run = parseResourceName(`${containerPrefix}${holder}-0`)
    return age > staleLockAge || (run !== undefined && (await this.#isFinished(run, age)))
  }

  async #isFinished(owner: ResourceOwner, age: number): Promise<boolean> {
    return owner.kind === 'run' && (await this.#runs.isFinished({ ...owner, age }))
  }

  async #removeBuilder(name: string): Promise<Outcome> {
    const container = `${containerPrefix}${name}`
    try {
      await this.#engine.removeBuilder(container, stateVolume(container))
      await this.#engine.removeVolume(reservationVolume(name))
      return { name }
    } catch (error) {
      // Another run is removing it.
      if (error instanceof EngineError && error.status === 409) return { name }
      return { name, error: errorMessage(error) }
    }
  }

  async #tryRemoveVolume(volume: string): Promise<void> {
    await this.#engine.removeVolume(volume).catch(() => undefined)
  }
}

function partsOf(name: string, resources: readonly Resource[]): Resource[] {
  return resources.filter(({ owner }) => owner.kind === 'persistent' && owner.name === name)
}

/** By its last recorded use; without any, by its own age. */
function isUnused(parts: readonly Resource[]): boolean {
  const days = usageDays(parts)
  if (days.length > 0) return days.every((day) => Date.now() - day > idleTtl)
  const ages = parts.flatMap(({ owner, age }) => (owner.kind === 'persistent' && owner.part !== 'lock' ? [age] : []))
  return ages.length > 0 && ages.every((age) => age > idleTtl)
}

function usageDays(parts: readonly Resource[]): number[] {
  return parts.flatMap(({ owner }) => (owner.kind === 'persistent' && owner.part === 'usage' ? [owner.on] : []))
}
