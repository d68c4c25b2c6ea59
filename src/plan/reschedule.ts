import type { Node } from '../nodes/node.ts'
import { UserError } from '../lib/errors.ts'
import { decideFallback, type FallbackDecision, type FallbackOptions } from './fallback.ts'
import { assign, type Task, toWorker } from './placement.ts'
import { targetKey, targetLabel, targetLabels, type Target, type TargetDraft } from './target.ts'

interface RescheduleRequest extends FallbackOptions {
  /** The targets of a node that is unavailable. */
  readonly drafts: readonly TargetDraft[]
  /** Why the node is unavailable. */
  readonly failure: UserError
}

export interface Rescheduled {
  readonly targets: readonly Target[]
  /** What happens instead: one sentence each. */
  readonly notes: readonly string[]
  /** Set if a target cannot be built anywhere. */
  readonly failure?: UserError
}

/** PURE: assigns the targets of an unavailable node to other nodes as `fallback` says, or reports what was tried. */
export function rescheduleTargets(request: RescheduleRequest): Rescheduled {
  const { drafts, failure, available } = request
  const preferred = assignNodes(available, drafts)
  const decided = drafts.map((draft, index): Decided => {
    const first = preferred[index]
    const inOrder = first ? [first, ...available.filter((node) => node !== first)] : available
    return { draft, decision: decideFallback(draft.platform, { ...request, available: inOrder }) }
  })
  const stuck = decided.filter(({ decision }) => decision.kind === 'none')
  if (stuck.length > 0) return { targets: [], notes: [], failure: withTried(failure, stuck) }
  const targets = decided.flatMap(({ draft, decision }) =>
    decision.kind === 'node' ? [{ ...draft, node: decision.node, fallback: decision.choice }] : [],
  )
  return { targets, notes: formatDecisions(decided) }
}

/** Of the nodes that build a draft's platform, one for each draft; undefined if there is none. */
function assignNodes(nodes: readonly Node[], drafts: readonly TargetDraft[]): readonly (Node | undefined)[] {
  const tasks = drafts.map((draft): Task => ({
    key: targetKey(draft),
    kind: draft.platform,
    workers: nodes.flatMap(({ platforms }, index) => (platforms.includes(draft.platform) ? [index] : [])),
  }))
  const possible = tasks.filter(({ workers }) => workers.length > 0)
  const chosen = assign(
    possible,
    nodes.map((node) => toWorker(node)),
  )
  return tasks.map((task) => nodes[chosen[possible.indexOf(task)] ?? -1])
}

interface Decided {
  readonly draft: TargetDraft
  readonly decision: FallbackDecision
}

function withTried({ code, message, hint, details }: UserError, stuck: readonly Decided[]): UserError {
  const tried = stuck.flatMap(({ draft, decision }) =>
    decision.tried.length > 0
      ? [`No fallback for ${targetLabel(draft)}:`, ...decision.tried.map((line) => `  ${line}`)]
      : [],
  )
  return new UserError({ code, message, hint, details: [...details, ...tried] })
}

function formatDecisions(decided: readonly Decided[]): string[] {
  const drafts = new Map<string, TargetDraft[]>()
  for (const { draft, decision } of decided) {
    const text = formatDecision(decision, draft)
    drafts.set(text, [...(drafts.get(text) ?? []), draft])
  }
  return [...drafts].map(([text, targets]) => `${targetLabels(targets)} ${text}`)
}

function formatDecision(decision: FallbackDecision, { platform }: TargetDraft): string {
  if (decision.kind !== 'node') return 'skipped (`fallback: skip`).'
  const { choice, node } = decision
  const by = `(\`fallback: ${choice}\`)`
  if (choice !== 'emulate' || node.native.includes(platform)) return `rescheduled to ${node.spec.name} ${by}.`
  const machine = [node.spec.name, ...node.native.slice(0, 1).map((native) => `a ${native} machine`)].join(', ')
  return `rescheduled to ${machine}, under emulation ${by}. This is slow.`
}
