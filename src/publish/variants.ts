import type { BuiltTarget } from '../buildx/run.ts'
import type { Journal } from '../run/journal.ts'
import { annotationsAt } from '../metadata/annotations.ts'
import { nonceAnnotation } from '../run/nonce.ts'
import { RegistryError, type RegistryClient } from '../registry/client.ts'
import { openClients, type RegistryWorld } from '../registry/clients.ts'
import { formatRepository, formatTagReference, type Repository, type TagReference } from '../registry/reference.ts'
import { UserError } from '../lib/errors.ts'
import type { Log } from '../lib/log.ts'
import { IndexError } from './index-manifest.ts'
import { moveTags, publishIndex, type PublishedIndex, type PublishedPlatform } from './publish-index.ts'
import type { VariantSpec } from '../inputs/variant-spec.ts'
import type { Target } from '../plan/target.ts'

/** A variant whose index is in the registry, whole and checked, under all its tags. */
export interface Published {
  readonly variant: VariantSpec
  readonly digest: string
  readonly mediaType: string
  readonly size: number
  /** `ghcr.io/acme/app@sha256:…`, one a repository. */
  readonly images: readonly string[]
  readonly tags: readonly TagReference[]
  readonly platforms: readonly PublishedPlatform[]
}

interface PublishRequest {
  readonly variants: readonly VariantSpec[]
  /** Everything that was planned; the index must hold exactly that. */
  readonly targets: readonly Target[]
  readonly built: readonly BuiltTarget[]
  readonly nonce: string
  /** The images are this run's alone. */
  readonly ephemeral: boolean
  readonly journal: Journal
  readonly log: Log
  readonly signal: AbortSignal
  readonly registries: RegistryWorld
  readonly isEphemeral: (tag: string) => boolean
}

interface Stored {
  readonly variant: VariantSpec
  readonly repository: Repository
  readonly client: RegistryClient
  readonly index: PublishedIndex
}

/**
 * Joins the platforms of each variant into one index in each of its repositories and checks it there. Only when all of
 * them are whole does any tag move.
 *
 * @throws UserError of kind `registry`, with an account of what did and did not happen
 */
export async function publish(request: PublishRequest): Promise<Published[]> {
  const { signal } = request
  const stop = new AbortController()
  const cancel = () => stop.abort(signal.reason)
  signal.addEventListener('abort', cancel, { once: true })
  const clientOf = openClients(request.registries, stop.signal)
  const pairs = request.variants.flatMap((variant) => variant.images.map((repository) => ({ variant, repository })))
  const stored = await Promise.all(
    pairs.map(async ({ variant, repository }) =>
      store({ variant, repository, client: await clientOf(repository) }, request),
    ),
  )
  signal.throwIfAborted()
  // From here on a cancel comes too late: stopping between two tags would leave them apart.
  signal.removeEventListener('abort', cancel)
  await moveAll(stored, request)
  return request.variants.flatMap((variant) =>
    describe(
      variant,
      stored.filter((one) => one.variant === variant),
    ),
  )
}

async function store(
  { variant, repository, client }: Omit<Stored, 'index'>,
  { built, targets, nonce, ephemeral, journal }: PublishRequest,
): Promise<Stored> {
  const planned = targets.filter((target) => target.variant === variant).map(({ platform }) => platform)
  const own = built.filter(({ target }) => target.variant === variant)
  const parts = own.map(({ target: { platform }, digest }) => ({
    platform,
    digest,
    annotations: annotationsAt(variant.annotations, 'manifest-descriptor', platform),
  }))
  // No tag names it as long as another repository's is not whole.
  const onIndex = (digest: string) => journal.note({ kind: 'manifest', ...repository, digest, ours: true })
  try {
    const index = await publishIndex(
      client,
      repository.path,
      parts,
      { ...annotationsAt(variant.annotations, 'index'), ...(ephemeral && { [nonceAnnotation]: nonce }) },
      planned,
      { onIndex },
    )
    return { variant, repository, client, index }
  } catch (error) {
    throw explain(error, `The index of ${formatRepository(repository)} could not be made`, 'No tag was moved. ')
  }
}

async function moveAll(stored: readonly Stored[], { journal, log, isEphemeral }: PublishRequest): Promise<void> {
  const outcomes = await Promise.all(
    stored.map(async ({ variant, repository, client, index }) => {
      const tags = variant.tags.filter(
        ({ registry, path }) => registry === repository.registry && path === repository.path,
      )
      for (const { tag } of tags)
        journal.note({ kind: 'tag', ...repository, tag, digest: index.digest, ephemeral: isEphemeral(tag) })
      const { moved, failed } = await moveTags(
        client,
        repository.path,
        tags.map(({ tag }) => tag),
        index,
      )
      const named = (tag: string) => formatTagReference({ ...repository, tag })
      return { moved: moved.map(named), failed: failed.map((one) => ({ ...one, tag: named(one.tag) })) }
    }),
  )
  const moved = outcomes.flatMap((outcome) => outcome.moved)
  const failed = outcomes.flatMap((outcome) => outcome.failed)
  moved.forEach((tag) => log.debug(`moved ${tag}`))
  const [first] = failed
  if (!first) return
  const account = [
    ...moved.map((tag) => `moved:     ${tag}`),
    ...failed.map(({ tag, reason }) => `not moved: ${tag} (${reason})`),
  ]
  throw new UserError({
    code: 'registry',
    message: `${failed.length} of ${moved.length + failed.length} tags did not move`,
    hint: 'The image itself is in the registry, whole and checked: run the job again to move the rest.',
    details: account,
    cause: first.error,
  })
}

function describe(variant: VariantSpec, stored: readonly Stored[]): Published[] {
  const [first] = stored
  if (!first) return []
  const { digest, mediaType, bytes, platforms } = first.index
  return [
    {
      variant,
      digest,
      mediaType,
      size: bytes.length,
      platforms,
      tags: variant.tags,
      images: stored.map(({ repository }) => `${formatRepository(repository)}@${digest}`),
    },
  ]
}

function explain(error: unknown, headline: string, before: string): unknown {
  if (error instanceof IndexError)
    return new UserError({
      code: 'registry',
      message: headline,
      hint: `${before}What the nodes pushed is not what was asked for; the lines above say where.`,
      details: [error.message],
      cause: error,
    })
  if (!(error instanceof RegistryError)) return error
  const denied = error.kind === 'denied' || error.kind === 'unauthorized'
  const hint = denied
    ? 'Check `username` and `password`, and that this login may push there.'
    : 'Run the job again; if it stays, the registry’s own log or status page says more.'
  return new UserError({
    code: 'registry',
    message: headline,
    hint: `${before}${hint}`,
    details: [error.message],
    cause: error,
  })
}
