import { formatTagReference, type TagReference } from '../registry/reference.ts'
import { isRecord } from '../lib/json.ts'
import { readRecord, splitList, splitRecords, type Entry, type Env } from '../lib/lists.ts'
import { didYouMean, shorten, type IssueSink } from '../lib/issues.ts'
import { readEnabled } from '../metadata/labels.ts'
import { readPlatforms, type Platform } from '../lib/platform.ts'
import { readKeys, readYaml } from '../lib/yaml.ts'

/** What one variant asks for, before its paths and tags are made. */
export interface VariantDraft {
  readonly name: string
  readonly tagSuffix: string
  readonly file: string
  readonly target: string
  readonly buildArgs: Readonly<Record<string, string>>
  readonly labels: Readonly<Record<string, string>>
  readonly platforms: readonly Platform[]
}

const input = 'variants'
const keys = ['target', 'file', 'build-args', 'labels', 'platforms', 'tag-suffix']
const namePattern = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,62}$/
const mapForm = 'write `slim: {target: slim}`, one variant a line'

/** A name is a part of tags, between `buildcache-` and a platform. */
export function checkVariantName(field: string, name: string, report: IssueSink): boolean {
  if (namePattern.test(name)) return true
  report({
    input: field,
    given: shorten(name),
    expected:
      'is no valid name, since it becomes a part of tags: letters, digits, `.`, `_` and `-`, at most 63, the first a letter, digit or `_`',
  })
  return false
}

/** Reads `variants`, each laid over the step's own inputs. */
export async function readVariants(
  text: string,
  step: VariantDraft,
  env: Env,
  report: IssueSink,
): Promise<readonly VariantDraft[]> {
  const yaml = await readYaml(input, text, report)
  if (yaml === undefined) return []
  if (!isRecord(yaml) || Object.keys(yaml).length === 0) {
    report({ input, given: shorten(text), expected: `is not a map of variants: ${mapForm}` })
    return []
  }
  const names = await readKeys(text)
  checkNames(names, report)
  return names.map((name) => readVariant(name, yaml[name], step, env, report))
}

function checkNames(names: readonly string[], report: IssueSink): void {
  const seen = new Map<string, string>()
  for (const name of names) {
    if (!checkVariantName(input, name, report)) continue
    const other = seen.get(name.toLowerCase())
    if (other !== undefined)
      report({
        input,
        given: name,
        expected: `would share its cache tag with \`${other}\` on registries that ignore case: choose another name`,
      })
    seen.set(name.toLowerCase(), name)
  }
}

function readVariant(name: string, entry: unknown, step: VariantDraft, env: Env, report: IssueSink): VariantDraft {
  const fields = asFields(name, entry, report)
  const where = ` in \`${shorten(name)}\``
  const text = (key: string): string | undefined => readText(fields, key, where, report)
  const record = (key: string, lookUp?: Env) =>
    readRecord({ input, where, ...(lookUp && { lookUp }) }, readEntries(fields, key, where, report), report)
  const platforms = readEntries(fields, 'platforms', where, report).flatMap((line) => splitList(line.text))
  return {
    name,
    tagSuffix: readSuffix(text('tag-suffix') ?? (namePattern.test(name) ? `-${name}` : ''), report),
    file: text('file') ?? step.file,
    target: text('target') ?? step.target,
    buildArgs: { ...step.buildArgs, ...record('build-args', env) },
    labels: {
      ...step.labels,
      ...readRecord({ input, where }, readEnabled(input, readEntries(fields, 'labels', where, report), report), report),
    },
    platforms: platforms.length > 0 ? readPlatforms(input, platforms, report) : step.platforms,
  }
}

function asFields(name: string, entry: unknown, report: IssueSink): Readonly<Record<string, unknown>> {
  if (entry === '') return {}
  if (!isRecord(entry)) {
    report({ input, given: shorten(name), expected: `has no map of settings: ${mapForm}` })
    return {}
  }
  for (const key of Object.keys(entry)) {
    if (!keys.includes(key))
      report({
        input,
        given: shorten(key),
        expected: `is no setting of a variant (in \`${shorten(name)}\`): ${keys.join(', ')} are${didYouMean(key, keys)}`,
      })
  }
  return entry
}

function readSuffix(suffix: string, report: IssueSink): string {
  if (/^[A-Za-z0-9._-]{0,127}$/.test(suffix)) return suffix
  report({
    input,
    given: shorten(suffix),
    expected: 'is no valid tag-suffix: letters, digits, `.`, `_` and `-`, as in `-slim`',
  })
  return ''
}

function readText(
  fields: Readonly<Record<string, unknown>>,
  key: string,
  where: string,
  report: IssueSink,
): string | undefined {
  const value = Object.hasOwn(fields, key) ? fields[key] : undefined
  if (value === undefined || typeof value === 'string') return value?.trim()
  report({ input, given: key, expected: `must be one text${where}: write \`${key}: …\`` })
  return undefined
}

/** Lines of text, a list of them, or a map of names and values. */
function readEntries(
  fields: Readonly<Record<string, unknown>>,
  key: string,
  where: string,
  report: IssueSink,
): readonly Entry[] {
  const value = Object.hasOwn(fields, key) ? fields[key] : ''
  if (typeof value === 'string') return splitRecords(input, value, report)
  const list: readonly unknown[] = Array.isArray(value)
    ? value
    : isRecord(value) && key !== 'platforms'
      ? Object.entries(value).map(pairText)
      : [undefined]
  return list.flatMap((text) => {
    if (typeof text === 'string') return text.trim() === '' ? [] : [{ text, line: 0 }]
    report({
      input,
      given: key,
      expected: `must be ${key === 'platforms' ? 'a text or a list' : 'lines of `NAME=value`, a list or a map of them'}${where}`,
    })
    return []
  })
}

function pairText([name, value]: readonly [string, unknown]): string | undefined {
  return typeof value === 'string' ? `${name}=${value}` : undefined
}

/** Two variants under one tag: the second would replace the first. */
export function checkTagsDiffer(
  variants: readonly { readonly name: string; readonly tags: readonly TagReference[] }[],
  report: IssueSink,
): void {
  const owners = new Map<string, string>()
  const told = new Set<string>()
  for (const { name, tags } of variants) {
    for (const tag of tags.map(formatTagReference)) {
      const owner = owners.get(tag)
      if (owner === undefined) owners.set(tag, name)
      else if (owner !== name && !told.has(`${owner} ${name}`)) {
        told.add(`${owner} ${name}`)
        report({
          input,
          given: name,
          expected: `would move the same tag as \`${owner}\`, ${tag}: give each variant its own \`tag-suffix\``,
        })
      }
    }
  }
}
