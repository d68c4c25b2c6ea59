import { splitRecords, type ListEntry } from '../lib/lists.ts'
import { didYouMean, shorten, type IssueSink, type Reject } from '../lib/issues.ts'
import { ownershipAnnotation, partAnnotationPrefix, pullRequestAnnotation } from '../run/names.ts'
import type { MetadataContext, NamedText } from './context.ts'
import { normaliseEntries } from './labels.ts'
import { parsePlatform, platformExpected, type Platform } from '../lib/platform.ts'
import { expandKnown } from './template.ts'

/** Where an annotation goes: https://docs.docker.com/build/metadata/annotations/#specify-annotation-level */
interface AnnotationLevel {
  readonly level: Level
  /** For the manifest or descriptor of one platform; undefined: for all of them. */
  readonly platform?: Platform
}

export interface Annotation extends AnnotationLevel {
  readonly key: string
  readonly value: string
}

type Level = 'manifest' | 'index' | 'manifest-descriptor' | 'index-descriptor'

const levels: readonly Level[] = ['manifest', 'index', 'manifest-descriptor', 'index-descriptor']
const form = 'write `key=value`, or with its level `index:key=value`, `manifest[linux/amd64]:key=value`'
const levelForms = '`manifest` and `manifest-descriptor` also for one platform, as in `manifest[linux/amd64]`'

/** PURE: parses levels such as `manifest,index`, for annotations without a level; by default the image manifests. */
export function parseLevels(text: string, reject: Reject): readonly AnnotationLevel[] {
  const parsed = text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .flatMap((part) => parseLevel(part, reject) ?? [])
  return parsed.length > 0 ? parsed : [{ level: 'manifest' }]
}

/** What annotations are parsed with. */
interface AnnotationOptions {
  /** For annotations without a level of their own. */
  readonly defaultLevels: readonly AnnotationLevel[]
  readonly context: MetadataContext
  readonly report: IssueSink
}

/** PURE: parses an input of annotations, as in docker/build-push-action. */
export function parseAnnotations({ input, text }: NamedText, options: AnnotationOptions): readonly Annotation[] {
  const { report } = options
  const entries = normaliseEntries(input, splitRecords(input, text, report), report)
  return parseAnnotationEntries(input, entries, options)
}

/** PURE: parses annotations `key=value` or `level:key=value`, one per entry. */
export function parseAnnotationEntries(
  input: string,
  entries: readonly Pick<ListEntry, 'text'>[],
  { defaultLevels, context, report }: AnnotationOptions,
): readonly Annotation[] {
  return entries
    .flatMap(({ text }) =>
      parseEntry(text, defaultLevels, (expected) => report({ input, given: shorten(text), expected })),
    )
    .map((annotation) => ({ ...annotation, value: expandKnown(annotation.value, context.expressions) }))
}

function parseEntry(text: string, defaultLevels: readonly AnnotationLevel[], report: Reject): readonly Annotation[] {
  const reject = (expected: string): readonly Annotation[] => {
    report(expected)
    return []
  }
  const equals = text.indexOf('=')
  if (equals < 0) return reject(`has no \`=\`: ${form}`)
  const [value, before] = [text.slice(equals + 1), text.slice(0, equals)]
  const colon = before.indexOf(':')
  const key = before.slice(colon + 1)
  if (key === '' || /\s/.test(key)) return reject(`has ${key === '' ? 'no key' : 'a space'} before \`=\`: ${form}`)
  if (isReserved(key)) return reject('has a key that the build itself needs: choose another one')
  const parsed = colon < 0 ? defaultLevels : parseLevelList(before.slice(0, colon), reject)
  return parsed.map((level) => ({ ...level, key, value }))
}

/** A key that says whose the image is, or what its attestations are. */
function isReserved(key: string): boolean {
  const isOwnership = key === ownershipAnnotation || key === pullRequestAnnotation
  return isOwnership || [partAnnotationPrefix, 'vnd.docker.reference.'].some((one) => key.startsWith(one))
}

function parseLevelList(text: string, reject: Reject): readonly AnnotationLevel[] {
  return text.split(',').flatMap((part) => parseLevel(part.trim(), reject) ?? [])
}

function parseLevel(text: string, reject: Reject): AnnotationLevel | undefined {
  const [, name = '', inBrackets] = /^([^[\]]*)(?:\[([^[\]]*)\])?$/.exec(text) ?? []
  const level = levels.find((known) => known === name)
  if (!level) {
    const meant = didYouMean(name || text, levels)
    reject(`has the unknown level \`${shorten(text)}\`; valid levels: ${levels.join(', ')}, ${levelForms}${meant}`)
    return undefined
  }
  if (inBrackets === undefined) return { level }
  const platform = parsePlatform(inBrackets)
  if (!platform) reject(`has \`${shorten(inBrackets)}\` in brackets, which ${platformExpected(inBrackets)}`)
  else if (level.startsWith('index'))
    reject(`has a platform for \`${level}\`, but an index belongs to all platforms: write \`${level}:key=value\``)
  else return { level, platform }
  return undefined
}

/**
 * PURE: requested annotations over the generated ones; an empty one removes the generated one. The last of a level and
 * key wins.
 */
export function overlayAnnotations(
  generated: Readonly<Record<string, string>>,
  defaultLevels: readonly AnnotationLevel[],
  requested: readonly Annotation[],
): readonly Annotation[] {
  const defaults = defaultLevels.flatMap((level) =>
    Object.entries(generated).map(([key, value]): Annotation => ({ ...level, key, value })),
  )
  const all = new Map(
    [...defaults, ...requested].map((annotation) => [`${formatLevel(annotation)}:${annotation.key}`, annotation]),
  )
  return [...all.values()].filter(({ key, value }) => value !== '' || !Object.hasOwn(generated, key))
}

/** PURE: the annotations of a level, and of a platform if the level has several. */
export function annotationsAt(
  annotations: readonly Annotation[],
  level: Level,
  platform?: Platform,
): Readonly<Record<string, string>> {
  const matching = annotations.filter(
    (annotation) =>
      annotation.level === level && (annotation.platform === undefined || annotation.platform === platform),
  )
  // An annotation of one platform wins over one of all platforms.
  const sorted = [...matching].sort((a, b) => Number(a.platform !== undefined) - Number(b.platform !== undefined))
  return Object.fromEntries(sorted.map(({ key, value }) => [key, value]))
}

/** `manifest[linux/amd64]:key=value` */
export function formatAnnotation(annotation: Annotation): string {
  return `${formatLevel(annotation)}:${annotation.key}=${annotation.value}`
}

/** `manifest[linux/amd64]` */
export function formatLevel({ level, platform }: AnnotationLevel): string {
  return platform === undefined ? level : `${level}[${platform}]`
}
