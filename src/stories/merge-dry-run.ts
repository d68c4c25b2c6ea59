import { formatError, UserError, UserErrors } from '../lib/errors.ts'
import { withAbort } from '../lib/time.ts'
import type { PackageAccess } from '../packages/backend.ts'
import { formatTagReference } from '../registry/reference.ts'
import type { DryRunResult } from './dry-run.ts'
import { checkRegistries } from './dry-run-registries.ts'
import { byTag, planMerge, type MergePlan, type MergeRun } from './merge.ts'

/** The dry run of a merge: finds and checks the parts, and queries the registries. Changes nothing. */
export async function dryRunMerge(run: MergeRun, packages: PackageAccess): Promise<DryRunResult> {
  const { inputs, signal } = run
  const problems: UserError[] = []
  const plan = await withAbort(signal, planMerge(run, packages.registries)).catch((error: unknown): MergePlan => {
    if (error instanceof UserErrors) problems.push(...error.errors)
    else if (error instanceof UserError) problems.push(error)
    else throw error
    return { variants: [], parts: [], all: [] }
  })
  const tags = plan.variants.flatMap((variant) => variant.tags)
  const checked = { variants: [{ images: inputs.images }], push: true, cleanup: inputs.cleanup, tags }
  const registries = await checkRegistries(checked, [], packages)
  problems.push(...registries.problems)
  const report = {
    nodes: [],
    targets: [],
    parts: plan.parts.map(({ tag, image }) => `${formatTagReference(tag)}: ${image}`),
    tags: registries.tags,
    permissions: registries.permissions,
    post: inputs.cleanup === 'never' ? [] : byTag(plan.all).map(({ tag }) => formatTagReference(tag)),
    warnings: [...inputs.warnings, ...registries.warnings],
    problems: problems.map((problem) => formatError(problem).headline),
  }
  return { report, problems }
}
