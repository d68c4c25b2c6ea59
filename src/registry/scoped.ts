import { mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Login } from '../inputs.ts'
import { writePrivate } from '../sys/private-dir.ts'
import { privateDockerConfig } from './login.ts'

/** Logins for a part of a registry, where buildx looks for them (docker/buildx, util/dockerconfig). `config` is `$BUILDX_CONFIG`. */
export function writeScopedLogins(config: string, logins: readonly Login[]): void {
  for (const login of logins) {
    if (login.scope === undefined) continue
    const { scope, ...whole } = login
    const [path = '', actions] = scope.split('@')
    const host = whole.registry === 'docker.io' ? 'registry-1.docker.io' : whole.registry
    const place = `${join(config, 'config', host, path).replace(/\/$/, '')}${actions === undefined ? '' : `@${actions}`}/config.json`
    mkdirSync(dirname(place), { recursive: true, mode: 0o700 })
    writePrivate(place, JSON.stringify(privateDockerConfig({}, [whole])))
  }
}
