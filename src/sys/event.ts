import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Event } from '../plan/event.ts'
import { asRecord } from '../plan/json.ts'
import { readTrust } from '../plan/trust.ts'

type Env = Readonly<Record<string, string | undefined>>

/** Reads the runner's variables and the event's payload; a payload that cannot be read counts as empty. */
export function readEvent(env: Env): Event {
  const payload = readPayload(env['GITHUB_EVENT_PATH'])
  const repository = asRecord(payload['repository'])
  const serverUrl = (env['GITHUB_SERVER_URL'] ?? 'https://github.com').replace(/\/+$/, '')
  const defaultBranch = repository['default_branch']
  const isPrivate = repository['private']
  const [name, ref] = [env['GITHUB_EVENT_NAME'] ?? '', env['GITHUB_REF'] ?? '']
  return {
    serverUrl,
    apiUrl: env['GITHUB_API_URL'] ?? (serverUrl === 'https://github.com' ? 'https://api.github.com' : `${serverUrl}/api/v3`),
    repository: env['GITHUB_REPOSITORY'] ?? '',
    runId: env['GITHUB_RUN_ID'] ?? '0',
    runAttempt: Number(env['GITHUB_RUN_ATTEMPT'] ?? '1'),
    name,
    ref,
    trust: readTrust({ name, ref, repository: env['GITHUB_REPOSITORY'] ?? '', payload }),
    sha: env['GITHUB_SHA'] ?? '',
    actor: env['GITHUB_ACTOR'] ?? '',
    ...(typeof defaultBranch === 'string' && { defaultBranch }),
    ...(typeof isPrivate === 'boolean' && { isPrivate }),
    workspace: resolve(env['GITHUB_WORKSPACE'] ?? process.cwd()),
  }
}

function readPayload(path: string | undefined): Record<string, unknown> {
  if (!path) return {}
  try {
    return asRecord(JSON.parse(readFileSync(path, 'utf8')))
  } catch {
    return {}
  }
}
