import type { Event } from '../forge/event.ts'
import { mergeVariant, type MergeVariant } from '../inputs/merge/variants.ts'
import type { MergeInputs } from '../inputs/merge-inputs.ts'
import type { VariantSpec } from '../inputs/variants.ts'
import { UserErrors } from '../lib/errors.ts'
import { InputError } from '../lib/issues.ts'
import type { Log } from '../lib/log.ts'
import { withAbort } from '../lib/time.ts'
import { isEphemeral } from '../metadata/default-tags.ts'
import { findForeignAttestation, findParts, findPublished, type TaggedPart } from '../publish/find-parts.ts'
import { isMergedTag, tagMergedParts } from '../publish/merged-parts.ts'
import { cancelledBeforeTags } from '../publish/all-tags.ts'
import { explainStoreError, publish, type Published } from '../publish/publish.ts'
import {
  explainDifferences,
  explainForeignContent,
  explainMissing,
  expectedParts,
  selectParts,
  type MergedPart,
  type PartsRequest,
} from '../publish/select-parts.ts'
import type { SignImages } from '../publish/sign/verification.ts'
import { createClientFactory, type ClientFactory, type RegistryAccess } from '../registry/client-factory.ts'
import type { Manifest } from '../registry/manifest.ts'
import { formatRepository, formatTagReference, isSameRepository, type Repository } from '../registry/reference.ts'
import type { Entry, Journal } from '../run/journal.ts'
import type { RunRecord } from '../report/run-record.ts'
import { pullRequestOf, runAnnotation } from '../run/names.ts'
import { partTag, partTagPrefix } from '../run/parts.ts'
import type { RunDir } from '../run/run-dir.ts'

/** One run of the merge action. */
export interface MergeRun {
  readonly inputs: MergeInputs
  readonly event: Event
  readonly dir: RunDir
  readonly journal: Journal
  readonly log: Log
  readonly signal: AbortSignal
  readonly record: RunRecord
  /** How to wait for parts that a registry does not show yet. */
  readonly sleep: (ms: number) => Promise<unknown>
  /** Finds cosign, and checks the key or the identity; undefined if nothing is signed. @throws UserError */
  readonly prepareSigning: () => Promise<SignImages | undefined>
}

/** What is merged. */
export interface MergePlan {
  readonly variants: readonly VariantSpec[]
  /** The parts in the first repository. */
  readonly parts: readonly MergedPart[]
  /** The parts in all repositories. */
  readonly all: readonly MergedPart[]
}

export interface MergeResult extends MergePlan {
  readonly published: readonly Published[]
}

/**
 * The merge action: finds the parts that other jobs of this run have pushed, checks each, assembles and verifies one
 * image index per variant, and updates the tags last. The post step then deletes the parts.
 *
 * @returns undefined if the build jobs pushed nothing because their token can only read
 * @throws UserError or UserErrors; no tag is updated unless all parts are there and valid
 */
export async function mergeImage(run: MergeRun, registries: RegistryAccess): Promise<MergeResult | undefined> {
  let isTagUpdated = false
  const note = (entry: Entry) => {
    isTagUpdated ||= entry.kind === 'tag'
    run.journal.note(entry)
  }
  return await merge({ ...run, journal: { note } }, registries).catch((error: unknown) => {
    throw run.signal.aborted && !isTagUpdated ? cancelledBeforeTags(cancelHint, error) : error
  })
}

const cancelHint = 'The parts stay: run this job again to merge them.'

async function merge(run: MergeRun, registries: RegistryAccess): Promise<MergeResult | undefined> {
  const { inputs, event, dir, journal, log, signal, record } = run
  const planning = () => Promise.all([planMerge(run, registries), run.prepareSigning()])
  const [plan, sign] = await withAbort(signal, record.time('plan', planning))
  if (plan.parts.length === 0) return undefined
  const { variants, parts, all } = plan
  const built = variants.flatMap((variant) =>
    parts
      .filter(({ info }) => info.variant === variant.name)
      .map((part) => ({ target: { variant, platform: part.info.platform }, ...contentOf(part) })),
  )
  const names = variants.flatMap(({ tags }) => tags.map(({ tag }) => tag))
  const request = {
    variants,
    targets: variants.flatMap((variant) => variant.platforms.map((platform) => ({ variant, platform }))),
    built,
    nonce: runAnnotation(event, dir.key),
    pullRequest: pullRequestOf(event),
    ephemeral: inputs.cleanup === 'always' || names.every((tag) => isEphemeral(tag, event, inputs.tagsGiven)),
    journal,
    log,
    signal,
    registries,
    sign,
    isEphemeral: (tag: string) => isEphemeral(tag, event, inputs.tagsGiven),
  }
  const published = await record.time('publish', () => publish(request))
  record.published = published
  // Until every tag is updated, the parts stay for another attempt.
  if (inputs.cleanup !== 'never' && all.length > 0)
    await tagMergedParts({ published, parts, all }, { event, key: dir.key, journal, log, registries })
  for (const { tag, digest, info } of byTag(all)) journal.note({ kind: 'merged', ...tag, digest, owner: info.owner })
  return { ...plan, published }
}

