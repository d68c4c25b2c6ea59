import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'

/** The part of a CI platform's API that returns workflow runs, as GitHub has it. */
export interface PlatformApi {
  readonly url: string
  /** The run ended an hour ago. */
  finish(runId: string): void
  /** The paths of all requests. */
  readonly requests: readonly string[]
  close(): void
}

export async function startPlatformApi(): Promise<PlatformApi> {
  const over = new Set<string>()
  const requests: string[] = []
  const server = createServer({ keepAliveTimeout: 0 }, (request, answer) => {
    const path = request.url ?? ''
    requests.push(path)
    const run = /^\/repos\/acme\/app\/actions\/runs\/(\d+)$/.exec(path)?.[1]
    if (run === undefined || request.headers.authorization === undefined) {
      answer.writeHead(404, { 'content-type': 'application/json' }).end('{"message":"Not Found"}')
      return
    }
    const at = (ago: number) => new Date(Date.now() - ago).toISOString()
    const state = over.has(run)
      ? { status: 'completed', conclusion: 'cancelled', updated_at: at(3_600_000) }
      : { status: 'in_progress', updated_at: at(0) }
    answer
      .writeHead(200, { 'content-type': 'application/json' })
      .end(JSON.stringify({ id: Number(run), created_at: at(7_200_000), ...state }))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    finish: (run) => over.add(run),
    requests,
    close: () => server.close(),
  }
}
