import type { Node } from '../nodes/node.ts'
import { UserError } from '../lib/errors.ts'
import type { FallbackWord } from '../inputs/fallback.ts'
import { decideFallback, type FallbackDecision } from './fallback.ts'
import { assign, type Task } from './placement.ts'
import { toWorker, targetKey, targetLabel, type TargetDraft, type Target } from './target.ts'

interface MoveRequest {
  /** What the node should have built. */
  readonly drafts: readonly TargetDraft[]
  /** Why it cannot. */
  readonly failure: UserError
  readonly words: readonly FallbackWord[]
  /** The nodes of the list that are left. */
  readonly usable: readonly Node[]
  /** The local engine, or why there is none. */
  readonly local: Node | string
}

export interface Moved {
  readonly targets: readonly Target[]
  /** What happens instead, for the author: one line each. */
  readonly notes: readonly string[]
  /** Set where something has no place left. */
  readonly failure?: UserError
}

/** PURE: gives the targets of a node that cannot be used to others, as `fallback` says; or tells what was tried. */
export function moveTargets(request: MoveRequest): Moved {
  const preferred = spreadOver(request.usable, request.drafts)
  const placed = request.drafts.map((draft, index) => {
    const first = preferred[index]
    const usable = first ? [first, ...request.usable.filter((node) => node !== first)] : request.usable
    return { draft, place: decideFallback({ ...request, platform: draft.platform, usable }) }
  })
  const stuck = placed.filter(({ place }) => place.kind === 'none')
  if (stuck.length > 0) return { targets: [], notes: [], failure: explainStuck(request.failure, stuck) }
  const targets = placed.flatMap(({ draft, place }) => (place.kind === 'node' ? [{ ...draft, node: place.node }] : []))
  return { targets, notes: tellPlaces(placed) }
}

/** Of the nodes that build a draft's platform, one for each draft; undefined where none does. */
function spreadOver(nodes: readonly Node[], drafts: readonly TargetDraft[]): readonly (Node | undefined)[] {
  const pieces = drafts.map((draft): Task => ({
    key: targetKey(draft),
    kind: draft.platform,
    workers: nodes.flatMap(({ platforms }, index) => (platforms.includes(draft.platform) ? [index] : [])),
  }))
  const possible = pieces.filter(({ workers }) => workers.length > 0)
  const chosen = assign(
    possible,
    nodes.map((node) => toWorker(node)),
  )
  return pieces.map((piece) => nodes[chosen[possible.indexOf(piece)] ?? -1])
}

interface Placed {
  readonly draft: TargetDraft
  readonly place: FallbackDecision
}

function explainStuck({ code, message, hint, details }: UserError, stuck: readonly Placed[]): UserError {
  const tried = stuck.flatMap(({ draft, place }) =>
    place.tried.length > 0
      ? [`${targetLabel(draft)} has no other place:`, ...place.tried.map((line) => `  ${line}`)]
      : [],
  )
  return new UserError({ code, message, hint, details: [...details, ...tried] })
}

function tellPlaces(placed: readonly Placed[]): string[] {
  const said = new Map<string, string[]>()
  for (const { draft, place } of placed) {
    const text = describePlace(place, draft)
    said.set(text, [...(said.get(text) ?? []), targetLabel(draft)])
  }
  return [...said].map(([text, labels]) => `${labels.join(', ')} ${labels.length === 1 ? 'is' : 'are'} ${text}`)
}

function describePlace(place: FallbackDecision, { platform }: TargetDraft): string {
  if (place.kind !== 'node') return 'left out, as `fallback: skip` says.'
  const { spec, native } = place.node
  if (place.word !== 'emulate' || native.includes(platform))
    return `built on ${spec.name} instead (\`fallback: ${place.word}\`).`
  return `built on ${spec.name}, a ${native[0] ?? 'foreign'} machine, under emulation, as \`fallback: emulate\` allows. That is slow.`
}
