import type { Inputs, VariantSpec } from '../inputs.ts'
import { formatEndpoint } from '../nodes/endpoint.ts'
import type { Node } from '../nodes/node.ts'
import type { Outcome } from '../nodes/open.ts'
import { formatRepository } from '../registry/reference.ts'
import { Failure, Failures } from '../report/failure.ts'
import { cacheOf, type TargetCache } from './cache.ts'
import { moveTargets, type Moved } from './move.ts'
import { platformSlug, type Platform } from './platform.ts'
import { spread, type Holder, type Piece } from './spread.ts'

/** One platform of one variant: built on one node, with a cache of its own, pushed by digest. */
export interface Target {
  /** Unique in the run, and a name that bake takes: letters, digits, `-` and `_`. */
  readonly id: string
  readonly variant: VariantSpec
  readonly platform: Platform
  readonly node: Node
  /** Undefined where no cache is kept. */
  readonly cache?: TargetCache
  /** `false`: it writes none of its caches, since one cannot be written. */
  readonly isCacheKept?: boolean
}

/** The targets of one node, built by one call of buildx, so that a lost node takes no other's work down. */
export interface Lane {
  readonly node: Node
  readonly targets: readonly Target[]
}

export interface Plan {
  readonly targets: readonly Target[]
  readonly lanes: readonly Lane[]
  /** What the author should know of nodes that cannot be used. */
  readonly notes: readonly string[]
}

/** A target that has no node yet. */
export type Draft = Omit<Target, 'node'>

/** PURE: variants × platforms, each with its node and its cache; throws `Failures` where a platform has no place. `others`: how many other runs build on a node. */
export function planTargets(inputs: Pick<Inputs, 'variants' | 'cache' | 'fallback'>, outcomes: readonly Outcome[], local: Node | string, others: ReadonlyMap<Node, number> = new Map()): Plan {
  const nodes = outcomes.map(withPlatforms)
  const drafts = draftTargets(inputs, nodes.flatMap(({ platforms }) => platforms))
  const pieces = drafts.map((draft): Piece => ({ key: keyOf(draft), kind: draft.platform, able: findAble(nodes, draft.platform) }))
  const choice = spread(pieces, nodes.map(({ node, spec }) => (node ? holderOf(node, others.get(node)) : { id: formatEndpoint(spec.endpoint), weight: 1 })))
  const usable = nodes.flatMap(({ node }) => node ?? [])
  const moves = nodes.flatMap(({ spec, node, failure }, index): readonly Moved[] => {
    const own = drafts.filter((_, at) => choice[at] === index)
    if (node) return [{ ...none, targets: own.map((draft): Target => ({ ...draft, node })) }]
    if (!failure) return [none]
    const moved = moveTargets({ drafts: own, failure, words: inputs.fallback, usable, local })
    return [{ ...moved, notes: [`${spec.name} cannot be used: ${failure.message}.`, ...(own.length > 0 ? moved.notes : ['Nothing here needs it now.'])] }]
  })
  const failures = moves.flatMap(({ failure }) => failure ?? [])
  if (failures.length > 0) throw new Failures(failures)
  const targets = inOrder(drafts, moves.flatMap((move) => move.targets))
  checkNoneEmpty(inputs.variants, targets, outcomes)
  return { targets, lanes: groupLanes(targets, usable), notes: moves.flatMap(({ notes }) => (notes.length > 0 ? [notes.join(' ')] : [])) }
}

/** PURE: the targets in the order in which they were drafted. */
export function inOrder(drafts: readonly Draft[], targets: readonly Target[]): Target[] {
  return drafts.flatMap(({ id }) => targets.find((target) => target.id === id) ?? [])
}

/** PURE: the targets of each node together, in the order of `nodes`, and of the targets where a node is none of those. */
export function groupLanes(targets: readonly Target[], nodes: readonly Node[] = []): Lane[] {
  const used = new Set(targets.map(({ node }) => node))
  return [...new Set([...nodes.filter((node) => used.has(node)), ...used])].map((node) => ({ node, targets: targets.filter((target) => target.node === node) }))
}

/**
 * PURE: a node as `spread` sees it. What is busy gets little more than half of what it would get; what others of ours build on
 * their share, which counts more: it is known of every node, and of a load nobody knows how long it lasts.
 */
export function holderOf({ spec, engine, facts }: Node, others = 0): Holder {
  const busy = (facts?.load ?? 0) > 1.5 * (engine?.cpus ?? Infinity)
  return { id: formatEndpoint(spec.endpoint), weight: (busy ? 0.6 : 1) / (1 + others) }
}

/** PURE: what names a target in every run. */
export function keyOf({ variant, platform }: Draft): string {
  const [image] = variant.images
  return [image ? formatRepository(image) : '', variant.name, platform].join('\n')
}

/** `linux/arm64 slim`: how the log and the summary name a target. */
export function labelOf({ platform, variant }: Draft): string {
  return variant.name === '' ? platform : `${platform} ${variant.name}`
}

/** A variant of which `skip` leaves nothing cannot become an image. */
export function checkNoneEmpty(variants: readonly VariantSpec[], targets: readonly Target[], outcomes: readonly Outcome[]): void {
  const empty = variants.find((variant) => !targets.some((target) => target.variant === variant))
  if (!empty) return
  const reasons = outcomes.flatMap(({ failure }) => failure?.message ?? [])
  throw new Failure('node', `Nothing is left to build${empty.name === '' ? '' : ` of ${empty.name}`}: every platform was left out`, '`fallback: skip` leaves a platform out, but an image needs one at least: see why the nodes cannot be used.', reasons)
}

const none: Moved = { targets: [], notes: [] }

interface Owner extends Outcome {
  readonly platforms: readonly Platform[]
}

/** A node that names no platforms and did not answer cannot be planned around: nobody knows what it would have built. */
function withPlatforms(outcome: Outcome): Owner {
  const { spec, node, failure } = outcome
  if (failure && spec.platforms.length === 0) throw failure
  return { ...outcome, platforms: node?.platforms ?? spec.platforms }
}

function draftTargets({ variants, cache }: Pick<Inputs, 'variants' | 'cache'>, owned: readonly Platform[]): Draft[] {
  return variants.flatMap((variant, number) => {
    const platforms = variant.platforms.length > 0 ? variant.platforms : [...new Set(owned)]
    return platforms.map((platform): Draft => {
      const kept = cacheOf(cache, variant, platform)
      return { id: targetId(variants, number, platform), variant, platform, ...(kept && { cache: kept }) }
    })
  })
}

function findAble(nodes: readonly Owner[], platform: Platform): number[] {
  const able = nodes.flatMap(({ platforms }, index) => (platforms.includes(platform) ? [index] : []))
  if (able.length > 0) return able
  const owned = nodes.map(({ spec, platforms }) => `${spec.name}: ${platforms.join(', ')}`)
  throw new Failure('inputs', `platforms: no node builds ${platform}`, `Add a line to \`nodes\`: \`${platform} = ssh://user@host\`.`, owned)
}

/** Bake takes letters, digits, `-` and `_`; what a name or `arm64/v8.1` may hold besides is replaced, and a variant's number keeps it unique. */
function targetId(variants: readonly VariantSpec[], number: number, platform: Platform): string {
  const name = variants[number]?.name ?? ''
  const plain = name.replace(/[^A-Za-z0-9_-]/g, '_')
  const unique = plain === name || plain === '' ? plain : `${plain}_${number}`
  return [unique, platformSlug(platform).replaceAll('.', '_')].filter((part) => part !== '').join('-')
}
