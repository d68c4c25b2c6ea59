import type { ReportLive } from '../buildx/live.ts'

/**
 * Sends what each target is doing to the program that started this process, if it has a channel for messages: the
 * command line, for its view on a terminal. A runner has none.
 */
export function liveView(): { readonly reportLive?: ReportLive } {
  if (!process.send) return {}
  // A view that has ended does not concern the build.
  return { reportLive: (targets) => process.connected && process.send?.({ targets }, () => undefined) }
}
