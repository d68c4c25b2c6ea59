import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Event } from './event.ts'
import { run } from '../lib/exec.ts'

/** Milliseconds. */
const patience = 5000

/**
 * When the event's commit was made, asked of the checkout where the payload does not say; nothing where there is none.
 */
export async function withCommitDate(event: Event): Promise<Event> {
  if (
    event.commitDate !== undefined ||
    !/^[0-9a-f]{40,64}$/.test(event.sha) ||
    !existsSync(join(event.workspace, '.git'))
  )
    return event
  // A checkout by another user, as in a container, is refused otherwise; and no configuration of the checkout changes
  // what this command does.
  const answer = await run(
    'git',
    ['-c', `safe.directory=${event.workspace}`, '-C', event.workspace, 'cat-file', 'commit', event.sha],
    { deadline: patience },
  ).catch(() => undefined)
  const [, seconds] = /^committer .* (\d+) [+-]\d{4}$/m.exec(answer?.code === 0 ? answer.stdout : '') ?? []
  return seconds === undefined ? event : { ...event, commitDate: new Date(Number(seconds) * 1000) }
}
