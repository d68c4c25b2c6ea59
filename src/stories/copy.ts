import type { CopyInputs } from '../inputs/copy-inputs.ts'
import { mapConcurrent } from '../lib/concurrency.ts'
import { UserError } from '../lib/errors.ts'
import type { Log } from '../lib/log.ts'
import { sourceError } from '../publish/copy/content.ts'
import { readSource, type SourceImage } from '../publish/copy/source.ts'
import { storeImage, type Transfer } from '../publish/copy/store.ts'
import { describeTemporary } from '../publish/copy/temporary.ts'
import { planTags, readTags, type CopiedTag, type PlannedTag } from '../publish/copy/tags.ts'
import { cancelledBeforeTags, updateAllTags } from '../publish/all-tags.ts'
import { checkPushAccess, isRefusal, pushFailure } from '../publish/push-access.ts'
import type { ImageToSign, SignImages, Verification } from '../publish/sign/verification.ts'
import { createClientFactory, type ClientFactory, type RegistryAccess } from '../registry/client-factory.ts'
import { formatImageReference, formatRepository, formatTagReference, type Repository } from '../registry/reference.ts'
import { RegistryError } from '../registry/error.ts'
import type { PushCheck } from '../registry/uploads.ts'
import type { CopyResult } from '../report/copy.ts'
import type { RunRecord } from '../report/run-record.ts'
import { Problems, type DryRunResult } from './problems.ts'

type Inputs = Pick<CopyInputs, 'from' | 'to' | 'platforms' | 'referrers' | 'existing' | 'warnings'>

/** What the copy action needs from the job. */
export interface CopyPorts {
  readonly registries: RegistryAccess
  readonly log: Pick<Log, 'info' | 'warn'>
  readonly signal: AbortSignal
  readonly record: RunRecord
  /** Finds cosign, and checks the key or the identity; undefined if nothing is signed. @throws UserError */
  readonly prepareSigning: () => Promise<SignImages | undefined>
}

/**
 * The copy action: reads the image, checks all tags of `to`, stores the image by digest in every repository, and
 * updates the tags last. A failure leaves each tag at its old or at the new image, which is complete by then.
 *
 * @throws UserError; its details list every tag once the first one may have been updated
 */
export async function copyImage(inputs: Inputs, ports: CopyPorts): Promise<CopyResult> {
  const { registries, log, signal, record } = ports
  const stop = new AbortController()
  const cancel = () => stop.abort(signal.reason)
  signal.addEventListener('abort', cancel, { once: true })
  const progress = { isTagUpdated: false }
  let ended: readonly Promise<unknown>[] = []
  try {
    signal.throwIfAborted()
    const planning = () => Promise.all([planCopy(inputs, registries, stop.signal), ports.prepareSigning()])
    const [plan, sign] = await record.time('plan', planning)
    const { image, tags, checks } = plan
    ended = [...checks.values()].map((check) => check.ended)
    const notes = describeImage(inputs, image)
    notes.forEach((note) => log.warn(note))
    const transfers = await record.time('copy', () => storeEverywhere(plan, ports))
    record.uploaded = [...transfers.values()].reduce((sum, { bytes }) => sum + bytes, 0)
    const verification = await sign?.(copiesOf(image, tags))
    signal.throwIfAborted()
    // From here on a cancellation has no effect: to stop between two tags would leave them at different images.
    signal.removeEventListener('abort', cancel)
    await record.time('publish', () => updateTags(image, tags, () => (progress.isTagUpdated = true)))
    return describeCopy(inputs, image, { tags, transfers, notes, verification })
  } catch (error) {
    throw signal.aborted && !progress.isTagUpdated ? cancelledBeforeTags(cancelHint, error) : error
  } finally {
    await Promise.all(ended)
    stop.abort()
  }
}

