import { existsSync } from 'node:fs'
import { createConnection } from 'node:net'
import { asRecord, asText } from './json.ts'
import { sleep } from './time.ts'

/** Resolves as soon as the path exists; rejects after `deadline` milliseconds. Looking costs microseconds. */
export async function appears(path: string, deadline: number): Promise<void> {
  const end = Date.now() + deadline
  while (!existsSync(path)) {
    if (Date.now() > end) throw new Error(`${path} did not appear within ${deadline / 1000} s`)
    await sleep(4)
  }
}

/**
 * Resolves as soon as somebody listens at the socket: its file is there a moment before. Rejects after `deadline`
 * milliseconds.
 */
export async function listens(path: string, deadline: number): Promise<void> {
  const end = Date.now() + deadline
  while (!(await connects(path))) {
    if (Date.now() > end) throw new Error(`nobody listened at ${path} within ${deadline / 1000} s`)
    await sleep(4)
  }
}

/** Asks once more where the socket refuses: its file is there a moment before anybody listens at it. */
export async function askListening<T>(ask: () => Promise<T>): Promise<T> {
  return await ask().catch(async (error: unknown) => {
    const refused = [error, asRecord(error)['cause']].some((one) => asText(asRecord(one)['code']) === 'ECONNREFUSED')
    if (!refused) throw error
    await sleep(100)
    return await ask()
  })
}

function connects(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(path)
    const settle = (connected: boolean) => {
      socket.destroy()
      resolve(connected)
    }
    socket.once('connect', () => settle(true)).once('error', () => settle(false))
  })
}
