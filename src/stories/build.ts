import { callTargets } from '../buildx/call.ts'
import type { GroupResult } from '../buildx/run.ts'
import { formatLostCaches, formatTargets, Scheduler } from '../buildx/scheduler.ts'
import { prepareBuild } from './prepare.ts'
import { withoutRepeats } from '../buildx/checks.ts'
import { openNodePool, type OpenedNodes } from '../nodes/ready.ts'
import { planSeated, type Seated } from '../nodes/seats.ts'
import { describeFork } from '../plan/fork-policy.ts'
import { isEphemeral } from '../metadata/default-tags.ts'
import { checkNoneEmpty, planTargets } from '../plan/targets.ts'
import { openAdmission, type Admission } from '../publish/push-access.ts'
import { publish } from '../publish/variants.ts'
import { runBuilderName } from '../run/names.ts'
import { reapBeside } from '../gc/background.ts'
import { tellReaped } from '../gc/log.ts'
import { UserErrors } from '../lib/errors.ts'
import { describeOthers, describeOutcome, warnOfNodes } from '../report/nodes.ts'
import { removeSecrets } from '../buildx/build-env.ts'
import { withAbort } from '../lib/time.ts'
import { groupByNode, inDraftOrder, type Plan } from '../plan/target.ts'
import type { RunResult } from '../report/run-result.ts'
import type { RunRequest } from './request.ts'

/**
 * The whole story: open the nodes, plan, build every target on its node, join and verify, and only then move the tags.
 */
export async function run(request: RunRequest): Promise<RunResult> {
  const admission = openAdmission(request)
  try {
    return await buildAndPublish({ ...request, signal: admission.signal }, admission)
  } finally {
    admission.end()
  }
}

async function buildAndPublish(request: RunRequest, admission: Admission): Promise<RunResult> {
  const { inputs, event, dir, journal, log, signal } = request
  const holder = runBuilderName(dir.key, event)

  const [ready, buildx] = await withAbort(signal, Promise.all([openNodePool(request), request.provideBuildx(signal)]))
  ready.outcomes.forEach((outcome) => log.line(describeOutcome(outcome)))
  const { plan, notes, leave } = await withAbort(signal, planRun(request, ready, holder))

  const { builder, calls, onPush } = await withAbort(signal, prepareBuild({ ...request, holder }, ready, plan, buildx))
  const reaper = reapBeside(ready.nodes, request.liveness, { self: holder, dir })
  const kept = { builder: builder.name, nodes: ready.nodes, buildxConfig: dir.buildxConfig }
  const { call } = inputs.settings
  if (call) {
    await callTargets({
      ...calls,
      call,
      log,
      targets: plan.targets,
      builder: ({ node, platform }) => builder.forPlatforms(node, [platform]),
    }).finally(() => removeSecrets(dir))
    await Promise.all([tellReaped(reaper.end(), log), leave()])
    return { ...kept, plan: { ...plan, targets: [], groups: [] }, groups: [], published: [], notes }
  }

  log.info(`Building ${formatTargets(plan.groups)} with buildx ${buildx.version}`)
  admission.ask()
  const onBegun = () => {
    admission.heed()
    reaper.begin()
  }
  const { results: lanes, notes: moves } = await new Scheduler({
    ...calls,
    groups: plan.groups,
    pool: ready.pool,
    instances: builder,
    journal,
    fallback: inputs.fallback,
    emit: log.lines,
    log,
    onPush,
    onBegun,
  }).run()
  const leaving = leave()
  removeSecrets(dir)
  signal.throwIfAborted()
  const reaping = tellReaped(reaper.end(), log)
  // It may be what dead runs left that has filled a node.
  if (lanes.some(({ failure }) => failure)) await reaping
  failIfAny(lanes, signal)
  // Nobody builds there any more, and the node has its memory back at once.
  if (!inputs.use) builder.release()
  const lost = lanes.flatMap(formatLostCaches)
  lost.forEach((note) => log.warn(note))
  if (inputs.checkAnnotations)
    withoutRepeats(lanes.flatMap(({ warnings }) => warnings)).forEach((warning) => log.annotate(warning))

  const built = lanes.flatMap((lane) => lane.built)
  const targets = inDraftOrder(
    plan.targets,
    built.map(({ target }) => target),
  )
  checkNoneEmpty(inputs.variants, targets, ready.outcomes)
  const published = inputs.push
    ? await publish({
        ...request,
        ...calls,
        journal,
        variants: inputs.variants,
        targets,
        built,
        isEphemeral: (tag) => isEphemeral(tag, event, inputs.tagsGiven),
      })
    : []
  await Promise.all([reaping, leaving])
  return {
    ...kept,
    plan: { ...plan, targets, groups: groupByNode(targets) },
    groups: lanes,
    published,
    notes: [...notes, ...moves, ...lost],
  }
}

/** What is built where; says aloud what its reader should know before it starts. */
async function planRun(
  { inputs, event, journal, log }: RunRequest,
  { outcomes, nodes, local }: OpenedNodes,
  holder: string,
): Promise<Pick<Seated<Plan>, 'plan' | 'leave'> & { readonly notes: readonly string[] }> {
  const fork = describeFork(event.trust, inputs, nodes)
  fork.notes.forEach((note) => log.info(note))
  const { plan, others, leave } = await planSeated({
    nodes,
    holder,
    journal,
    plan: (others) => planTargets(inputs, outcomes, local, others),
  })
  describeOthers(others).forEach((note) => log.info(note))
  const warnings = [...inputs.notes, ...warnOfNodes(nodes), ...plan.notes, ...fork.warnings]
  warnings.forEach((note) => log.warn(note))
  return { plan, notes: [...warnings, ...fork.notes], leave }
}

function failIfAny(lanes: readonly GroupResult[], signal: AbortSignal): void {
  signal.throwIfAborted()
  const failures = lanes.flatMap(({ failure }) => failure ?? [])
  if (failures.length > 0) throw new UserErrors(failures)
}
