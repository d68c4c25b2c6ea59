import { once } from 'node:events'
import { mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { daemon, run, waitFor } from '../../exec.ts'
import { freePort } from '../../network.ts'
import { ensureZot } from '../../optional-tools.ts'
import type { Registry2 } from '../registry2/registry2.ts'

/** A Zot on loopback, with a directory of its own below `base`; it ends with this process. */
export async function startZot(base: string): Promise<Registry2> {
  const program = await ensureZot()
  const home = await mkdtemp(join(base, 'zot-'))
  const port = await freePort()
  const config = join(home, 'config.json')
  const settings = {
    storage: { rootDirectory: join(home, 'data'), gc: false },
    http: { address: '127.0.0.1', port: String(port) },
    log: { level: 'error' },
  }
  await writeFile(config, JSON.stringify(settings))
  const log = join(home, 'zot.log')
  const child = daemon(program, ['serve', config], log)
  const host = `127.0.0.1:${port}`
  await waitFor('Zot to start', async () => {
    if (child.exitCode !== null) throw new Error(`Zot ended right away: ${await readFile(log, 'utf8')}`)
    return (await fetch(`http://${host}/v2/`).catch(() => undefined))?.ok ?? false
  })
  return {
    host,
    stop: async () => {
      const ended = once(child, 'exit')
      child.kill('SIGKILL')
      await ended
      await run('rm', ['-rf', home])
    },
  }
}
