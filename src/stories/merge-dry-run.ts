import { withAbort } from '../lib/time.ts'
import type { PackageAccess } from '../packages/backend.ts'
import { formatTagReference } from '../registry/reference.ts'
import { checkRegistries } from './dry-run-registries.ts'
import { byTag, planMerge, type MergePlan, type MergeRun } from './merge.ts'
import { Problems, type DryRunResult } from './problems.ts'

/** The dry run of a merge: checks the parts, cosign and the key, and queries the registries. Changes nothing. */
export async function dryRunMerge(run: MergeRun, packages: PackageAccess): Promise<DryRunResult> {
  const { inputs, signal } = run
  const problems = new Problems()
  const [plan = nothing] = await withAbort(
    signal,
    Promise.all([problems.collect(planMerge(run, packages.registries)), problems.collect(run.prepareSigning())]),
  )
  const tags = plan.variants.flatMap((variant) => variant.tags)
  const checked = { variants: [{ images: inputs.images }], push: true, cleanup: inputs.cleanup, tags }
  const registries = await checkRegistries(checked, [], packages)
  problems.add(registries.problems)
  const report = {
    nodes: [],
    targets: [],
    parts: plan.parts.map(({ tag, image }) => `${formatTagReference(tag)}: ${image}`),
    tags: registries.tags,
    permissions: registries.permissions,
    post: inputs.cleanup === 'never' ? [] : byTag(plan.all).map(({ tag }) => formatTagReference(tag)),
    warnings: [...inputs.warnings, ...registries.warnings],
    problems: problems.headlines,
  }
  return { report, problems: problems.all }
}

const nothing: MergePlan = { variants: [], parts: [], all: [] }
