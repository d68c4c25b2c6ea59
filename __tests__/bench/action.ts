import { readFileSync } from 'node:fs'
import type { Running } from '../e2e/runner.ts'
import { farmInputs, farmJob } from '../e2e/harness.ts'
import { countConnections, now, type Measured, type Release } from './measure.ts'
import { readTraces, workByKind, writeShim, type Trace } from './trace.ts'

/** Main, then post, from dist/, as a runner starts them. */
export async function releaseWithAction({ farm, image, files, tag, scratch, inputs }: Release): Promise<Measured> {
  writeShim(scratch, farm.tools.buildx)
  const job = farmJob(farm, { files, env: { PATH: `${scratch}:${farm.tools.bin}:${process.env['PATH'] ?? ''}` } })
  try {
    const { result, connections } = await countConnections(farm, async () => {
      const spawned = now()
      const running = job.start(farmInputs(farm, { image, tags: tag, ...inputs }))
      const lines = stampLines(running)
      const memory = watchMemory(running)
      const main = await running.result
      const exited = now()
      const post = await job.post()
      return { spawned, lines, main, exited, post, done: now(), memory: memory() }
    })
    const { spawned, main, post, done } = result
    if (main.code !== 0) throw new Error(`main failed:\n${main.log}`)
    if (post.code !== 0 || post.warnings.length > 0) throw new Error(`post failed:\n${post.log}`)
    const traces = readTraces(scratch)
    const phases = phasesOf({ ...result, traces })
    return {
      took: done - spawned,
      connections,
      cached: readCached(main.summary),
      phases,
      work: { ...workByKind(traces), [boot]: phases[boot] ?? 0 },
      memory: result.memory,
    }
  } finally {
    job.end()
  }
}

interface Line {
  readonly at: number
  readonly text: string
}

function stampLines({ process: child }: Running): readonly Line[] {
  const lines: Line[] = []
  child.stdout?.on('data', (chunk: Buffer) => {
    const at = now()
    lines.push(
      ...chunk
        .toString('utf8')
        .split('\n')
        .map((text) => ({ at, text })),
    )
  })
  return lines
}

/** The kernel keeps the peak itself, so that looking now and then misses nothing but the very end. */
export function watchMemory({ process: child }: Running): () => number {
  let peak = 0
  const sample = () => {
    try {
      peak =
        Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${child.pid ?? 0}/status`, 'utf8'))?.[1] ?? 0) / 1024 ||
        peak
    } catch {
      // It has just ended.
    }
  }
  const timer = setInterval(sample, 50)
  return () => (clearInterval(timer), peak)
}

const boot = 'boot of the daemons'

interface Timeline {
  readonly spawned: number
  readonly lines: readonly Line[]
  readonly traces: readonly Trace[]
  readonly exited: number
  readonly done: number
}

function phasesOf({ spawned, lines, traces, exited, done }: Timeline): Record<string, number> {
  const output = (pattern: RegExp) => lines.find(({ text }) => pattern.test(text))?.at ?? NaN
  const first = lines[0]?.at ?? NaN
  const ready = output(/, ready in \d+ ms, /)
  const buildx = Math.min(...traces.map(({ began }) => began))
  const built = Math.max(...traces.map(({ ended }) => ended))
  // The action boots them itself, while buildx waits.
  const boots = lines.filter(({ text }) => text.includes('[internal] booting buildkit'))
  const booted = Math.max(buildx, ...boots.map(({ at }) => at))
  const reported = output(/^Took /)
  return {
    'start to first line': first - spawned,
    'first line to nodes ready': ready - first,
    'nodes ready to buildx': buildx - ready,
    [boot]: booted - buildx,
    'build, push, cache': built - booted,
    'join, verify, tag': reported - built,
    'end of main': exited - reported,
    post: done - exited,
  }
}

function readCached(summary: string): Record<string, number> {
  const rows = [...summary.matchAll(/^\| (linux\/\S+) \|.*\| (\d+) of \d+ \|/gm)]
  return Object.fromEntries(rows.map(([, platform = '', cached]) => [platform, Number(cached)]))
}
