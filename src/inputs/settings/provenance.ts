import type { Event } from '../../forge/event.ts'
import { didYouMean, shorten, type IssueSink } from '../../lib/issues.ts'

// https://docs.docker.com/build/metadata/attestations/slsa-provenance/
const attributes = ['mode', 'builder-id', 'disabled', 'filename', 'inline-only', 'reproducible', 'version']

/**
 * Reads `provenance` as build-push-action does: nothing means `max` for a public repository, and `min` for others,
 * whose build arguments would be told otherwise; `true` is `max`; `false` gives an empty text. The builder is this run.
 */
export function readProvenance(text: string, event: Event, report: IssueSink): string {
  const byVisibility = withBuilder(event.isPrivate === false ? 'mode=max' : 'mode=min', event)
  if (text === '') return byVisibility
  if (/^(true|True|TRUE)$/.test(text)) return withBuilder('mode=max', event)
  if (/^(false|False|FALSE)$|\bdisabled=true\b/.test(text)) return ''
  const problem = text
    .split(',')
    .map((part) => attributeProblem(part.trim()))
    .find((found) => found !== undefined)
  if (problem === undefined) return withBuilder(text, event)
  report({ input: 'provenance', given: shorten(text), expected: problem })
  return byVisibility
}

function withBuilder(attributes: string, { serverUrl, repository, runId, runAttempt }: Event): string {
  if (/(^|,)builder-id=/.test(attributes) || repository === '') return attributes
  // The attributes are CSV, in which a name's quotes and commas would mean something.
  const name = repository.split('/').map(encodeURIComponent).join('/')
  return `${attributes},builder-id=${serverUrl}/${name}/actions/runs/${runId}/attempts/${runAttempt}`
}

function attributeProblem(attribute: string): string | undefined {
  const [, name = '', value] = /^([^=]*)=(.*)$/.exec(attribute) ?? []
  if (value === undefined)
    return `is not understood: write \`true\`, \`false\`, \`mode=min\` or \`mode=max\`${didYouMean(`mode=${attribute}`, ['mode=min', 'mode=max'])}`
  if (!attributes.includes(name))
    return `has the unknown attribute \`${shorten(name)}\`: write \`mode=min\` or \`mode=max\`${didYouMean(name, attributes)}`
  if (name === 'mode' && value !== 'min' && value !== 'max')
    return 'has an unknown mode: write `mode=min` or `mode=max`'
  return value === '' ? `has no value for \`${name}\`: write \`mode=min\` or \`mode=max\`` : undefined
}
