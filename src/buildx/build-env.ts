import { mkdirSync } from 'node:fs'
import { readCacheSpec } from '../inputs/cache/specs.ts'
import type { CachePolicy } from '../inputs/cache/cache.ts'
import { getAttribute } from '../lib/csv.ts'
import type { Secret } from '../inputs/settings/secrets.ts'
import type { BuildSettings } from '../inputs/settings/settings.ts'
import { localEngineSocket } from '../nodes/engine/local.ts'
import { removeDir, writePrivate } from '../lib/fs.ts'
import type { RunDir } from '../run/run-dir.ts'

/**
 * Puts the values where the bake definition says they are; `removeSecrets` takes them away once nothing is built any
 * more.
 */
export function writeSecrets(dir: RunDir, secrets: readonly Secret[]): void {
  mkdirSync(dir.secrets, { mode: 0o700 })
  for (const [number, secret] of secrets.entries())
    if (secret.kind === 'value') writePrivate(dir.secret(number), secret.value)
}

/** Writes a bake definition, which may hold the keys to a cache, and goes with the secrets. Returns its path. */
export function writeDefinition(dir: RunDir, name: string, definition: string): string {
  const path = dir.definition(name)
  writePrivate(path, definition)
  return path
}

export function removeSecrets(dir: RunDir): void {
  removeDir(dir.secrets)
}

const cacheService = [
  'ACTIONS_RUNTIME_TOKEN',
  'ACTIONS_CACHE_URL',
  'ACTIONS_RESULTS_URL',
  'ACTIONS_CACHE_SERVICE_V2',
  'ACTIONS_CACHE_MODE',
]

/** What the runner tells of the cache service: for those alone who speak to it. */
export function cacheServiceEnv(): Record<string, string> {
  return pick(cacheService)
}

function pick(names: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]] as const])),
  )
}

/** The variables of the job that these builds need, and that nothing else of ours may see. */
export function settingsEnv(
  { secrets, load, cacheFrom, cacheTo }: BuildSettings,
  cache: CachePolicy,
): Record<string, string> {
  const specs = [
    ...[...cacheFrom, ...cacheTo].map((spec) => readCacheSpec('cache', spec, () => undefined) ?? []),
    ...(cache.kind === 'spec' ? [cache.attributes] : []),
  ]
  const usesCacheService = specs.some((spec) => getAttribute(spec, 'type') === 'gha')
  const named = pick(secrets.flatMap((secret) => (secret.kind === 'env' ? [secret.name] : [])))
  return {
    ...named,
    ...(usesCacheService && cacheServiceEnv()),
    ...(load && { DOCKER_HOST: `unix://${localEngineSocket()}` }),
  }
}
