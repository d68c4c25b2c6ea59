import { isRecord } from '../lib/json.ts'
import { parseRecord, repeated, splitList, splitRecords, type Env, type ListEntry } from '../lib/lists.ts'
import type { IssueSink } from '../lib/issues.ts'
import { parsePlatforms, type Platform } from '../lib/platform.ts'
import { parseYamlKeys } from '../lib/yaml.ts'
import { normaliseEntries } from '../metadata/labels.ts'
import type { Repository, TagReference } from '../registry/reference.ts'
import type { Annotation } from '../metadata/annotations.ts'
import type { VersionTags } from '../metadata/highest.ts'
import { failFor, passes, type Fail } from './diagnostics.ts'
import { withTestCommand, type ImageTests, type TestDraft } from './image-tests.ts'
import { fieldOf, listField, parseFields, parseYamlMap } from './yaml-fields.ts'

/** A repository that gets a copy of the image; the run does not fail if it cannot be updated. */
export interface Mirror {
  readonly repository: Repository
  readonly tags: readonly TagReference[]
}

/**
 * One image to build, for each of its platforms: the step's own inputs, overlaid with those of its entry in `variants`.
 */
export interface VariantSpec {
  /** Empty if the step builds one image without a name. */
  readonly name: string
  /** What the run pushes to; without mirrors. */
  readonly images: readonly Repository[]
  /** Undefined without any, and if nothing is pushed. */
  readonly mirrors?: readonly Mirror[]
  /** Full references to update at the end; empty with `push: false` and no tags. */
  readonly tags: readonly TagReference[]
  /** Empty: the platforms of the nodes. */
  readonly platforms: readonly Platform[]
  /** A directory (absolute) or a Git or HTTP URL. */
  readonly context: string
  /** Absolute, or relative to a remote context. Undefined: the context's own Dockerfile. */
  readonly file?: string
  readonly target?: string
  readonly buildArgs: Readonly<Record<string, string>>
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: readonly Annotation[]
  /** The first tag's name; empty if there is none. */
  readonly version: string
  /** Of these tags `latest`, `1` and `1.2` belong to the highest version; undefined: they are updated as the others. */
  readonly highest?: VersionTags
  /** Undefined without any. */
  readonly tests?: ImageTests
}

/** Every repository that a variant is published in, mirrors too. */
export function repositoriesOf(variants: readonly Pick<VariantSpec, 'images' | 'mirrors'>[]): readonly Repository[] {
  return variants.flatMap(({ images, mirrors = [] }) => [...images, ...mirrors.map(({ repository }) => repository)])
}

/** What one variant asks for, before its paths and tags are resolved. */
export interface VariantDraft extends TestDraft {
  readonly name: string
  readonly tagSuffix: string
  readonly file: string
  readonly target: string
  readonly buildArgs: Readonly<Record<string, string>>
  readonly labels: Readonly<Record<string, string>>
  readonly platforms: readonly Platform[]
}

const input = 'variants'
const keys = ['target', 'file', 'build-args', 'labels', 'platforms', 'tag-suffix', 'test', 'test-target']
const namePattern = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,62}$/
const mapForm = 'write `slim: {target: slim}`, one variant per line'

/** Whether a name can be a part of tags, between `buildcache-` and a platform; reports if it cannot. */
export function isVariantName(name: string, fail: Fail): boolean {
  return passes(fail, name, [
    [
      !namePattern.test(name),
      'is not a valid name: a name is a part of tags, so it has letters, digits, `.`, `_` and `-`, at most 63, and ' +
        'begins with a letter, digit or `_`',
    ],
  ])
}

/** Parses `variants`; each entry overlays the step's own inputs. */
export async function parseVariants(
  text: string,
  step: VariantDraft,
  env: Env,
  report: IssueSink,
): Promise<readonly VariantDraft[]> {
  const fail = failFor(report, input)
  const expected = `is not a map of variants: ${mapForm}`
  const map = await parseYamlMap(text, { input, expected }, report)
  const names = map ? await parseYamlKeys(text) : []
  passes(fail, text, [[map !== undefined && names.length === 0, expected]])
  checkNames(names, fail)
  return names.map((name) => parseVariant(name, map?.[name], step, { env, report, fail }))
}

function checkNames(names: readonly string[], fail: Fail): void {
  const valid = names.filter((name) => isVariantName(name, fail))
  for (const name of repeated(valid, (one) => one.toLowerCase())) {
    const other = valid.findLast((one) => one !== name && one.toLowerCase() === name.toLowerCase()) ?? ''
    fail(`shares its cache tag with \`${other}\` on registries that ignore case: choose another name`, name)
  }
}

interface VariantContext {
  readonly env: Env
  readonly report: IssueSink
  readonly fail: Fail
}

function parseVariant(name: string, entry: unknown, step: VariantDraft, context: VariantContext): VariantDraft {
  const { env, report, fail } = context
  const where = ` in \`${name}\``
  if (entry !== '' && !isRecord(entry)) fail(`has no map of settings: ${mapForm}`, name)
  const map = withTestCommand(isRecord(entry) ? entry : {})
  const text = parseFields(map, { what: 'a variant', keys, where }, fail)
  const lines = (key: string) => parseLines(map, key, where, context)
  const platforms = lines('platforms').flatMap((line) => splitList(line.text))
  return {
    name,
    tagSuffix: parseSuffix(text('tag-suffix') ?? (namePattern.test(name) ? `-${name}` : ''), fail),
    file: text('file') ?? step.file,
    target: text('target') ?? step.target,
    buildArgs: { ...step.buildArgs, ...parseRecord({ input, where, lookUp: env }, lines('build-args'), report) },
    labels: {
      ...step.labels,
      ...parseRecord({ input, where }, normaliseEntries(input, lines('labels'), report), report),
    },
    platforms: platforms.length > 0 ? parsePlatforms(input, platforms, report) : step.platforms,
    test: text('test') ?? step.test,
    testTarget: text('test-target') ?? step.testTarget,
  }
}

function parseSuffix(suffix: string, fail: Fail): string {
  const message = 'is not a valid tag-suffix: use letters, digits, `.`, `_` and `-`, as in `-slim`'
  return passes(fail, suffix, [[!/^[A-Za-z0-9._-]{0,127}$/.test(suffix), message]]) ? suffix : ''
}

/** Lines of text, a list of them, or a map of names and values. */
function parseLines(
  map: Readonly<Record<string, unknown>>,
  key: string,
  where: string,
  { report, fail }: VariantContext,
): readonly ListEntry[] {
  const value = fieldOf(map, key) ?? ''
  if (typeof value === 'string') return splitRecords(input, value, report)
  const isMap = isRecord(value) && key !== 'platforms'
  const lines = isMap
    ? Object.entries(value).map(([name, text]) => (typeof text === 'string' ? `${name}=${text}` : text))
    : value
  const forms = key === 'platforms' ? 'a string or a list' : 'lines of `NAME=value`, a list or a map of them'
  return listField({ [key]: lines }, key, fail, `${forms}${where}`).map((text) => ({ text, line: 0 }))
}
