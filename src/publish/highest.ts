import { errorMessage, UserError } from '../lib/errors.ts'
import type { VariantSpec } from '../inputs/variants.ts'
import type { Log } from '../lib/log.ts'
import {
  highestVersion,
  isHigher,
  movingScope,
  parseVersionTag,
  type VersionNumbers,
  type VersionTag,
} from '../metadata/highest.ts'
import { unlessNotFound } from '../packages/repository.ts'
import type { Manifest } from '../registry/manifest.ts'
import { formatRepository, formatTagReference, isSameRepository, type TagReference } from '../registry/reference.ts'
import { updateAllTags } from './all-tags.ts'

type Context = Parameters<typeof updateAllTags>[1] & { readonly log: Pick<Log, 'info'> }

type Destination = Parameters<typeof updateAllTags>[0][number] & {
  readonly variant: Pick<VariantSpec, 'tags' | 'highest'>
}

/** A tag that belongs to the highest version in its scope. */
interface MovingTag {
  readonly reference: TagReference
  readonly scope: readonly number[]
  readonly own: VersionNumbers
}

/**
 * Updates the tags in all repositories, and `latest`, `1` and `1.2` only where no higher version exists.
 *
 * Runs that release at the same time do not see each other, so each puts the tag with its own version before it reads
 * which versions exist, reads them again after it has updated a tag, and corrects that tag until it names the highest.
 * The last run that writes a tag then has seen every version, or the others see its version after their own write.
 *
 * @returns the tags that name another version
 * @throws UserError
 */
export async function updateByVersion(
  destinations: readonly Destination[],
  context: Context,
): Promise<ReadonlySet<string>> {
  const planned = destinations.map((destination) => ({ destination, moving: movingTags(destination) }))
  await updateAllTags(
    planned.map(({ destination, moving }) => withTags(destination, (tag) => !isMoving(tag, moving))),
    context,
  )
  const decided = await Promise.all(
    planned.map(async ({ destination, moving }) => ({ destination, moving: await withoutLower(destination, moving) })),
  )
  const corrected = await Promise.all(
    decided.map(async ({ destination, moving }) => {
      for (const { reference } of moving) await putTag(destination, reference, destination.index, context)
      return await correctTags(destination, moving, context)
    }),
  )
  const left = planned.flatMap(({ moving }, at) =>
    moving.filter(({ reference }) => !isMoving(reference, decided[at]?.moving ?? [])),
  )
  const others = [...left.map(({ reference }) => reference), ...corrected.flat()].map(formatTagReference)
  others.forEach((tag) => context.log.info(`${tag} stays at a higher version (\`latest=highest\`).`))
  return new Set(others)
}

function withTags(destination: Destination, isWanted: (tag: TagReference) => boolean): Destination {
  const { variant } = destination
  return { ...destination, variant: { ...variant, tags: variant.tags.filter(isWanted) } }
}

function isMoving(tag: TagReference, moving: readonly MovingTag[]): boolean {
  return moving.some(({ reference }) => formatTagReference(reference) === formatTagReference(tag))
}

/** Without a version of its own, an image is not compared with others. */
function movingTags({ variant: { tags, highest }, repository }: Destination): readonly MovingTag[] {
  if (!highest) return []
  const here = tags.filter((tag) => isSameRepository(tag, repository))
  const names = here.map(({ tag }) => tag)
  const { prefix, suffix, variantSuffix, gitVersion } = highest
  const own =
    highestVersion(names, [], highest) ?? parseVersionTag(`${prefix}${gitVersion}${suffix}${variantSuffix}`, highest)
  if (!own) return []
  return here.flatMap((reference) => {
    const scope = movingScope(reference.tag, highest)
    return scope ? [{ reference, scope, own: own.version }] : []
  })
}

async function withoutLower(destination: Destination, moving: readonly MovingTag[]): Promise<readonly MovingTag[]> {
  if (moving.length === 0) return []
  const names = await listTags(destination)
  return moving.filter((tag) => higherThan(tag.own, tag, names, destination) === undefined)
}

function higherThan(
  version: VersionNumbers,
  { scope }: MovingTag,
  names: readonly string[],
  { variant: { highest } }: Destination,
): VersionTag | undefined {
  const found = highest && highestVersion(names, scope, highest)
  return found && isHigher(found.version, version) ? found : undefined
}

/** @returns the tags that name another image now */
async function correctTags(
  destination: Destination,
  moving: readonly MovingTag[],
  context: Context,
): Promise<readonly TagReference[]> {
  const written = new Map(moving.map((tag) => [tag, tag.own]))
  for (;;) {
    const names = moving.length === 0 ? [] : await listTags(destination)
    const late = moving.flatMap((tag) => {
      const found = higherThan(written.get(tag) ?? tag.own, tag, names, destination)
      return found ? [{ tag, found }] : []
    })
    if (late.length === 0) return moving.filter((tag) => written.get(tag) !== tag.own).map(({ reference }) => reference)
    for (const { tag, found } of late) {
      await pointTo(destination, tag.reference, found, context)
      written.set(tag, found.version)
    }
  }
}

/** Another run may have released that version in the meantime. */
async function pointTo(
  destination: Destination,
  reference: TagReference,
  { tag: from }: VersionTag,
  context: Context,
): Promise<void> {
  const { client, repository } = destination
  const found = await unlessNotFound(client.getManifest(repository.path, from)).catch((error: unknown) => {
    throw notCompared(`${formatTagReference(reference)} could not be set to the higher version ${from}`, error)
  })
  if (found) await putTag(destination, reference, found, context)
}

/** The tag is not read back: by then another run may have updated it. */
async function putTag(
  { client, repository }: Destination,
  reference: TagReference,
  { bytes, mediaType, digest }: Manifest,
  { journal, log }: Context,
): Promise<void> {
  const name = formatTagReference(reference)
  try {
    if ((await client.headManifest(repository.path, reference.tag)) === digest) return
    journal.note({ kind: 'tag', ...reference, digest, ephemeral: false })
    await client.putManifest(repository.path, reference.tag, Buffer.from(bytes), mediaType)
    log.debug(`Updated ${name}`)
  } catch (error) {
    throw notCompared(`${name} could not be updated`, error)
  }
}

async function listTags({ client, repository }: Destination): Promise<readonly string[]> {
  try {
    return await client.listTags(repository.path)
  } catch (error) {
    throw notCompared(`The versions in ${formatRepository(repository)} could not be listed`, error)
  }
}

const hint =
  '`flavor: latest=highest` compares the versions in the repository. The tag with the version is updated: run the ' +
  'job again to update the others.'

function notCompared(message: string, cause: unknown): UserError {
  return new UserError({ code: 'registry', message, hint, details: [errorMessage(cause)], cause })
}
