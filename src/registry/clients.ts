import type { Credentials } from './auth.ts'
import { openRegistry, type RegistryClient } from './client.ts'
import type { Fetch } from './transport.ts'

export interface RegistryWorld {
  readonly credentials: (registry: string) => Promise<Credentials | undefined>
  readonly fetch: Fetch
  /** Whether the author wants plain http there. */
  readonly isPlain?: (registry: string) => boolean
  /** Hears of every repeated request. */
  readonly log: (text: string) => void
}

/** The client of a registry, the same one each time it is asked for. */
export type ClientOf = (registry: string) => Promise<RegistryClient>

/** Clients that log in as this job does, and stop when the signal says so. */
export function openClients({ credentials, fetch, log, isPlain }: RegistryWorld, signal?: AbortSignal): ClientOf {
  const clients = new Map<string, Promise<RegistryClient>>()
  const open = async (registry: string) => {
    const found = await credentials(registry)
    return openRegistry({ registry, fetch, log, willPush: true, plain: isPlain?.(registry) ?? false, ...(found && { credentials: found }), ...(signal && { signal }) })
  }
  return (registry) => {
    const client = clients.get(registry) ?? open(registry)
    clients.set(registry, client)
    return client
  }
}
