import { splitRecords, type Entry } from '../lib/lists.ts'
import { didYouMean, shorten, type IssueSink, type Reject } from '../lib/issues.ts'
import { nonceAnnotation } from '../run/nonce.ts'
import type { Occasion } from './context.ts'
import { readEnabled } from './labels.ts'
import { parsePlatform, platformExpected, type Platform } from '../lib/platform.ts'
import { expandKnown } from './template.ts'

/** Where an annotation goes: https://docs.docker.com/build/metadata/annotations/#specify-annotation-level */
interface Place {
  readonly level: Level
  /** Of one platform's manifest or descriptor; undefined: of all. */
  readonly platform?: Platform
}

export interface Annotation extends Place {
  readonly key: string
  readonly value: string
}

type Level = 'manifest' | 'index' | 'manifest-descriptor' | 'index-descriptor'

const levels: readonly Level[] = ['manifest', 'index', 'manifest-descriptor', 'index-descriptor']
const form = 'write `key=value`, or with its place `index:key=value`, `manifest[linux/amd64]:key=value`'

/**
 * PURE: reads `DOCKER_METADATA_ANNOTATIONS_LEVELS`, where annotations without a place go; image manifests by default.
 */
export function readLevels(text: string, wrong: Reject): readonly Place[] {
  const places = text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .flatMap((part) => readPlace(part, wrong) ?? [])
  return places.length > 0 ? places : [{ level: 'manifest' }]
}

/** Reads `annotations`, as in build-push-action; one without a place goes to each of `places`. */
export function readAnnotations(
  text: string,
  places: readonly Place[],
  occasion: Occasion,
  report: IssueSink,
): readonly Annotation[] {
  const input = 'annotations'
  return readEntries(readEnabled(input, splitRecords(input, text, report), report), places, occasion, report)
}

/** Reads entries of `annotations`, wherever they stand. */
export function readEntries(
  entries: readonly Pick<Entry, 'text'>[],
  places: readonly Place[],
  { expressions }: Occasion,
  report: IssueSink,
): readonly Annotation[] {
  return entries
    .flatMap((entry) => readEntry(entry, places, report))
    .map((annotation) => ({ ...annotation, value: expandKnown(annotation.value, expressions) }))
}

function readEntry({ text }: Pick<Entry, 'text'>, places: readonly Place[], report: IssueSink): readonly Annotation[] {
  const wrong = (expected: string): readonly Annotation[] => {
    report({ input: 'annotations', given: shorten(text), expected })
    return []
  }
  const equals = text.indexOf('=')
  if (equals < 0) return wrong(`has no \`=\`: ${form}`)
  const [value, before] = [text.slice(equals + 1), text.slice(0, equals)]
  const colon = before.indexOf(':')
  const key = before.slice(colon + 1)
  if (key === '' || /\s/.test(key)) return wrong(`has ${key === '' ? 'no key' : 'a space'} before \`=\`: ${form}`)
  if (key === nonceAnnotation || key.startsWith('vnd.docker.reference.'))
    return wrong('has a key that the build itself needs: choose another one')
  const own =
    colon < 0
      ? places
      : before
          .slice(0, colon)
          .split(',')
          .flatMap((part) => readPlace(part.trim(), wrong) ?? [])
  return own.map((place) => ({ ...place, key, value }))
}

function readPlace(text: string, wrong: Reject): Place | undefined {
  const [, word = '', inBrackets] = /^([^[\]]*)(?:\[([^[\]]*)\])?$/.exec(text) ?? []
  const level = levels.find((known) => known === word)
  if (!level) {
    wrong(
      `has the unknown place \`${shorten(text)}\`: ${levels.join(', ')} are, the first and the third also for one platform as in \`manifest[linux/amd64]\`${didYouMean(word || text, levels)}`,
    )
    return undefined
  }
  if (inBrackets === undefined) return { level }
  const platform = parsePlatform(inBrackets)
  if (!platform) wrong(`has \`${shorten(inBrackets)}\` in brackets, which ${platformExpected(inBrackets)}`)
  else if (level.startsWith('index'))
    wrong(`names a platform for \`${level}\`, and an index has all: write \`${level}:key=value\``)
  else return { level, platform }
  return undefined
}

/**
 * PURE: the author's annotations over the event's; an empty one leaves the event's out. The last of one place and key
 * wins.
 */
export function overlayAnnotations(
  said: Readonly<Record<string, string>>,
  places: readonly Place[],
  given: readonly Annotation[],
): readonly Annotation[] {
  const generated = places.flatMap((place) =>
    Object.entries(said).map(([key, value]): Annotation => ({ ...place, key, value })),
  )
  const all = new Map(
    [...generated, ...given].map((annotation) => [`${formatPlace(annotation)}:${annotation.key}`, annotation]),
  )
  return [...all.values()].filter(({ key, value }) => value !== '' || !Object.hasOwn(said, key))
}

/** PURE: what stands at one level, of one platform where it is a platform's. */
export function annotationsAt(
  annotations: readonly Annotation[],
  level: Level,
  platform?: Platform,
): Readonly<Record<string, string>> {
  const here = annotations.filter(
    (annotation) =>
      annotation.level === level && (annotation.platform === undefined || annotation.platform === platform),
  )
  // What is said of one platform goes before what is said of all.
  const sorted = [...here].sort((a, b) => Number(a.platform !== undefined) - Number(b.platform !== undefined))
  return Object.fromEntries(sorted.map(({ key, value }) => [key, value]))
}

/** `manifest[linux/amd64]:key=value` */
export function formatAnnotation(annotation: Annotation): string {
  return `${formatPlace(annotation)}:${annotation.key}=${annotation.value}`
}

function formatPlace({ level, platform }: Place): string {
  return platform === undefined ? level : `${level}[${platform}]`
}
