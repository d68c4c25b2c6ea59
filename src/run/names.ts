import { createHash } from 'node:crypto'
import type { Event } from '../forge/event.ts'
import type { Trust } from '../forge/trust.ts'

/** What buildx names a node's container after the node. */
export const containerPrefix = 'buildx_buildkit_'

/** What everything of ours on a node begins with. */
export const ourPrefix = `${containerPrefix}mab-`

/** Which repository of which forge, in a form that fits into names: run ids of two forges may be the same. */
export function scopeOf({ serverUrl, repository }: Pick<Event, 'serverUrl' | 'repository'>): string {
  return createHash('sha256').update(`${serverUrl.toLowerCase()}/${repository.toLowerCase()}`).digest('hex').slice(0, 8)
}

/**
 * PURE: a name no other run has on any node, and from which the reaper reads whose it was. `key` is ours alone:
 * `mab-…`.
 */
export function runBuilderName(
  key: string,
  event: Pick<Event, 'serverUrl' | 'repository' | 'runId' | 'runAttempt'>,
): string {
  return `${key.toLowerCase()}-${scopeOf(event)}-${event.runId}-${event.runAttempt}`
}

/** PURE: the name of a daemon that is kept: the same for every run that may share it. */
export function keptName(scope: string, trust: Trust, settings: unknown): string {
  return `mab-keep-${scope}-${trust}-${createHash('sha256').update(JSON.stringify(settings)).digest('hex').slice(0, 8)}`
}

/** A kept daemon's mark of use, a volume: `<kept>_used_20261124`. */
export function useMark(kept: string, now: number): string {
  return `${containerPrefix}${kept}_used_${new Date(now).toISOString().slice(0, 10).replaceAll('-', '')}`
}

/** A kept daemon's lock, a volume. */
export function bootLock(kept: string): string {
  return `${containerPrefix}${kept}_boot`
}

/** A run's seat on the node of that number, a volume: others see by it that it builds there. */
export function seatName(holder: string, number: number): string {
  return `${containerPrefix}${holder}-${number}_seat`
}

/** Whose a container or volume on a node is. */
export type Owner =
  | {
      readonly kind: 'run'
      readonly name: string
      readonly scope: string
      readonly runId: string
      readonly runAttempt: number
      readonly isSeat: boolean
    }
  | { readonly kind: 'kept'; readonly name: string; readonly part: 'container' | 'state' | 'lock' }
  /** `on`: midnight of the day of use, milliseconds since the epoch. */
  | { readonly kind: 'kept'; readonly name: string; readonly part: 'mark'; readonly on: number }

/** PURE: reads the name of a container or volume; undefined where it is not of ours. */
export function readOwner(name: string): Owner | undefined {
  const own = name.replace(/^\//, '')
  const [, run, scope, runId, runAttempt, part] =
    /^buildx_buildkit_(mab-[0-9a-f]{10}-([0-9a-f]{8})-(\d{1,20})-(\d{1,6})-\d{1,4})(_state|_seat)?$/.exec(own) ?? []
  if (run !== undefined && scope !== undefined && runId !== undefined)
    return { kind: 'run', name: run, scope, runId, runAttempt: Number(runAttempt), isSeat: part === '_seat' }
  const [, kept, ending = ''] =
    /^buildx_buildkit_(mab-keep-[0-9a-f]{8}-[a-z]+-[0-9a-f]{8})(_state|_boot|_used_\d{8})?$/.exec(own) ?? []
  if (kept === undefined) return undefined
  const [, year = '', month = '', day = ''] = /^_used_(\d{4})(\d\d)(\d\d)$/.exec(ending) ?? []
  if (year !== '')
    return { kind: 'kept', name: kept, part: 'mark', on: Date.parse(`${year}-${month}-${day}T00:00:00Z`) }
  return { kind: 'kept', name: kept, part: ending === '_state' ? 'state' : ending === '_boot' ? 'lock' : 'container' }
}
