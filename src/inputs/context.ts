import { posix } from 'node:path'
import type { Event } from '../forge/event.ts'
import { isTrue } from '../lib/choice.ts'
import { parseRecordInput } from '../lib/lists.ts'
import { failFor, passes, type Problem } from './diagnostics.ts'
import type { LocalPaths } from './local-paths.ts'
import type { InputSource } from './source.ts'

/** A Git or HTTP URL, which BuildKit fetches: https://docs.docker.com/build/concepts/context/#remote-context */
export function isRemote(context: string): boolean {
  return /^((https?|git|ssh):\/\/|github\.com\/)/i.test(context) || /^[\w.-]+@[\w.-]+:/.test(context)
}

/** A Git URL that BuildKit fetches over SSH (moby/buildkit, util/gitutil). */
export function isGitOverSsh(context: string): boolean {
  return isRemote(context) && /^(?:ssh:\/\/|[\w.-]+@[\w.-]+:)/i.test(context)
}

/** This repository as BuildKit fetches it; empty if the CI platform names none. */
export function repositoryUrl({ serverUrl, repository }: Pick<Event, 'serverUrl' | 'repository'>): string {
  return repository === '' ? '' : `${serverUrl}/${repository}.git`
}

/**
 * This run's sources, as build-push-action's default context: by commit, since branches move on. Two variables of that
 * action: one takes the head of a pull request instead of its merge commit, one writes the commit as query parameters.
 */
function defaultContext({ event, env }: ContextSource, dir = ''): string {
  const url = repositoryUrl(event)
  const isPullRequest = event.ref.startsWith('refs/pull/')
  const isHead = isPullRequest && env['DOCKER_DEFAULT_GIT_CONTEXT_PR_HEAD_REF'] === 'true'
  const commit = isHead ? (event.headSha ?? event.sha) : event.sha
  if (!isTrue(env['BUILDX_SEND_GIT_QUERY_AS_INPUT']) || commit === '')
    return [url, commit || event.ref].filter((part) => part !== '').join('#') + (dir === '' ? '' : `:${dir}`)
  const ref = isPullRequest ? `ref=${commit}` : `ref=${event.ref || commit}&checksum=${commit}`
  return `${url}?${ref}${dir === '' ? '' : `&subdir=${dir}`}`
}

type ContextSource = Pick<InputSource, 'event' | 'env'>

/** `{{defaultContext}}`, for which `{{defaultContext}}:dir` is a directory in it. */
function expandDefault(text: string, source: ContextSource): string {
  return text.replace(/\{\{ ?defaultContext ?\}\}(?::([^\s:]*))?/g, (_, dir?: string) => defaultContext(source, dir))
}

const ofMetadataAction =
  'is not a directory: here `context` is the build context, and the values `git` and `workflow` of ' +
  'docker/metadata-action are not supported: remove it'

const urlForms = 'a URL that begins with `https://`, `git://` or `ssh://`'

/**
 * Parses `context`: an absolute directory, or a URL as given; undefined if invalid. The default is the workspace if it
 * contains a checkout, otherwise this run's sources by URL.
 */
export function parseContext(source: InputSource): string | undefined {
  const { text, event, paths, report } = source
  const [given, input] = [text('context'), 'context']
  if (given === '' && event.repository !== '' && !isCheckedOut(text('file'), paths)) return defaultContext(source)
  const context = given === '' ? '.' : expandDefault(given, source)
  const directory = paths.absolute(context)
  if (isRemote(context) && !(context.startsWith('github.com/') && paths.isDirectory(directory))) return context
  const dockerfileHint = /dockerfile/i.test(context) ? ', and the Dockerfile in `file`' : ''
  const isValid = passes(failFor(report, input), context, [
    [
      context.includes('{{'),
      'contains a template, and only `{{defaultContext}}` is supported: write a directory, or a Git URL such as ' +
        '`https://github.com/acme/app.git#main`',
    ],
    [['git', 'workflow'].includes(context) && !paths.exists(directory), ofMetadataAction],
    [hasScheme(context), `has an unknown scheme: write a directory, or ${urlForms}`],
    [paths.isFile(directory), `is a file: write the directory that contains it${dockerfileHint}`],
    [!paths.exists(directory), `was not found: ${directory}${paths.checkoutHint}`],
  ])
  return isValid ? paths.use(context, input) : undefined
}

