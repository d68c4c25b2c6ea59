import type { Event } from '../forge/event.ts'
import { mergeVariant, type MergeVariant } from '../inputs/merge/variants.ts'
import type { MergeInputs } from '../inputs/merge-inputs.ts'
import type { VariantSpec } from '../inputs/variants.ts'
import { UserErrors } from '../lib/errors.ts'
import type { Log } from '../lib/log.ts'
import { withAbort } from '../lib/time.ts'
import { isEphemeral } from '../metadata/default-tags.ts'
import { findForeignAttestation, findParts } from '../publish/find-parts.ts'
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
import { createClientFactory, type ClientFactory, type RegistryAccess } from '../registry/client-factory.ts'
import { formatRepository, type Repository } from '../registry/reference.ts'
import type { Journal } from '../run/journal.ts'
import { runAnnotation } from '../run/names.ts'
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
  /** How to wait for parts that a registry does not show yet. */
  readonly sleep: (ms: number) => Promise<unknown>
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
  const { inputs, event, dir, journal, log, signal } = run
  const plan = await withAbort(signal, planMerge(run, registries))
  if (plan.all.length === 0) return undefined
  const { variants, parts, all } = plan
  const built = variants.flatMap((variant) =>
    parts
      .filter(({ info }) => info.variant === variant.name)
      .map((part) => ({ target: { variant, platform: part.info.platform }, digest: contentOf(part) })),
  )
  const names = variants.flatMap(({ tags }) => tags.map(({ tag }) => tag))
  const published = await publish({
    variants,
    targets: variants.flatMap((variant) => variant.platforms.map((platform) => ({ variant, platform }))),
    built,
    nonce: runAnnotation(event, dir.key),
    ephemeral: names.every((tag) => isEphemeral(tag, event, inputs.tagsGiven)),
    journal,
    log,
    signal,
    registries,
    isEphemeral: (tag) => isEphemeral(tag, event, inputs.tagsGiven),
  })
  // Until every tag is updated, the parts stay for another attempt.
  for (const { tag, digest, info } of all) journal.note({ kind: 'merged', ...tag, digest, owner: info.owner })
  return { ...plan, published }
}

/** Without attestations a job that builds all platforms pushes the image alone. */
function contentOf({ digest, image, attestations }: MergedPart): string {
  return attestations.length > 0 ? digest : image
}

/** Finds and checks the parts. Changes nothing. */
export async function planMerge(run: MergeRun, registries: RegistryAccess): Promise<MergePlan> {
  const { inputs, event, signal, sleep } = run
  const request = { ...inputs, event, sleep }
  const createClient = createClientFactory(registries, signal)
  const found = await Promise.all(inputs.images.map((image) => findIn(image, request, createClient)))
  const [parts = [], ...others] = found
  const differences = others.flatMap((other) => explainDifferences(parts, other) ?? [])
  if (differences.length > 0) throw new UserErrors(differences)
  return { variants: inputs.describe(variantsOf(parts, inputs)), parts, all: found.flat() }
}

function variantsOf(parts: readonly MergedPart[], { variants, platforms }: MergeInputs): readonly MergeVariant[] {
  const names = [...new Set(parts.map(({ info }) => info.variant))]
  return variants ?? names.map((name) => mergeVariant(name, platforms))
}

/** The parts in one repository. @throws UserErrors if one is missing or not valid */
async function findIn(
  repository: Repository,
  request: PartsRequest & Pick<MergeRun, 'sleep'>,
  createClient: ClientFactory,
): Promise<readonly MergedPart[]> {
  try {
    const client = await createClient(repository)
    const found = await findParts(client, {
      repository,
      prefix: partTagPrefix(request.event),
      expected: expectedParts(request).map((name) => partTag(request.event, name)),
      isComplete: (parts) => selectParts(parts, request).missing.length === 0,
      sleep: request.sleep,
    })
    if (found.length === 0 && request.event.readOnlyTrigger !== undefined) return []
    const { parts, missing, problems } = selectParts(found, request)
    const foreign = await Promise.all(
      parts.map(async (part) => {
        const reason = await findForeignAttestation(client, part, request.event.runId)
        return reason === undefined ? [] : [explainForeignContent(part, reason)]
      }),
    )
    const errors = [...problems, ...foreign.flat()]
    if (missing.length > 0) errors.push(explainMissing(missing, repository, request))
    if (errors.length > 0) throw new UserErrors(errors)
    return parts
  } catch (error) {
    throw explainStoreError(error, `The parts in ${formatRepository(repository)} could not be read`)
  }
}
