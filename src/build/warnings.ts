import { join } from 'node:path'
import type { VariantSpec } from '../inputs.ts'
import type { Target } from '../plan/targets.ts'
import type { Annotation } from '../sys/log.ts'
import type { Progress } from './progress.ts'

/** PURE: what checks of the Dockerfiles found while their targets were built, each told once. */
export function annotateWarnings(found: ReturnType<Progress['warnings']>, targets: readonly Target[], workspace: string): readonly Annotation[] {
  return found.flatMap(({ target: id, rule, message, url, line }): readonly Annotation[] => {
    const target = targets.find((one) => one.id === id) ?? targets[0]
    return target ? [{ title: rule, message: withUrl(message, url), file: dockerfileOf(target.variant, workspace), ...(line !== undefined && { line }) }] : []
  })
}

/** PURE: each annotation once: targets of one Dockerfile say the same. */
export function withoutRepeats(annotations: readonly Annotation[]): readonly Annotation[] {
  return [...new Map(annotations.map((annotation) => [JSON.stringify(annotation), annotation])).values()]
}

/** A Dockerfile by its path in the workspace, as annotations name files. */
export function dockerfileOf({ file, context }: Pick<VariantSpec, 'file' | 'context'>, workspace: string): string {
  return (file ?? join(context, 'Dockerfile')).replace(`${workspace}/`, '')
}

export function withUrl(message: string, url: string): string {
  return url === '' ? message : `${message}\nMore: ${url}`
}
