import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseSolveStatus, type Vertex } from '../../src/buildx/solve-status.ts'

/** What one call of buildx did; times in milliseconds since the epoch. */
export interface Trace {
  readonly began: number
  readonly ended: number
  readonly vertices: readonly Vertex[]
}

/** A `buildx` for the head of the PATH that notes when each build began and ended and keeps a copy of its progress. */
export function writeShim(dir: string, buildx: string): void {
  const lines = [
    '#!/bin/bash',
    `[ "$1" = bake ] || exec ${buildx} "$@"`,
    `at=${dir}/$$`,
    'echo "$EPOCHREALTIME" > "$at.times"',
    `${buildx} "$@" 2> >(exec tee "$at.progress" >&2)`,
    'code=$?',
    'echo "$EPOCHREALTIME" >> "$at.times"',
    'exit "$code"',
  ]
  writeFileSync(join(dir, 'buildx'), `${lines.join('\n')}\n`, { mode: 0o755 })
}

export function readTraces(dir: string): Trace[] {
  const calls = readdirSync(dir)
    .filter((name) => name.endsWith('.times'))
    .map((name) => join(dir, name.replace(/\.times$/, '')))
  return calls.map((call) => {
    const [began = 0, ended = 0] = readFileSync(`${call}.times`, 'utf8')
      .split('\n')
      .map((line) => Number(line.replace(',', '.')) * 1000)
    return { began, ended, vertices: parseVertices(readFileSync(`${call}.progress`, 'utf8')) }
  })
}

/** The last state of each vertex of a `--progress=rawjson` stream; its plain form does not tell every cache hit. */
export function parseVertices(progress: string): Vertex[] {
  const vertices = new Map<string, Vertex>()
  for (const vertex of progress.split('\n').flatMap((line) => parseSolveStatus(line)?.vertexes ?? [])) {
    vertices.set(vertex.digest, { ...vertex, cached: vertex.cached || (vertices.get(vertex.digest)?.cached ?? false) })
  }
  return [...vertices.values()]
}

const kinds = {
  'boot of the daemons': /booting buildkit/,
  'cache read': /importing cache manifest/,
  'context and base': /\[internal\] load|\d+\/\d+\] FROM /,
  steps: /^\[(?!internal)[^\]]*\d+\/\d+\] (?!FROM )/,
  'image export': /exporting to image/,
  'cache export': /exporting cache/,
} as const

export type Kind = keyof typeof kinds
export const kindNames = Object.keys(kinds) as Kind[]

export function isStep({ name }: Vertex): boolean {
  return kinds.steps.test(name)
}

/** What never ran came from the cache, or was not needed since a later step did. */
export function hasRun({ started, cached }: Vertex): boolean {
  return started !== undefined && !cached
}

/** For each kind of work, the milliseconds in which at least one node was at it. */
export function workByKind(traces: readonly Pick<Trace, 'vertices'>[]): Record<Kind, number> {
  const vertices = traces.flatMap((trace) => trace.vertices)
  return Object.fromEntries(
    kindNames.map((kind) => [kind, busy(vertices.filter(({ name }) => kinds[kind].test(name)))]),
  ) as Record<Kind, number>
}

function busy(vertices: readonly Vertex[]): number {
  const spans = vertices.flatMap(({ started, completed }) =>
    started === undefined || completed === undefined ? [] : [{ started, completed }],
  )
  let until = 0
  return spans
    .sort((a, b) => a.started - b.started)
    .reduce((sum, { started, completed }) => {
      const added = Math.max(0, completed - Math.max(started, until))
      until = Math.max(until, completed)
      return sum + added
    }, 0)
}
