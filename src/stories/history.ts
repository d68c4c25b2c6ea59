import { detectPlatform } from '../forge/platform.ts'
import { targetLabel, type Plan } from '../plan/target.ts'
import { RunHistory } from '../publish/history/history.ts'
import { historyRef, type PastRun } from '../publish/history/runs.ts'
import type { RegistryAccess } from '../registry/client-factory.ts'
import { measureTargets } from '../report/measurements.ts'
import type { Run } from './ports.ts'

/** Compares a run with the previous one of its branch. */
export class RunComparison {
  readonly #run: Run
  readonly #registries: RegistryAccess
  /** Undefined without a cache. */
  #history: RunHistory | undefined

  constructor(run: Run, registries: RegistryAccess) {
    this.#run = run
    this.#registries = registries
  }

  /** Starts to read the times of earlier runs. */
  start({ targets }: Plan): void {
    const { inputs, event, log, signal } = this.#run
    const cached = targets.find(({ cache }) => cache)
    if (!cached?.cache) return
    this.#history = new RunHistory({
      cache: cached.cache.name,
      event,
      writes: inputs.push && event.trust !== 'fork' && cached.writesCache !== false,
      registries: this.#registries,
      signal,
      debug: log.debug,
    })
    void this.#history.read()
  }

  /** Records the previous run, as far as it is read, and stores the times of this one for the next. */
  async complete(): Promise<void> {
    const { record, event } = this.#run
    const past = this.#history?.previous()
    const { serverUrl, repository } = event
    // On Forgejo and Gitea the address has another number than the run's id.
    const hasPage = repository !== '' && detectPlatform(event) !== 'forgejo'
    const url = `${serverUrl}/${repository}/actions/runs/${past?.runId ?? ''}`
    record.previous = past && { ...past, ...(hasPage && { url }) }
    await this.#history?.write(this.#describe())
  }

  /** Ends its requests. */
  close(): void {
    this.#history?.close()
  }

  #describe(): PastRun {
    const { record, event } = this.#run
    const built = measureTargets(record).filter(({ result }) => result === 'success')
    const targets = built.map(({ target, took, entry: { steps } }) => {
      return [targetLabel(target), { seconds: took / 1000, steps }] as const
    })
    const seconds = (Date.now() - record.began) / 1000
    return { ref: historyRef(event), runId: event.runId, seconds, targets: new Map(targets) }
  }
}
