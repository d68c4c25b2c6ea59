import type { Inputs } from '../inputs/inputs.ts'
import { formatEndpoint } from '../nodes/endpoint.ts'
import type { Node } from '../nodes/node.ts'
import type { NodeOutcome } from '../nodes/open.ts'
import { UserError, UserErrors } from '../lib/errors.ts'
import { cacheOf, type TargetCache } from '../inputs/cache/cache.ts'
import type { FallbackOptions } from './fallback.ts'
import { rescheduleTargets, type Rescheduled } from './reschedule.ts'
import { parsePlatform, platformSlug, type Platform } from '../lib/platform.ts'
import { assign, type Task, toWorker } from './placement.ts'
import type { VariantSpec } from '../inputs/variants.ts'
import { groupByNode, inDraftOrder, targetKey, type Plan, type Target, type TargetDraft } from './target.ts'

/** A node of the list, available or not, with the platforms that are planned for it. */
interface Candidate extends NodeOutcome {
  readonly platforms: readonly Platform[]
}

type PlanInputs = Pick<Inputs, 'variants' | 'cache' | 'fallback'>

/** What a node builds that states its platforms only when it is connected. */
const commonPlatforms = ['linux/amd64', 'linux/arm64'].flatMap((name) => parsePlatform(name) ?? [])

/** PURE: the caches that the targets will probably have, before the nodes are connected. */
export function likelyCaches({ nodes, ...inputs }: DraftInputs & Pick<Inputs, 'nodes'>): readonly TargetCache[] {
  const platforms = nodes.flatMap((node) => (node.platforms.length > 0 ? node.platforms : commonPlatforms))
  return draftTargets(inputs, platforms).flatMap(({ cache }) => cache ?? [])
}

/**
 * PURE: variants × platforms, each with its node and its cache.
 *
 * @param local the local engine, or why there is none
 * @param runsPerNode the number of other runs that build on a node
 * @throws UserErrors if a platform cannot be built anywhere
 */
export function planTargets(
  inputs: PlanInputs,
  outcomes: readonly NodeOutcome[],
  local: Node | string,
  runsPerNode: ReadonlyMap<Node, number> = new Map(),
): Plan {
  const candidates = outcomes.map(toCandidate)
  const drafts = draftTargets(
    inputs,
    candidates.flatMap(({ platforms }) => platforms),
  )
  const choice = assignDrafts(drafts, candidates, runsPerNode)
  const available = candidates.flatMap(({ node }) => node ?? [])
  const parts = candidates.map((candidate, index) => {
    const assigned = drafts.filter((_, at) => choice[at] === index)
    return planCandidate(candidate, assigned, { choices: inputs.fallback, available, local })
  })
  const failures = parts.flatMap(({ failure }) => failure ?? [])
  if (failures.length > 0) throw new UserErrors(failures)
  const targets = inDraftOrder(
    drafts,
    parts.flatMap((part) => part.targets),
  )
  requirePlatforms(inputs.variants, targets, outcomes)
  return {
    targets,
    groups: groupByNode(targets, available),
    notes: parts.flatMap(({ notes }) => (notes.length > 0 ? [notes.join(' ')] : [])),
  }
}

/** @throws UserError for a variant of which `skip` leaves no platform: it cannot become an image */
export function requirePlatforms(
  variants: readonly VariantSpec[],
  targets: readonly Target[],
  outcomes: readonly NodeOutcome[],
): void {
  const empty = variants.find((variant) => !targets.some((target) => target.variant === variant))
  if (!empty) return
  throw new UserError({
    code: 'node',
    message: `No platform${empty.name === '' ? '' : ` of ${empty.name}`} can be built: all were skipped`,
    hint: '`fallback: skip` omits platforms, but an image needs at least one: check why the nodes are unavailable.',
    details: outcomes.flatMap(({ failure }) => failure?.message ?? []),
  })
}

/** @throws the failure of an unavailable node without platforms: what it would have built is not known */
function toCandidate(outcome: NodeOutcome): Candidate {
  const { spec, node, failure } = outcome
  if (failure && spec.platforms.length === 0) throw failure
  return { ...outcome, platforms: node?.platforms ?? spec.platforms }
}

type DraftInputs = Pick<PlanInputs, 'variants' | 'cache'>

function draftTargets({ variants, cache }: DraftInputs, nodePlatforms: readonly Platform[]): TargetDraft[] {
  return variants.flatMap((variant, number) => {
    const platforms = variant.platforms.length > 0 ? variant.platforms : [...new Set(nodePlatforms)]
    return platforms.map((platform): TargetDraft => {
      const targetCache = cacheOf(cache, variant, platform)
      return {
        id: targetId(variants, number, platform),
        variant,
        platform,
        ...(targetCache && { cache: targetCache }),
      }
    })
  })
}

/** The index of the candidate of each draft. */
function assignDrafts(
  drafts: readonly TargetDraft[],
  candidates: readonly Candidate[],
  runsPerNode: ReadonlyMap<Node, number>,
): readonly number[] {
  const tasks = drafts.map((draft): Task => ({
    key: targetKey(draft),
    kind: draft.platform,
    workers: findCandidates(candidates, draft.platform),
  }))
  const workers = candidates.map(({ node, spec }) =>
    node ? toWorker(node, runsPerNode.get(node)) : { id: formatEndpoint(spec.endpoint), weight: 1 },
  )
  return assign(tasks, workers)
}

function findCandidates(candidates: readonly Candidate[], platform: Platform): number[] {
  const found = candidates.flatMap(({ platforms }, index) => (platforms.includes(platform) ? [index] : []))
  if (found.length > 0) return found
  throw new UserError({
    code: 'inputs',
    message: `platforms: no node builds ${platform}`,
    hint: `Add a line to \`nodes\`: \`${platform} = ssh://user@host\`.`,
    details: candidates.map(({ spec, platforms }) => `${spec.name}: ${platforms.join(', ')}`),
  })
}

/** The targets of a node of the list; those of an unavailable one are rescheduled. */
function planCandidate(
  { spec, node, failure }: Candidate,
  drafts: TargetDraft[],
  options: FallbackOptions,
): Rescheduled {
  if (node) return { targets: drafts.map((draft) => ({ ...draft, node })), notes: [] }
  if (!failure) return { targets: [], notes: [] }
  const rescheduled = rescheduleTargets({ ...options, drafts, failure })
  const consequences = drafts.length > 0 ? [failure.hint, ...rescheduled.notes] : ['It is not needed.']
  return {
    ...rescheduled,
    notes: [`${spec.name} is unavailable: ${failure.message}.`, ...consequences],
  }
}

/**
 * Bake accepts letters, digits, `-` and `_`; other characters of a variant's name or of `arm64/v8.1` are replaced, and
 * the number of the variant keeps the result unique.
 */
function targetId(variants: readonly VariantSpec[], number: number, platform: Platform): string {
  const name = variants[number]?.name ?? ''
  const plain = name.replace(/[^A-Za-z0-9_-]/g, '_')
  const unique = plain === name || plain === '' ? plain : `${plain}_${number}`
  return [unique, platformSlug(platform).replaceAll('.', '_')].filter((part) => part !== '').join('-')
}
