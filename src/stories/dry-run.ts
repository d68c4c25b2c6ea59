import { mkdirSync } from 'node:fs'
import { renderBake } from '../buildx/bake-definition.ts'
import { removeSecrets, writeSecrets } from '../buildx/build-env.ts'
import { runEnv, type Buildx } from '../buildx/find.ts'
import { wordingOf } from '../forge/wording.ts'
import type { TargetCache } from '../inputs/cache/cache.ts'
import { cacheTag } from '../inputs/cache/specs.ts'
import { exec } from '../lib/exec.ts'
import { UserError } from '../lib/errors.ts'
import { writePrivate } from '../lib/files.ts'
import { withAbort } from '../lib/time.ts'
import { isEphemeral } from '../metadata/default-tags.ts'
import { formatEndpoint } from '../nodes/endpoint.ts'
import { isEmulated, type Node } from '../nodes/node.ts'
import type { NodeOutcome } from '../nodes/open.ts'
import { createNodePool, type OpenedNodes } from '../nodes/pool.ts'
import { describeFork } from '../plan/fork-policy.ts'
import type { Plan, Target } from '../plan/target.ts'
import { planTargets } from '../plan/targets.ts'
import { buildTags } from '../publish/parts.ts'
import { formatTagReference, type TagReference } from '../registry/reference.ts'
import type { DryRunReport, TargetReport } from '../report/dry-run.ts'
import { formatNode, nodeWarnings } from '../report/log-lines.ts'
import { runBuilderName } from '../run/names.ts'
import { CacheChoice } from './caches.ts'
import { checkNodes, type NodeChecks } from './dry-run-nodes.ts'
import { checkRegistries, type RegistryChecks } from './dry-run-registries.ts'
import { bakeOptions } from './prepare.ts'
import type { DryRunPorts, Run } from './ports.ts'
import { Problems, type DryRunResult } from './problems.ts'

const buildxNotInstalled =
  'The buildx that `version` asks for is not installed on this runner; a run downloads it, so the bake definition ' +
  'was not validated.'
const runStatusUnreadable =
  'leftovers of killed runs on the nodes are removed only after six days, and the cleanup action cannot determine ' +
  'which runs have finished.'
const unreadableCauses = {
  denied: 'Without `permissions: actions: read`, ',
  rejected: 'The CI platform does not accept `github-token`. Without a valid token, ',
  unknown: 'The CI platform does not know this run. If that stays so, ',
  unreachable: 'The API of the CI platform could not be reached. While that is so, ',
} as const
type RunsAccess = 'readable' | keyof typeof unreadableCauses
const platformIndexes = 'the index of each platform, which is not needed after the image index is assembled'

/**
 * The dry run: does everything up to the build and reports the plan. Nodes are probed and registries are queried;
 * nothing is created on a node or in a registry.
 */
export async function dryRun(run: Run, ports: DryRunPorts): Promise<DryRunResult> {
  const caches = new CacheChoice(run, ports.packages.registries)
  caches.start()
  return await checkPlan(run, ports, caches).finally(() => caches.close())
}

async function checkPlan(run: Run, ports: DryRunPorts, caches: CacheChoice): Promise<DryRunResult> {
  const problems = new Problems()
  const collect = async <T>(work: Promise<T>): Promise<T | undefined> =>
    await problems.collect(withAbort(run.signal, work))
  const [opened = [], buildx] = await Promise.all([
    collect(ports.openNodes()),
    collect(ports.findBuildx().then((found) => ({ found }))),
    collect(ports.prepareSigning()),
  ])
  const nodes = await createNodePool(opened, run)
  // Without probed nodes there is nothing to plan with.
  const plan = opened.length === 0 ? undefined : await collect(planOn(run, nodes, caches))
  const targets = plan?.targets ?? []
  const registries = await checkRegistries({ ...run.inputs, tags: updatedTags(run, targets) }, targets, ports.packages)
  const checks = await checkNodes(
    nodes.nodes,
    run.inputs.variants.flatMap(({ images }) => images),
  )
  problems.add(registries.problems)
  problems.add(checks.problems)
  if (plan && buildx?.found) await collect(validateDefinition(plan, run, buildx.found))
  const status = await ports.fetchRunStatus(run.event.runId).catch(() => 'unreachable' as const)
  const found = {
    nodes,
    checks,
    plan,
    registries,
    isInstalled: !buildx || !!buildx.found,
    runsAccess: status === 'no-token' ? undefined : typeof status === 'string' ? status : ('readable' as const),
  }
  return { report: describeDryRun(run, found, problems), problems: problems.all }
}

/** The tags that a run would update; of a part only its build tags. */
function updatedTags({ inputs, event }: Run, targets: readonly Target[]): readonly TagReference[] {
  const { push, partial, variants } = inputs
  if (!push) return []
  return partial
    ? targets.flatMap((target) => buildTags(target, event))
    : variants.flatMap(({ tags, mirrors = [] }) => [...tags, ...mirrors.flatMap((mirror) => mirror.tags)])
}

