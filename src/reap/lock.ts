import { randomUUID } from 'node:crypto'
import { callEngine } from '../nodes/engine.ts'
import { asRecord, asText } from '../plan/json.ts'
import { sleep } from '../sys/time.ts'
import { bootLock } from './names.ts'

const deadline = 15_000
const label = 'io.github.multiarch-build.holder'

/**
 * Holds the lock of a kept daemon on its engine: a volume, since an engine makes one of a name, gives it to everybody who
 * asks for it, and tells whose label it bears. Needs no image, no shell and no clock.
 *
 * @param patience milliseconds to wait for another holder
 * @returns what releases it; undefined where somebody else still holds it
 * @throws EngineError
 */
export async function holdLock(socket: string, kept: string, patience: number): Promise<(() => Promise<void>) | undefined> {
  const name = bootLock(kept)
  const holder = randomUUID()
  const end = Date.now() + patience
  for (;;) {
    const volume = asRecord(await callEngine(socket, 'POST', '/volumes/create', deadline, { Name: name, Labels: { [label]: holder } }))
    if (asText(asRecord(volume['Labels'])[label]) === holder) return () => release(socket, name)
    if (Date.now() > end) return undefined
    await sleep(200)
  }
}

/** A lock that cannot be released grows stale. */
async function release(socket: string, name: string): Promise<void> {
  await callEngine(socket, 'DELETE', `/volumes/${name}?force=1`, deadline).catch(() => undefined)
}
