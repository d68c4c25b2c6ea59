import { posix } from 'node:path'
import { isTrue } from '../../lib/choice.ts'
import { attributeOf, joinAttributes, readAttributes, type Attribute } from '../../lib/csv.ts'
import { splitRecords } from '../../lib/lists.ts'
import { didYouMean, shorten, type IssueSink } from '../../lib/issues.ts'
import type { SettingsSource } from './source.ts'

export interface Outputs {
  /** Into the local engine. */
  readonly load: boolean
  /** Attributes of the image that is pushed: `compression=zstd`. */
  readonly image: readonly Attribute[]
  /** Files besides. */
  readonly exports: readonly FileExport[]
  /** Whether the images that are named are pushed; undefined where none is. */
  readonly imagePush?: 'yes' | 'no' | 'unsaid'
  /** Annotations of images, as entries of `annotations`: `index:key=value`. */
  readonly imageAnnotations: readonly string[]
}

interface FileExport {
  readonly type: 'local' | 'tar' | 'oci' | 'docker'
  /** Absolute. */
  readonly dest: string
  readonly attributes: readonly Attribute[]
}

const types = ['local', 'tar', 'oci', 'docker', 'image', 'registry', 'cacheonly']
/** What our own output says; the names and tags are those of `image` and `tags`. */
const ours = ['type', 'push', 'name', 'push-by-digest', 'name-canonical', 'oci-mediatypes']

/** `outputs` and `load`: https://docs.docker.com/build/exporters/ */
export function readOutputs({ text, files, report }: SettingsSource, load: boolean): Outputs {
  const entries = splitRecords('outputs', text('outputs'), report).flatMap(
    (entry) => readOutput(entry.text, report) ?? [],
  )
  const typeOf = ({ attributes }: Entry) => attributeOf(attributes, 'type') ?? ''
  const images = entries.filter((entry) => ['image', 'registry'].includes(typeOf(entry)))
  const exports = entries.flatMap((entry) => readExport(entry, files.workspace, report) ?? [])
  for (const entry of images) checkImage(entry, text('image'), report)
  const ofImages = images.flatMap(({ attributes }) => attributes)
  const pushes = images.map((entry) =>
    typeOf(entry) === 'registry' ? 'yes' : sayPush(attributeOf(entry.attributes, 'push')),
  )
  const imagePush = (['yes', 'no', 'unsaid'] as const).find((word) => pushes.includes(word))
  return {
    load:
      load ||
      entries.some((entry) => typeOf(entry) === 'docker' && attributeOf(entry.attributes, 'dest') === undefined),
    image: ofImages.filter(([name]) => !ours.includes(name) && !annotating.test(name)),
    imageAnnotations: ofImages.flatMap(([name, value]) => asAnnotation(name, value) ?? []),
    exports,
    ...(imagePush !== undefined && { imagePush }),
  }
}

/** As the image exporter reads it, for which a name alone is `true`. */
function sayPush(value: string | undefined): 'yes' | 'no' | 'unsaid' {
  if (value === undefined) return 'unsaid'
  return isAsked(value) ? 'yes' : 'no'
}

function isAsked(value: string | undefined): boolean {
  return value === '' || isTrue(value)
}

/** `annotation-index.key`, `annotation-manifest[linux/amd64].key`; by itself `annotation.key` is of the manifests. */
const annotating = /^annotation(?:-(index|index-descriptor|manifest|manifest-descriptor))?(\[[^[\]]+\])?\.(.+)$/

function asAnnotation(name: string, value: string): string | undefined {
  const [, level = 'manifest', platform = '', key] = annotating.exec(name) ?? []
  return key === undefined ? undefined : `${level}${platform}:${key}=${value}`
}

interface Entry {
  readonly given: string
  readonly attributes: readonly Attribute[]
}

function readOutput(text: string, report: IssueSink): Entry | undefined {
  const given = shorten(text)
  const wrong = (expected: string) => report({ input: 'outputs', given, expected })
  if (text === '-') wrong('would write a build into the log: write `type=tar,dest=image.tar`')
  if (text === '-') return undefined
  if (!text.includes('='))
    return {
      given,
      attributes: [
        ['type', 'local'],
        ['dest', text],
      ],
    }
  const attributes = readAttributes(text)
  const type = attributeOf(attributes ?? [], 'type')
  if (!attributes) wrong('is no output: write `type=local,dest=out`')
  else if (type === undefined) wrong(`has no type: write \`type=local,dest=out\`; ${types.join(', ')} are the types`)
  else if (!types.includes(type)) wrong(`has an unknown type: ${types.join(', ')} are known${didYouMean(type, types)}`)
  else return { given, attributes }
  return undefined
}

function readExport({ given, attributes }: Entry, workspace: string, report: IssueSink): FileExport | undefined {
  const type = attributeOf(attributes, 'type')
  if (type !== 'local' && type !== 'tar' && type !== 'oci' && type !== 'docker') return undefined
  const dest = attributeOf(attributes, 'dest') ?? ''
  const wrong = (expected: string) => report({ input: 'outputs', given, expected })
  if (dest === '-') wrong(`would write a build into the log: write \`type=${type},dest=…\``)
  else if (dest !== '')
    return {
      type,
      dest: posix.resolve(workspace, dest),
      attributes: attributes.filter(([name]) => name !== 'type' && name !== 'dest'),
    }
  else if (type !== 'docker') wrong(`has no \`dest\`: write \`type=${type},dest=…\``)
  return undefined
}

function checkImage({ given, attributes }: Entry, image: string, report: IssueSink): void {
  const wrong = (expected: string) => report({ input: 'outputs', given, expected })
  // A name without a path is a placeholder, over which buildx writes the tags.
  const names = (attributeOf(attributes, 'name') ?? '').split(',').filter((name) => name.includes('/'))
  const unknown = names.find(
    (name) =>
      !image
        .toLowerCase()
        .split(/[\s,]+/)
        .includes(name.toLowerCase()),
  )
  if (unknown !== undefined)
    wrong(
      `names ${shorten(unknown)}: write the repository in \`image\` and its tags in \`tags\`, so that one index of all platforms gets them`,
    )
  if (isAsked(attributeOf(attributes, 'push-by-digest')))
    wrong(
      'asks for an image without tags, for a later step to join: this step joins the platforms itself, so name all of them in `platforms`, and leave `push-by-digest` out',
    )
  if (!isAsked(attributeOf(attributes, 'oci-mediatypes') ?? 'true'))
    wrong('asks for Docker’s own media types, and what this step pushes is OCI: leave `oci-mediatypes` out')
}

/** What one of several builds writes: `local` a directory of its own, as buildx itself does for several platforms. */
export function exportSpec({ type, dest, attributes }: FileExport, part: string): string {
  const together = type !== 'local' || part === '' || attributeOf(attributes, 'platform-split') === 'false'
  return joinAttributes([['type', type], ['dest', together ? dest : posix.join(dest, part)], ...attributes])
}
