import type { BuildxRequest } from '../buildx/process.ts'
import type { GroupResult } from '../buildx/run.ts'
import { formatLostCaches } from '../buildx/lost-caches.ts'
import { removeSecrets } from '../buildx/build-env.ts'
import type { Buildx } from '../buildx/find.ts'
import type { BuilderInfo } from '../buildx/instances.ts'
import { shareBuilder } from '../buildx/later-steps.ts'
import { withoutRepeats } from '../buildx/checks.ts'
import { startGarbageCollection } from '../gc/background.ts'
import { logNodeGarbage } from '../gc/log.ts'
import { withAbort } from '../lib/time.ts'
import { isEphemeral } from '../metadata/default-tags.ts'
import { createNodePool, type OpenedNodes } from '../nodes/pool.ts'
import { planWithReservations, type ReservedPlan } from '../nodes/reservations.ts'
import { describeFork } from '../plan/fork-policy.ts'
import { requirePlatforms, planTargets } from '../plan/targets.ts'
import { groupByNode, inDraftOrder, targetLabels, type Plan } from '../plan/target.ts'
import { PushAccessCheck } from '../publish/push-access.ts'
import type { Published } from '../publish/publish.ts'
import type { SignImages } from '../publish/sign/verification.ts'
import { formatBusyNodes, formatNode, nodeWarnings } from '../report/log-lines.ts'
import { notesOn, type Note } from '../report/notes.ts'
import { BuildErrors, type RunResult } from '../report/run-report.ts'
import { runBuilderName } from '../run/names.ts'
import { CacheChoice } from './caches.ts'
import { RunComparison } from './history.ts'
import type { PreparedBuild } from './prepare.ts'
import type { BuildPorts, Run } from './ports.ts'

/**
 * The main action: opens the nodes, plans, builds every target on its node, assembles and verifies the image indexes,
 * and updates the tags last.
 *
 * @throws UserError, or BuildErrors if a build failed
 */
export async function buildImage(run: Run, ports: BuildPorts): Promise<RunResult> {
  const { inputs, signal, log } = run
  const access = new PushAccessCheck({ inputs, signal, registries: ports.registries, warn: (text) => log.warn(text) })
  const comparison = new RunComparison(run, ports.registries)
  const caches = new CacheChoice(run, ports.registries)
  try {
    return await buildAndPublish({ ...run, signal: access.signal }, ports, { access, comparison, caches })
  } finally {
    access.stop()
    caches.close()
    comparison.close()
  }
}

/** What goes on while nodes are connected or images are built. */
interface Background {
  readonly access: PushAccessCheck
  readonly comparison: RunComparison
  readonly caches: CacheChoice
}

async function buildAndPublish(run: Run, ports: BuildPorts, background: Background): Promise<RunResult> {
  const { access, comparison, caches } = background
  const { inputs, log, signal, record } = run
  caches.start()
  const opening = () => Promise.all([openNodes(run, ports), ports.provideBuildx(signal), ports.prepareSigning()])
  const [opened, buildx, sign] = await withAbort(signal, record.time('connect', opening))
  const { planned, prepared } = await withAbort(
    signal,
    record.time('plan', () => planAndPrepare(run, opened, buildx, caches)),
  )
  const garbage = startGarbageCollection(opened.nodes, ports.runs, { self: builderName(run), dir: run.dir })
  const steps = { opened, planned, prepared, garbage }
  if (inputs.settings.call) return await callDockerfiles(run, ports, steps)
  const labels = targetLabels(planned.plan.groups.flatMap(({ targets }) => targets))
  log.info(`Building ${labels} with buildx ${buildx.version}`)
  access.start()
  comparison.start(planned.plan)
  const onBegun = () => {
    access.enforce()
    garbage.begin()
  }
  const build = await buildPlan(run, ports, { ...steps, onBegun }).catch((error: unknown) => {
    garbage.cancel()
    throw error
  })
  const collected = logNodeGarbage(garbage.end(), log)
  // Leftovers of other runs may be the reason why a node is full: remove them before this run fails.
  if (build.results.some(({ failure }) => failure)) await collected
  throwFailures(build.results, run)
  const handedOver = handOver(run, opened, prepared)
  handedOver.catch(() => undefined)
  const lost = reportGroups(run, build.results)
  const plan = withoutSkipped(planned.plan, build.results)
  requirePlatforms(inputs.variants, plan.targets, opened.outcomes)
  const publishing = () => publishTargets(run, ports, plan, { ...prepared, groups: build.results, sign })
  const published = inputs.push ? await record.time('publish', publishing) : []
  record.published = published
  const [builder] = await Promise.all([handedOver, collected, build.released, prepared.settled, comparison.complete()])
  const notes = [...planned.notes, ...notesOn('fallback', build.notes), ...notesOn('cache', lost)]
  return { ...describeRun(run, opened), builder, plan, published, notes, isPart: inputs.partial }
}

