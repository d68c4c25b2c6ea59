import { inDraftOrder, type Plan } from '../plan/target.ts'
import { likelyCaches } from '../plan/targets.ts'
import { CacheLookup } from '../publish/cache-lookup.ts'
import type { RegistryAccess } from '../registry/client-factory.ts'
import type { Run } from './ports.ts'

/** Finds out, while the nodes are connected, which cache each build imports. */
export class CacheChoice {
  readonly #run: Run
  readonly #lookup: CacheLookup

  constructor(run: Run, registries: RegistryAccess) {
    const { inputs, event, log, signal } = run
    this.#run = run
    const images = inputs.variants.flatMap((variant) => variant.images)
    this.#lookup = new CacheLookup({ event, images, registries, signal, debug: log.debug })
  }

  /** Starts to ask the registries. */
  start(): void {
    const { inputs } = this.#run
    if (inputs.settings.call === undefined) this.#lookup.start(likelyCaches(inputs))
  }

  /** The plan, in which every target imports the cache that was chosen for it. */
  async apply(plan: Plan): Promise<Plan> {
    if (this.#run.inputs.settings.call !== undefined) return plan
    const targets = await this.#lookup.choose(plan.targets)
    const groups = plan.groups.map((group) => ({ ...group, targets: inDraftOrder(group.targets, targets) }))
    return { ...plan, targets, groups }
  }

  /** Ends its requests. */
  close(): void {
    this.#lookup.close()
  }
}
