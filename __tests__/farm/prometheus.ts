import { once } from 'node:events'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { daemon, waitFor } from './exec.ts'
import { freePort } from './network.ts'
import { ensurePrometheus } from './optional-tools.ts'

interface Sample {
  readonly metric: Readonly<Record<string, string>>
  readonly value: number
}

export interface Prometheus {
  /** `http://127.0.0.1:PORT` */
  readonly url: string
  /** The result of a query at this moment. */
  query(expression: string): Promise<Sample[]>
  /** The names of the alerts that its rules define, and whether each of them could be evaluated. */
  rules(): Promise<{ readonly name: string; readonly query: string; readonly health: string }[]>
  stop(): Promise<void>
}

/** A Prometheus on loopback that receives OTLP, with rules in a file; it ends with this process. */
export async function startPrometheus(base: string, rules: string): Promise<Prometheus> {
  const program = await ensurePrometheus()
  const home = join(base, `prometheus-${process.pid}-${Date.now()}`)
  await mkdir(home)
  const config = join(home, 'prometheus.yml')
  await writeFile(join(home, 'rules.yml'), rules)
  await writeFile(config, 'global: {evaluation_interval: 1s}\nrule_files: [rules.yml]\n')
  // Just before it is taken.
  const url = `http://127.0.0.1:${await freePort()}`
  const log = join(home, 'log')
  const options = ['--web.enable-otlp-receiver', `--storage.tsdb.path=${home}/data`, `--config.file=${config}`]
  const child = daemon(program, [...options, `--web.listen-address=${url.slice(7)}`], log, { cwd: home })
  const stop = async (): Promise<void> => {
    const ended = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : undefined
    child.kill('SIGKILL')
    await ended
    await rm(home, { recursive: true })
  }
  try {
    await waitFor('Prometheus to start', async () => {
      if (child.exitCode !== null) throw new Error('Prometheus ended right away')
      return (await fetch(`${url}/-/ready`).catch(() => undefined))?.ok ?? false
    })
  } catch (error) {
    const text = await readFile(log, 'utf8')
    await stop()
    throw new Error(`${String(error)}\n${text}`, { cause: error })
  }
  return { url, ...queries(url), stop }
}

function queries(url: string): Pick<Prometheus, 'query' | 'rules'> {
  const get = async (path: string): Promise<unknown> => {
    const answer = await fetch(`${url}/api/v1/${path}`)
    const text = await answer.text()
    if (!answer.ok) throw new Error(`Prometheus answered ${path} with ${answer.status}: ${text}`)
    return (JSON.parse(text) as { data: unknown }).data
  }
  return {
    query: async (expression) => {
      const { result } = (await get(`query?query=${encodeURIComponent(expression)}`)) as {
        result: { metric: Record<string, string>; value: [number, string] }[]
      }
      return result.map(({ metric, value }) => ({ metric, value: Number(value[1]) }))
    },
    rules: async () => {
      const { groups } = (await get('rules')) as {
        groups: { rules: { name: string; query: string; health: string }[] }[]
      }
      return groups.flatMap((group) => group.rules)
    },
  }
}
