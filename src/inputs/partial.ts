import { formatLevel, type Annotation } from '../metadata/annotations.ts'
import { failFor, passes } from './diagnostics.ts'
import type { InputSource } from './source.ts'
import { boolean, parseTable } from './table.ts'

/** Whether the step pushes, and whether what it pushes is a part of a split build. */
export interface PushMode {
  readonly push: boolean
  readonly partial: boolean
}

/** Parses `partial`. A part of a fork's code is only built, as the merge action pushes nothing there. */
export function parsePartial(source: InputSource, push: boolean): PushMode {
  const { partial } = parseTable({ partial: ['partial', boolean()] }, source)
  if (!partial) return { push, partial }
  const { trust, readOnlyTrigger } = source.event
  if (push && trust === 'fork') source.note('This run has the level `fork`: with `partial: true` nothing is pushed.')
  if (trust === 'fork' || (readOnlyTrigger !== undefined && source.text('push') === '')) return { push: false, partial }
  const form = 'pushes a part for the merge action, but the other inputs push nothing: remove `partial`, or use'
  passes(failFor(source.report, 'partial'), 'true', [[!push, `${form} \`push: true\` without \`call\``]])
  return { push, partial }
}

/** Annotations that only the merge can set, since it assembles the index; those of the event it sets itself. */
export function warnOfIndexAnnotations(
  annotations: readonly Annotation[],
  { env, warn }: Pick<InputSource, 'env' | 'warn'>,
): void {
  if ((env['DOCKER_METADATA_ANNOTATIONS_LEVELS'] ?? '') !== '') return
  const levels = annotations.filter(({ level }) => level !== 'manifest').map(formatLevel)
  if (levels.length > 0)
    warn(
      `\`annotations\` of the level ${[...new Set(levels)].join(', ')} have no effect with \`partial: true\`: write ` +
        'them in `annotations` of the merge action, which assembles the index.',
    )
}