async function planOn({ inputs }: Run, { outcomes, local }: OpenedNodes, caches: CacheChoice): Promise<Plan> {
  return await caches.apply(planTargets(inputs, outcomes, local))
}

/** Lets buildx parse and validate the bake definition, without a daemon. */
async function validateDefinition({ targets }: Plan, run: Run, buildx: Buildx): Promise<void> {
  const { event, dir, inputs, signal } = run
  signal.throwIfAborted()
  mkdirSync(dir.buildxConfig, { recursive: true, mode: 0o700 })
  writePrivate(dir.dryRun, renderBake(targets, bakeOptions(run, targets)))
  // buildx rejects secrets without a file, and too large ones.
  writeSecrets(dir, inputs.settings.secrets)
  const { code, stderr } = await exec(buildx.command, ['bake', '--file', dir.dryRun, '--print'], {
    env: runEnv(dir),
    cwd: event.workspace,
    deadline: 30_000,
  }).finally(() => removeSecrets(dir))
  if (code !== 0)
    throw new UserError({
      code: 'build',
      message: 'buildx rejects the bake definition of this build',
      hint: 'See the output of buildx above.',
      details: stderr.trim().split('\n').slice(-12),
    })
}

interface Findings {
  readonly nodes: OpenedNodes
  readonly checks: NodeChecks
  readonly plan: Plan | undefined
  readonly registries: RegistryChecks
  /** Whether the requested buildx is installed. */
  readonly isInstalled: boolean
  /** Whether the status of other runs can be read; undefined without a token, as on a laptop. */
  readonly runsAccess: RunsAccess | undefined
}

function describeDryRun(run: Run, findings: Findings, problems: Problems): DryRunReport {
  const { inputs, event } = run
  const { nodes, checks, plan, registries, isInstalled, runsAccess } = findings
  const fork = describeFork(event.trust, inputs, nodes.nodes)
  return {
    nodes: nodes.outcomes.map((outcome) => `${formatNode(outcome)}; ${describeRoute(outcome, nodes)}`),
    checks: checks.lines,
    targets: plan?.targets.map((target) => describeTarget(target, registries)) ?? [],
    tags: registries.tags,
    permissions: [
      ...registries.permissions,
      ...(runsAccess === undefined
        ? []
        : [`status of this repository’s runs: ${runsAccess === 'readable' ? 'readable' : 'not readable'}`]),
    ],
    post: describePost(run, nodes),
    warnings: [
      ...inputs.warnings,
      ...inputs.notes,
      ...(isInstalled ? [] : [buildxNotInstalled]),
      ...nodeWarnings(nodes.nodes, plan?.targets).map(({ text }) => text),
      ...checks.warnings,
      ...checks.pullFailures.map(({ message, hint }) => `${message}. ${hint}`),
      ...(plan?.notes ?? []),
      ...fork.notes,
      ...fork.warnings,
      ...registries.warnings,
      ...(runsAccess === undefined || runsAccess === 'readable'
        ? []
        : [`${unreadableCauses[runsAccess]}${runStatusUnreadable}`]),
    ],
    problems: problems.headlines,
  }
}

function describeRoute({ spec, node }: NodeOutcome, { persistent }: OpenedNodes): string {
  const name = node && persistent.get(node)
  const builder = name === undefined ? node?.driver.builder : `the persistent builder ${name}`
  return `by ${[formatEndpoint(spec.endpoint), builder ?? 'not available'].join(', ')}`
}

function describeTarget(
  { platform, variant, node, cache }: Plan['targets'][number],
  { caches }: RegistryChecks,
): TargetReport {
  return {
    platform,
    variant: variant.name,
    node: node.spec.name,
    emulated: isEmulated(node, platform),
    cache: cache?.name ?? '',
    cacheState: caches.get(cache?.name ?? '') ?? 'unknown',
    ...(cache && { reads: describeImport(cache) }),
  }
}

/** The cache that a build would import, if it is another one than that which it writes; empty otherwise. */
function describeImport({ name, from }: TargetCache): string {
  const [only] = from
  const reference = from.length === 1 && only !== undefined ? cacheTag(only) : undefined
  const imported = reference ? formatTagReference(reference) : ''
  return imported === name ? '' : imported
}

/** What the post step of such a run deletes. */
function describePost({ inputs, event, dir }: Run, { nodes, persistent }: OpenedNodes): string[] {
  const { push, cleanup, settings, variants, tagsGiven } = inputs
  const tags = push && cleanup !== 'never' ? variants.flatMap((variant) => variant.tags) : []
  const deleted = tags.filter(({ tag }) => cleanup === 'always' || isEphemeral(tag, event, tagsGiven))
  const builder = `${runBuilderName(dir.key, event).replace(dir.key.toLowerCase(), 'mab-…')}-…`
  return [
    ...deleted.map((tag) => `${formatTagReference(tag)}, with its platforms`),
    ...(push && settings.provenance !== '' ? [platformIndexes] : []),
    ...nodes
      .filter((node: Node) => !persistent.has(node))
      .flatMap(({ spec, driver }) => driver.describeLeftovers?.(spec.name, builder) ?? []),
    wordingOf('runDirectory'),
  ]
}
