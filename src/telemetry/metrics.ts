import type { NodeOutcome } from '../nodes/open.ts'
import type { Published } from '../publish/publish.ts'
import { measureTargets, type TargetMeasurement } from '../report/measurements.ts'
import { runAttributes, targetAttributes, type MeasuredRun } from './attributes.ts'
import type { Attributes, Point } from './otlp.ts'

/** A metric below `multiarch_build.`; undefined where it was not measured. */
interface Metric<T> {
  readonly name: string
  readonly unit: string
  readonly description: string
  readonly value: (of: T) => number | null | undefined
}

const targetMetrics: readonly Metric<TargetMeasurement>[] = [
  {
    name: 'target.duration',
    unit: 's',
    description: 'Steps and exports of a target: one platform of one variant',
    value: ({ whole, took }) => whole && took / 1000,
  },
  {
    name: 'target.steps',
    unit: '{step}',
    description: 'Steps of the Dockerfile that a cache can serve',
    value: ({ whole, entry }) => whole && entry.steps.total,
  },
  {
    name: 'target.steps.cached',
    unit: '{step}',
    description: 'Steps of the Dockerfile that a cache has served',
    value: ({ whole, entry }) => whole && entry.steps.cached,
  },
  {
    name: 'target.attempts',
    unit: '{attempt}',
    description: 'How often the build of a target was started',
    value: ({ entry }) => entry.attempts,
  },
]

const nodeMetrics: readonly Metric<NodeOutcome & { readonly isLost: boolean }>[] = [
  {
    name: 'node.available',
    unit: '{node}',
    description: '1 if a node of the list was available during the whole run, else 0',
    value: ({ node, isLost }) => (node && !isLost ? 1 : 0),
  },
  {
    name: 'node.load',
    unit: '{process}',
    description: 'Load average of the last minute when the run started',
    value: ({ node }) => node?.machine?.load,
  },
  { name: 'node.cpus', unit: '{cpu}', description: 'Processors of a node', value: ({ node }) => node?.engine?.cpus },
  {
    name: 'node.disk.free',
    unit: 'By',
    description: 'Free disk space where the engine keeps its data',
    value: ({ node }) => node?.machine?.free,
  },
  {
    name: 'node.connect.duration',
    unit: 's',
    description: 'From the first packet to the answer of the engine',
    value: ({ node }) => (node && node.took > 0 ? node.took / 1000 : undefined),
  },
]

const phase = { unit: 's', description: 'A phase of a target', name: 'target.phase.duration' }
const transfer = {
  unit: 'By',
  description: 'Bytes of a transfer, where BuildKit reports them',
  name: 'target.transfer',
}
const imageSize = {
  unit: 'By',
  description: 'Compressed size of the image of a platform in the registry',
  name: 'image.size',
}
const copied = { unit: 'By', description: 'Bytes of layers that a copy uploaded', name: 'copy.transfer' }
const runDuration = { unit: 's', description: 'A run, from its start to its last tag', name: 'run.duration' }

/** PURE: the metrics of a run. */
export function createMetrics(run: MeasuredRun): readonly Point[] {
  const { record, end, now } = run
  const ended = { 'cicd.pipeline.task.run.result': end.result, 'error.type': end.errorType }
  const points = [
    point(runDuration, (now - record.began) / 1000, ended),
    ...measureTargets(record).flatMap(targetPoints),
    ...(record.targets.length === 0 ? record.published.flatMap(mergedPoints) : []),
    ...(record.uploaded === undefined ? [] : [point(copied, record.uploaded, {})]),
    ...record.outcomes.flatMap((outcome) => nodePoints(outcome, run)),
  ]
  const common = runAttributes(run)
  return points.map((each) => ({ ...each, attributes: { ...common, ...each.attributes } }))
}

/** A merge builds nothing. */
function mergedPoints({ variant, platforms }: Published): Point[] {
  return platforms.map(({ platform, size }) =>
    point(imageSize, size, {
      'multiarch_build.platform': platform,
      'multiarch_build.variant': variant.name || undefined,
    }),
  )
}

function targetPoints(target: TargetMeasurement): Point[] {
  const attributes = targetAttributes(target)
  const { seconds, bytes } = target.entry
  const parts = (
    of: Readonly<Record<string, number | null>>,
    metric: Omit<Point, 'value' | 'attributes'>,
    key: string,
  ) =>
    Object.entries(of).flatMap(([name, value]) =>
      value === null ? [] : [point(metric, value, { ...attributes, [`multiarch_build.${key}`]: name })],
    )
  return [
    ...measure(targetMetrics, target, attributes),
    ...(target.entry.size === null ? [] : [point(imageSize, target.entry.size, attributes)]),
    // `total` is no phase: it is `target.duration`.
    ...parts({ ...seconds, total: null }, phase, 'phase'),
    ...parts(bytes, transfer, 'transfer'),
  ]
}

function nodePoints(outcome: NodeOutcome, { record }: MeasuredRun): Point[] {
  const isLost = outcome.node !== undefined && record.lost.includes(outcome.node)
  return measure(nodeMetrics, { ...outcome, isLost }, { 'cicd.worker.name': outcome.spec.name })
}

function measure<T>(metrics: readonly Metric<T>[], of: T, attributes: Attributes): Point[] {
  return metrics.flatMap((metric) => {
    const value = metric.value(of)
    return value === undefined || value === null ? [] : [point(metric, value, attributes)]
  })
}

function point(
  { name, unit, description }: Omit<Point, 'value' | 'attributes'>,
  value: number,
  attributes: Attributes,
) {
  return { name: `multiarch_build.${name}`, unit, description, value, attributes }
}
