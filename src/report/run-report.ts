import type { BuilderInfo } from '../buildx/instances.ts'
import type { VariantSpec } from '../inputs/variants.ts'
import { UserErrors, type UserError } from '../lib/errors.ts'
import type { Node } from '../nodes/node.ts'
import { formatFailedMirror } from '../publish/mirror-outcome.ts'
import type { Published } from '../publish/publish.ts'
import type { Plan } from '../plan/target.ts'
import { notesOn, type Note } from './notes.ts'
import { measureTargets, type TargetMeasurement } from './measurements.ts'
import type { PreviousRun, RunRecord } from './run-record.ts'

/** What a run of the main action built and published. */
export interface RunResult {
  readonly plan: Plan
  readonly published: readonly Published[]
  readonly builder: BuilderInfo
  /** The nodes that were available when the builder was created. */
  readonly nodes: readonly Node[]
  /** BUILDX_CONFIG of later steps that use the builder. */
  readonly buildxConfig: string
  readonly notes: readonly Note[]
  /** Whether the images are parts of a split build. */
  readonly isPart?: boolean
}

/** The failures of the builds of a run. */
export class BuildErrors extends UserErrors {
  readonly record: RunRecord

  constructor(errors: readonly UserError[], record: RunRecord) {
    super(errors)
    this.name = 'BuildErrors'
    this.record = record
  }
}

/** What outputs, log lines and summary are rendered from. */
export interface RunReport extends Pick<RunResult, 'builder' | 'nodes' | 'buildxConfig' | 'notes' | 'isPart'> {
  /** In the order of the inputs. */
  readonly variants: readonly VariantReport[]
  /** Milliseconds from the first input read to the last tag updated. */
  readonly took: number
  /** Of the same branch; undefined if it is not known. */
  readonly previous?: PreviousRun
}

export interface VariantReport<Platform = TargetMeasurement> {
  readonly variant: VariantSpec
  /** Undefined if it was not pushed. */
  readonly published?: Published
  /** What was built, in the order of `platforms`. */
  readonly platforms: readonly Platform[]
}

/** PURE: the report of a run. `took`: milliseconds from the first input read to the last tag updated. */
export function createRunReport(result: RunResult, record: RunRecord, took: number): RunReport {
  const { plan, published, builder, nodes, buildxConfig, notes, isPart = false } = result
  const built = measureTargets(record).filter(({ result }) => result === 'success')
  const variants = [...new Set(plan.targets.map(({ variant }) => variant))].map((variant): VariantReport => {
    const image = published.find((each) => each.variant === variant)
    const platforms = built.filter(({ target }) => target.variant === variant)
    return { variant, ...(image && { published: image }), platforms }
  })
  const previous = record.previous && { previous: record.previous }
  const shared = { builder, nodes, buildxConfig, isPart, ...previous }
  return { variants, took, ...shared, notes: [...notes, ...published.flatMap(mirrorNotes)] }
}

function mirrorNotes({ mirrors = [] }: Published): readonly Note[] {
  return notesOn('mirror', mirrors.filter(({ failure }) => failure !== undefined).map(formatFailedMirror))
}
