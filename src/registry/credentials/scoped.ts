import { mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { asList, asRecord, asText, tryParseJson } from '../../lib/json.ts'
import { tryRead, writePrivate } from '../../lib/fs.ts'
import { privateDockerConfig } from './login.ts'
import type { Login } from './login-type.ts'

interface ScopedLoginPaths {
  /** Where buildx looks for them. */
  readonly scopedConfigs: string
  /** The list for the post step. */
  readonly scopedLogins: string
}

/**
 * Logins for a part of a registry, where buildx looks for them (docker/buildx, util/dockerconfig), and in a list for
 * the post step.
 */
export function writeScopedLogins(paths: ScopedLoginPaths, logins: readonly Login[]): void {
  const scoped = logins.flatMap(({ scope, ...whole }) => (scope === undefined ? [] : [{ scope, whole }]))
  for (const { scope, whole } of scoped) {
    const [path = '', actions] = scope.split('@')
    const host = whole.registry === 'docker.io' ? 'registry-1.docker.io' : whole.registry
    const place = `${join(paths.scopedConfigs, host, path).replace(/\/$/, '')}${actions === undefined ? '' : `@${actions}`}/config.json`
    mkdirSync(dirname(place), { recursive: true, mode: 0o700 })
    writePrivate(place, JSON.stringify(privateDockerConfig({}, [whole])))
  }
  if (scoped.length > 0)
    writePrivate(
      paths.scopedLogins,
      JSON.stringify(
        scoped.map(({ scope, whole: { registry, username, password } }) => ({ registry, username, password, scope })),
      ),
    )
}

/** What `writeScopedLogins` wrote; none where it wrote none. */
export function readScopedLogins(file: string): readonly Login[] {
  return asList(tryParseJson(tryRead(file))).map((entry) => {
    const text = (name: string) => asText(asRecord(entry)[name])
    return { registry: text('registry'), username: text('username'), password: text('password'), scope: text('scope') }
  })
}
