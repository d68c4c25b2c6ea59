import type { Event } from '../../forge/event.ts'
import { isTrue } from '../../lib/choice.ts'
import { joinAttributes, parseAttributes, splitFields } from '../../lib/csv.ts'
import { splitRecords } from '../../lib/lists.ts'
import { didYouMean, shorten } from '../../lib/issues.ts'
import { failFor, passes, type Fail } from '../diagnostics.ts'
import type { InputSource } from '../source.ts'
import { parseTyped, typeOf } from './typed-attributes.ts'

export interface Attests {
  /** `mode=min`, `mode=max,builder-id=…`; empty for no provenance. */
  readonly provenance: string
  /** Further attestations in buildx' form: `type=sbom,generator=…`. */
  readonly attests: readonly string[]
}

const form = { what: 'attestation', example: 'type=sbom', types: ['provenance', 'sbom'] }

/** `provenance` and `sbom`, each either by its own input or as an entry of `attests`. */
export function parseAttests(source: InputSource, loads: boolean): Attests {
  const { text, env, event, report } = source
  const listed = parseListed(source)
  // Engines with the classic image store cannot load an image that has an attestation: as build-push-action, none
  // unless requested. https://docs.docker.com/build/building/variables/#buildx_no_default_attestations
  const byDefault = loads || isTrue(env['BUILDX_NO_DEFAULT_ATTESTATIONS']) ? 'false' : ''
  // As in build-push-action the inputs win.
  const given = text('provenance') === '' ? listed.get('provenance') : undefined
  const provenance = given === undefined ? text('provenance') || byDefault : given || 'true'
  const fail = failFor(report, given === undefined ? 'provenance' : 'attests', provenance)
  const sbom = text('sbom') === '' ? listed.get('sbom') : parseSbom(text('sbom'), failFor(report, 'sbom', text('sbom')))
  const attests = sbom === undefined || isDisabled(sbom) ? [] : [['type=sbom', sbom].filter(Boolean).join(',')]
  return { provenance: parseProvenance(provenance, event, fail), attests }
}

function isDisabled(attributes: string): boolean {
  return /\bdisabled=true\b/.test(attributes)
}

/** Type → the other attributes. */
function parseListed({ text, report }: InputSource): ReadonlyMap<string, string> {
  const fail = failFor(report, 'attests')
  const listed = new Map<string, string>()
  for (const entry of splitRecords('attests', text('attests'), report)) {
    const attributes = parseTyped(entry.text, form, fail)
    if (!attributes) continue
    const type = typeOf(attributes)
    if (listed.has(type)) fail('is given twice: write it once, with all of its attributes', `type=${type}`)
    listed.set(type, joinAttributes(attributes.filter(([name]) => name !== 'type')))
  }
  return listed
}

/** The attributes; undefined for none. */
function parseSbom(text: string, fail: Fail): string | undefined {
  if (/^(false|False|FALSE)$/.test(text)) return undefined
  const attributes = /^(true|True|TRUE)$/.test(text) ? [] : parseAttributes(text)
  passes(fail, text, [[!attributes, 'is not valid: write `true`, `false` or `generator=image`']])
  return attributes && joinAttributes(attributes)
}

// https://docs.docker.com/build/metadata/attestations/slsa-provenance/
const names = ['mode', 'builder-id', 'capture-usage', 'disabled', 'filename', 'inline-only', 'reproducible', 'version']
const modes = 'write `mode=min` or `mode=max`'

/**
 * As build-push-action: empty means `max` for a public repository and `min` for others, whose build arguments would be
 * published otherwise; `true` is `max`; `false` gives an empty text. The builder is this run.
 */
function parseProvenance(text: string, event: Event, fail: Fail): string {
  if (/^(false|False|FALSE)$/.test(text) || isDisabled(text)) return ''
  const isShort = /^(|true|True|TRUE)$/.test(text)
  const byDefault = text === '' && event.isPrivate !== false ? 'mode=min,inline-only=true' : 'mode=max'
  const fields = splitFields(text)
  passes(fail, text, [
    [fields === undefined, 'has a quote in the middle of a field: put the whole field between quotes'],
  ])
  const isValid = isShort || (fields?.every((field) => isProvenanceAttribute(field, fail)) ?? false)
  return withBuilder(isShort || !isValid ? byDefault : text, event)
}

function isProvenanceAttribute(attribute: string, fail: Fail): boolean {
  const [, name = '', value = ''] = /^([^=]*)=(.*)$/.exec(attribute) ?? []
  const guess = didYouMean(`mode=${attribute}`, ['mode=min', 'mode=max'])
  return passes(fail, undefined, [
    [!attribute.includes('='), `is not valid: write \`true\`, \`false\`, \`mode=min\` or \`mode=max\`${guess}`],
    [!names.includes(name), `has the unknown attribute \`${shorten(name)}\`: ${modes}${didYouMean(name, names)}`],
    [name === 'mode' && !['min', 'max'].includes(value), `has an unknown mode: ${modes}`],
    [value === '', `has no value for \`${name}\`: ${modes}`],
  ])
}

function withBuilder(attributes: string, { serverUrl, repository, runId, runAttempt }: Event): string {
  if (/(^|,)builder-id=/.test(attributes) || repository === '') return attributes
  // The attributes are CSV, in which quotes and commas of a name would have a meaning.
  const name = repository.split('/').map(encodeURIComponent).join('/')
  return `${attributes},builder-id=${serverUrl}/${name}/actions/runs/${runId}/attempts/${runAttempt}`
}
