import { dirname } from 'node:path'
import { mkdirSync } from 'node:fs'
import type { BakeOptions } from '../buildx/bake-definition.ts'
import { requestsDockerTypes } from '../buildx/bake-fields.ts'
import { settingsEnv, writeSecrets } from '../buildx/build-env.ts'
import type { Buildx } from '../buildx/find.ts'
import { gitWarnings } from '../buildx/git-config.ts'
import { BuilderInstances } from '../buildx/instances.ts'
import { ensureDaemon, removeOldMarkers } from '../buildx/persistent.ts'
import { localPathsOf, type LocalPath } from '../buildx/local-paths.ts'
import type { BuildxRequest } from '../buildx/process.ts'
import { inheritedEnv } from '../lib/exec.ts'
import { writePrivate } from '../lib/files.ts'
import { isEphemeral } from '../metadata/default-tags.ts'
import { namedKubeconfig } from '../nodes/drivers/kubeconfig.ts'
import type { Node } from '../nodes/node.ts'
import type { OpenedNodes } from '../nodes/pool.ts'
import type { Plan, Target } from '../plan/target.ts'
import { createDockerConfig } from '../registry/credentials/docker-config.ts'
import { loginOrigin } from '../registry/credentials/origin.ts'
import { writeScopedLogins } from '../registry/credentials/scoped.ts'
import { createCertificateEnv } from '../registry/hosts.ts'
import type { Journal } from '../run/journal.ts'
import { pullRequestOf, runAnnotation, runBuilderName } from '../run/names.ts'
import type { Run } from './ports.ts'

export interface PreparedBuild {
  readonly builder: BuilderInstances
  /** By node: resolves when this run no longer boots its persistent builder, so that a build may begin. */
  readonly boots: ReadonlyMap<Node, Promise<unknown>>
  /** What every call of buildx gets. */
  readonly calls: BuildxRequest
  /** Records a digest in the journal when its push starts. */
  readonly onPush: (target: Target, digest: string) => void
  /** Resolves when nothing more is changed on the nodes to prepare this build. */
  readonly settled: Promise<unknown>
}

/**
 * Writes what buildx reads, all of it in the run directory: logins, builder instances and secrets; and boots persistent
 * builders.
 */
export async function prepareBuild(
  run: Run,
  opened: OpenedNodes,
  { targets }: Plan,
  buildx: Buildx,
): Promise<PreparedBuild> {
  const { inputs, event, dir, journal, signal } = run
  const { settings, push } = inputs
  writeLogins(run)
  writeSecrets(dir, settings.secrets)
  const builder = new BuilderInstances({
    dir,
    name: runBuilderName(dir.key, event),
    nodes: opened.nodes,
    journal,
    persistent: opened.persistent,
    undo: { buildx: buildx.command, kubeconfig: namedKubeconfig(event.workspace) },
  })
  const { boots, settled } = bootPersistent(run, opened, builder, buildx)
  const { traceparent } = run.record
  const env = {
    ...(traceparent !== undefined && { TRACEPARENT: traceparent }),
    ...settingsEnv(settings, inputs.cache),
    ...createCertificateEnv(dir.certificates, inputs.registries),
  }
  const repositories = inputs.variants.flatMap(({ images }) => images)
  const pushLogins = new Map(
    repositories.map((one) => [one.registry, loginOrigin(one, inputs.logins, run.dockerConfig)] as const),
  )
  const options = { ...bakeOptions(run, targets), pushLogins }
  logDifferences(run, options.ephemeral)
  await keepContexts(run, opened, localPathsOf(targets, options))
  return {
    builder,
    boots,
    calls: { ...options, env, buildx, workspace: event.workspace, signal },
    onPush: recordOnce(push ? journal : undefined),
    settled,
  }
}

/** Where the image differs from what the inputs or the usual settings of buildx lead to. */
function logDifferences({ inputs: { push, settings }, dir, log }: Run, areEphemeral: boolean): void {
  gitWarnings(dir, inheritedEnv()).forEach((warning) => log.warn(warning))
  if (push && areEphemeral && requestsDockerTypes(settings)) log.info(ociTypes)
}

const ociTypes =
  '`outputs`: `oci-mediatypes=false` has no effect on images that the action deletes later. To delete them, it needs ' +
  'an annotation, and Docker’s media types have none.'

function writeLogins({ inputs, dir, dockerConfig }: Run): void {
  mkdirSync(dirname(dir.dockerConfig), { mode: 0o700 })
  writePrivate(dir.dockerConfig, JSON.stringify(createDockerConfig(dockerConfig, inputs.logins)))
  writeScopedLogins(dir.scopedConfigs, inputs.logins)
}

/**
 * Boots the persistent builders. Any other daemon is booted by the build that needs it.
 *
 * @returns the boots, and when nothing more is changed on the nodes to prepare the build
 */
function bootPersistent(
  { event, dir, journal, log }: Run,
  { persistent }: OpenedNodes,
  builder: BuilderInstances,
  buildx: Buildx,
): Pick<PreparedBuild, 'boots' | 'settled'> {
  const holder = runBuilderName(dir.key, event)
  const boots = new Map<Node, Promise<unknown>>()
  const created = [...persistent].filter(([{ spec }]) => spec.existingNodeName === undefined)
  const settled = created.map(async ([node, name]) => {
    const boot = ensureDaemon({ node, name }, builder.forPlatforms(node, []), { buildx, dir, journal, holder, log })
    boots.set(node, boot)
    await boot
    await removeOldMarkers({ node, name }, log)
  })
  return { boots, settled: Promise.all(settled) }
}

/** Persistent builders receive only those files of a context that changed since the last run. */
async function keepContexts(
  { inputs, dir, event }: Run,
  opened: OpenedNodes,
  localPaths: readonly LocalPath[],
): Promise<void> {
  if (!inputs.keepBuilder) return
  const { writeNodeId } = await import('../buildx/node-id.ts')
  writeNodeId({ dir, event, opened, localPaths })
}

/** The options that all targets of a run share. */
export function bakeOptions(
  { inputs, event, dir }: Pick<Run, 'inputs' | 'event' | 'dir'>,
  targets: readonly Target[],
): BakeOptions {
  const { push, partial, settings, variants, tagsGiven, cleanup } = inputs
  const areEphemeral = variants.every(({ tags, version }) => {
    // The merge updates the tags of a part; `version` is the first of them.
    const names = partial ? [version] : tags.map(({ tag }) => tag)
    return names.length > 0 && names.every((tag) => isEphemeral(tag, event, tagsGiven))
  })
  return {
    push,
    settings,
    dir,
    several: targets.length > 1,
    nonce: runAnnotation(event, dir.key),
    pullRequest: pullRequestOf(event),
    // The image of a part belongs to the merged image, which stays.
    ephemeral: areEphemeral || (cleanup === 'always' && !partial),
    fork: event.trust === 'fork',
    withoutSecrets: event.trust === 'fork' ? 'fork' : event.readOnlyTrigger,
  }
}

/** buildx reports a digest when its push starts, and again when the call ends. */
function recordOnce(journal: Journal | undefined): PreparedBuild['onPush'] {
  const recorded = new Set<string>()
  return ({ id, variant }, digest) => {
    const key = `${id} ${digest}`
    if (!recorded.has(key))
      variant.images.forEach((repository) => journal?.note({ kind: 'manifest', ...repository, digest }))
    recorded.add(key)
  }
}
