import { mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { writePrivate } from '../../lib/files.ts'
import { serverHost } from '../base-url.ts'
import { createDockerConfig } from './docker-config.ts'
import type { Login } from '../auth.ts'

/**
 * Writes the logins for parts of registries below `configs`, where buildx reads them (docker/buildx,
 * util/dockerconfig).
 */
export function writeScopedLogins(configs: string, logins: readonly Login[]): void {
  const scoped = logins.flatMap(({ scope, ...login }) => (scope === undefined ? [] : [{ ...login, scope }]))
  for (const { scope, ...login } of scoped) {
    const file = join(scopeDir(configs, login.registry, scope), 'config.json')
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
    writePrivate(file, JSON.stringify(createDockerConfig({}, [login])))
  }
}

function scopeDir(configs: string, registry: string, scope: string): string {
  const [path = '', actions] = scope.split('@')
  const dir = join(configs, serverHost(registry), path).replace(/\/$/, '')
  return actions === undefined ? dir : `${dir}@${actions}`
}
