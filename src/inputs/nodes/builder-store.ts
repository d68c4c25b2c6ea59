import { join } from 'node:path'
import { tryList, tryRead } from '../../lib/files.ts'
import type { Env } from '../../lib/lists.ts'
import { contextHost } from '../../nodes/engine/contexts.ts'
import { dockerConfigDir } from '../../registry/credentials/docker-config.ts'
import type { BuilderStore } from './existing-builder.ts'

/** Buildx's directory: $BUILDX_CONFIG, or the one in Docker's configuration. */
function buildxConfigDir(env: Env): string {
  const { BUILDX_CONFIG: dir = '' } = env
  return dir === '' ? join(dockerConfigDir(env), 'buildx') : dir
}

/** The builders and Docker contexts of the job; nothing is written there. */
export function createBuilderStore(env: Env): BuilderStore {
  const instances = join(buildxConfigDir(env), 'instances')
  // docker/buildx, util/confutil
  const defaults = join(buildxConfigDir(env), 'buildkitd.default.toml')
  return {
    list: () => tryList(instances).sort(),
    read: (name) => tryRead(join(instances, name)) || undefined,
    defaultConfig: () => ({ file: defaults, text: tryRead(defaults).trim() }),
    contextHost: (name) => contextHost(dockerConfigDir(env), name),
  }
}
