import type { Log } from '../lib/log.ts'
import { withTimeout } from '../lib/time.ts'
import type { RunnerGarbage } from './host.ts'
import type { Reaped } from './result.ts'

/** What a build waits for a reaper that is still at work when it ends: only where there is something to remove. */
const patience = 2000

/** Says what was found on the nodes. Whatever is not done by then is for the next run. */
export async function tellReaped(reaping: Promise<readonly Reaped[]>, log: Pick<Log, 'info' | 'debug'>): Promise<void> {
  const reaped = await withTimeout(patience, reaping, () => new Error('the reaper is still at work')).catch(() => [])
  for (const { node, removed, failed } of reaped) {
    if (removed.length > 0)
      log.info(`Removed from ${node} what runs that are over had left there: ${removed.join(', ')}.`)
    failed.forEach((text) => log.info(`Left for the next run on ${node}: ${text}`))
  }
}

export function tellHost({ removed, failed, strays }: RunnerGarbage, log: Pick<Log, 'info' | 'debug'>): void {
  if (removed.length > 0) log.info(`Removed what runs that are over had left on this runner: ${removed.join(', ')}.`)
  if (strays > 0)
    log.info(`Ended processes of ${strays} ${strays === 1 ? 'run that is' : 'runs that are'} over on this runner.`)
  failed.forEach((text) => log.info(`Left on this runner for the next run: ${text}`))
}
