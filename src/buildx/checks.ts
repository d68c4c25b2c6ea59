import { join } from 'node:path'
import type { Annotation } from '../lib/log.ts'
import type { Progress } from './progress.ts'
import type { Warning } from './solve-status.ts'
import type { VariantSpec } from '../inputs/variant-spec.ts'
import type { Target } from '../plan/target.ts'

/** PURE: what checks of the Dockerfiles found while their targets were built. */
export function annotateWarnings(
  found: ReturnType<Progress['warnings']>,
  targets: readonly Target[],
  workspace: string,
): readonly Annotation[] {
  return found.flatMap(({ target: id, ...warning }) => {
    const target = targets.find((one) => one.id === id) ?? targets[0]
    return target ? [annotate(warning, target.variant, workspace)] : []
  })
}

/**
 * PURE: by the Dockerfile's path in the workspace, as annotations name files; of one that is elsewhere the line alone
 * is told.
 */
export function annotate(
  { rule, message, url, line }: Warning,
  { file, context }: Pick<VariantSpec, 'file' | 'context'>,
  workspace: string,
): Annotation {
  const path = file ?? join(context, 'Dockerfile')
  const isHere = path.startsWith(`${workspace}/`)
  const said = isHere || line === undefined ? message : `line ${line}: ${message}`
  const place = { ...(line !== undefined && { line }), file: path.slice(workspace.length + 1) }
  return { title: rule, message: url === '' ? said : `${said}\nMore: ${url}`, ...(isHere && place) }
}

/** PURE: each annotation once: targets of one Dockerfile say the same. */
export function withoutRepeats(annotations: readonly Annotation[]): readonly Annotation[] {
  return [...new Map(annotations.map((annotation) => [JSON.stringify(annotation), annotation])).values()]
}
