import type { Inputs } from '../inputs/inputs.ts'
import { formatEndpoint } from '../nodes/endpoint.ts'
import type { Node } from '../nodes/node.ts'
import type { Outcome } from '../nodes/open.ts'
import { UserError, UserErrors } from '../lib/errors.ts'
import { cacheOf } from '../inputs/cache/cache.ts'
import { moveTargets, type Moved } from './reschedule.ts'
import { platformSlug, type Platform } from '../lib/platform.ts'
import { assign, type Task } from './placement.ts'
import type { VariantSpec } from '../inputs/variant-spec.ts'
import { type Plan, targetKey, toWorker, type Target, inDraftOrder, groupByNode, type TargetDraft } from './target.ts'

/**
 * PURE: variants × platforms, each with its node and its cache; throws `UserErrors` where a platform has no place.
 * `others`: how many other runs build on a node.
 */
export function planTargets(
  inputs: Pick<Inputs, 'variants' | 'cache' | 'fallback'>,
  outcomes: readonly Outcome[],
  local: Node | string,
  others: ReadonlyMap<Node, number> = new Map(),
): Plan {
  const nodes = outcomes.map(withPlatforms)
  const drafts = draftTargets(
    inputs,
    nodes.flatMap(({ platforms }) => platforms),
  )
  const pieces = drafts.map((draft): Task => ({
    key: targetKey(draft),
    kind: draft.platform,
    workers: findAble(nodes, draft.platform),
  }))
  const choice = assign(
    pieces,
    nodes.map(({ node, spec }) =>
      node ? toWorker(node, others.get(node)) : { id: formatEndpoint(spec.endpoint), weight: 1 },
    ),
  )
  const usable = nodes.flatMap(({ node }) => node ?? [])
  const moves = nodes.flatMap(({ spec, node, failure }, index): readonly Moved[] => {
    const own = drafts.filter((_, at) => choice[at] === index)
    if (node) return [{ ...none, targets: own.map((draft): Target => ({ ...draft, node })) }]
    if (!failure) return [none]
    const moved = moveTargets({ drafts: own, failure, words: inputs.fallback, usable, local })
    return [
      {
        ...moved,
        notes: [
          `${spec.name} cannot be used: ${failure.message}.`,
          ...(own.length > 0 ? moved.notes : ['Nothing here needs it now.']),
        ],
      },
    ]
  })
  const failures = moves.flatMap(({ failure }) => failure ?? [])
  if (failures.length > 0) throw new UserErrors(failures)
  const targets = inDraftOrder(
    drafts,
    moves.flatMap((move) => move.targets),
  )
  checkNoneEmpty(inputs.variants, targets, outcomes)
  return {
    targets,
    groups: groupByNode(targets, usable),
    notes: moves.flatMap(({ notes }) => (notes.length > 0 ? [notes.join(' ')] : [])),
  }
}

/** A variant of which `skip` leaves nothing cannot become an image. */
export function checkNoneEmpty(
  variants: readonly VariantSpec[],
  targets: readonly Target[],
  outcomes: readonly Outcome[],
): void {
  const empty = variants.find((variant) => !targets.some((target) => target.variant === variant))
  if (!empty) return
  const reasons = outcomes.flatMap(({ failure }) => failure?.message ?? [])
  throw new UserError({
    code: 'node',
    message: `Nothing is left to build${empty.name === '' ? '' : ` of ${empty.name}`}: every platform was left out`,
    hint: '`fallback: skip` leaves a platform out, but an image needs one at least: see why the nodes cannot be used.',
    details: reasons,
  })
}

const none: Moved = { targets: [], notes: [] }

interface Owner extends Outcome {
  readonly platforms: readonly Platform[]
}

/**
 * A node that names no platforms and did not answer cannot be planned around: nobody knows what it would have built.
 */
function withPlatforms(outcome: Outcome): Owner {
  const { spec, node, failure } = outcome
  if (failure && spec.platforms.length === 0) throw failure
  return { ...outcome, platforms: node?.platforms ?? spec.platforms }
}

function draftTargets(
  { variants, cache }: Pick<Inputs, 'variants' | 'cache'>,
  owned: readonly Platform[],
): TargetDraft[] {
  return variants.flatMap((variant, number) => {
    const platforms = variant.platforms.length > 0 ? variant.platforms : [...new Set(owned)]
    return platforms.map((platform): TargetDraft => {
      const kept = cacheOf(cache, variant, platform)
      return { id: targetId(variants, number, platform), variant, platform, ...(kept && { cache: kept }) }
    })
  })
}

function findAble(nodes: readonly Owner[], platform: Platform): number[] {
  const able = nodes.flatMap(({ platforms }, index) => (platforms.includes(platform) ? [index] : []))
  if (able.length > 0) return able
  const owned = nodes.map(({ spec, platforms }) => `${spec.name}: ${platforms.join(', ')}`)
  throw new UserError({
    code: 'inputs',
    message: `platforms: no node builds ${platform}`,
    hint: `Add a line to \`nodes\`: \`${platform} = ssh://user@host\`.`,
    details: owned,
  })
}

/**
 * Bake takes letters, digits, `-` and `_`; what a name or `arm64/v8.1` may hold besides is replaced, and a variant's
 * number keeps it unique.
 */
function targetId(variants: readonly VariantSpec[], number: number, platform: Platform): string {
  const name = variants[number]?.name ?? ''
  const plain = name.replace(/[^A-Za-z0-9_-]/g, '_')
  const unique = plain === name || plain === '' ? plain : `${plain}_${number}`
  return [unique, platformSlug(platform).replaceAll('.', '_')].filter((part) => part !== '').join('-')
}
