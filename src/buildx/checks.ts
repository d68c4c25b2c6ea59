import { join } from 'node:path'
import type { VariantSpec } from '../inputs/variants.ts'
import type { Annotation } from '../lib/log.ts'
import type { Target } from '../plan/target.ts'
import type { Progress } from './progress.ts'
import type { Warning } from './solve-status.ts'

/** PURE: the results of the Dockerfile checks that ran while the targets were built. */
export function annotateWarnings(
  warnings: ReturnType<Progress['warnings']>,
  targets: readonly Target[],
  workspace: string,
): readonly Annotation[] {
  return warnings.flatMap(({ target: id, ...warning }) => {
    const target = targets.find((target) => target.id === id) ?? targets[0]
    return target ? [annotate(warning, target.variant, workspace)] : []
  })
}

/**
 * PURE: a check result as an annotation. It names the Dockerfile by its path in the workspace; for a Dockerfile outside
 * the workspace the message has the line number.
 */
export function annotate(
  { rule, message, url, line }: Warning,
  { file, context }: Pick<VariantSpec, 'file' | 'context'>,
  workspace: string,
): Annotation {
  const path = file ?? join(context, 'Dockerfile')
  const isInWorkspace = path.startsWith(`${workspace}/`)
  const text = isInWorkspace || line === undefined ? message : `line ${line}: ${message}`
  const location = { ...(line !== undefined && { line }), file: path.slice(workspace.length + 1) }
  return { title: rule, message: url === '' ? text : `${text}\nMore: ${url}`, ...(isInWorkspace && location) }
}

/** PURE: each annotation once: targets of one Dockerfile have the same. */
export function withoutRepeats(annotations: readonly Annotation[]): readonly Annotation[] {
  return [...new Map(annotations.map((annotation) => [JSON.stringify(annotation), annotation])).values()]
}
