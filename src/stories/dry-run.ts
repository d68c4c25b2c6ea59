import { mkdirSync } from 'node:fs'
import { bakeOptions } from './prepare.ts'
import { formatEndpoint } from '../nodes/endpoint.ts'
import { openNodes, type NodeOutcome } from '../nodes/open.ts'
import type { Node } from '../nodes/node.ts'
import { createNodePool } from '../nodes/ready.ts'
import type { PackageAccess } from '../packages/open.ts'
import type { FetchRunStatus } from '../forge/run-status.ts'
import { renderBake } from '../buildx/bake-definition.ts'
import { describeFork } from '../plan/fork-policy.ts'
import { isEphemeral } from '../metadata/default-tags.ts'
import { planTargets } from '../plan/targets.ts'
import { containerPrefix, runBuilderName } from '../run/names.ts'
import { formatTagReference } from '../registry/reference.ts'
import type { ExaminationReport, TargetReport } from '../report/dry-run.ts'
import { formatError, UserError, UserErrors } from '../lib/errors.ts'
import { describeOutcome, warnOfNodes } from '../report/nodes.ts'
import { runEnv, type Buildx } from '../buildx/find.ts'
import { writePrivate } from '../lib/fs.ts'
import { exec } from '../lib/exec.ts'
import { withAbort } from '../lib/time.ts'
import { lookAtRegistries, type RegistriesLook } from './dry-run-registries.ts'
import type { Plan } from '../plan/target.ts'
import type { RunRequest } from './request.ts'

export interface Examination {
  readonly report: ExaminationReport
  /** Why the plan would not work; empty if it would. */
  readonly problems: readonly UserError[]
}

interface ExaminationWorld {
  readonly packages: PackageAccess
  readonly askRun: FetchRunStatus
  /** The buildx that a run would use; undefined where it would be downloaded. */
  readonly findBuildx: () => Promise<Buildx | undefined>
}

/**
 * Does everything up to the build, and tells what it would be: nodes are opened and asked, the registries are asked
 * what they have and would allow. Makes nothing on a node and nothing in a registry.
 */
export async function examine(request: RunRequest, world: ExaminationWorld): Promise<Examination> {
  const { inputs, event, dir, journal } = request
  const problems: UserError[] = []
  const collect = async <T>(work: Promise<T>): Promise<T | undefined> =>
    await withAbort(request.signal, work).catch((error: unknown) => note(error, problems))
  const [opened = [], buildx] = await Promise.all([
    collect(openNodes({ ...inputs, dir, agent: request.agent, workspace: event.workspace }, journal)),
    collect(world.findBuildx().then((found) => ({ found }))),
  ])
  const { outcomes, nodes, persistent: kept, local } = await createNodePool(opened, request)
  // Where the nodes could not even be asked, there is nothing to plan with.
  const plan = outcomes.length === 0 ? undefined : await collect(planOn(request, outcomes, local))
  const registries = await lookAtRegistries(inputs, plan?.targets ?? [], world.packages)
  problems.push(...registries.problems)
  if (plan && buildx?.found) await collect(checkDefinition(plan, request, buildx.found))
  const runs = await world.askRun(event.runId).catch(() => 'unknown' as const)
  const fork = describeFork(event.trust, inputs, nodes)
  const report: ExaminationReport = {
    nodes: outcomes.map((outcome) => `${describeOutcome(outcome)}; ${describeRoute(outcome, kept)}`),
    targets: plan?.targets.map((target) => describeTarget(target, registries)) ?? [],
    tags: registries.tags,
    permissions: [
      ...registries.permissions,
      typeof runs === 'string' ? 'runs of this repository: not to be asked' : 'runs of this repository: may be asked',
    ],
    post: describePost(request, nodes, kept),
    doubts: [
      ...inputs.notes,
      ...(buildx && !buildx.found
        ? [
            'This runner has not the buildx that `version` asks for: a run downloads it. So whether it takes the definition was not seen.',
          ]
        : []),
      ...warnOfNodes(nodes),
      ...(plan?.notes ?? []),
      ...fork.notes,
      ...fork.warnings,
      ...registries.doubts,
      ...(typeof runs === 'string'
        ? [
            'Without `permissions: actions: read`, what a dead run left on the nodes is removed after six days only, and `cleanup` cannot tell which runs are over.',
          ]
        : []),
    ],
    problems: problems.map((problem) => formatError(problem).headline),
  }
  return { report, problems }
}

