import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Login } from '../inputs.ts'
import { asRecord, tryParseJson } from '../plan/json.ts'
import type { RegistryHosts } from '../plan/registries.ts'
import type { Credentials } from '../registry/auth.ts'
import type { RegistryWorld } from '../registry/clients.ts'
import { findCredentials, withAuths } from '../registry/login.ts'
import { dockerHome } from './docker-home.ts'
import { openFetch } from './fetch.ts'
import { runnerLog } from './log.ts'
import { run } from './process.ts'

/** The docker configuration at `path`; an empty object where there is none. */
export function readDockerConfig(path: string): Record<string, unknown> {
  try {
    return asRecord(tryParseJson(readFileSync(path, 'utf8')))
  } catch {
    return {}
  }
}

/** The job's own docker configuration, with the logins that its variable DOCKER_AUTH_CONFIG adds. */
export function readJobDockerConfig(): Record<string, unknown> {
  return withAuths(readDockerConfig(join(dockerHome(), 'config.json')), tryParseJson(process.env['DOCKER_AUTH_CONFIG'] ?? ''))
}

/** How this job reaches registries: through its proxy, with the step's own logins first, then those the job already has. */
export function openRegistries(logins: readonly Login[], dockerConfig: unknown, hosts: RegistryHosts = {}): RegistryWorld {
  return { isPlain: (registry) => hosts[registry]?.http === true, credentials: openCredentials(logins, dockerConfig), fetch: openFetch(process.env, hosts), log: runnerLog.debug }
}

/** The step's logins, without the forge's token where the job has a login of its own: docker's CLI would use that as well. */
export async function preferJobLogins(logins: readonly Login[], dockerConfig: unknown): Promise<readonly Login[]> {
  const counts = await Promise.all(logins.map(async ({ registry, byDefault }) => !byDefault || (await findCredentials(registry, [], dockerConfig, askHelper)) === undefined))
  return logins.filter((_, index) => counts[index])
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
