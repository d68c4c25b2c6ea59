import { posix } from 'node:path'
import { isFalse, isTrue } from '../../lib/choice.ts'
import { getAttribute, joinAttributes, type Attribute } from '../../lib/csv.ts'
import { splitRecords } from '../../lib/lists.ts'
import { shorten } from '../../lib/issues.ts'
import { failEach, failFor, passes } from '../diagnostics.ts'
import type { InputSource } from '../source.ts'
import { parseTyped, typeOf } from './typed-attributes.ts'

export interface Outputs {
  /** Into the local engine. */
  readonly load: boolean
  /** Attributes of the image that is pushed: `compression=zstd`. */
  readonly image: readonly Attribute[]
  /** Additional files. */
  readonly exports: readonly FileExport[]
  /** Whether the images in `outputs` are pushed: undefined if there are none. */
  readonly imagePush?: 'yes' | 'no' | 'unspecified'
  /** Annotations of images, as entries of `annotations`: `index:key=value`. */
  readonly imageAnnotations: readonly string[]
}

export interface FileExport {
  readonly type: FileType
  /** Absolute. */
  readonly dest: string
  readonly attributes: readonly Attribute[]
}

const fileTypes = ['local', 'tar', 'oci', 'docker'] as const
type FileType = (typeof fileTypes)[number]
const form = {
  what: 'output',
  example: 'type=local,dest=out',
  types: [...fileTypes, 'image', 'registry', 'cacheonly'],
}
/** What the action's own output sets; names and tags are those of `image` and `tags`. */
const setHere = ['type', 'push', 'name', 'push-by-digest', 'name-canonical']

type Entry = readonly Attribute[]

/** `outputs` and `load`: https://docs.docker.com/build/exporters/ */
export function parseOutputs(source: InputSource, load: boolean): Outputs {
  const { text, report } = source
  const fail = failFor(report, 'outputs')
  const entries = splitRecords('outputs', text('outputs'), report).flatMap((entry) => {
    const given = entry.text
    if (
      !passes(fail, '-', [
        [given === '-', 'writes the result to standard output, the log: write `type=tar,dest=image.tar`'],
      ])
    )
      return []
    const attributes = given.includes('=') ? parseTyped(given, form, fail) : directory(given)
    return attributes ? [{ given, attributes }] : []
  })
  const images = entries.filter(({ attributes }) => ['image', 'registry'].includes(typeOf(attributes)))
  for (const { given, attributes } of images) checkImage(given, attributes, source)
  const ofImages = images.flatMap(({ attributes }) => attributes)
  const pushes = images.map(({ attributes }) => pushOf(attributes))
  const imagePush = (['yes', 'no', 'unspecified'] as const).find((push) => pushes.includes(push))
  return {
    load:
      load || entries.some(({ attributes }) => typeOf(attributes) === 'docker' && !getAttribute(attributes, 'dest')),
    image: ofImages.filter(([name]) => !setHere.includes(name) && !annotationAttribute.test(name)),
    imageAnnotations: ofImages.flatMap(([name, value]) => asAnnotation(name, value) ?? []),
    exports: entries.flatMap(({ given, attributes }) => parseExport(given, attributes, source) ?? []),
    ...(imagePush !== undefined && { imagePush }),
  }
}

function directory(dest: string): Entry {
  return [
    ['type', 'local'],
    ['dest', dest],
  ]
}

/** As the image exporter parses it, for which a name alone is `true`. */
function pushOf(attributes: Entry): 'yes' | 'no' | 'unspecified' {
  const push = typeOf(attributes) === 'registry' ? 'true' : getAttribute(attributes, 'push')
  if (push === undefined) return 'unspecified'
  return isSet(push) ? 'yes' : 'no'
}

function isSet(value: string | undefined): boolean {
  return value === '' || isTrue(value)
}

/** `annotation-index.key`, `annotation-manifest[linux/amd64].key`; `annotation.key` annotates manifests. */
const annotationAttribute =
  /^annotation(?:-(index|index-descriptor|manifest|manifest-descriptor))?(\[[^[\]]+\])?\.(.+)$/

function asAnnotation(name: string, value: string): string | undefined {
  const [, level = 'manifest', platform = '', key] = annotationAttribute.exec(name) ?? []
  return key === undefined ? undefined : `${level}${platform}:${key}=${value}`
}

function parseExport(given: string, attributes: Entry, { paths, report }: InputSource): FileExport | undefined {
  const type = fileTypes.find((one) => one === typeOf(attributes))
  const dest = getAttribute(attributes, 'dest') ?? ''
  if (type === undefined || (type === 'docker' && dest === '')) return undefined
  const isValid = passes(failFor(report, 'outputs'), given, [
    [dest === '', `has no \`dest\`: write \`type=${type},dest=…\``],
    [dest === '-', `writes the result to standard output, the log: write \`type=${type},dest=…\``],
  ])
  if (!isValid) return undefined
  const others = attributes.filter(([name]) => name !== 'type' && name !== 'dest')
  const use = isArchive({ type, attributes }) ? 'archive' : 'directory'
  return { type, dest: paths.use(dest, 'outputs', use), attributes: others }
}

/** Whether an export is one file, and not a directory, as in buildx (build/opt.go). */
export function isArchive({ type, attributes }: Omit<FileExport, 'dest'>): boolean {
  const tar = getAttribute(attributes.toReversed(), 'tar') ?? ''
  return type !== 'local' && (type === 'tar' || !isFalse(tar))
}

function checkImage(given: string, attributes: Entry, { text, report }: InputSource): void {
  const repositories = text('image')
    .toLowerCase()
    .split(/[\s,]+/)
  // A name without a path is a placeholder, which buildx replaces by the tags.
  const names = (getAttribute(attributes, 'name') ?? '').split(',').filter((name) => name.includes('/'))
  const unknown = names.find((name) => !repositories.includes(name.toLowerCase())) ?? ''
  failEach(failFor(report, 'outputs', given), [
    [
      unknown !== '',
      `contains the image name ${shorten(unknown)}, which is not in \`image\`: write the repository in \`image\` and ` +
        'the tags in `tags`',
    ],
    [
      isSet(getAttribute(attributes, 'push-by-digest')),
      'asks for an image without tags, which a later step would assemble: this step assembles the platforms itself; ' +
        'list all of them in `platforms`, and remove `push-by-digest`',
    ],
  ])
}

/** The directory of one of several builds in a `dest`. */
export function exportPart(variant: string, platform: string): string {
  return posix.join(variant, platform.replaceAll('/', '_'))
}

/** What one of several builds writes: `local` a directory of its own, as buildx does for several platforms. */
export function exportSpec(files: FileExport, part: string): string {
  return joinAttributes([['type', files.type], ['dest', exportDest(files, part)], ...files.attributes])
}

/** @param part empty if there is one build */
export function exportDest({ type, dest, attributes }: FileExport, part: string): string {
  const isShared = type !== 'local' || part === '' || getAttribute(attributes, 'platform-split') === 'false'
  return isShared ? dest : posix.join(dest, part)
}
