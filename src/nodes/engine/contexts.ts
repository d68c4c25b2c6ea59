import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { tryRead } from '../../lib/files.ts'
import { asRecord, asText, tryParseJson } from '../../lib/json.ts'

/**
 * The host of a Docker context, such as `unix:///…` or `ssh://…`; undefined if there is no context of this name:
 * https://github.com/docker/cli/blob/v28.3.0/cli/context/store/doc.go
 *
 * @param configDir the directory of Docker's configuration
 */
export function contextHost(configDir: string, name: string): string | undefined {
  const id = createHash('sha256').update(name).digest('hex')
  const meta = asRecord(tryParseJson(tryRead(join(configDir, 'contexts/meta', id, 'meta.json'))))
  return asText(asRecord(asRecord(meta['Endpoints'])['docker'])['Host']) || undefined
}

/** The context that `docker context use` selected; empty if none is. */
export function currentContext(configDir: string): string {
  return asText(asRecord(tryParseJson(tryRead(join(configDir, 'config.json'))))['currentContext'])
}
