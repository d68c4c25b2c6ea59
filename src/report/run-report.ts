import type { BuilderInfo } from '../buildx/instances.ts'
import type { BuiltTarget, GroupResult } from '../buildx/run.ts'
import type { VariantSpec } from '../inputs/variants.ts'
import { UserErrors, type UserError } from '../lib/errors.ts'
import type { Node } from '../nodes/node.ts'
import { formatFailedMirror } from '../publish/mirror-outcome.ts'
import type { Published } from '../publish/publish.ts'
import type { Plan, Target } from '../plan/target.ts'

/** What a run of the main action built and published. */
export interface RunResult {
  readonly plan: Plan
  readonly groups: readonly GroupResult[]
  readonly published: readonly Published[]
  readonly builder: BuilderInfo
  /** The nodes that were available when the builder was created. */
  readonly nodes: readonly Node[]
  /** BUILDX_CONFIG of later steps that use the builder. */
  readonly buildxConfig: string
  readonly notes: readonly string[]
}

/** A run in which a build failed. */
export interface FailedRun {
  /** Everything that was planned, in the order of the inputs. */
  readonly targets: readonly Target[]
  readonly groups: readonly GroupResult[]
}

/** The failures of the builds of a run. */
export class BuildErrors extends UserErrors {
  readonly run: FailedRun

  constructor(errors: readonly UserError[], run: FailedRun) {
    super(errors)
    this.name = 'BuildErrors'
    this.run = run
  }
}

/** What outputs, log lines and summary are rendered from. */
export interface RunReport extends Pick<RunResult, 'builder' | 'nodes' | 'buildxConfig' | 'notes'> {
  /** In the order of the inputs. */
  readonly variants: readonly VariantReport[]
  /** Milliseconds from the first input read to the last tag updated. */
  readonly took: number
}

export interface VariantReport<Platform = PlatformReport> {
  readonly variant: VariantSpec
  /** Undefined if it was not pushed. */
  readonly published?: Published
  /** In the order of `platforms`. */
  readonly platforms: readonly Platform[]
}

/** A target that was built. */
export interface PlatformReport {
  readonly platform: string
  readonly node: string
  /** What the engine of the node reports, such as `amd64, 4 CPUs, Docker 28.5`; empty if there is none. */
  readonly machine: string
  readonly emulated: boolean
  /** Milliseconds of the target's own steps and exports. */
  readonly took: number
  readonly steps: BuiltTarget['steps']
  /** Bytes of the compressed layers; 0 if it was not pushed. */
  readonly size: number
  /** Bake's metadata of the target. */
  readonly metadata: BuiltTarget['metadata']
}

/** PURE: the report of a run. */
export function createRunReport(result: RunResult, took: number): RunReport {
  const { plan, published, builder, nodes, buildxConfig, notes } = result
  const variants = [...new Set(plan.targets.map(({ variant }) => variant))].map((variant): VariantReport => {
    const image = published.find((each) => each.variant === variant)
    const targets = plan.targets.filter((target) => target.variant === variant)
    return {
      variant,
      ...(image && { published: image }),
      platforms: targets.flatMap((target) => platformReport(target, result.groups, image)),
    }
  })
  return { variants, took, builder, nodes, buildxConfig, notes: [...notes, ...published.flatMap(mirrorNotes)] }
}

function mirrorNotes({ mirrors = [] }: Published): readonly string[] {
  return mirrors.filter(({ failure }) => failure !== undefined).map(formatFailedMirror)
}

function platformReport(
  { id, platform }: Target,
  groups: readonly GroupResult[],
  published: Published | undefined,
): PlatformReport[] {
  return groups.flatMap(({ group, built }) => {
    const { spec, engine, native } = group.node
    const size = published?.platforms.find((part) => part.platform === platform)?.size ?? 0
    return built
      .filter(({ target }) => target.id === id)
      .map(({ took, steps, metadata }) => ({
        platform,
        node: spec.name,
        machine: engine ? `${engine.arch}, ${engine.cpus} CPUs, Docker ${engine.version}` : '',
        emulated: native.length > 0 && !native.includes(platform),
        took,
        steps,
        size,
        metadata,
      }))
  })
}
