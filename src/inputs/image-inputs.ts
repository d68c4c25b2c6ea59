import { parseRecord, parseRecordInput, splitList, splitRecords, type Env } from '../lib/lists.ts'
import { parseBoolean } from '../lib/choice.ts'
import { parsePlatforms } from '../lib/platform.ts'
import { parseImageMetadata } from '../metadata/image-metadata.ts'
import { normaliseEntries } from '../metadata/labels.ts'
import { allRepositories } from '../metadata/tags.ts'
import { isSameRepository, type Repository, type TagReference } from '../registry/reference.ts'
import { parseContext, parseDockerfile } from './context.ts'
import { checkTagged, checkTagsDiffer } from './cross-checks/variants.ts'
import { failEach, failFor, passes } from './diagnostics.ts'
import { warnFolded } from './folded-lists.ts'
import { parseImageTests } from './image-tests.ts'
import type { BuildSettings } from './settings/settings.ts'
import { warnOfIndexAnnotations, type PushMode } from './partial.ts'
import { parseImageList } from './shared-inputs.ts'
import type { InputSource } from './source.ts'
import { isVariantName, parseVariants, type VariantDraft, type VariantSpec } from './variants.ts'

const readOnlyTriggers = {
  fork:
    'this run builds a pull request from a fork, whose token can only read. To push with another login, set ' +
    '`push: true`.',
  Dependabot:
    'Dependabot triggered this run, whose token can only read by default. To push, set `push: true`, and ' +
    '`permissions: packages: write` or another login.',
}

/** Parses `push`: by default an image is pushed unless other inputs, or the run's token, are for something else. */
export function parsePush(source: InputSource, settings: BuildSettings): boolean {
  const { text, report } = source
  const { imagePush, call } = settings
  const given = text('push')
  const isOther = asksForOther(source, settings)
  const push = parseBoolean('push', given || String(pushesByDefault(source, imagePush, isOther)), report)
  failEach(failFor(report, 'push', given), [
    [push && call !== undefined, `has no effect with \`call: ${call ?? ''}\`, which builds nothing: remove it`],
    [!push && imagePush === 'yes', 'contradicts `outputs`, which pushes: remove one of them'],
    [push && imagePush === 'no', 'contradicts `outputs`, which does not push: remove one of them'],
  ])
  const isUnspecified = given === '' && imagePush === 'unspecified' && !isOther && text('image') !== ''
  const message = 'has an image, but does not specify whether to push it: write `push: true` or `push: false`'
  passes(failFor(report, 'outputs'), text('outputs'), [[isUnspecified, message]])
  return push && !call
}

function asksForOther({ text }: InputSource, { load, exports, call }: BuildSettings): boolean {
  const onlyNodes = text('dry-run') === 'nodes' && text('image') === '' && text('tags') === ''
  return [load, exports.length > 0, call, /\bcacheonly\b/.test(text('outputs')), onlyNodes].some(Boolean)
}

function pushesByDefault(
  { text, note, event }: InputSource,
  imagePush: BuildSettings['imagePush'],
  isOther: boolean,
): boolean {
  if (imagePush !== undefined || isOther) return imagePush === 'yes'
  const reason = event.readOnlyTrigger && readOnlyTriggers[event.readOnlyTrigger]
  if (reason !== undefined && text('push') === '') note(`Nothing is pushed, because ${reason}`)
  return reason === undefined
}

interface ImageInputs {
  readonly variants: readonly VariantSpec[]
  /** Of rules that gave no tag. */
  readonly warnings: readonly string[]
}

