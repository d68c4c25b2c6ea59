import { mkdirSync } from 'node:fs'
import { buildxVariables } from '../inputs/cache/backends.ts'
import { parseCacheSpec } from '../inputs/cache/specs.ts'
import { typeOf } from '../inputs/settings/typed-attributes.ts'
import type { CachePolicy } from '../inputs/cache/cache.ts'
import type { Secret } from '../inputs/settings/secrets.ts'
import type { BuildSettings } from '../inputs/settings/settings.ts'
import { localEngineSocket } from '../nodes/engine/local.ts'
import type { RunDir } from '../run/run-dir.ts'
import { removeDir, writePrivate } from '../lib/files.ts'

/** Writes the values of build secrets to the paths in the bake definition, until `removeSecrets`. */
export function writeSecrets(dir: RunDir, secrets: readonly Secret[]): void {
  mkdirSync(dir.secrets, { mode: 0o700 })
  for (const [number, secret] of secrets.entries())
    if (secret.kind === 'value') writePrivate(dir.secret(number), secret.value)
}

export function removeSecrets(dir: RunDir): void {
  removeDir(dir.secrets)
}

/** The variables of the runner's cache service, for the processes that use it. */
export function cacheServiceEnv(): Record<string, string> {
  return pick(buildxVariables(['gha']))
}

function pick(names: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]] as const])),
  )
}

/** The variables of the job that the builds need; no other process gets them. */
export function settingsEnv(
  { secrets, load, cacheFrom, cacheTo }: BuildSettings,
  cache: CachePolicy,
): Record<string, string> {
  const specs = [
    ...[...cacheFrom, ...cacheTo].map((spec) => parseCacheSpec(spec) ?? []),
    ...(cache.kind === 'spec' ? [cache.attributes] : []),
  ]
  const secretVariables = pick(secrets.flatMap((secret) => (secret.kind === 'env' ? [secret.name] : [])))
  return {
    ...secretVariables,
    ...pick(buildxVariables(specs.map(typeOf))),
    ...(load && { DOCKER_HOST: `unix://${localEngineSocket()}` }),
  }
}
