import type { Credentials } from './auth.ts'
import { openRegistry, type RegistryClient } from './client.ts'
import type { Repository } from './reference.ts'
import type { Fetch } from './transport.ts'

export interface RegistryWorld {
  readonly credentials: (repository: Repository) => Promise<Credentials | undefined>
  readonly fetch: Fetch
  /** Whether the author wants plain http there. */
  readonly isPlain?: (registry: string) => boolean
  /** Hears of every repeated request. */
  readonly log: (text: string) => void
}

/** The client for a repository, the same one for all of a registry that have one login. */
export type ClientOf = (repository: Repository) => Promise<RegistryClient>

/** Clients that log in as this job does, and stop when the signal says so. */
export function openClients({ credentials, fetch, log, isPlain }: RegistryWorld, signal?: AbortSignal): ClientOf {
  const clients = new Map<string, RegistryClient>()
  return async (repository) => {
    const { registry } = repository
    const found = await credentials(repository)
    const key = JSON.stringify([registry, found])
    const client =
      clients.get(key) ??
      openRegistry({
        registry,
        fetch,
        log,
        willPush: true,
        plain: isPlain?.(registry) ?? false,
        ...(found && { credentials: found }),
        ...(signal && { signal }),
      })
    clients.set(key, client)
    return client
  }
}
