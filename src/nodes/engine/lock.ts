import { randomUUID } from 'node:crypto'
import type { EngineClient } from './client.ts'
import { asText } from '../../lib/json.ts'
import { lockHolderLabel, lockVolume } from '../../run/names.ts'

/**
 * Takes the lock of a persistent builder on its engine. The lock is a volume: an engine creates one of a name, returns
 * the same one to every client that creates it again, and shows its label. It needs no image, no shell and no clock.
 *
 * @param holder names the run that wants the lock
 * @returns whether this run holds it now
 * @throws EngineError
 */
export async function takeLock(engine: EngineClient, builder: string, holder: string): Promise<boolean> {
  const attempt = `${holder} ${randomUUID()}`
  const { labels } = await engine.createVolume(lockVolume(builder), { [lockHolderLabel]: attempt })
  return asText(labels[lockHolderLabel]) === attempt
}

/** Releases the lock if it is the holder's. A lock that cannot be released expires. @throws EngineError */
export async function releaseLock(engine: EngineClient, builder: string, holder: string): Promise<void> {
  const lock = await engine.inspectVolume(lockVolume(builder))
  if (lock && lockHolder(lock.labels) === holder) await engine.removeVolume(lockVolume(builder))
}

/** PURE: the holder of a lock with these labels; empty if they name none. */
export function lockHolder(labels: Readonly<Record<string, unknown>>): string {
  return asText(labels[lockHolderLabel]).split(' ')[0] ?? ''
}
