import { randomUUID } from 'node:crypto'
import { callEngine, EngineError } from './client.ts'
import { asRecord, asText } from '../../lib/json.ts'
import { lockHolderLabel, lockVolume } from '../../run/names.ts'

const deadline = 15_000

/**
 * Holds the lock of a kept daemon on its engine: a volume, since an engine makes one of a name, gives it to everybody
 * who asks for it, and tells whose label it bears. Needs no image, no shell and no clock.
 *
 * @param holder whoever asks, by a name that tells its run
 * @returns whether it is ours
 * @throws EngineError
 */
export async function takeLock(socket: string, kept: string, holder: string): Promise<boolean> {
  const turn = `${holder} ${randomUUID()}`
  const volume = await callEngine(socket, 'POST', '/volumes/create', deadline, {
    Name: lockVolume(kept),
    Labels: { [lockHolderLabel]: turn },
  })
  return asText(asRecord(asRecord(volume)['Labels'])[lockHolderLabel]) === turn
}

/** Releases the lock if it is the holder's. A lock that cannot be released grows stale. @throws EngineError */
export async function releaseLock(socket: string, kept: string, holder: string): Promise<void> {
  try {
    const volume = asRecord(await callEngine(socket, 'GET', `/volumes/${lockVolume(kept)}`, deadline))
    if (holderOf(volume['Labels']) === holder)
      await callEngine(socket, 'DELETE', `/volumes/${lockVolume(kept)}?force=1`, deadline)
  } catch (error) {
    if (!(error instanceof EngineError && error.status === 404)) throw error
  }
}

/** PURE: who holds a lock with these labels; empty where nobody tells. */
export function holderOf(labels: unknown): string {
  return asText(asRecord(labels)[lockHolderLabel]).split(' ')[0] ?? ''
}
