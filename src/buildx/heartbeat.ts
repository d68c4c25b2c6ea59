import type { Log } from '../lib/log.ts'
import type { Progress, RunningVertex } from './progress.ts'
import { isFrom, isStep } from './steps.ts'

/** Milliseconds. */
const interval = 5000
const firstWarning = 60_000
const deadline = 600_000

/** Work that waits for a registry (moby/buildkit, exporter, cache/remotecache, source/containerimage). */
const registryWork = /load metadata for|resolve image config|importing cache|exporting|\[auth\]|\] FROM /

/**
 * Parts of an export in which BuildKit compresses layers, without a word (moby/buildkit, solver/llbsolver/export.go,
 * exporter/containerimage/writer.go): a large cache takes minutes.
 */
const compression = /^(?:preparing build cache for export|exporting layers)$/

export interface Silence {
  /** The host, or `the registry` if BuildKit does not name it. */
  readonly host: string
  /** What BuildKit is doing, by the name of the vertex. */
  readonly phase: string
  /** Milliseconds. */
  readonly duration: number
}

/** PURE: a registry that has not responded for at least `ms`, as far as the progress of the build shows it. */
export function findSilence(running: readonly RunningVertex[], ms: number): Silence | undefined {
  // The command of a step may contain these words.
  const waits = (name: string) => registryWork.test(name) && (!isStep(name) || isFrom(name))
  const silent = running.find(
    ({ name, silentFor, parts }) => silentFor >= ms && waits(name) && !parts.some((part) => compression.test(part)),
  )
  if (!silent) return undefined
  const [, host] = /(?:for|from|FROM) (?:docker-image:\/\/)?([\w-]+(?:[.:][\w-]+)+)(?:\/|$)/.exec(silent.name) ?? []
  return { host: host ?? 'the registry', phase: silent.name, duration: silent.silentFor }
}

interface HeartbeatRequest {
  readonly progress: Progress
  /** Called after lines were added to the progress. */
  readonly flush: () => unknown
  readonly log: Pick<Log, 'warn'>
}

/** The heartbeat of one call of buildx. */
interface Heartbeat {
  /** Aborted once a registry has not responded for ten minutes; the caller may abort it for other reasons. */
  readonly stop: AbortController
  /** What ended the call, if it was a registry that did not respond. */
  readonly silence: Silence | undefined
  readonly end: () => void
}

/** Logs that long steps still run; warns of registries that do not respond, and aborts calls that wait for one. */
export function startHeartbeat({ progress, flush, log }: HeartbeatRequest): Heartbeat {
  const warned = new Set<string>()
  const stop = new AbortController()
  const heartbeat = { stop, silence: undefined as Silence | undefined, end: () => clearInterval(timer) }
  const timer = setInterval(() => {
    const now = performance.now()
    progress.heartbeat(now)
    flush()
    const silence = findSilence(progress.running(now), firstWarning)
    if (!silence) return
    if (!warned.has(silence.phase)) log.warn(formatSilence(silence))
    warned.add(silence.phase)
    if (silence.duration < deadline) return
    heartbeat.silence = silence
    stop.abort()
  }, interval)
  return heartbeat
}

/** PURE: `No response from ghcr.io for 60 s: [internal] load metadata for ghcr.io/acme/app:1`. */
export function formatSilence({ host, phase, duration }: Silence): string {
  return `No response from ${host} for ${Math.round(duration / 1000)} s: ${phase}`
}
