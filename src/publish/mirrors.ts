import type { Mirror } from '../inputs/variants.ts'
import { errorMessage, UserError } from '../lib/errors.ts'
import type { Log } from '../lib/log.ts'
import { createClientFactory, type RegistryAccess } from '../registry/client-factory.ts'
import { formatRepository, formatTagReference, type Repository } from '../registry/reference.ts'
import type { Journal } from '../run/journal.ts'
import { tryUpdateAllTags } from './all-tags.ts'
import { readSource } from './copy/source.ts'
import { storeImage } from './copy/store.ts'
import { formatFailedMirror, type MirrorOutcome } from './mirror-outcome.ts'

interface MirroredImage {
  readonly from: Repository
  readonly digest: string
  readonly mirrors: readonly Mirror[]
}

interface MirrorRequest {
  readonly registries: RegistryAccess
  readonly journal: Journal
  readonly log: Pick<Log, 'info' | 'warn'>
  readonly signal: AbortSignal
  /** The image belongs to this run alone: the post step deletes it. */
  readonly ephemeral: boolean
  readonly isEphemeral: (tag: string) => boolean
}

/** Copies a published image to its mirrors, one after the other. Does not throw: a failure is a warning. */
export async function updateMirrors(
  { from, digest, mirrors }: MirroredImage,
  request: MirrorRequest,
): Promise<readonly MirrorOutcome[]> {
  const outcomes: MirrorOutcome[] = []
  for (const mirror of mirrors) {
    const outcome = await updateMirror({ from, digest, mirror }, request)
    if (outcome.failure !== undefined) request.log.warn(formatFailedMirror(outcome))
    outcomes.push(outcome)
  }
  return outcomes
}

interface MirrorCopy {
  readonly from: Repository
  readonly digest: string
  readonly mirror: Mirror
}

async function updateMirror({ from, digest, mirror }: MirrorCopy, request: MirrorRequest): Promise<MirrorOutcome> {
  const { repository } = mirror
  const { registries, journal, log, signal, ephemeral, isEphemeral } = request
  try {
    const createClient = createClientFactory(registries, signal)
    const client = await createClient(repository)
    const source = { client: await createClient(from), path: from.path }
    const image = await readSource(source, digest, { platforms: [], referrers: true })
    log.info(`Copying ${digest} to the mirror ${formatRepository(repository)}`)
    if (ephemeral) journal.note({ kind: 'manifest', ...repository, digest })
    await storeImage(image, { client, path: repository.path })
    const destination = { variant: mirror, repository, client, index: image.root }
    const { updated, failed } = await tryUpdateAllTags([destination], { journal, isEphemeral })
    const reasons = failed.map(({ tag, reason }) => `${tag}: ${reason}`)
    return {
      repository,
      tags: mirror.tags.filter((tag) => updated.includes(formatTagReference(tag))),
      ...(reasons.length > 0 && { failure: reasons.join('; ') }),
    }
  } catch (error) {
    return { repository, tags: [], failure: reasonOf(error) }
  }
}

function reasonOf(error: unknown): string {
  const details = error instanceof UserError && error.details.length > 0 ? ` (${error.details.join('; ')})` : ''
  return `${errorMessage(error)}${details}`
}
