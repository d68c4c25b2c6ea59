import type { Event } from '../forge/event.ts'
import type { Env } from '../lib/lists.ts'
import { parseAliases } from './aliases.ts'
import { parseBuilderInputs, type BuilderInputs } from './builder-inputs.ts'
import { parseBuildxVersion } from './buildx-version.ts'
import { parseCache, type CachePolicy } from './cache/cache.ts'
import type { Trust } from '../forge/trust.ts'
import { checkTogether } from './cross-checks/settings.ts'
import { checkPlatforms } from './cross-checks/variants.ts'
import { Diagnostics } from './diagnostics.ts'
import { parseSettingsForTrust, parseTrust, withGitAccess } from './fork-restrictions.ts'
import { parseImageInputs, parsePush } from './image-inputs.ts'
import { mainInputs } from './input-names.ts'
import { hostFiles, LocalPaths } from './local-paths.ts'
import { parsePartial } from './partial.ts'
import { parseLogins } from './logins/logins.ts'
import { createBuilderStore } from './nodes/builder-store.ts'
import type { BuilderStore } from './nodes/existing-builder.ts'
import { checkReach, checkSections, parseRegistries } from './registries.ts'
import { exportDest, exportPart, isArchive } from './settings/outputs.ts'
import type { BuildSettings } from './settings/settings.ts'
import { cleanupRow, parseSign, sharedRows, type AccessInputs } from './shared-inputs.ts'
import type { SignSettings } from './sign.ts'
import { variableOf, type InputSource } from './source.ts'
import { boolean, choice, parseTable, type Values } from './table.ts'
import { parseTelemetry, type TelemetrySettings } from './telemetry.ts'
import { checkNames } from './unknown-inputs.ts'
import { repositoriesOf, type VariantSpec } from './variants.ts'

const rows = {
  ...sharedRows,
  /** Report the plan, or only the state of the nodes; change nothing. */
  dryRun: ['dry-run', choice<boolean | 'nodes'>({ true: true, nodes: 'nodes', false: false }, false)],
  buildx: ['version', parseBuildxVersion],
  /** Whether `docker build` must be buildx for later steps. */
  install: ['install', boolean()],
  /** Whether a downloaded buildx is stored in the job's cache service. */
  cacheBinary: ['cache-binary', boolean(true)],
  /** Whether a failing Dockerfile step ends the builds of the other targets. */
  failFast: ['fail-fast', boolean(true)],
  /** Whether later steps of the job may use the logins, until the post step. */
  login: ['login', choice<'step' | 'job'>({ step: 'step', job: 'job' }, 'step')],
  cleanup: cleanupRow,
  /** Whether the job gets a summary. */
  summary: ['summary', boolean(true)],
} as const

/** All inputs of the main action, parsed once; no other room sees their text. */
export interface Inputs extends BuilderInputs, AccessInputs, Values<typeof rows> {
  /** The level of the event, or a lower one that `trust` sets. */
  readonly trust: Trust
  readonly variants: readonly VariantSpec[]
  /** Whether `tags` was given; otherwise the tags depend on the event. */
  readonly tagsGiven: boolean
  readonly cache: CachePolicy
  readonly push: boolean
  /** Whether this job builds a part, which the merge action assembles with those of other jobs. */
  readonly partial: boolean
  /** Undefined: nothing is signed. */
  readonly sign: SignSettings | undefined
  readonly settings: BuildSettings
  /** The CI platform's token; empty if none was given. */
  readonly token: string
  /** Whether findings of Dockerfile checks become annotations of the run, as in build-push-action. */
  readonly checkAnnotations: boolean
  /** What builds may read and write on this machine, outside of the run directory. */
  readonly localPaths: readonly string[]
  /** What is logged and needs no action. */
  readonly notes: readonly string[]
  readonly telemetry: TelemetrySettings
}

/**
 * Parses all inputs.
 *
 * @param env the job's environment, in which runners pass inputs as `INPUT_<NAME>`
 * @throws InputError with every issue of every input
 */
export async function readInputs(
  env: Env,
  platformEvent: Event,
  files = hostFiles,
  builders: BuilderStore = createBuilderStore(env),
): Promise<Inputs> {
  const diagnostics = new Diagnostics()
  const given = (name: string): string => (env[variableOf(name)] ?? '').trim()
  const paths = new LocalPaths(platformEvent.workspace, files, diagnostics.report)
  const { texts, nodeList } = await parseAliases({ given, paths, diagnostics })
  const { report, warn, note, hasIssue } = diagnostics
  const text = (name: string) => texts.get(name) ?? given(name)
  const trust = parseTrust({ event: platformEvent, text, report })
  const event = { ...platformEvent, trust }
  const source: InputSource = { env, event, paths, text, report, warn, note, hasIssue }
  checkNames(source, mainInputs)
  const builder = await parseBuilderInputs({ ...source, nodeList }, builders)
  const build = await parseBuild(source, builder, platformEvent)
  const inputs = {
    ...builder,
    ...build,
    ...parseTable(rows, source),
    trust,
    cache: parseCache(source),
    logins: await parseLogins(source, { images: repositoriesOf(build.variants), push: build.push || hasIssue('push') }),
    tagsGiven: text('tags') !== '',
    token: text('github-token'),
    telemetry: parseTelemetry(source),
    checkAnnotations: !/^(?:0|f|false)$/i.test(env['DOCKER_BUILD_CHECKS_ANNOTATIONS'] ?? ''),
  }
  diagnostics.throwIssues()
  const warnings = [...diagnostics.warnings, ...build.warnings]
  return { ...inputs, warnings, notes: diagnostics.notes, localPaths: paths.used }
}

type Build = Pick<Inputs, 'push' | 'partial' | 'sign' | 'variants' | 'settings' | 'registries' | 'warnings'>

/**
 * What is built, with the checks that need the nodes too.
 *
 * @param platformEvent the event with the level that it has itself
 */
async function parseBuild(source: InputSource, { nodes }: BuilderInputs, platformEvent: Event): Promise<Build> {
  const { text, report } = source
  const settings = parseSettingsForTrust(source)
  const pushed = parsePartial(source, parsePush(source, settings))
  // The merge decides the tags of a part, and does not know this step's `trust`.
  const tagged = pushed.push && pushed.partial ? { ...source, event: platformEvent } : source
  const { variants, warnings } = await parseImageInputs(tagged, pushed, settings)
  checkPlatforms(variants, nodes, source)
  const native = [...new Set(nodes.flatMap(({ platforms }) => platforms))]
  const platforms = variants.map((variant) => (variant.platforms.length > 0 ? variant.platforms : native))
  checkTogether(settings, platforms, source)
  const parts = variants.flatMap(({ name }, index) => platforms[index]?.map((one) => exportPart(name, one)) ?? [])
  if (parts.length > 1)
    for (const files of settings.exports.filter((files) => !isArchive(files)))
      for (const part of parts) source.paths.use(exportDest(files, part), 'outputs', 'directory')
  const registries = await parseRegistries(source)
  checkSections(text('buildkitd-config-inline'), registries, report)
  checkReach(text('buildkitd-config-inline'), imagesOf(variants), report)
  return {
    ...pushed,
    sign: await parseSign(source, { ...pushed, trust: source.event.trust }),
    variants,
    warnings,
    registries,
    settings: withGitAccess(settings, variants[0]?.context ?? '', source),
  }
}

function imagesOf(variants: readonly VariantSpec[]) {
  return variants.flatMap(({ images }) => images)
}
