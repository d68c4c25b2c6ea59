import type { Event } from '../forge/event.ts'
import type { ListedPart } from '../inputs/merge/listed-parts.ts'
import { UserError } from '../lib/errors.ts'
import type { Platform } from '../lib/platform.ts'
import { formatRepository, formatTagReference, type Repository } from '../registry/reference.ts'
import { repositoryScope } from '../run/names.ts'
import { partTag, type PartInfo, type PartName } from '../run/parts.ts'
import type { TaggedPart } from './find-parts.ts'

/** A part that is merged. */
export interface MergedPart extends TaggedPart {
  readonly info: PartInfo
  /** The digest of its image. */
  readonly image: string
}

export interface PartsRequest {
  /** The names of the variants that must be there; undefined: those that are found. */
  readonly variants?: readonly { readonly name: string; readonly platforms: readonly Platform[] }[] | undefined
  /** What must be there of every variant. */
  readonly platforms: readonly Platform[]
  /** The only parts that are accepted; undefined: those of this run. */
  readonly listed?: readonly ListedPart[] | undefined
  readonly event: Pick<Event, 'runId' | 'sha' | 'serverUrl' | 'repository' | 'readOnlyTrigger'>
}

interface SelectedParts {
  /** One for each platform of each variant. */
  readonly parts: readonly MergedPart[]
  /** Everything that was found of these. */
  readonly all: readonly MergedPart[]
  readonly missing: readonly PartName[]
  /** What is wrong with what was found. */
  readonly problems: readonly UserError[]
}

/** PURE: the parts that must be there, as far as they are known before anything is found. */
export function expectedParts({ variants, platforms, listed }: PartsRequest): readonly PartName[] {
  if (variants)
    return variants.flatMap(({ name, platforms: own }) => own.map((platform) => ({ variant: name, platform })))
  const names = [...new Set(listed?.map(({ variant }) => variant))]
  return names.flatMap((variant) => platforms.map((platform) => ({ variant, platform })))
}

/** PURE: of what has the build tags of a run, the parts to merge: of each platform and variant the latest attempt. */
export function selectParts(found: readonly TaggedPart[], request: PartsRequest): SelectedParts {
  const tags = new Map(found.map((part) => [formatTagReference(part.tag), part]))
  const foreign = [...tags.values()].flatMap((part) => explainForeign(part, request.event) ?? [])
  const valid = found.filter((part) => !explainForeign(part, request.event)).flatMap(toMergedPart)
  const accepted = valid.filter((part) => isListed(part, request.listed))
  const groups = groupParts(accepted)
  const parts = groups.flatMap(([latest]) => latest ?? [])
  const doubled = groups.filter((group) => new Set(group.map(({ image }) => image)).size > 1).map(explainDoubled)
  const required = requiredParts(parts, request)
  const isRequired = ({ info }: MergedPart) => required.some((name) => isSamePart(name, info))
  return {
    parts: parts.filter(isRequired),
    all: accepted.filter(isRequired),
    missing: required.filter((name) => !parts.some(({ info }) => isSamePart(name, info))),
    problems: [...foreign, ...doubled, ...parts.filter((part) => !isRequired(part)).map(explainExtra)],
  }
}

function toMergedPart(part: TaggedPart): MergedPart[] {
  const { info, images } = part
  const [image] = images
  return info && image !== undefined ? [{ ...part, info, image }] : []
}

/** The names that were found count if none are given; without any, a single image without a name. */
function requiredParts(parts: readonly MergedPart[], request: PartsRequest): readonly PartName[] {
  const expected = expectedParts(request)
  if (request.variants || expected.length > 0) return expected
  const names = [...new Set(parts.map(({ info }) => info.variant))].sort()
  return (names.length > 0 ? names : ['']).flatMap((variant) =>
    request.platforms.map((platform) => ({ variant, platform })),
  )
}

function isSamePart(one: PartName, other: PartName): boolean {
  return one.platform === other.platform && one.variant === other.variant
}

function isListed({ info, image }: MergedPart, listed: PartsRequest['listed']): boolean {
  return !listed || listed.some((entry) => isSamePart(entry, info) && entry.image === image)
}

