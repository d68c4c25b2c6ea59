import { pushHint } from '../buildx/errors.ts'
import { RegistryError } from '../registry/client.ts'
import { openClients, type ClientOf, type RegistryWorld } from '../registry/clients.ts'
import { formatRepository, type Repository } from '../registry/reference.ts'
import { UserError, errorMessage } from '../lib/errors.ts'
import type { VariantSpec } from '../inputs/variant-spec.ts'

export interface AdmissionRequest {
  readonly inputs: { readonly push: boolean; readonly variants: readonly Pick<VariantSpec, 'images'>[] }
  readonly registries: RegistryWorld
  readonly signal: AbortSignal
}

export interface Admission {
  /** That of the request; and aborts, with a `UserError` as its reason, once a registry has refused. */
  readonly signal: AbortSignal
  /** Begins to ask. */
  readonly ask: () => void
  /** From now on a refusal counts. */
  readonly heed: () => void
  /** Stops asking. */
  readonly end: () => void
}

/**
 * Asks the registries, beside everything else, whether this login may push: who may not should hear of it soon, and not
 * when hours of building are done. Only a clear refusal counts; any other trouble is left to the push itself. Two
 * moments are the caller's: to ask when there is nothing else to do, and to heed a refusal where an end leaves nothing
 * behind.
 */
export function openAdmission({ inputs, registries, signal }: AdmissionRequest): Admission {
  const refused = new AbortController()
  const heeding = new AbortController()
  const over = new AbortController()
  const clientOf = openClients({ ...registries, log: () => undefined }, over.signal)
  const ask = () => {
    for (const repository of inputs.push ? repositoriesOf(inputs.variants) : []) {
      void askPush(repository, clientOf).then(({ denied, failure }) => {
        const refuse = () => over.signal.aborted || refused.abort(failure)
        if (denied && heeding.signal.aborted) refuse()
        else if (denied) heeding.signal.addEventListener('abort', refuse)
      })
    }
  }
  return {
    signal: AbortSignal.any([signal, refused.signal]),
    ask,
    heed: () => heeding.abort(),
    end: () => over.abort(),
  }
}

/** Each repository once. */
export function repositoriesOf(variants: AdmissionRequest['inputs']['variants']): readonly Repository[] {
  return [
    ...new Map(variants.flatMap(({ images }) => images).map((image) => [formatRepository(image), image])).values(),
  ]
}

/** `failure`: why nothing can be pushed there. `denied`: the registry itself says that this login may not. */
export async function askPush(
  repository: Repository,
  clientOf: ClientOf,
): Promise<{ readonly denied: boolean; readonly failure?: UserError }> {
  try {
    await (await clientOf(repository)).checkPush(repository.path)
    return { denied: false }
  } catch (error) {
    const denied = error instanceof RegistryError && (error.kind === 'denied' || error.kind === 'unauthorized')
    const hint = denied
      ? pushHint
      : 'Check the name in `image`; if it is right, the registry’s own log or status page says more.'
    return {
      denied,
      failure: new UserError({
        code: 'registry',
        message: `Nothing can be pushed to ${formatRepository(repository)}`,
        hint,
        details: [errorMessage(error)],
        cause: error,
      }),
    }
  }
}
