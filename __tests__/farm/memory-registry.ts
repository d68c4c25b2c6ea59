import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { daemon, waitFor } from './exec.ts'
import { freePort } from './network.ts'
import type { Tools } from './tools.ts'

export interface MemoryRegistry {
  /** `127.0.0.1:PORT` */
  readonly host: string
  readonly port: number
  stop(): Promise<void>
}

/** A registry of distribution 3 in memory, on loopback without a proxy; it ends with this process. */
export async function startMemoryRegistry(tools: Pick<Tools, 'registry'>, base: string): Promise<MemoryRegistry> {
  const home = await mkdtemp(join(base, 'memory-registry-'))
  // Just before it is taken.
  const port = await freePort()
  const config = join(home, 'config.yml')
  const lines = [
    'version: 0.1',
    'log: {level: warn, accesslog: {disabled: true}}',
    'storage:',
    '  inmemory: {}',
    '  delete: {enabled: true}',
    '  maintenance: {uploadpurging: {enabled: false}}',
    `http: {addr: '127.0.0.1:${port}'}`,
  ]
  await writeFile(config, lines.join('\n'))
  const log = join(home, 'registry.log')
  const env = { ...process.env, OTEL_TRACES_EXPORTER: 'none' }
  const child = daemon(tools.registry, ['serve', config], log, { env })
  await waitFor('the registry to start', async () => {
    if (child.exitCode !== null) throw new Error(`the registry ended right away: ${await readFile(log, 'utf8')}`)
    return (await fetch(`http://127.0.0.1:${port}/v2/`).catch(() => undefined))?.ok ?? false
  })
  return {
    host: `127.0.0.1:${port}`,
    port,
    stop: async () => {
      const ended = once(child, 'exit')
      child.kill('SIGKILL')
      await ended
      await rm(home, { recursive: true })
    },
  }
}
