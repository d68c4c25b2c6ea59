import { asRecord, asText, isRecord, tryParseJson } from '../../lib/json.ts'
import { parsePlatform, type Platform } from '../../lib/platform.ts'
import { isDigest } from '../../registry/manifest.ts'
import { failFor } from '../diagnostics.ts'
import { variableOf, type InputSource } from '../source.ts'

/** A part that a build job reported in its output `results`. */
export interface ListedPart {
  readonly variant: string
  readonly platform: Platform
  /** The digest of its image. */
  readonly image: string
}

const form =
  'write the output `results` of every build job, one per line, or `${{ toJSON(needs.*.outputs.results) }}`; for a ' +
  'matrix, give each of its jobs an output of its own, and write `${{ toJSON(needs.build.outputs.*) }}`'

const noResults =
  'a build job without results has failed or pushed nothing, or the `id` of its step, its `outputs` or the `needs` ' +
  'of this job is missing'

// act evaluates `x.*` at the end of an expression to `x`: pkg/exprparser/interpreter.go, evaluateArrayDeref.
const objectForm =
  'is the object with all outputs of one job, not a list of results. On GitHub, write ' +
  '`${{ toJSON(needs.build.outputs.*) }}`. In act, and in runners that contain its code such as those of Forgejo and ' +
  'Gitea, this expression gives the object too: there, write one job per platform, and ' +
  '`${{ toJSON(needs.*.outputs.results) }}`'

/**
 * `digests`: the outputs `results` of the build jobs, one per line or as a JSON list. Undefined if not given. Lines
 * whose outputs are all empty are given: they must not mean that every part is accepted.
 */
export function parseListedParts({ env, event, report }: InputSource): readonly ListedPart[] | undefined {
  const given = env[variableOf('digests')] ?? ''
  if (given === '') return undefined
  const fail = failFor(report, 'digests')
  const whole = tryParseJson(given)
  const lines = given.split('\n').filter((line) => line.trim() !== '')
  const entries = (whole === undefined ? lines : [whole]).flatMap(flatten)
  const invalid = entries.find((entry) => parseEntry(entry) === undefined)
  const valid = entries.flatMap((entry) => parseEntry(entry) ?? [])
  if (invalid !== undefined) fail(isRecord(whole) ? objectForm : `is not a list of results: ${form}`, quote(invalid))
  // Jobs whose token can only read push nothing.
  else if (valid.length === 0 && event.readOnlyTrigger === undefined) fail(`has no part: ${form}; ${noResults}`)
  return valid
}

/** Results have no secrets. */
function quote(entry: unknown): string {
  return typeof entry === 'string' ? entry : JSON.stringify(entry)
}

/** Outputs are texts, so lists of them are JSON in JSON. */
function flatten(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value.flatMap(flatten)
  if (typeof value !== 'string') return [value]
  const parsed = tryParseJson(value)
  return value.trim() === '' ? [] : parsed === undefined ? [value] : flatten(parsed)
}

/** One entry of `results`; undefined if it is not one. */
function parseEntry(value: unknown): readonly ListedPart[] | undefined {
  if (!isRecord(value) || !isRecord(value['platforms'])) return undefined
  const parts = Object.entries(asRecord(value['platforms'])).map(([name, image]) => {
    const platform = parsePlatform(name)
    return platform && isDigest(image) ? { variant: asText(value['variant']), platform, image } : undefined
  })
  const valid = parts.flatMap((part) => part ?? [])
  return valid.length < parts.length ? undefined : valid
}