/** The dry run: what would happen to each tag, and whether the logins and the key allow it. */
export async function planCopyOnly(
  inputs: Inputs,
  { registries, signal, prepareSigning }: Omit<CopyPorts, 'log' | 'record'>,
): Promise<DryRunResult> {
  const problems = new Problems()
  const [{ notes, tags } = { notes: [], tags: [] }] = await Promise.all([
    problems.collect(describePlan(inputs, registries, signal)),
    problems.collect(prepareSigning()),
  ])
  const kept = tags.filter(({ state }) => state === 'kept')
  const report = {
    nodes: [],
    targets: [],
    tags: tags.map(({ reference, before = '' }) => ({ tag: formatTagReference(reference), now: before })),
    permissions: tags.map(({ reference }) => `may push to ${formatRepository(reference)}`),
    post: [],
    warnings: [
      ...inputs.warnings,
      ...notes,
      ...kept.map(({ reference }) => `${formatTagReference(reference)} is not updated, since \`existing\` is \`keep\``),
    ],
    problems: problems.headlines,
  }
  return { report, problems: problems.all }
}

async function describePlan(inputs: Inputs, registries: RegistryAccess, signal: AbortSignal) {
  const { image, tags, checks } = await planCopy(inputs, registries, signal, { willCopy: false })
  await Promise.all([...checks.values()].map(({ ended }) => ended))
  return { notes: describeImage(inputs, image), tags }
}

interface PlannedCopy {
  readonly image: SourceImage
  readonly tags: readonly PlannedTag[]
  /** Whether the login may push, by repository. */
  readonly checks: ReadonlyMap<string, PushCheck>
}

async function planCopy(
  inputs: Inputs,
  registries: RegistryAccess,
  signal: AbortSignal,
  { willCopy } = { willCopy: true },
): Promise<PlannedCopy> {
  const { from, to } = inputs
  const source = await createClientFactory(registries, signal, { willPush: false })(from)
  const createClient = createClientFactory(registries, signal)
  const isElsewhere = to.some(({ registry, path }) => registry !== from.registry || path !== from.path)
  // In the same repository the referrers are there already, since they name a digest.
  const options = { ...inputs, referrers: inputs.referrers && isElsewhere }
  // All at once; a login that may not push is reported before a tag that cannot be read with it.
  const current = readTags(to, createClient)
  current.catch(ignore)
  const [image, checks] = await Promise.all([
    readSource({ client: source, path: from.path }, from.digest ?? from.tag ?? '', options).catch((error: unknown) => {
      throw explainSource(error, formatImageReference(from))
    }),
    willCopy && startsWithMounts(inputs)
      ? noChecks
      : checkAccess(inputs, createClient, registries, ({ registry }) => willCopy && registry !== from.registry),
  ])
  const tags = await current.catch((error: unknown) => {
    throw to[0] && checks.size === 0 ? explainPush(error, to[0], registries) : error
  })
  return { image, tags: planTags(tags, image.root.digest, inputs.existing), checks }
}

const noChecks: PlannedCopy['checks'] = new Map()

/** To another repository of the registry: its first request mounts a layer, and shows whether the login may push. */
function startsWithMounts({ from, to }: Inputs): boolean {
  return to.every(({ registry, path }) => registry === from.registry && path !== from.path && path === to[0]?.path)
}

async function checkAccess(
  { to }: Inputs,
  createClient: ClientFactory,
  registries: RegistryAccess,
  getsContent: (repository: Repository) => boolean,
): Promise<PlannedCopy['checks']> {
  const repositories = [...new Map(to.map((reference) => [formatRepository(reference), reference])).values()]
  const checks = await mapConcurrent(repositories, async (repository) => {
    const options = { ...registries, asksForVerification: getsContent(repository) }
    const check = await checkPushAccess(repository, createClient, options)
    return [formatRepository(repository), check] as const
  })
  for (const [, { failure }] of checks) if (failure) throw failure
  return new Map(checks)
}

function explainSource(error: unknown, from: string): unknown {
  if (!(error instanceof RegistryError)) return error
  const isMissing = error.kind === 'not-found'
  const login = 'Nothing was copied. Check `from`, and that a login in `registry-auth` has permission to read it.'
  const hint = isMissing || error.kind === 'denied' || error.kind === 'unauthorized' ? login : undefined
  return new UserError({
    ...sourceErrorOptions(`${from} cannot be read`, hint),
    details: [error.message],
    cause: error,
  })
}

function sourceErrorOptions(message: string, hint: string | undefined) {
  const { code, hint: usual } = sourceError(message)
  return { code, message, hint: hint ?? usual }
}