/** Known failures are what this is for; anything else is a bug. */
function note(error: unknown, problems: UserError[]): undefined {
  if (error instanceof UserErrors) problems.push(...error.errors)
  else if (error instanceof UserError) problems.push(error)
  else throw error
  return undefined
}

async function planOn({ inputs }: RunRequest, outcomes: readonly NodeOutcome[], local: Node | string): Promise<Plan> {
  return await Promise.resolve().then(() => planTargets(inputs, outcomes, local))
}

/** buildx reads the definition, and says if it finds fault with it; no daemon is asked. */
async function checkDefinition({ targets }: Plan, request: RunRequest, buildx: Buildx): Promise<void> {
  const { event, dir, signal } = request
  signal.throwIfAborted()
  const file = dir.dryRun
  mkdirSync(dir.buildxConfig, { recursive: true, mode: 0o700 })
  writePrivate(file, renderBake(targets, bakeOptions(request, targets)))
  const env = runEnv(dir)
  const { code, stderr } = await exec(buildx.command, ['bake', '--file', file, '--print'], {
    env,
    cwd: event.workspace,
    deadline: 30_000,
  })
  if (code !== 0)
    throw new UserError({
      code: 'build',
      message: 'buildx does not take the definition of this build',
      hint: 'Its own words are above.',
      details: stderr.trim().split('\n').slice(-12),
    })
}

function describeRoute({ spec, node }: NodeOutcome, kept: ReadonlyMap<Node, string>): string {
  const name = node && kept.get(node)
  const daemon =
    spec.builtIn === true
      ? 'the BuildKit inside it'
      : node?.driver === 'remote'
        ? 'its own buildkitd'
        : spec.endpoint.kind === 'kubernetes'
          ? 'a BuildKit pod for this run'
          : name === undefined
            ? 'a BuildKit container for this run'
            : `the kept daemon ${name}`
  return `by ${formatEndpoint(spec.endpoint)}, ${daemon}`
}

function describeTarget(
  { platform, variant, node, cache }: Plan['targets'][number],
  { caches }: RegistriesLook,
): TargetReport {
  const { spec, native } = node
  return {
    platform,
    variant: variant.name,
    node: spec.name,
    emulated: native.length > 0 && !native.includes(platform),
    cache: cache?.name ?? '',
    cacheState: caches.get(cache?.name ?? '') ?? 'unknown',
  }
}

function describePost(
  { inputs, event, dir }: RunRequest,
  nodes: readonly Node[],
  kept: ReadonlyMap<Node, string>,
): string[] {
  const tags = inputs.push ? inputs.variants.flatMap((variant) => variant.tags) : []
  const doomed =
    inputs.cleanup === 'never'
      ? []
      : tags.filter(({ tag }) => inputs.cleanup === 'always' || isEphemeral(tag, event, inputs.tagsGiven))
  const name = runBuilderName(dir.key, event).replace(dir.key.toLowerCase(), 'mab-…')
  const own = nodes.filter((node) => node.driver !== 'remote' && !kept.has(node))
  return [
    ...doomed.map((tag) => `${formatTagReference(tag)}, with its platforms`),
    ...(inputs.push && inputs.cleanup !== 'never' && inputs.settings.provenance !== ''
      ? ['the index of each platform, which nothing needs once they are joined']
      : []),
    ...own.map(({ spec, driver }) =>
      driver === 'kubernetes'
        ? `in the cluster of ${spec.name} the deployment ${name}-… and its configmaps`
        : `on ${spec.name} the container ${containerPrefix}${name}-… and its volume`,
    ),
    "on this runner the run's private directory, with agent, connections and logins",
  ]
}
