import type { NodeSpec } from '../../nodes/node-spec.ts'
import { formatRepository, type Repository } from '../../registry/reference.ts'
import { formatAnnotation } from '../../metadata/annotations.ts'
import type { Event } from '../../forge/event.ts'
import { splitList } from '../../lib/lists.ts'
import { shorten, type IssueSink } from '../../lib/issues.ts'
import { readPlatforms } from '../../lib/platform.ts'
import type { TagPlan } from '../../metadata/tags.ts'
import type { VariantSpec } from '../variant-spec.ts'

/** What these checks look at besides: inputs as they were given, and which of them are wrong already. */
interface Asked {
  readonly event: Event
  readonly text: (name: string) => string
  readonly report: IssueSink
  readonly isWrong: (...inputs: readonly string[]) => boolean
}

/** An image that no tag will name cannot be found again. */
export function checkTagged(
  { text, event, report, isWrong }: Asked,
  repositories: readonly Repository[],
  plan: TagPlan,
): void {
  if (isWrong('image', 'tags')) return
  const names = plan.names.length > 0
  if (repositories.length === 0)
    report({
      input: 'image',
      expected:
        'is empty: write the repository to push to, such as `ghcr.io/acme/app`, or full references in `tags`, or `push: false`',
    })
  else if (!names && plan.references.length === 0)
    report({ input: 'tags', expected: noTags(text('tags'), event, plan) })
  else if (names && text('image') === '')
    report({
      input: 'image',
      expected: `is empty, and \`tags\` has names of no repository (${shorten(plan.names.join(', '))}): write the repository here, or full references there`,
    })
  if (names || plan.references.length === 0) return
  const tagged = new Set(plan.references.map(formatRepository))
  for (const repository of repositories.map(formatRepository)) {
    if (!tagged.has(repository))
      report({
        input: 'image',
        given: repository,
        expected:
          'gets no tag, since `tags` holds full references to other repositories only: add one to `tags`, or leave it out here',
      })
  }
}

function noTags(given: string, { name, ref }: Event, { notes }: TagPlan): string {
  if (given === '')
    return `is empty, and the event \`${name}\` names no branch or tag: write tag names such as \`nightly\``
  const why = notes.length > 0 ? ` (${notes.join('; ')})` : ''
  return `has no rule that gives a tag for the event \`${name}\` of \`${ref}\`${why}: add one, such as \`type=ref,event=branch\` or \`type=ref,event=pr\`, or push nothing with \`push: false\``
}

/** A platform without a node would be built by the wrong one, or by nobody. */
export function checkOwned(
  variants: readonly VariantSpec[],
  nodes: readonly NodeSpec[],
  { text, report, isWrong }: Asked,
): void {
  if (isWrong('nodes') || nodes.some(({ platforms }) => platforms.length === 0)) return
  const owned = nodes.map(({ name, platforms }) => `${name} builds ${platforms.join(', ')}`).join('; ')
  const ofStep = new Set<string>(readPlatforms('platforms', splitList(text('platforms')), () => undefined))
  for (const platform of new Set(variants.flatMap(({ platforms }) => platforms))) {
    if (nodes.some(({ platforms }) => platforms.includes(platform))) continue
    report({
      input: ofStep.has(platform) ? 'platforms' : 'variants',
      given: platform,
      expected: `has no node (${owned}): add a line to \`nodes\`, such as \`${platform} = ssh://user@host\``,
    })
  }
}

/** An annotation of a platform that nobody builds would be lost without a word. */
export function checkAnnotated(
  variants: readonly VariantSpec[],
  nodes: readonly NodeSpec[],
  { report, isWrong }: Asked,
): void {
  const built = variants.flatMap(({ platforms }) =>
    platforms.length > 0 ? platforms : nodes.flatMap((node) => node.platforms),
  )
  if (isWrong('nodes', 'platforms') || nodes.some(({ platforms }) => platforms.length === 0)) return
  for (const annotation of variants[0]?.annotations ?? []) {
    const { platform } = annotation
    if (platform !== undefined && !built.includes(platform))
      report({
        input: 'annotations',
        given: shorten(formatAnnotation(annotation)),
        expected: `is for ${platform}, which is not built here: ${[...new Set(built)].join(', ')} are`,
      })
  }
}