/** Without attestations a job that builds all platforms pushes the image alone. */
function contentOf({ index, image, attestations }: MergedPart): { digest: string; manifest?: Manifest } {
  return attestations.length > 0 ? { digest: index.digest, manifest: index } : { digest: image }
}

/** Finds and checks the parts. Changes nothing. */
export async function planMerge(run: MergeRun, registries: RegistryAccess): Promise<MergePlan> {
  const { inputs, event, signal, sleep } = run
  const request = { ...inputs, event, sleep }
  const createClient = createClientFactory(registries, signal)
  const searches = inputs.images.map((repository) => ({ repository, request, createClient }))
  const found = (await Promise.all(searches.map(findIn))).flat()
  const published = found.length === 0 ? await findEarlier(searches) : []
  const checked = await Promise.all(searches.map((search) => checkIn(search, [...found, ...published])))
  const [parts = [], ...others] = checked.map((one) => one.parts)
  const differences = others.flatMap((other) => explainDifferences(parts, other) ?? [])
  if (differences.length > 0) throw new UserErrors(differences)
  if (parts.length > 0 && inputs.signIssues.length > 0) throw new InputError(inputs.signIssues)
  const isMerged = (part: MergedPart) => isMergedTag(part, event)
  // What stands in for parts is deleted after them.
  const all = checked.flatMap((one) => one.all).sort((a, b) => Number(isMerged(a)) - Number(isMerged(b)))
  return { variants: inputs.describe(variantsOf(parts, inputs)), parts, all: published.length > 0 ? [] : all }
}

/** PURE: of several parts with the same tag one. */
export function byTag(parts: readonly MergedPart[]): readonly MergedPart[] {
  return [...new Map(parts.map((part) => [formatTagReference(part.tag), part])).values()]
}

/** What an earlier merge of this run has published, if it has deleted all parts. */
async function findEarlier([search]: readonly Search[]): Promise<readonly TaggedPart[]> {
  if (!search || search.request.event.readOnlyTrigger !== undefined) return []
  const { repository, createClient, request } = search
  const { variants, platforms, listed = [], describe, event } = request
  const names = [...new Set(listed.map(({ variant }) => variant))]
  const expected = variants ?? (names.length > 0 ? names : ['']).map((name) => mergeVariant(name, platforms))
  const images = describe(expected).map((variant) => ({ ...variant, variant: variant.name }))
  const found = await explained(repository, () =>
    Promise.all(images.map((image) => findPublished(image, event, createClient))),
  )
  return found.some((parts) => parts.length === 0) ? [] : found.flat()
}

function variantsOf(parts: readonly MergedPart[], { variants, platforms }: MergeInputs): readonly MergeVariant[] {
  const names = [...new Set(parts.map(({ info }) => info.variant))]
  return variants ?? names.map((name) => mergeVariant(name, platforms))
}

interface Search {
  readonly repository: Repository
  readonly request: PartsRequest & MergeInputs & Pick<MergeRun, 'event' | 'sleep'>
  readonly createClient: ClientFactory
}

/** What has the build tags of this run in one repository. */
async function findIn({ repository, request, createClient }: Search): Promise<readonly TaggedPart[]> {
  return await explained(repository, async () =>
    findParts(await createClient(repository), {
      repository,
      prefix: partTagPrefix(request.event),
      expected: expectedParts(request).map((name) => partTag(request.event, name)),
      isComplete: (parts) => selectParts(parts, request).missing.length === 0,
      sleep: request.sleep,
    }),
  )
}

/**
 * The parts in one repository. Those that the post step of an earlier merge has deleted here may be known from another
 * repository; their content is verified before it is published.
 *
 * @throws UserErrors if one is missing or not valid
 */
async function checkIn(
  { repository, request, createClient }: Search,
  everywhere: readonly TaggedPart[],
): Promise<Pick<MergePlan, 'parts' | 'all'>> {
  const isHere = ({ tag }: TaggedPart) => isSameRepository(tag, repository)
  const found = everywhere.filter((part) => isHere(part) || isMergedTag(part, request.event))
  if (found.length === 0 && request.event.readOnlyTrigger !== undefined) return { parts: [], all: [] }
  const { parts, all, missing, problems } = selectParts(found, request)
  const foreign = await explained(repository, async () => {
    const client = await createClient(repository)
    return await Promise.all(
      parts.map(async (part) => {
        const reason = await findForeignAttestation(
          client,
          { ...part, repository: repository.path },
          request.event.runId,
        )
        return reason === undefined ? [] : [explainForeignContent(part, reason)]
      }),
    )
  })
  const errors = [...problems, ...foreign.flat()]
  if (missing.length > 0) errors.push(explainMissing(missing, repository, request))
  if (errors.length > 0) throw new UserErrors(errors)
  return { parts, all: all.filter(isHere) }
}

async function explained<T>(repository: Repository, read: () => Promise<T>): Promise<T> {
  return await read().catch((error: unknown) => {
    throw explainStoreError(error, `The parts in ${formatRepository(repository)} could not be read`)
  })
}
