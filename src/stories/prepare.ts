import { mkdirSync } from 'node:fs'
import { runAnnotation } from '../run/names.ts'
import type { Journal } from '../run/journal.ts'
import { BuilderInstances } from '../buildx/instances.ts'
import { ensureDaemon } from '../buildx/persistent.ts'
import type { OpenedNodes } from '../nodes/ready.ts'
import type { BakeOptions } from '../buildx/bake-definition.ts'
import { isEphemeral } from '../metadata/default-tags.ts'
import { createDockerConfig } from '../registry/credentials/login.ts'
import { writeScopedLogins } from '../registry/credentials/scoped.ts'
import { settingsEnv, writeSecrets } from '../buildx/build-env.ts'
import type { Buildx } from '../buildx/find.ts'
import { writePrivate } from '../lib/fs.ts'
import { namedKubeconfig } from '../nodes/drivers/kubeconfig.ts'
import { createCertificateEnv } from '../registry/hosts.ts'
import type { BuildxRequest } from '../buildx/run.ts'
import type { Plan, Target } from '../plan/target.ts'
import type { RunRequest } from './request.ts'

interface PrepareRequest extends Pick<
  RunRequest,
  'inputs' | 'event' | 'dir' | 'journal' | 'log' | 'signal' | 'dockerConfig'
> {
  /** Names this run's builder and containers. */
  readonly holder: string
}

interface Prepared {
  readonly builder: BuilderInstances
  /** What every call of buildx gets. */
  readonly calls: BuildxRequest
  /** Notes a digest in the journal when its push begins. */
  readonly onPush: (target: Target, digest: string) => void
}

/**
 * Writes what buildx reads, all of it in our own directory: logins, builders, secrets; and boots the daemons that stay.
 */
export async function prepareBuild(
  request: PrepareRequest,
  { nodes, persistent: kept }: OpenedNodes,
  { targets }: Plan,
  buildx: Buildx,
): Promise<Prepared> {
  const { inputs, event, dir, journal, log, holder, signal } = request
  const { settings, push } = inputs
  mkdirSync(dir.env.DOCKER_CONFIG, { mode: 0o700 })
  writePrivate(dir.dockerConfig, JSON.stringify(createDockerConfig(request.dockerConfig, inputs.logins)))
  writeScopedLogins(dir, inputs.logins)
  writeSecrets(dir, settings.secrets)
  const builder = new BuilderInstances({
    dir,
    name: holder,
    nodes,
    journal,
    persistent: kept,
    undo: { buildx: buildx.command, kubeconfig: namedKubeconfig(event.workspace) },
  })
  // One that was made elsewhere is booted by the build, as it would be for anybody.
  const ours = [...kept].filter(([{ spec }]) => spec.existingNodeName === undefined)
  await Promise.all(
    ours.map(([node, name]) =>
      ensureDaemon({ node, name }, builder.forPlatforms(node, []), { buildx, dir, journal, holder, log }),
    ),
  )
  const env = { ...settingsEnv(settings, inputs.cache), ...createCertificateEnv(dir.certificates, inputs.registries) }
  return {
    builder,
    calls: { ...bakeOptions(request, targets), env, buildx, workspace: event.workspace, signal },
    onPush: noteOnce(push ? journal : undefined),
  }
}

/** What holds for every target of a run. */
export function bakeOptions(
  { inputs, event, dir }: Pick<RunRequest, 'inputs' | 'event' | 'dir'>,
  targets: readonly Target[],
): BakeOptions {
  const { push, settings, variants, tagsGiven } = inputs
  const ephemeral = variants.every(
    ({ tags }) => tags.length > 0 && tags.every(({ tag }) => isEphemeral(tag, event, tagsGiven)),
  )
  return {
    push,
    settings,
    dir,
    several: targets.length > 1,
    nonce: runAnnotation(event, dir.key),
    ephemeral,
    fork: event.trust === 'fork',
  }
}

/** A digest is told when its push begins, and again when the call is over. */
function noteOnce(journal: Journal | undefined): Prepared['onPush'] {
  const noted = new Set<string>()
  return ({ id, variant }, digest) => {
    if (!noted.has(`${id} ${digest}`))
      variant.images.forEach((repository) => journal?.note({ kind: 'manifest', ...repository, digest, ours: true }))
    noted.add(`${id} ${digest}`)
  }
}
