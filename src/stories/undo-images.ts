import { findRunArtifacts } from '../cleanup/find-run-artifacts.ts'
import type { RunArtifacts } from '../cleanup/ownership.ts'
import { artifactsByRepository, formatOutcomes, type OutcomeLines } from '../cleanup/run-artifacts.ts'
import { deleteRunArtifacts } from '../cleanup/run-image-cleanup.ts'
import { errorMessage } from '../lib/errors.ts'
import type { PackageAccess } from '../packages/backend.ts'
import type { PackageRepository } from '../packages/repository.ts'
import { openPackageRepository } from '../packages/select.ts'
import { createClientFactory } from '../registry/client-factory.ts'
import { formatRepository, type Repository } from '../registry/reference.ts'
import type { Entry } from '../run/journal.ts'
import { runAnnotation } from '../run/names.ts'
import type { UndoPorts, UndoRequest } from './undo-ports.ts'

type ImageRequest = Pick<UndoRequest, 'dir' | 'tags' | 'event' | 'began' | 'images'>
type ImagePorts = Pick<UndoPorts, 'openPackages' | 'log'>

/** What to delete in a repository, and lines about what stays. */
interface Selection {
  readonly artifacts: RunArtifacts
  readonly kept?: readonly string[]
}

interface Deletion {
  readonly repository: Repository
  readonly select: (repository: PackageRepository) => Selection | Promise<Selection>
}

const registryDeadline = 60_000
/** The most by which the clocks of the CI platform and of this machine may differ. */
const clockSkew = 3_600_000

/** Deletes the images that were pushed for this run alone, and the manifests that no image of the run needs. */
export async function deleteImages(entries: readonly Entry[], request: ImageRequest, ports: ImagePorts): Promise<void> {
  const { dir, tags, event } = request
  const found = artifactsByRepository([...entries].reverse(), tags, runAnnotation(event, dir.key))
  const deletions = found.map(({ repository, ...artifacts }) => ({ repository, select: () => ({ artifacts }) }))
  await deleteAll(deletions, request, ports)
}

/** The same without the journal: by the names of tags, and by annotations. @returns whether there were any */
export async function deleteFoundImages(request: ImageRequest, ports: ImagePorts): Promise<boolean> {
  const { dir, tags, event, began, images } = request
  if (tags === 'never') return false
  const run = { runId: event.runId, runAnnotation: runAnnotation(event, dir.key), since: began - clockSkew }
  const select = async (opened: PackageRepository): Promise<Selection> => {
    const { artifacts, unproven } = await findRunArtifacts(opened, run)
    return { artifacts, kept: unproven.map((tag) => `Kept ${opened.name}:${tag}: ${unprovenReason}`) }
  }
  if (tags === 'always') ports.log.warn(alwaysHint)
  return await deleteAll(
    distinct(images).map((repository) => ({ repository, select })),
    request,
    ports,
  )
}

const unprovenReason =
  'its image does not have the annotation of this run. The `cleanup` action deletes the tag when the run is finished.'
const alwaysHint =
  '`cleanup: always`: only tags with the id of the run are deleted, since the journal that names the others is lost. ' +
  'Delete the others in the registry.'

/** After a release, this is all that is deleted: without a reason it would look like a part of the image. */
const perPlatformNote = 'a per-platform index, which the image does not need'

function distinct(repositories: readonly Repository[]): readonly Repository[] {
  return [...new Map(repositories.map((repository) => [formatRepository(repository), repository])).values()]
}

async function deleteAll(deletions: readonly Deletion[], request: ImageRequest, ports: ImagePorts): Promise<boolean> {
  if (deletions.length === 0) return false
  const packages = ports.openPackages()
  const outcomes = await Promise.all(deletions.map((deletion) => deleteFrom(deletion, request, { packages, ...ports })))
  outcomes.forEach(({ deleted }) => deleted.forEach((tag) => ports.log.info(`Deleted ${tag}.`)))
  const kept = outcomes.flatMap((outcome) => outcome.kept)
  // With `never` only untagged manifests are tried, also with a login that may not delete.
  const log = request.tags === 'never' ? ports.log.info : ports.log.warn
  if (kept.length > 0) log(kept.join('\n'))
  return outcomes.some(({ deleted }) => deleted.length > 0) || kept.length > 0
}

async function deleteFrom(
  { repository, select }: Deletion,
  { dir, began, event }: ImageRequest,
  { packages, log }: { readonly packages: Promise<PackageAccess> } & Pick<ImagePorts, 'log'>,
): Promise<OutcomeLines> {
  const name = formatRepository(repository)
  const signal = AbortSignal.timeout(registryDeadline)
  try {
    const access = await packages
    const opened = await openPackageRepository(access, {
      repository,
      client: await createClientFactory(access.registries, signal)(repository),
      until: access.clock.now() + registryDeadline,
      mark: runAnnotation(event, dir.key),
      since: new Date(began - clockSkew),
      signal,
    })
    const { artifacts, kept = [] } = await select(opened)
    const onDeleted = (digest: string, isPerPlatform: boolean) =>
      log.info(`Deleted ${name}@${digest}${isPerPlatform ? `, ${perPlatformNote}` : ''}.`)
    const lines = formatOutcomes(name, await deleteRunArtifacts(opened, artifacts, onDeleted))
    return { deleted: lines.deleted, kept: [...kept, ...lines.kept] }
  } catch (error) {
    return { deleted: [], kept: [`Kept ${name}: ${errorMessage(error)}. The \`cleanup\` action removes it later.`] }
  }
}
