import { existsSync } from 'node:fs'
import { sleep } from './time.ts'

/** Resolves as soon as the path exists; rejects after `deadline` milliseconds. Looking costs microseconds. */
export async function appears(path: string, deadline: number): Promise<void> {
  const end = Date.now() + deadline
  while (!existsSync(path)) {
    if (Date.now() > end) throw new Error(`${path} did not appear within ${deadline / 1000} s`)
    await sleep(4)
  }
}