function describeRun({ dir }: Run, { nodes }: OpenedNodes): Pick<RunResult, 'nodes' | 'buildxConfig'> {
  return { nodes, buildxConfig: dir.buildxConfig }
}

/**
 * Prepares the builder for later steps, or ends it: nothing else is built there, so the nodes get their memory back at
 * once.
 */
async function handOver(
  { inputs, dir, log }: Run,
  { pool }: OpenedNodes,
  prepared: PreparedBuild,
): Promise<BuilderInfo> {
  const { builder: instances, calls } = prepared
  if (inputs.use) return await shareBuilder({ dir, buildx: calls.buildx, instances, nodes: pool.available(), log })
  await instances.release()
  return instances.info
}

async function planAndPrepare(run: Run, opened: OpenedNodes, buildx: Buildx, caches: CacheChoice) {
  const planned = await planRun(run, opened, caches)
  const { prepareBuild } = await import('./prepare.ts')
  return { planned, prepared: await prepareBuild(run, opened, planned.plan, buildx) }
}

async function openNodes({ inputs, event, log, record }: Run, ports: BuildPorts): Promise<OpenedNodes> {
  const opened = await createNodePool(await ports.openNodes(), { inputs, event })
  record.outcomes = opened.outcomes
  opened.outcomes.forEach((outcome) => log.line(formatNode(outcome)))
  return opened
}

interface PlannedRun extends Pick<ReservedPlan<Plan>, 'plan' | 'release'> {
  readonly notes: readonly Note[]
}

/** Decides what is built where, and logs what the user should know before it starts. */
async function planRun(run: Run, { outcomes, nodes, local }: OpenedNodes, caches: CacheChoice): Promise<PlannedRun> {
  const { inputs, event, journal, log, record } = run
  const fork = describeFork(event.trust, inputs, nodes)
  const notes = [...notesOn('inputs', inputs.notes), ...notesOn('forks', fork.notes)]
  notes.forEach(({ text }) => log.info(text))
  const { runsPerNode, release, ...reserved } = await planWithReservations({
    nodes,
    holder: builderName(run),
    journal,
    plan: (runs) => planTargets(inputs, outcomes, local, runs),
  })
  const plan = await caches.apply(reserved.plan)
  record.targets = plan.targets
  formatBusyNodes(runsPerNode).forEach((note) => log.info(note))
  const warnings = [
    ...notesOn('inputs', inputs.warnings),
    ...nodeWarnings(nodes, plan.targets),
    ...notesOn('fallback', plan.notes),
    ...notesOn('forks', fork.warnings),
  ]
  warnings.forEach(({ text }) => log.warn(text))
  return { plan, notes: [...warnings, ...notes], release }
}

/** Runs a subrequest of the Dockerfiles instead of building them. */
async function callDockerfiles(
  run: Run,
  ports: BuildPorts,
  { opened, planned, prepared, garbage }: Omit<BuildSteps, 'onBegun'>,
): Promise<RunResult> {
  const { inputs, log, dir } = run
  const { calls, builder: instances } = prepared
  await Promise.all(prepared.boots.values())
  await ports
    .callTargets({
      ...calls,
      call: inputs.settings.call ?? 'check',
      log,
      targets: planned.plan.targets,
      builder: ({ node, platform }) => instances.forPlatforms(node, [platform]),
    })
    .finally(() => removeSecrets(dir))
  const collected = logNodeGarbage(garbage.end(), log)
  const [builder] = await Promise.all([handOver(run, opened, prepared), collected, planned.release(), prepared.settled])
  const plan = { ...planned.plan, targets: [], groups: [] }
  return { ...describeRun(run, opened), builder, plan, published: [], notes: planned.notes }
}