/** Parses what the step builds: images, tags and variants. */
export async function parseImageInputs(
  source: InputSource,
  { push, partial }: PushMode,
  { load, call, imageAnnotations }: BuildSettings,
): Promise<ImageInputs> {
  const { text, report } = source
  const { images, mirrors } = parseImageList(source)
  const named = (input: string) => ({ input, text: text(input) })
  const metadata = parseImageMetadata({
    env: source.env,
    event: source.event,
    tags: named('tags'),
    flavor: named('flavor'),
    annotations: named('annotations'),
    variant: text('variant'),
    exporterAnnotations: { input: 'outputs', entries: imageAnnotations },
    tagged: push || load || text('tags') !== '',
    report,
  })
  const repositories = withoutMirrors(allRepositories(images, metadata.plan), mirrors, source)
  if (push) checkTagged(source, repositories, metadata.plan, partial)
  const context = parseContext(source)
  const drafts = await parseDrafts(source, (labels) => ({ ...metadata.variables(images, labels), ...source.env }))
  const tagsOf = (suffix: string) => (partial ? [] : metadata.tags([...images, ...mirrors], suffix))
  const variants = drafts.map((draft): VariantSpec => ({
    name: draft.name,
    images: repositories,
    ...byRepository(tagsOf(draft.tagSuffix), mirrors, push && !partial),
    platforms: draft.platforms,
    context: context ?? '',
    ...dockerfileOf(draft, context, source),
    buildArgs: draft.buildArgs,
    labels: metadata.labels(draft.labels, draft.tagSuffix),
    annotations: metadata.annotations(draft.tagSuffix),
    ...versionOf(metadata, draft.tagSuffix),
    ...parseImageTests(draft, call, source),
  }))
  checkVariants(variants, partial, source)
  return { variants, warnings: metadata.warnings() }
}

export function versionOf(
  { version, highest }: Pick<ReturnType<typeof parseImageMetadata>, 'version' | 'highest'>,
  suffix: string,
): Pick<VariantSpec, 'version' | 'highest'> {
  const tags = highest(suffix)
  return { version: version(suffix), ...(tags && { highest: tags }) }
}

function isListed(repository: Repository, list: readonly Repository[]): boolean {
  return list.some((one) => isSameRepository(one, repository))
}

const onlyMirrors = 'lists only mirrors (`required=false`): at least one repository must be required'

export function withoutMirrors(
  all: readonly Repository[],
  mirrors: readonly Repository[],
  { report }: InputSource,
): readonly Repository[] {
  const required = all.filter((one) => !isListed(one, mirrors))
  passes(failFor(report, 'image'), undefined, [[mirrors.length > 0 && required.length === 0, onlyMirrors]])
  return required
}

/** The tags of the images and, if the image is copied, those of the mirrors. */
export function byRepository(
  tags: readonly TagReference[],
  mirrors: readonly Repository[],
  isCopied: boolean,
): Pick<VariantSpec, 'tags' | 'mirrors'> {
  const withTags = mirrors.map((repository) => ({
    repository,
    tags: tags.filter((tag) => isSameRepository(tag, repository)),
  }))
  return {
    tags: tags.filter((tag) => !isListed(tag, mirrors)),
    ...(isCopied && mirrors.length > 0 && { mirrors: withTags }),
  }
}

function checkVariants(variants: readonly VariantSpec[], partial: boolean, source: InputSource): void {
  checkTagsDiffer(variants, source)
  warnFolded(variants, source)
  if (partial) warnOfIndexAnnotations(variants[0]?.annotations ?? [], source)
}

function dockerfileOf(
  { file, target }: VariantDraft,
  context: string | undefined,
  source: InputSource,
): Pick<VariantSpec, 'file' | 'target'> {
  const input = file === source.text('file') ? 'file' : 'variants'
  const path = context === undefined ? undefined : parseDockerfile({ input, file, context }, source)
  return { ...(path !== undefined && { file: path }), ...(target !== '' && { target }) }
}

/** @param variablesOf what build arguments without a value may take, by the step's labels */
async function parseDrafts(
  { text, report }: InputSource,
  variablesOf: (labels: Readonly<Record<string, string>>) => Env,
): Promise<readonly VariantDraft[]> {
  const name = text('variant')
  const labelEntries = normaliseEntries('labels', splitRecords('labels', text('labels'), report), report)
  const labels = parseRecord({ input: 'labels' }, labelEntries, report)
  const env = variablesOf(labels)
  const step: VariantDraft = {
    name: name !== '' && isVariantName(name, failFor(report, 'variant')) ? name : '',
    tagSuffix: '',
    file: text('file'),
    target: text('target'),
    buildArgs: parseRecordInput({ input: 'build-args', lookUp: env }, text('build-args'), report),
    labels,
    platforms: parsePlatforms('platforms', splitList(text('platforms')), report),
    test: text('test'),
    testTarget: text('test-target'),
  }
  if (text('variants') === '') return [step]
  passes(failFor(report, 'variant'), name, [
    [name !== '', 'cannot be combined with `variants`: a step builds one named variant or several; remove one of them'],
  ])
  return await parseVariants(text('variants'), step, env, report)
}
