import { once } from 'node:events'
import { mkdtempSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { Farm } from '../farm/farm.ts'
import { releaseWithAction } from './action.ts'
import { benchApp } from './app.ts'
import { renderPhases } from './report.ts'
import { alternate, pairRounds, type Benchmark } from './compare.ts'

/** Milliseconds that metrics and a trace may add to a run. */
const goal = 100

/** Runs that find all their steps on a persistent builder, with a collector on this machine and without. */
export async function measureTelemetry(farm: Farm, scratch: string, rounds: number): Promise<Benchmark> {
  await Promise.all(Object.values(farm.nodes).map((node) => node.wipe()))
  const { server, url, count } = await startCollector()
  const files = benchApp(farm)
  const image = `${farm.registry.host}/bench/telemetry`
  const run = async (inputs: Readonly<Record<string, string>>) => {
    const own = mkdtempSync(join(scratch, 'telemetry-'))
    const given = { 'keep-builder': 'true', ...inputs }
    return await releaseWithAction({ farm, image, files, tag: '1.0.0', scratch: own, inputs: given })
  }
  try {
    await run({})
    const { action, other } = await alternate(rounds, {
      action: () => run({ 'otlp-endpoint': url }),
      other: () => run({}),
    })
    if (count() !== 2 * rounds) throw new Error(`the collector got ${count()} requests, not ${2 * rounds}`)
    const rest = { other: 'the same run without', unit: 's' } as const
    const end = (measured: typeof action) => measured.map(({ phases }) => phases['end of main'] ?? NaN)
    const took = (measured: typeof action) => measured.map((each) => each.took)
    const row = 'metrics and trace to a local collector'
    return {
      details: `\n${renderPhases(action, other)}\n`,
      comparisons: [
        { title: `${row}: whole run`, ...rest, rounds: pairRounds(took(action), took(other)) },
        {
          title: `${row}: from the last line to the end of main`,
          ...rest,
          rounds: pairRounds(end(action), end(other)),
          goal: { kind: 'difference', most: goal },
        },
      ],
    }
  } finally {
    server.close()
  }
}

interface Collector {
  readonly server: Server
  readonly url: string
  readonly count: () => number
}

async function startCollector(): Promise<Collector> {
  let requests = 0
  const server = createServer((request, response) => {
    requests++
    request.resume().on('end', () => response.end('{}'))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return { server, url: `http://127.0.0.1:${port}`, count: () => requests }
}