/** The parts of the latest attempt of each platform and variant. */
function groupParts(parts: readonly MergedPart[]): readonly (readonly MergedPart[])[] {
  const groups = new Map<string, MergedPart[]>()
  for (const part of parts) {
    const key = `${part.info.variant}\n${part.info.platform}`
    groups.set(key, [...(groups.get(key) ?? []), part])
  }
  return [...groups.values()].map((group) => {
    const latest = Math.max(...group.map(({ info }) => info.runAttempt))
    return group.filter(({ info }) => info.runAttempt === latest)
  })
}

const foreignHint =
  'No tag was updated. Only jobs of this run with `partial: true` push tags with this name: delete this one, and ' +
  'check which login may push here.'

function explainForeign({ tag, info, images }: TaggedPart, event: PartsRequest['event']): UserError | undefined {
  const reasons: readonly (readonly [applies: boolean, reason: string])[] = [
    [!info, 'has no annotations of a part'],
    [info !== undefined && info.runId !== event.runId, `was pushed by run ${info?.runId ?? ''}`],
    [info !== undefined && info.scope !== repositoryScope(event), 'was pushed by a run of another repository'],
    [info !== undefined && info.commit !== event.sha, `was built from the commit ${info?.commit ?? ''}`],
    [info !== undefined && images.length !== 1, `has ${images.length} images`],
  ]
  const [, reason] = reasons.find(([applies]) => applies) ?? []
  return reason === undefined ? undefined : notOfThisRun(tag, `It ${reason}.`)
}

/** PURE: the error for a part whose attestations are not those of this run. */
export function explainForeignContent({ tag }: TaggedPart, reason: string): UserError {
  return notOfThisRun(tag, reason)
}

function notOfThisRun(tag: TaggedPart['tag'], reason: string): UserError {
  return new UserError({
    code: 'registry',
    message: `${formatTagReference(tag)} is not a part of this run`,
    hint: foreignHint,
    details: [reason],
  })
}

function explainDoubled(group: readonly MergedPart[]): UserError {
  return new UserError({
    code: 'inputs',
    message: `Two jobs have pushed ${formatPart(group[0]?.info)}`,
    hint: 'No tag was updated. Each job with `partial: true` needs its own platform or its own `variant`.',
    details: group.map(({ tag, image }) => `${formatTagReference(tag)}: ${image}`),
  })
}

function explainExtra({ tag, info }: MergedPart): UserError {
  return new UserError({
    code: 'inputs',
    message: `${formatTagReference(tag)} was built, but not requested`,
    hint: `No tag was updated. Add ${formatPart(info)} to \`platforms\` or \`variants\`, or do not build it.`,
  })
}

const missingHint =
  'No tag was updated. Check that these jobs succeeded, with `partial: true` and the same `image`, and run the ' +
  'failed jobs again. If an earlier attempt of this job has merged the parts, it has deleted them: run all jobs again.'

/** PURE: the error for missing parts, with the job that should have pushed each. */
export function explainMissing(
  missing: readonly PartName[],
  repository: Repository,
  { event, listed }: PartsRequest,
): UserError {
  const names = missing.map(formatPart).join(', ')
  return new UserError({
    code: 'registry',
    message: `Missing in ${formatRepository(repository)}: ${names}`,
    hint: missingHint,
    details: missing.map((name) => {
      const variant = name.variant === '' ? '' : ` and \`variant: ${name.variant}\``
      const listedOnly = listed ? ' with a digest of `digests`' : ''
      const tag = `the tag ${partTag(event, name)}${listedOnly} does not exist`
      return `${formatPart(name)}: ${tag}; the job with \`platforms: ${name.platform}\`${variant} pushes it`
    }),
  })
}

/** PURE: the parts of a second repository that are not those of the first. */
export function explainDifferences(parts: readonly MergedPart[], others: readonly MergedPart[]): UserError | undefined {
  const content = ({ image, attestations }: MergedPart): string => [image, ...attestations].join()
  const lines = parts.flatMap((part) => {
    const other = others.find(({ info }) => isSamePart(info, part.info))
    return other && content(other) !== content(part)
      ? [part, other].map(({ tag, digest }) => `${formatTagReference(tag)}: ${digest}`)
      : []
  })
  if (lines.length === 0) return undefined
  return new UserError({
    code: 'registry',
    message: 'The repositories have different parts',
    hint: 'No tag was updated. Run the jobs again that pushed these parts.',
    details: lines,
  })
}

function formatPart(name: PartName | undefined): string {
  return name === undefined ? '' : [name.platform, name.variant].join(' ').trim()
}
