import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { asRecord, tryParseJson } from '../lib/json.ts'
import type { Credentials } from '../registry/auth.ts'
import type { RegistryWorld } from '../registry/clients.ts'
import { findCredentials, withAuths, type RunHelper } from '../registry/credentials/login.ts'
import { formatRepository } from '../registry/reference.ts'
import { dockerHome } from '../registry/credentials/docker-home.ts'
import { openFetch } from '../registry/fetch.ts'
import { runnerLog } from '../lib/log.ts'
import { run } from '../lib/exec.ts'
import type { Login } from '../registry/credentials/login-type.ts'
import type { RegistryHosts } from '../registry/hosts.ts'

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
  return withAuths(
    readDockerConfig(join(dockerHome(), 'config.json')),
    tryParseJson(process.env['DOCKER_AUTH_CONFIG'] ?? ''),
  )
}

/**
 * How this job reaches registries: through its proxy, with the step's own logins first, then those the job already has.
 */
export function openRegistries(
  logins: readonly Login[],
  dockerConfig: unknown,
  hosts: RegistryHosts = {},
): RegistryWorld {
  return {
    isPlain: (registry) => hosts[registry]?.http === true,
    credentials: openCredentials(logins, dockerConfig),
    fetch: openFetch(process.env, hosts),
    log: runnerLog.debug,
  }
}

function openCredentials(logins: readonly Login[], dockerConfig: unknown): RegistryWorld['credentials'] {
  const known = new Map<string, Promise<Credentials | undefined>>()
  const answers = new Map<string, Promise<string | undefined>>()
  const ask: RunHelper = (helper, host) => {
    const answer = answers.get(host) ?? askHelper(helper, host)
    answers.set(host, answer)
    return answer
  }
  return (repository) => {
    const name = formatRepository(repository)
    const found = known.get(name) ?? findCredentials(repository, logins, dockerConfig, ask)
    known.set(name, found)
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
