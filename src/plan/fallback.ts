import type { Node } from '../nodes/node.ts'
import type { FallbackChoice } from '../inputs/fallback.ts'
import type { Platform } from '../lib/platform.ts'

/** What `fallback` decides with. */
export interface FallbackOptions {
  readonly choices: readonly FallbackChoice[]
  /** Nodes of the list that can still be used. */
  readonly available: readonly Node[]
  /** The local engine, or why there is none. */
  readonly local: Node | string
}

/** Where to build instead, and by which choice; `tried` has the reasons of the choices before it. */
export type FallbackDecision =
  | { readonly kind: 'node'; readonly choice: FallbackChoice; readonly node: Node; readonly tried: readonly string[] }
  | { readonly kind: 'skip'; readonly tried: readonly string[] }
  | { readonly kind: 'none'; readonly tried: readonly string[] }

/**
 * PURE: tries the choices of `fallback` for one platform, and of the nodes the first that fits. Emulation is used only
 * by the choice `emulate`, or on a node for which the user asks for that platform.
 */
export function decideFallback(platform: Platform, options: FallbackOptions): FallbackDecision {
  const tried: string[] = []
  for (const choice of options.choices) {
    if (choice === 'skip') return { kind: 'skip', tried }
    if (choice === 'fail') return { kind: 'none', tried }
    const found = finders[choice](platform, options)
    if (typeof found !== 'string') return { kind: 'node', choice, node: found, tried }
    tried.push(`${choice}: ${found}`)
  }
  return { kind: 'none', tried }
}

/** Finds a node, or the reason why there is none. */
type FindNode = (platform: Platform, options: FallbackOptions) => Node | string

const finders: Readonly<Record<'node' | 'local' | 'emulate', FindNode>> = {
  node: (platform, { available }) =>
    available.find(({ platforms }) => platforms.includes(platform)) ?? `no other available node builds ${platform}`,
  local: (platform, { local }) => {
    if (typeof local === 'string' || local.native.includes(platform)) return local
    return `the local engine builds ${local.native[0] ?? 'another platform'} natively, not ${platform}`
  },
  emulate: (platform, { available, local }) => {
    // Listed nodes come first, then the local engine. BuildKit's own image has emulators of common platforms; a machine
    // with a registered emulator certainly has one.
    const engines = available.filter(({ driver }) => driver.canEmulate)
    const registered = engines.find(({ machine }) => machine?.emulated.includes(platform))
    const listed = registered ?? engines[0]
    if (listed) return listed
    return typeof local !== 'string' && local.driver.canEmulate ? local : 'no engine is available'
  },
}
