import type { Trust } from '../forge/trust.ts'
import type { Node } from '../nodes/node.ts'

/** What the run would do if it did not build the code of a fork. */
interface ForkContext {
  readonly keepBuilder: boolean
  readonly push: boolean
  readonly cache: { readonly kind: string }
  readonly settings: { readonly cacheTo: readonly unknown[] }
}

interface ForkNode {
  readonly driver: Pick<Node['driver'], 'startsDaemon'>
  readonly spec: Pick<Node['spec'], 'name' | 'existingNodeName'>
}

const messages = {
  cache: 'Fork build: caches are read-only, so that a release never uses a cached step of a fork.',
  keepBuilder: 'Fork build: `keep-builder` is ignored; its builders are removed when this run ends.',
  sharedBuildkit:
    "is a shared BuildKit: fork code built there can read other builds' cache. " +
    'Use a Docker Engine for such runs: there, each run has its own BuildKit.',
}

/** PURE: whether a node's BuildKit was not started by the run, and is used by other builds too. */
export function isShared({ driver, spec }: ForkNode): boolean {
  return !driver.startsDaemon || spec.existingNodeName !== undefined
}

/** PURE: what a build of a fork's code does without; nothing for other runs. */
export function describeFork(
  trust: Trust,
  { keepBuilder, push, cache, settings }: ForkContext,
  nodes: readonly ForkNode[],
): { readonly notes: readonly string[]; readonly warnings: readonly string[] } {
  if (trust !== 'fork') return { notes: [], warnings: [] }
  const writesCache = (push && cache.kind !== 'off') || settings.cacheTo.length > 0
  return {
    notes: [...(writesCache ? [messages.cache] : []), ...(keepBuilder ? [messages.keepBuilder] : [])],
    warnings: nodes.filter(isShared).map(({ spec }) => `${spec.name} ${messages.sharedBuildkit}`),
  }
}
