import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { ConnectionLost } from './faults.ts'
import type { Answer } from './fake.ts'

export interface Listening {
  port: number
  /** Throws if a request met an error in the server itself: the test has to fail then. */
  close(): Promise<void>
}

export interface HttpRequest {
  method: string
  url: URL
  header: (name: string) => string | undefined
  body: Uint8Array
}

async function bodyOf(request: IncomingMessage): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  for await (const chunk of request as AsyncIterable<Uint8Array>) chunks.push(chunk)
  return Buffer.concat(chunks)
}

function send(response: ServerResponse, { status, headers, body }: Answer, head: boolean): void {
  const raw = typeof body === 'string' || body instanceof Uint8Array
  const bytes = body === undefined ? Buffer.alloc(0) : Buffer.from(raw ? (body as Uint8Array) : JSON.stringify(body))
  const length = head || status === 204 ? {} : { 'content-length': String(bytes.length) }
  response.writeHead(status, {
    ...(raw || body === undefined ? {} : { 'content-type': 'application/json; charset=utf-8' }),
    ...length,
    ...headers,
  })
  response.end(head ? undefined : bytes)
}

/** An HTTP server on 127.0.0.1 and a free port over something that answers. */
export async function listen(answer: (request: HttpRequest, origin: string) => Promise<Answer>): Promise<Listening> {
  const errors: unknown[] = []
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    try {
      const origin = `http://${request.headers.host ?? '127.0.0.1'}`
      const header = (name: string): string | undefined =>
        [request.headers[name.toLowerCase()]].flat().join(', ') || undefined
      const method = request.method ?? 'GET'
      const body = await bodyOf(request)
      send(
        response,
        await answer({ method, url: new URL(request.url ?? '/', origin), header, body }, origin),
        method === 'HEAD',
      )
    } catch (error) {
      if (error instanceof ConnectionLost && error.code === 'ETIMEDOUT') return
      if (!(error instanceof ConnectionLost)) errors.push(error)
      request.socket.destroy()
    }
  }
  // No timeout: a connection that ends just as a slow client sends a request on it fails the test.
  const server = createServer({ keepAliveTimeout: 0 }, (request, response) => void handle(request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      if (errors.length > 0)
        throw new AggregateError(
          errors,
          errors.map((error) => (error instanceof Error ? error.message : String(error))).join('\n'),
        )
    },
  }
}
