import { readFileSync } from 'node:fs'
import { checkCgroupParent, readCgroupParent, tellCgroupParent } from './nodes/cgroup-parent.ts'
import { checkBuildkitdConfig, readBuildkitdFlags, splitOptions } from './nodes/daemon-options.ts'
import { checkDriver, checkEmbedded, checkPods, checkUse, readDriver } from './nodes/driver.ts'
import { checkKnownHosts, formatKnownHosts, parseKnownHosts } from './nodes/known-hosts.ts'
import { readBuilder, type BuilderStore } from './nodes/existing-builder.ts'
import { readNodes, spareNode } from './nodes/node-list.ts'
import { keyLines } from './nodes/tls-options.ts'
import type { NodeSpec } from '../nodes/node-spec.ts'
import { readSetupWords } from './aliases.ts'
import { readSshKeys } from './nodes/ssh-key.ts'
import { packagesChoices, type PackagesChoice } from '../packages/select.ts'
import { readBuildxVersion, type BuildxWish } from './buildx-version.ts'
import { readBoolean, readChoice } from '../lib/choice.ts'
import { checkTogether } from './cross-checks/settings.ts'
import { gitToken } from './settings/secrets.ts'
import { cacheSecrets, serviceSecrets } from './cache/specs.ts'
import { cacheNotes, readCache, type CachePolicy } from './cache/cache.ts'
import { readSettings, type BuildSettings } from './settings/settings.ts'
import { ownContext, ownRepository, readContext, readDockerfile, type Files } from './context.ts'
import type { Event } from '../forge/event.ts'
import { readFallback, type FallbackWord } from './fallback.ts'
import { checkAnnotated, checkOwned, checkTagged } from './cross-checks/variants.ts'
import { readRecord, readRecordInput, splitList, splitRecords, type Env } from '../lib/lists.ts'
import { mainInputs } from './input-names.ts'
import { InputError, shorten, type InputIssue, type IssueSink } from '../lib/issues.ts'
import { readNaming } from '../metadata/image-metadata.ts'
import { readEnabled } from '../metadata/labels.ts'
import { readPlatforms } from '../lib/platform.ts'
import { checkReach, checkSections, readRegistries } from './registries.ts'
import { allRepositories, applyTags } from '../metadata/tags.ts'
import { checkNames } from './unknown-inputs.ts'
import { checkTagsDiffer, checkVariantName, readVariants, type VariantDraft } from './variants.ts'
import { readAllLogins } from './logins/read-logins.ts'
import { openBuilderStore } from './nodes/builder-store.ts'
import { lowerForgeNames, parseRepository } from '../registry/reference.ts'
import type { Login } from '../registry/credentials/login-type.ts'
import type { VariantSpec } from './variant-spec.ts'
import type { RegistryHosts } from '../registry/hosts.ts'

/** Everything the workflow's author said, parsed once; what follows never sees a raw string again. */
export interface Inputs {
  readonly nodes: readonly NodeSpec[]
  /** What to do with what a node that cannot be used should have built. */
  readonly fallback: readonly FallbackWord[]
  /** The local engine, as `fallback` would use it. */
  readonly spare: NodeSpec
  /** Private keys in a form ssh-add reads from its standard input: LF line ends, final newline. */
  readonly sshKeys: readonly string[]
  readonly knownHosts: string
  /** Whether daemons stay on their nodes for the next run. */
  readonly keepBuilder: boolean
  /** Whether the builder becomes that of the job's later steps. */
  readonly use: boolean
  readonly buildx: BuildxWish
  /** Whether `docker build` must be buildx for later steps. */
  readonly install: boolean
  /** Whether a buildx that has to be downloaded is kept in the job's cache service. */
  readonly cacheBinary: boolean
  readonly variants: readonly VariantSpec[]
  /** Whether the author said which tags; else they are those of the event. */
  readonly tagsGiven: boolean
  readonly cache: CachePolicy
  readonly push: boolean
  readonly settings: BuildSettings
  readonly logins: readonly Login[]
  readonly registries: RegistryHosts
  /** The forge's token; empty where none was given. */
  readonly token: string
  readonly cleanup: 'auto' | 'always' | 'never'
  /** Whether what the checks of Dockerfiles find becomes annotations of the run, as in build-push-action. */
  readonly checkAnnotations: boolean
  /** Tell the plan, make nothing. */
  readonly dryRun: boolean
  /** What the author should know, and no mistake. */
  readonly notes: readonly string[]
  readonly packagesApi: PackagesChoice
}

