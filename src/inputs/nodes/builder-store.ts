import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { tryRead } from '../../lib/files.ts'
import { contextHost } from '../../nodes/engine/contexts.ts'
import { dockerConfigDir } from '../../registry/credentials/docker-config.ts'
import type { BuilderStore } from './existing-builder.ts'

/** Buildx's directory: $BUILDX_CONFIG, or the one in Docker's configuration. */
function buildxConfigDir(): string {
  const { BUILDX_CONFIG: dir = '' } = process.env
  return dir === '' ? join(dockerConfigDir(), 'buildx') : dir
}

/** The builders and Docker contexts of the job; nothing is written there. */
export function createBuilderStore(): BuilderStore {
  const instances = join(buildxConfigDir(), 'instances')
  // docker/buildx, util/confutil
  const defaults = join(buildxConfigDir(), 'buildkitd.default.toml')
  return {
    list: () => tryList(instances),
    read: (name) => tryRead(join(instances, name)) || undefined,
    defaultConfig: () => ({ file: defaults, text: tryRead(defaults).trim() }),
    contextHost: (name) => contextHost(dockerConfigDir(), name),
  }
}

function tryList(dir: string): readonly string[] {
  try {
    return readdirSync(dir).sort()
  } catch {
    return []
  }
}
