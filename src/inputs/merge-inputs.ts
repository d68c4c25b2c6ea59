import type { Event } from '../forge/event.ts'
import type { InputIssue } from '../lib/issues.ts'
import { splitList, type Env } from '../lib/lists.ts'
import { parsePlatforms, type Platform } from '../lib/platform.ts'
import { formatAnnotation } from '../metadata/annotations.ts'
import { parseImageMetadata } from '../metadata/image-metadata.ts'
import { allRepositories } from '../metadata/tags.ts'
import type { Repository } from '../registry/reference.ts'
import { checkTagged, checkTagsDiffer } from './cross-checks/variants.ts'
import { Diagnostics, failFor, passes } from './diagnostics.ts'
import { byRepository, versionOf, withoutMirrors } from './image-inputs.ts'
import { mergeInputs } from './input-names.ts'
import { hostFiles } from './local-paths.ts'
import { parseLogins } from './logins/logins.ts'
import { parseListedParts, type ListedPart } from './merge/listed-parts.ts'
import { parseMergeVariants, type MergeVariant } from './merge/variants.ts'
import { parseRegistries } from './registries.ts'
import { cleanupRow, parseImageList, parseSign, sharedRows, type AccessInputs } from './shared-inputs.ts'
import type { SignSettings } from './sign.ts'
import { createSource, type InputSource } from './source.ts'
import { parseTable, type Values } from './table.ts'
import { parseTelemetry } from './telemetry.ts'
import { checkNames } from './unknown-inputs.ts'
import type { VariantSpec } from './variants.ts'

const rows = { ...sharedRows, cleanup: cleanupRow } as const

/** All inputs of the merge action. */
export interface MergeInputs extends AccessInputs, Values<typeof rows> {
  /** Where the parts are. */
  readonly images: readonly Repository[]
  /** With mirrors. */
  readonly all: readonly Repository[]
  /** What must be there of every variant. */
  readonly platforms: readonly Platform[]
  /** What must be there; undefined: what is found. */
  readonly variants: readonly MergeVariant[] | undefined
  /** The only parts that are accepted; undefined: those of this run. */
  readonly listed: readonly ListedPart[] | undefined
  /** The images to publish of variants with these names. @throws InputError if their tags are not valid */
  readonly describe: (variants: readonly MergeVariant[]) => readonly VariantSpec[]
  /** Whether `tags` was given; otherwise the tags depend on the event. */
  readonly tagsGiven: boolean
  /** Undefined: nothing is signed. */
  readonly sign: SignSettings | undefined
  /** Why parts cannot be signed in a run without secrets, whose jobs normally push none. */
  readonly signIssues: readonly InputIssue[]
}

/**
 * Parses the inputs of merge/action.yml.
 *
 * @throws InputError with every issue
 */
export async function readMergeInputs(env: Env, event: Event, files = hostFiles): Promise<MergeInputs> {
  const diagnostics = new Diagnostics()
  const source = createSource({ env, event, files, diagnostics })
  const { text, report } = source
  checkNames(source, mergeInputs)
  const platforms = parsePlatforms('platforms', splitList(text('platforms')), report)
  if (platforms.length === 0 && !source.hasIssue('platforms'))
    failFor(report, 'platforms')('is empty: write the platforms of all build jobs, such as `linux/amd64, linux/arm64`')
  const variants = await parseMergeVariants(source, platforms)
  const image = parseImage(source)
  // It is read when the run ends; here only its issues count.
  parseTelemetry(source)
  const inputs = {
    ...image,
    platforms,
    variants,
    listed: parseListedParts(source),
    tagsGiven: text('tags') !== '',
    ...parseTable(rows, source),
    ...(await parseSigning(source)),
    registries: await parseRegistries(source),
    // Without secrets a password is empty.
    logins: await parseLogins(source, { images: image.all, push: event.readOnlyTrigger === undefined }),
    warnings: diagnostics.warnings,
  }
  diagnostics.throwIssues()
  return {
    ...inputs,
    describe: (named) => {
      const specs = named.map(image.describe)
      checkTagsDiffer(specs, source)
      diagnostics.throwIssues()
      return specs
    },
  }
}

/** In a run of Dependabot, secrets are empty and there is no OIDC token: that is an issue only if it pushes parts. */
async function parseSigning(source: InputSource): Promise<Pick<MergeInputs, 'sign' | 'signIssues'>> {
  const { event, report } = source
  const signIssues: InputIssue[] = []
  const collect = event.readOnlyTrigger === undefined ? report : (issue: InputIssue) => signIssues.push(issue)
  const run = { push: true, partial: false, trust: event.trust }
  const sign = await parseSign({ ...source, report: collect }, run)
  return { sign: signIssues.length === 0 ? sign : undefined, signIssues }
}

interface MergedImage {
  readonly images: readonly Repository[]
  /** With mirrors. */
  readonly all: readonly Repository[]
  readonly describe: (variant: MergeVariant) => VariantSpec
}

function parseImage(source: InputSource): MergedImage {
  const { env, event, text, report } = source
  const { images: given, mirrors } = parseImageList(source)
  const named = (input: string) => ({ input, text: text(input) })
  const options = { env, event, tags: named('tags'), flavor: named('flavor'), variant: '', tagged: true, report }
  const metadata = parseImageMetadata({
    ...options,
    annotations: named('annotations'),
    exporterAnnotations: { input: 'annotations', entries: [] },
  })
  const images = withoutMirrors(allRepositories(given, metadata.plan), mirrors, source)
  checkTagged(source, images, metadata.plan, false)
  checkLevels(metadata.annotations(''), source)
  return {
    images,
    all: [...images, ...mirrors],
    describe: ({ name, tagSuffix, platforms }) => ({
      name,
      images,
      ...byRepository(metadata.tags([...given, ...mirrors], tagSuffix), mirrors, true),
      platforms,
      context: '',
      buildArgs: {},
      labels: metadata.labels({}, tagSuffix),
      annotations: metadata.annotations(tagSuffix),
      ...versionOf(metadata, tagSuffix),
    }),
  }
}

/** The image manifests exist already. Those of the event are on them, so only what was given counts. */
function checkLevels(annotations: VariantSpec['annotations'], { text, report }: InputSource): void {
  const given = annotations.filter(({ key, level }) => level === 'manifest' && text('annotations').includes(`${key}=`))
  for (const annotation of given)
    passes(failFor(report, 'annotations'), formatAnnotation(annotation), [
      [true, 'is for image manifests, which the build jobs have pushed: write `index:key=value`, or set it there'],
    ])
}
