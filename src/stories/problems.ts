import { formatError, UserError, UserErrors } from '../lib/errors.ts'
import type { DryRunReport } from '../report/dry-run.ts'

export interface DryRunResult {
  readonly report: DryRunReport
  /** Why the plan would fail; empty if it would work. */
  readonly problems: readonly UserError[]
}

/** Why the plan of a dry run would not work. */
export class Problems {
  readonly #errors: UserError[] = []

  /** Adds the failure of a step and returns undefined. @throws any error that is not a known failure: it is a bug */
  async collect<T>(work: Promise<T>): Promise<T | undefined> {
    return await work.catch((error: unknown): undefined => {
      if (error instanceof UserErrors) this.#errors.push(...error.errors)
      else if (error instanceof UserError) this.#errors.push(error)
      else throw error
    })
  }

  add(errors: readonly UserError[]): void {
    this.#errors.push(...errors)
  }

  get all(): readonly UserError[] {
    return this.#errors
  }

  /** For the report. */
  get headlines(): readonly string[] {
    return this.#errors.map((error) => formatError(error).headline)
  }
}
