import type { Event } from '../../forge/event.ts'
import type { Files } from '../context.ts'
import type { Env } from '../../lib/lists.ts'
import type { IssueSink } from '../../lib/issues.ts'

export interface SettingsSource {
  readonly text: (name: string) => string
  readonly env: Env
  readonly event: Event
  readonly files: Files
  readonly report: IssueSink
  /** What the author should know, and no mistake. */
  readonly note: (text: string) => unknown
}