function hasScheme(text: string): boolean {
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(text)
}

/** Files may be there without Git: unpacked, or created by an earlier step. */
function isCheckedOut(file: string, paths: LocalPaths): boolean {
  const names = ['.git', 'Dockerfile', 'dockerfile', ...(file === '' ? [] : [file])]
  return names.some((name) => paths.exists(paths.absolute(name)))
}

interface DockerfileRequest {
  /** The input that names the Dockerfile: `file` or `variants`. */
  readonly input: string
  readonly file: string
  /** As `parseContext` returned it. */
  readonly context: string
}

/** Parses `file`, relative to the workspace as in build-push-action; undefined: the context's own Dockerfile. */
export function parseDockerfile(request: DockerfileRequest, source: InputSource): string | undefined {
  const { input, file, context } = request
  const { paths, report } = source
  if (file === '') return isRemote(context) ? undefined : findDockerfile(context, source)
  if (/^https?:\/\//i.test(file) || isRemote(context)) return file
  const path = paths.use(file, input)
  const inContext = posix.resolve(context, file)
  const hint = paths.exists(inContext)
    ? `relative to the workspace, not to the context: write \`${posix.relative(paths.workspace, inContext)}\``
    : `relative to the workspace: ${path}${paths.checkoutHint}`
  const isValid = passes(failFor(report, input), file, [
    [
      paths.isDirectory(path),
      `is a directory: write the path of the Dockerfile in it, such as \`${posix.join(file, 'Dockerfile')}\``,
    ],
    [!paths.exists(path), `was not found ${hint}`],
  ])
  return isValid ? path : undefined
}

function findDockerfile(context: string, { paths, report }: InputSource): string | undefined {
  const find = (...names: readonly string[]) =>
    names.map((name) => posix.join(context, name)).find((path) => paths.exists(path))
  const found = find('Dockerfile', 'dockerfile')
  // BuildKit finds `dockerfile` too, but only if it is given by name.
  if (found !== undefined) return posix.basename(paths.use(found, 'file')) === 'Dockerfile' ? undefined : found
  const other = find('Containerfile', 'docker/Dockerfile', '.docker/Dockerfile')
  const hint =
    other === undefined
      ? paths.checkoutHint || '; write its path in `file`'
      : `; write \`file: ${posix.relative(paths.workspace, other)}\``
  const message = `is empty, and the context has no Dockerfile: ${posix.join(context, 'Dockerfile')} was not found`
  failFor(report, 'file')(`${message}${hint}`)
  return undefined
}

/** `build-contexts`: further directories, images and repositories that FROM and COPY --from may name. */
export function parseBuildContexts(source: InputSource): Readonly<Record<string, string>> {
  const { text, report } = source
  const contexts = parseRecordInput({ input: 'build-contexts' }, text('build-contexts'), report)
  return Object.fromEntries(
    Object.entries(contexts).map(([name, given]) => [
      name,
      resolveBuildContext(name, expandDefault(given, source), source),
    ]),
  )
}

function resolveBuildContext(name: string, value: string, { paths, report }: InputSource): string {
  const input = 'build-contexts'
  const [, layout, version = ''] = /^oci-layout:\/\/([^:@]+)(.*)$/.exec(value) ?? []
  if (layout !== undefined) return `oci-layout://${paths.use(layout, input, 'directory')}${version}`
  if (isRemote(value) || value.startsWith('docker-image://')) return value
  const directory = paths.use(value, input)
  const forms = 'a directory, a Git URL or `docker-image://…`'
  const problems: readonly Problem[] = [
    [value.startsWith('target:'), `names a bake target, which only bake files have: write ${forms}`],
    [hasScheme(value), `has an unknown scheme: write ${forms}, or \`oci-layout://…\``],
    [!paths.exists(directory), `is not a directory: ${directory} was not found`],
    [!paths.isDirectory(directory), `is not a directory: ${directory} is a file`],
  ]
  passes(failFor(report, input), `${name}=${value}`, problems)
  return directory
}
