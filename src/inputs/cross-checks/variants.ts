import type { Event } from '../../forge/event.ts'
import { splitList } from '../../lib/lists.ts'
import { shorten } from '../../lib/issues.ts'
import { parsePlatforms } from '../../lib/platform.ts'
import { formatAnnotation } from '../../metadata/annotations.ts'
import type { TagPlan } from '../../metadata/tags.ts'
import type { NodeSpec } from '../../nodes/node-spec.ts'
import { formatRepository, formatTagReference, type Repository } from '../../registry/reference.ts'
import { failFor, passes } from '../diagnostics.ts'
import type { InputSource } from '../source.ts'
import type { VariantSpec } from '../variants.ts'

/** An image without a tag cannot be found again; the merge action gives a part its tags. */
export function checkTagged(
  source: InputSource,
  repositories: readonly Repository[],
  plan: TagPlan,
  isPart: boolean,
): void {
  const { text, event, report, hasIssue } = source
  if (hasIssue('image', 'tags')) return
  const hasNames = plan.names.length > 0
  const names = shorten(plan.names.join(', '))
  const fail = failFor(report, 'image')
  const hasImage = passes(fail, undefined, [
    [
      repositories.length === 0,
      'is empty: write the repository to push to, such as `ghcr.io/acme/app`, or full references in `tags`, or ' +
        '`push: false`',
    ],
    [
      hasNames && text('image') === '',
      `is empty, but \`tags\` has names without a repository (${names}): write the repository here, or full ` +
        'references there',
    ],
  ])
  if (hasImage && !isPart && !hasNames && plan.references.length === 0)
    failFor(report, 'tags')(noTags(text('tags'), event, plan))
  if (hasNames || plan.references.length === 0) return
  const tagged = new Set(plan.references.map(formatRepository))
  for (const repository of repositories.map(formatRepository).filter((one) => !tagged.has(one)))
    fail(
      'gets no tag, because all full references in `tags` are to other repositories: add one to `tags`, or remove ' +
        'this repository',
      repository,
    )
}

function noTags(given: string, { name, ref }: Event, { notes }: TagPlan): string {
  if (given === '')
    return `is empty, and the event \`${name}\` has no branch or tag: write tag names such as \`nightly\``
  const reasons = notes.length > 0 ? ` (${notes.join('; ')})` : ''
  return (
    `has no rule that gives a tag for the event \`${name}\` of \`${ref}\`${reasons}: add one, such as ` +
    '`type=ref,event=branch` or `type=ref,event=pr`, or push nothing with `push: false`'
  )
}

/** Two variants with one tag: the second would replace the first. */
export function checkTagsDiffer(variants: readonly VariantSpec[], { report }: Pick<InputSource, 'report'>): void {
  const owners = new Map<string, string>()
  const reported = new Set<string>()
  for (const { name, tags } of variants)
    for (const tag of tags.map(formatTagReference)) {
      const owner = owners.get(tag) ?? name
      owners.set(tag, owner)
      const message = `has the same tag as \`${owner}\`, ${tag}: give each variant its own \`tag-suffix\``
      passes(failFor(report, 'variants'), name, [[owner !== name && !reported.has(`${owner} ${name}`), message]])
      reported.add(`${owner} ${name}`)
    }
}

/** Checks what needs the platforms of the nodes: a platform without a node, an annotation that no build would have. */
export function checkPlatforms(
  variants: readonly VariantSpec[],
  nodes: readonly NodeSpec[],
  source: InputSource,
): void {
  // The local engine reports its platforms later.
  if (source.hasIssue('nodes') || nodes.some(({ platforms }) => platforms.length === 0)) return
  checkHaveNode(variants, nodes, source)
  if (source.hasIssue('platforms')) return
  const native = nodes.flatMap(({ platforms }) => platforms)
  const built = [...new Set(variants.flatMap(({ platforms }) => (platforms.length > 0 ? platforms : native)))]
  for (const annotation of variants[0]?.annotations ?? []) {
    const { platform } = annotation
    const message = `is for ${platform ?? ''}, which is not built here: the platforms are ${built.join(', ')}`
    passes(failFor(source.report, 'annotations'), formatAnnotation(annotation), [
      [platform !== undefined && !built.includes(platform), message],
    ])
  }
}

function checkHaveNode(
  variants: readonly VariantSpec[],
  nodes: readonly NodeSpec[],
  { text, report }: InputSource,
): void {
  const capabilities = nodes.map(({ name, platforms }) => `${name} builds ${platforms.join(', ')}`).join('; ')
  const ofStep = new Set<string>(parsePlatforms('platforms', splitList(text('platforms')), () => undefined))
  for (const platform of new Set(variants.flatMap(({ platforms }) => platforms)))
    passes(failFor(report, ofStep.has(platform) ? 'platforms' : 'variants'), platform, [
      [
        !nodes.some(({ platforms }) => platforms.includes(platform)),
        `has no node (${capabilities}): add a line to \`nodes\`, such as \`${platform} = ssh://user@host\``,
      ],
    ])
}
