import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { daemon, run, waitFor } from '../../exec.ts'
import { ensureRegistry2 } from '../../optional-tools.ts'

export interface Registry2 {
  /** `127.0.0.1:PORT` */
  host: string
  stop(): Promise<void>
}

/** A registry of distribution 2.8 on loopback, with a directory of its own below `base`; it ends with this process. */
export async function startRegistry2(base: string, { deletes = true } = {}): Promise<Registry2> {
  const program = await ensureRegistry2()
  const home = await mkdtemp(join(base, 'registry2-'))
  await mkdir(join(home, 'data'))
  const config = join(home, 'config.yml')
  await writeFile(
    config,
    `version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage:
  filesystem: {rootdirectory: ${join(home, 'data')}}
  delete: {enabled: ${String(deletes)}}
  maintenance: {uploadpurging: {enabled: false}}
http: {addr: '127.0.0.1:0'}
`,
  )
  const log = join(home, 'registry2.log')
  const child = daemon(program, [config], log)
  let host: string | undefined
  await waitFor('distribution 2.8 to start', async () => {
    if (child.exitCode !== null) throw new Error(`distribution 2.8 ended right away: ${await readFile(log, 'utf8')}`)
    host = /listening on (\S+)/.exec(await readFile(log, 'utf8'))?.[1]
    return host !== undefined
  })
  return {
    host: host ?? '',
    stop: async () => {
      const ended = once(child, 'exit')
      child.kill('SIGKILL')
      await ended
      await run('rm', ['-rf', home])
    },
  }
}
