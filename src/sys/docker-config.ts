import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Login } from '../inputs.ts'
import { asRecord, tryParseJson } from '../plan/json.ts'
import type { RegistryHosts } from '../plan/registries.ts'
import type { Credentials } from '../registry/auth.ts'
import type { RegistryWorld } from '../registry/clients.ts'
import { findCredentials } from '../registry/login.ts'
import { dockerHome } from './docker-home.ts'
import { openFetch } from './fetch.ts'
import { runnerLog } from './log.ts'
import { run } from './process.ts'

/** The docker configuration at `path`, or the job's own; an empty object where there is none. */
export function readDockerConfig(path?: string): Record<string, unknown> {
  try {
    return asRecord(tryParseJson(readFileSync(path ?? join(dockerHome(), 'config.json'), 'utf8')))
  } catch {
    return {}
  }
}

/** How this job reaches registries: through its proxy, with the step's own logins first, then those the job already has. */
export function openRegistries(logins: readonly Login[], dockerConfig: unknown, hosts: RegistryHosts = {}): RegistryWorld {
  return { isPlain: (registry) => hosts[registry]?.http === true, credentials: openCredentials(logins, dockerConfig), fetch: openFetch(process.env, hosts), log: runnerLog.debug }
}

function openCredentials(logins: readonly Login[], dockerConfig: unknown): (registry: string) => Promise<Credentials | undefined> {
  const known = new Map<string, Promise<Credentials | undefined>>()
  return (registry) => {
    const found = known.get(registry) ?? findCredentials(registry, logins, dockerConfig, askHelper)
    known.set(registry, found)
    return found
  }
}

/** Asks `docker-credential-<helper>` (docker/docker-credential-helpers: the host on stdin, JSON on stdout). */
async function askHelper(helper: string, host: string): Promise<string | undefined> {
  try {
    const { code, stdout } = await run(`docker-credential-${helper}`, ['get'], { input: host, deadline: 20_000 })
    return code === 0 ? stdout : undefined
  } catch {
    return undefined
  }
}
