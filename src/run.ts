import { mkdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { callTargets } from './build/call.ts'
import type { LaneResult } from './build/lane.ts'
import { buildLanes, namesOf } from './build/lanes.ts'
import { dockerConfigPath, runMark } from './cleanup.ts'
import type { Inputs } from './inputs.ts'
import type { Journal } from './journal.ts'
import { writeBuilders } from './nodes/builder.ts'
import { planKept, readyKept } from './nodes/kept.ts'
import { openNodes, type Outcome } from './nodes/open.ts'
import { poolNodes } from './nodes/pool.ts'
import type { Event } from './plan/event.ts'
import { describeFork } from './plan/fork.ts'
import { checkNoneEmpty, groupLanes, inOrder, planTargets, type Plan, type Target } from './plan/targets.ts'
import { isEphemeral } from './plan/tags.ts'
import { publish, type Published } from './publish/variants.ts'
import type { Liveness } from './reap/liveness.ts'
import { runBuilderName, scopeOf } from './reap/names.ts'
import { reapNodes } from './reap/nodes.ts'
import { tellReaped } from './reap/tell.ts'
import type { RegistryWorld } from './registry/clients.ts'
import { privateDockerConfig } from './registry/login.ts'
import { writeScopedLogins } from './registry/scoped.ts'
import { Failures } from './report/failure.ts'
import { describeOutcome, warnOfNodes } from './report/nodes.ts'
import { findBuildx } from './sys/buildx.ts'
import { removeSecrets, settingsEnv, writeSecrets } from './sys/build-env.ts'
import type { Log } from './sys/log.ts'
import { trustEnv } from './sys/registry-hosts.ts'
import { writePrivate } from './sys/private-dir.ts'
import { unlessAborted } from './sys/time.ts'

export interface RunRequest {
  readonly inputs: Inputs
  readonly event: Event
  /** Our private directory. */
  readonly dir: string
  readonly journal: Journal
  readonly log: Log
  readonly signal: AbortSignal
  /** The socket of an agent that the job already has. */
  readonly agent: string | undefined
  /** The job's own docker configuration, parsed; anything. */
  readonly dockerConfig: unknown
  readonly registries: RegistryWorld
  /** Which other runs are over. */
  readonly liveness: Liveness
}

export interface RunResult {
  readonly plan: Plan
  readonly lanes: readonly LaneResult[]
  readonly published: readonly Published[]
  readonly builder: string
  /** Where the builder is kept; later steps that want it set BUILDX_CONFIG to this. */
  readonly buildxConfig: string
  readonly notes: readonly string[]
}

/** The whole story: open the nodes, plan, build every target on its node, join and verify, and only then move the tags. */
export async function run(request: RunRequest): Promise<RunResult> {
  const { inputs, event, dir, journal, log } = request

  const opening = Promise.all([openNodes({ ...inputs, dir, agent: request.agent, workspace: request.event.workspace }, journal), findBuildx()])
  const [opened, buildx] = await unlessAborted(request.signal, opening)
  const { outcomes, names: kept } = keepDaemons(opened, request)
  outcomes.forEach((outcome) => log.line(describeOutcome(outcome)))
  const pool = poolNodes(outcomes, inputs.spare)
  const nodes = pool.usable()
  const fork = describeFork({ ...event, ...inputs, writesCache: (inputs.push && inputs.cache.kind !== 'off') || inputs.settings.cacheTo.length > 0, sharedDaemons: nodes.filter(({ driver }) => driver === 'remote').map(({ spec }) => spec.name) })
  fork.notes.forEach((note) => log.info(note))
  const plan = planTargets(inputs, outcomes, nodes.length < outcomes.length ? await pool.local() : '')
  const warnings = [...inputs.notes, ...warnOfNodes(nodes), ...plan.notes, ...fork.warnings]
  warnings.forEach((note) => log.warn(note))

  // Beside the build, which does not wait for it.
  const holder = runBuilderName(basename(dir), event)
  const reaping = reapNodes(nodes, request.liveness, holder)
  mkdirSync(join(dir, 'docker'), { mode: 0o700 })
  writePrivate(dockerConfigPath(dir), JSON.stringify(privateDockerConfig(request.dockerConfig, inputs.logins)))
  writeScopedLogins(join(dir, 'buildx'), inputs.logins)
  const builder = writeBuilders(join(dir, 'buildx'), holder, nodes, journal, kept)
  await unlessAborted(request.signal, Promise.all([...kept].map(([node, name]) => readyKept({ node, name }, builder.lane(node, []), { buildx, dir, journal, holder, log }))))

  const nonce = runMark(event, dir)
  const ephemeral = inputs.variants.every(({ tags }) => tags.length > 0 && tags.every(({ tag }) => isEphemeral(tag, event)))
  writeSecrets(dir, inputs.settings.secrets)
  const options = { push: inputs.push, settings: inputs.settings, several: plan.targets.length > 1, nonce, ephemeral, fork: event.trust === 'fork' }
  const shared = { ...options, env: { ...settingsEnv(inputs.settings, inputs.cache), ...trustEnv(dir, inputs.registries) }, buildx, dir, workspace: event.workspace, signal: request.signal, emit: log.lines }
  const { call } = inputs.settings
  if (call) {
    await callTargets({ ...shared, call, log, targets: plan.targets, builder: ({ node, platform }) => builder.lane(node, [platform]) })
    return { plan: { ...plan, targets: [], lanes: [] }, lanes: [], published: [], builder: builder.name, buildxConfig: join(dir, 'buildx'), notes: warnings }
  }
  log.info(`Building ${namesOf(plan.lanes)} with buildx ${buildx.version}`)
  const onPush = noteOnce(inputs.push ? journal : undefined)
  const { results: lanes, notes } = await buildLanes({ ...shared, lanes: plan.lanes, pool, builder, fallback: inputs.fallback, log, onPush })
  removeSecrets(dir)
  failIfAny(lanes, request.signal)
  const lost = lanes.flatMap(({ lostCaches }) => lostCaches.map(({ target, error }) => `The cache of ${target ?? 'a target'} could not be kept: ${error}`))
  lost.forEach((note) => log.warn(note))

  const built = lanes.flatMap((lane) => lane.built)
  const targets = inOrder(plan.targets, built.map(({ target }) => target))
  checkNoneEmpty(inputs.variants, targets, outcomes)
  const published = inputs.push ? await publish({ ...request, variants: inputs.variants, targets, built, nonce, ephemeral, isEphemeral: (tag) => isEphemeral(tag, event) }) : []
  await tellReaped(reaping, log)
  return { plan: { ...plan, targets, lanes: groupLanes(targets) }, lanes, published, builder: builder.name, buildxConfig: join(dir, 'buildx'), notes: [...warnings, ...fork.notes, ...notes, ...lost] }
}

/** The nodes with names for the daemons that stay there, where they may. */
export function keepDaemons(outcomes: readonly Outcome[], { inputs, event }: Pick<RunRequest, 'inputs' | 'event'>): { readonly outcomes: readonly Outcome[]; readonly names: ReturnType<typeof planKept>['names'] } {
  const { trust } = event
  if (!inputs.keepBuilder || trust === 'fork') return { outcomes, names: new Map() }
  const nodes = outcomes.flatMap(({ node }) => node ?? [])
  const kept = planKept(nodes, { scope: scopeOf(event), trust })
  return { ...kept, outcomes: outcomes.map((outcome) => ({ ...outcome, ...(outcome.node && { node: kept.nodes[nodes.indexOf(outcome.node)] ?? outcome.node }) })) }
}

/** A digest is told when its push begins, and again when the call is over. */
function noteOnce(journal: Journal | undefined): (target: Target, digest: string) => void {
  const noted = new Set<string>()
  return ({ id, variant }, digest) => {
    if (!noted.has(`${id} ${digest}`)) variant.images.forEach((repository) => journal?.note({ kind: 'manifest', ...repository, digest, ours: true }))
    noted.add(`${id} ${digest}`)
  }
}

function failIfAny(lanes: readonly LaneResult[], signal: AbortSignal): void {
  signal.throwIfAborted()
  const failures = lanes.flatMap(({ failure }) => failure ?? [])
  if (failures.length > 0) throw new Failures(failures)
}