/** What the readers below have in common. */
interface Source {
  readonly env: Env
  readonly event: Event
  readonly files: Files
  /** Hears what the author should know, and no mistake. */
  readonly note: (text: string) => unknown
  /** An input's text without surrounding space; empty where it was not given. */
  readonly text: (name: string) => string
  readonly report: IssueSink
  /** Whether one of these inputs is wrong already, so that a check that builds on it would only repeat that. */
  readonly isWrong: (...inputs: readonly string[]) => boolean
}

/**
 * Reads all inputs; throws an `InputError` with every mistake in them. `exists('path/.')` must tell whether `path` is a
 * directory.
 */
export async function readInputs(
  env: Env,
  event: Event,
  exists: (path: string) => boolean,
  read = (path: string): string => readFileSync(path, 'utf8'),
  builders: BuilderStore = openBuilderStore(),
): Promise<Inputs> {
  const mistakes = new Map<string, InputIssue>()
  const tell: IssueSink = (mistake) =>
    mistakes.set(JSON.stringify([mistake.input, mistake.given, mistake.expected]), mistake)
  const given = (name: string): string => (env[variableOf(name)] ?? '').trim()
  const words = readSetupWords(given, { workspace: event.workspace, exists, read }, tell)
  const said: string[] = []
  const source: Source = {
    env,
    note: (text) => said.push(text),
    event,
    files: { workspace: event.workspace, exists },
    text: (name) => words.get(name)?.text ?? given(name),
    report: (mistake) => tell({ ...mistake, input: words.get(mistake.input)?.input ?? mistake.input }),
    isWrong: (...inputs) =>
      [...mistakes.values()].some(({ input }) => inputs.some((name) => input === (words.get(name)?.input ?? name))),
  }
  const { text, report } = source
  checkNames(env, mainInputs, report, source.note)
  const where = await readWhere(source, builders)
  const settings = readSettings(source)
  const push = readPush(source, settings)
  const { variants, notes } = await readWhat(source, push, settings)
  checkOwned(variants, where.nodes, source)
  checkAnnotated(variants, where.nodes, source)
  const native = [...new Set(where.nodes.flatMap(({ platforms }) => platforms))]
  checkTogether(
    settings,
    variants.map(({ platforms }) => (platforms.length > 0 ? platforms : native)),
    report,
  )
  const registries = await readRegistries(text('registries'), source.files, report)
  checkSections(text('buildkitd-config-inline'), registries, report)
  checkReach(
    text('buildkitd-config-inline'),
    variants.flatMap(({ images }) => images),
    report,
  )
  const cache = readCache({ text, env, workspace: event.workspace, proposal: event.trust !== 'trusted', report })
  const logins = await readAllLogins(source, {
    images: variants.flatMap(({ images }) => images),
    push: push || source.isWrong('push'),
  })
  const inputs: Inputs = {
    ...where,
    buildx: readBuildxVersion(text('version'), report),
    install: readBoolean('install', text('install') || 'false', report),
    cacheBinary: readBoolean('cache-binary', text('cache-binary') || 'true', report),
    keepBuilder: readBoolean('keep-builder', text('keep-builder') || 'false', report),
    variants,
    tagsGiven: text('tags') !== '',
    notes: [...said, ...notes, ...cacheNotes(cache, env)],
    cache,
    push,
    settings: {
      ...settings,
      secrets: [
        ...settings.secrets,
        ...gitToken(settings.secrets, text('github-token'), variants[0]?.context ?? '', ownRepository(event)),
      ],
    },
    logins,
    registries,
    token: text('github-token'),
    cleanup:
      readChoice(
        'cleanup',
        text('cleanup'),
        { auto: 'auto', always: 'always', never: 'never', true: 'auto', false: 'never' },
        report,
      ) ?? 'auto',
    packagesApi: readChoice<PackagesChoice>('packages-api', text('packages-api'), packagesChoices, report) ?? 'auto',
    checkAnnotations: !/^(?:0|f|false)$/i.test(env['DOCKER_BUILD_CHECKS_ANNOTATIONS'] ?? ''),
    dryRun: readBoolean('dry-run', text('dry-run') || 'false', report),
  }
  if (mistakes.size > 0) throw new InputError([...mistakes.values()])
  return inputs
}