interface BuildSteps {
  readonly opened: OpenedNodes
  readonly planned: PlannedRun
  readonly prepared: PreparedBuild
  readonly garbage: ReturnType<typeof startGarbageCollection>
  /** Called once, when a build has started or ended on every node. */
  readonly onBegun: () => void
}

interface BuildResult {
  readonly results: readonly GroupResult[]
  readonly notes: readonly string[]
  /** Resolves when other runs see the nodes as free. */
  readonly released: Promise<void>
}

/** Builds all groups. When it returns, no build is running and no build secret is left. */
async function buildPlan(run: Run, ports: BuildPorts, steps: BuildSteps): Promise<BuildResult> {
  const { inputs, journal, log, dir, signal, record } = run
  const { opened, planned, prepared, onBegun } = steps
  const request = {
    ...prepared.calls,
    groups: planned.plan.groups,
    pool: opened.pool,
    instances: prepared.builder,
    journal,
    failFast: inputs.failFast,
    boots: prepared.boots,
    fallback: inputs.fallback,
    emit: log.lines,
    log,
    onPush: prepared.onPush,
    onBegun,
  }
  const { results, notes } = await record.time('build', () => ports.buildGroups(request))
  const available = opened.pool.available()
  Object.assign(record, { groups: results, lost: opened.nodes.filter((node) => !available.includes(node)) })
  const released = planned.release()
  removeSecrets(dir)
  signal.throwIfAborted()
  return { results, notes, released }
}

function throwFailures(groups: readonly GroupResult[], { signal, record }: Run): void {
  signal.throwIfAborted()
  const failures = groups.flatMap(({ failure }) => failure ?? [])
  const causes = failures.filter(({ code }) => code !== 'cancelled')
  if (failures.length > 0) throw new BuildErrors(causes.length > 0 ? causes : failures, record)
}

/** Logs what was found while building. @returns the warnings for the summary */
function reportGroups({ inputs, log }: Run, groups: readonly GroupResult[]): readonly string[] {
  const lost = groups.flatMap(formatLostCaches)
  lost.forEach((note) => log.warn(note))
  if (inputs.checkAnnotations)
    withoutRepeats(groups.flatMap(({ warnings }) => warnings)).forEach((warning) => log.annotate(warning))
  return lost
}

/** The plan as it was carried out: on other nodes, and without platforms that `fallback: skip` left out. */
function withoutSkipped(plan: Plan, groups: readonly GroupResult[]): Plan {
  const built = groups.flatMap((group) => group.built.map(({ target }) => target))
  const targets = inDraftOrder(plan.targets, built)
  return { ...plan, targets, groups: groupByNode(targets) }
}

interface PublishInputs {
  readonly calls: BuildxRequest
  readonly groups: readonly GroupResult[]
  readonly sign: SignImages | undefined
}

async function publishTargets(
  run: Run,
  { registries }: BuildPorts,
  { targets }: Plan,
  { calls, groups, sign }: PublishInputs,
): Promise<Published[]> {
  const { inputs, event, dir, journal, log, signal } = run
  const request = {
    variants: inputs.variants,
    built: groups.flatMap((group) => group.built),
    settings: inputs.settings,
    journal,
    signal,
    registries,
  }
  if (inputs.partial) {
    const { publishParts } = await import('../publish/parts.ts')
    return await publishParts({ ...request, event, key: dir.key })
  }
  const { publish } = await import('../publish/publish.ts')
  return await publish({
    ...calls,
    ...request,
    targets,
    sign,
    log,
    isEphemeral: (tag) => isEphemeral(tag, event, inputs.tagsGiven),
  })
}

/** Names the builder and the containers of this run. */
function builderName({ dir, event }: Run): string {
  return runBuilderName(dir.key, event)
}
