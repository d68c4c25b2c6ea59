import type { Node } from '../nodes/node.ts'
import type { FallbackWord } from '../inputs/fallback.ts'
import type { Platform } from '../lib/platform.ts'

interface FallbackRequest {
  readonly platform: Platform
  readonly words: readonly FallbackWord[]
  /** Nodes of the list that can be used, the lost one not among them, the best first. */
  readonly usable: readonly Node[]
  /** The local engine, or why there is none. */
  readonly local: Node | string
}

/** Where to build instead, by which word; or why nowhere. */
export type FallbackDecision =
  | { readonly kind: 'node'; readonly word: FallbackWord; readonly node: Node; readonly tried: readonly string[] }
  | { readonly kind: 'skip'; readonly tried: readonly string[] }
  | { readonly kind: 'none'; readonly tried: readonly string[] }

/**
 * PURE: goes through the words of `fallback` for one platform. Emulation comes from the word `emulate` alone, or the
 * user's own line for a node.
 */
export function decideFallback(request: FallbackRequest): FallbackDecision {
  const tried: string[] = []
  for (const word of request.words) {
    if (word === 'skip') return { kind: 'skip', tried }
    if (word === 'fail') return { kind: 'none', tried }
    const found = finders[word](request)
    if (typeof found !== 'string') return { kind: 'node', word, node: found, tried }
    tried.push(`${word}: ${found}`)
  }
  return { kind: 'none', tried }
}

type Find = (request: FallbackRequest) => Node | string

const finders: Readonly<Record<'node' | 'local' | 'emulate', Find>> = {
  node: ({ platform, usable }) =>
    usable.find(({ platforms }) => platforms.includes(platform)) ?? `no other node that can be used builds ${platform}`,
  local: ({ platform, local }) => {
    if (typeof local === 'string') return local
    return local.native.includes(platform)
      ? local
      : `the local engine builds ${local.native[0] ?? 'another platform'} natively, not ${platform}`
  },
  emulate: ({ platform, usable, local }) => {
    // BuildKit's own image brings emulators of the usual platforms; a machine that has registered one surely can.
    const engines = [...usable, ...(typeof local === 'string' || usable.includes(local) ? [] : [local])].filter(
      ({ driver }) => driver === 'docker-container',
    )
    return (
      engines.find(({ facts }) => facts?.emulated.includes(platform)) ??
      engines[0] ??
      'no engine that can be used is left'
    )
  },
}