function describeImage({ platforms, to }: Inputs, { root, tree, sourceDigest }: SourceImage): readonly string[] {
  const subset = `Copies only ${platforms.join(', ')}, so the digest is ${root.digest} instead of ${sourceDigest}.`
  const signatures = 'Signatures of the whole image do not apply to the copy.'
  const foreign = `Layers at a URL outside the registry are not copied; the image has ${tree.foreign}.`
  return [
    ...(root.digest === sourceDigest ? [] : [`${subset} ${signatures}`]),
    ...(tree.foreign === 0 ? [] : [foreign]),
    ...describeTemporary(root, to),
  ]
}

type Transfers = ReadonlyMap<string, Transfer>

/** Repositories one after the other: the source is the bottleneck, and a later one may mount what is there by then. */
async function storeEverywhere(
  { image, tags, checks }: PlannedCopy,
  { log, registries }: Pick<CopyPorts, 'log' | 'registries'>,
): Promise<Transfers> {
  const transfers = new Map<string, Transfer>()
  for (const { reference, client, state } of tags) {
    const name = formatRepository(reference)
    if (state === 'kept' || transfers.has(name)) continue
    log.info(`Copying ${image.root.digest} to ${name}`)
    const transfer = await storeImage(image, { client, path: reference.path, ...checks.get(name) }).catch(
      (error: unknown) => {
        throw explainStore(checks.has(name) ? error : explainPush(error, reference, registries), name)
      },
    )
    transfers.set(name, transfer)
  }
  return transfers
}

function explainPush(error: unknown, to: Repository, { missingHelper }: RegistryAccess): unknown {
  return isRefusal(error) ? pushFailure(error, to, missingHelper) : error
}

function explainStore(error: unknown, name: string): unknown {
  if (!(error instanceof RegistryError)) return error
  return new UserError({
    code: 'registry',
    message: `The image could not be copied to ${name}`,
    hint: 'No tag was updated. Run the job again: what is in the repository already is not transferred again.',
    details: [error.message],
    cause: error,
  })
}

async function updateTags({ root }: SourceImage, tags: readonly PlannedTag[], onUpdate: () => void): Promise<void> {
  const pending = tags.filter(({ state }) => state === 'created' || state === 'updated')
  const destinations = pending.map(({ reference, client }) => ({
    variant: { tags: [reference] },
    repository: { registry: reference.registry, path: reference.path },
    client,
    index: root,
  }))
  // Nothing is undone later: each tag names its old or its new image.
  const context = { journal: { note: onUpdate }, log: { debug: ignore }, isEphemeral: () => false }
  await updateAllTags(destinations, context)
}

const ignore = () => undefined

/** The image in each repository that it was copied to. */
function copiesOf({ root }: SourceImage, tags: readonly PlannedTag[]): readonly ImageToSign[] {
  const copied = tags.filter(({ state }) => state !== 'kept')
  const images = copied.map(({ reference: { registry, path }, client }) => ({ repository: { registry, path }, client }))
  const byName = new Map(images.map((image) => [formatRepository(image.repository), image]))
  return [...byName.values()].map((image) => ({ ...image, digest: root.digest }))
}

interface FinishedCopy {
  readonly tags: readonly PlannedTag[]
  readonly transfers: Transfers
  readonly notes: readonly string[]
  readonly verification: Verification | undefined
}

function describeCopy(
  { from }: Inputs,
  { root, sourceDigest, referrers }: SourceImage,
  done: FinishedCopy,
): CopyResult {
  const listed = [...referrers.bySubject.values()].flat().length
  const tags = done.tags.map(({ reference, state, before }): CopiedTag => {
    const transfer = done.transfers.get(formatRepository(reference))
    return { reference, state, before, ...(transfer && state !== 'kept' && { transfer }) }
  })
  return {
    from: formatImageReference(from),
    digest: root.digest,
    sourceDigest,
    referrers: listed + referrers.tags.length,
    tags,
    notes: done.notes,
    ...(done.verification && { verification: done.verification }),
  }
}

const cancelHint = 'Layers that were copied already are not transferred again by the next run.'
