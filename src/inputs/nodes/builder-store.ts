import { createHash } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { BuilderStore } from './existing-builder.ts'
import { asRecord, asText, tryParseJson } from '../../lib/json.ts'
import { dockerConfigDir } from '../../registry/credentials/docker-config.ts'
import { tryRead } from '../../lib/files.ts'

/** The job's own builders and docker contexts; nothing there is ever written. */
export function openBuilderStore(): BuilderStore {
  const { BUILDX_CONFIG: given = '' } = process.env
  const instances = join(given === '' ? join(dockerConfigDir(), 'buildx') : given, 'instances')
  return {
    list: () => tryList(instances),
    read: (name) => tryRead(join(instances, name)) || undefined,
    contextHost: (name) => {
      const meta = tryParseJson(
        tryRead(join(dockerConfigDir(), 'contexts/meta', createHash('sha256').update(name).digest('hex'), 'meta.json')),
      )
      return asText(asRecord(asRecord(asRecord(meta)['Endpoints'])['docker'])['Host']) || undefined
    },
  }
}

function tryList(dir: string): readonly string[] {
  try {
    return readdirSync(dir).sort()
  } catch {
    return []
  }
}