/** Every value that must never be seen, line by line as runners mask: to be masked before anything is parsed. */
export function secretsOf(env: Env): string[] {
  const text = (name: string): string => env[variableOf(name)] ?? ''
  const keyParts = text('ssh-private-key')
    .replace(/^\s*#.*$/gm, '')
    .replace(/-----(BEGIN|END)[^-]*-----/g, '\n')
    .split(/\s+|\\r\\n|\\n/)
  const values = [
    ...['password', 'github-token', 'secrets'].map(text),
    ...['cache', 'cache-from', 'cache-to'].flatMap((name) => cacheSecrets(text(name))),
    ...serviceSecrets(env),
  ]
  const lines = [
    ...keyParts.filter((part) => part.length > 7),
    ...values.flatMap((value) => value.split(/[\r\n]+/)),
    ...secretValues(text('secrets')),
    ...listedPasswords(text('registry-auth')),
    ...keyLines(['driver-opts', 'nodes', 'append'].map(text).join('\n')),
  ]
  const trimmed = lines.map((line) => line.trim())
  // A mask of a few characters would blot out the log, and gives nothing of a long secret away.
  const whole = new Set([text('password').trim(), text('github-token').trim()])
  return [...new Set(trimmed.filter((line) => line.length > 3 || (line !== '' && whole.has(line))))]
}

/** `id=value`: the value, of an entry's first line; its other lines are all value. */
function secretValues(text: string): string[] {
  return text
    .split(/[\r\n]+/)
    .flatMap((line) => /^\s*"?[^=\s]+=(.*?)"?\s*$/.exec(line)?.[1]?.replaceAll('""', '"') ?? [])
}

/** The passwords in a YAML list, however they are quoted. */
function listedPasswords(text: string): string[] {
  return [...text.matchAll(/\bpassword["']?\s*:\s*("(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^,}\r\n]+)/g)].map(
    ([, value = '']) => value.trim().replace(/^(["'])(.*)\1$/s, '$2'),
  )
}

/** Without a word, an image is pushed unless the author asked for something else. */
function readPush({ text, report }: Source, { load, exports, imagePush, call }: BuildSettings): boolean {
  const given = text('push')
  const otherwise = load || exports.length > 0 || call !== undefined || /\bcacheonly\b/.test(text('outputs'))
  const push = readBoolean('push', given || String(imagePush === undefined ? !otherwise : imagePush === 'yes'), report)
  if (push && call)
    report({
      input: 'push',
      given,
      expected: `has no effect beside \`call: ${call}\`, which builds nothing: leave it out`,
    })
  if (!push && imagePush === 'yes')
    report({
      input: 'push',
      given,
      expected: 'is contradicted by `outputs`, which asks for a push: leave one of the two out',
    })
  if (push && imagePush === 'no')
    report({
      input: 'push',
      given,
      expected: 'is contradicted by `outputs`, which asks for none: leave one of the two out',
    })
  if (given === '' && imagePush === 'unsaid' && !otherwise && text('image') !== '')
    report({
      input: 'outputs',
      given: shorten(text('outputs')),
      expected: 'is about an image, and does not say whether to push it: write `push: true` or `push: false` beside it',
    })
  return push && !call
}

function variableOf(input: string): string {
  return `INPUT_${input.replaceAll(' ', '_').toUpperCase()}`
}

async function readWhere(
  { text, env, report, isWrong }: Source,
  builders: BuilderStore,
): Promise<Pick<Inputs, 'nodes' | 'fallback' | 'spare' | 'sshKeys' | 'knownHosts' | 'use'>> {
  const driverOpts = readRecord(
    { input: 'driver-opts' },
    splitOptions(splitRecords('driver-opts', text('driver-opts'), report)),
    report,
  )
  const buildkitdConfig = text('buildkitd-config-inline')
  checkBuildkitdConfig(buildkitdConfig, report)
  const buildkitdFlags = readBuildkitdFlags(text('buildkitd-flags'), report)
  const driver = readDriver(text('driver'), report)
  const builder = text('builder')
  const nodes =
    builder === ''
      ? await readNodes(text('nodes'), { driverOpts, buildkitdConfig, buildkitdFlags, driver }, report)
      : readBuilder(
          builder,
          { text, platforms: readPlatforms('platforms', splitList(text('platforms')), () => undefined), report },
          builders,
        )
  if (builder === '') checkDriver(driver, nodes, text('nodes') !== '', report)
  checkEmbedded(driver, nodes, text, report)
  if (builder === '') checkPods(nodes, text, report)
  const use = readBoolean('use', text('use') || 'false', report)
  if (use) checkUse(nodes, report)
  const sshKeys = readSshKeys(text('ssh-private-key'), report)
  const hosts = parseKnownHosts(text('ssh-known-hosts'), report)
  const overSsh = nodes.find(({ endpoint }) => endpoint.kind === 'ssh')
  if (overSsh && sshKeys.length === 0 && !isWrong('ssh-private-key') && !env['SSH_AUTH_SOCK']) {
    report({
      input: 'ssh-private-key',
      expected: `is empty, and the node ${overSsh.name} is reached over SSH: write \`\${{ secrets.NAME }}\`; a secret is empty where its name is wrong, and in runs for forks`,
    })
  }
  if (!isWrong('ssh-known-hosts'))
    checkKnownHosts(
      hosts,
      nodes.map(({ endpoint }) => endpoint),
      report,
    )
  const fallback = readFallback(text('fallback'), report)
  const cgroupParent = readCgroupParent(text('cgroup-parent'), report)
  checkCgroupParent(cgroupParent, nodes, buildkitdConfig, report)
  const tell = (spec: NodeSpec) => tellCgroupParent(spec, cgroupParent)
  return {
    nodes: nodes.map((spec) => ({ ...tell(spec), ...(driver === 'docker' && { embedded: true }) })),
    fallback,
    spare: tell(spareNode({ driverOpts, buildkitdConfig, buildkitdFlags })),
    sshKeys,
    knownHosts: formatKnownHosts(hosts),
    use,
  }
}

async function readWhat(
  source: Source,
  push: boolean,
  { load, imageAnnotations }: BuildSettings,
): Promise<Pick<Inputs, 'variants' | 'notes'>> {
  const { text, event, report } = source
  const images = splitList(text('image')).flatMap(
    (entry) =>
      parseRepository(lowerForgeNames(entry, event), (expected) =>
        report({ input: 'image', given: shorten(entry), expected }),
      ) ?? [],
  )
  const naming = readNaming(source, { named: push || load || text('tags') !== '', imageAnnotations })
  const { plan } = naming
  const repositories = allRepositories(images, plan)
  if (push) checkTagged(source, repositories, plan)
  const context = readContext(text('context'), source.files, report, { file: text('file'), own: ownContext(event) })
  const drafts = await readDrafts(source, (labels) => ({ ...naming.variables(images, labels), ...source.env }))
  const variants = drafts.map((draft): VariantSpec => {
    const input = draft.file === text('file') ? 'file' : 'variants'
    const file =
      context === undefined ? undefined : readDockerfile({ input, file: draft.file, context }, source.files, report)
    return {
      name: draft.name,
      images: repositories,
      tags: applyTags(plan, images, draft.tagSuffix, report),
      platforms: draft.platforms,
      context: context ?? '',
      ...(file !== undefined && { file }),
      ...(draft.target !== '' && { target: draft.target }),
      buildArgs: draft.buildArgs,
      labels: naming.labels(draft.labels, draft.tagSuffix),
      annotations: naming.annotations(draft.tagSuffix),
      version: naming.version(draft.tagSuffix),
    }
  })
  checkTagsDiffer(variants, report)
  return { variants, notes: plan.notes }
}

async function readDrafts(
  { text, report }: Source,
  variablesOf: (labels: Readonly<Record<string, string>>) => Env,
): Promise<readonly VariantDraft[]> {
  const name = text('variant')
  const labels = readRecord(
    { input: 'labels' },
    readEnabled('labels', splitRecords('labels', text('labels'), report), report),
    report,
  )
  const env = variablesOf(labels)
  const step: VariantDraft = {
    name: name !== '' && checkVariantName('variant', name, report) ? name : '',
    tagSuffix: '',
    file: text('file'),
    target: text('target'),
    buildArgs: readRecordInput({ input: 'build-args', lookUp: env }, text('build-args'), report),
    labels,
    platforms: readPlatforms('platforms', splitList(text('platforms')), report),
  }
  if (text('variants') === '') return [step]
  if (name !== '')
    report({
      input: 'variant',
      given: shorten(name),
      expected: 'is given beside `variants`: a step builds one named variant or several, so give one of the two',
    })
  return readVariants(text('variants'), step, env, report)
}
