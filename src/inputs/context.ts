import { posix } from 'node:path'
import type { Event } from '../forge/event.ts'
import { shorten, type IssueSink } from '../lib/issues.ts'

/** What may be asked of the file system. `path/.` exists only where `path` is a directory. */
export interface Files {
  /** Absolute. */
  readonly workspace: string
  readonly exists: (path: string) => boolean
}

/** A Git or HTTP URL, which BuildKit fetches: https://docs.docker.com/build/concepts/context/#remote-context */
export function isRemote(context: string): boolean {
  return (
    /^(https?|git|ssh):\/\//i.test(context) || /^[\w.-]+@[\w.-]+:/.test(context) || context.startsWith('github.com/')
  )
}

/** This repository as BuildKit fetches it; empty where the forge names none. */
export function ownRepository({ serverUrl, repository }: Pick<Event, 'serverUrl' | 'repository'>): string {
  return repository === '' ? '' : `${serverUrl}/${repository}.git`
}

/**
 * This run's sources, as build-push-action's default context: the very commit, since a branch or pull request may move
 * on.
 */
export function ownContext(event: Event): string {
  const own = ownRepository(event)
  const commit = event.sha || event.ref
  return own === '' || commit === '' ? own : `${own}#${commit}`
}

/** `{{defaultContext}}`, for which `{{defaultContext}}:dir` is a directory in it. */
export function expandDefault(text: string, own: string): string {
  return text.replace(/\{\{ ?defaultContext ?\}\}/g, () => own)
}

interface ContextDefaults {
  /** The input `file`. */
  readonly file: string
  /** As `ownContext` makes it. */
  readonly own: string
}

/**
 * Reads `context`: an absolute directory, or a URL as it was given. Without any, the workspace if something was checked
 * out there.
 */
export function readContext(
  text: string,
  files: Files,
  report: IssueSink,
  { file, own }: ContextDefaults,
): string | undefined {
  if (text === '' && own !== '' && !isCheckedOut(file, files)) return own
  const context = text === '' ? '.' : expandDefault(text, own)
  const directory = posix.resolve(files.workspace, context)
  if (isRemote(context) && !(context.startsWith('github.com/') && isDirectory(directory, files))) return context
  const wrong = (expected: string) => report({ input: 'context', given: shorten(context), expected })
  if (context.includes('{{'))
    wrong(
      'holds a template, and only `{{defaultContext}}` means something here: write a directory, or a Git URL such as `https://github.com/acme/app.git#main`',
    )
  else if (/^[a-z][a-z0-9+.-]*:\/\//i.test(context))
    wrong('has an unknown scheme: write a directory, or a URL that begins with `https://`, `git://` or `ssh://`')
  else if (isDirectory(directory, files)) return directory
  else if (files.exists(directory))
    wrong(
      `is a file: write the directory that holds it${/dockerfile/i.test(context) ? ', and the Dockerfile in `file`' : ''}`,
    )
  else wrong(`does not exist: ${directory} was looked for${checkoutHint(files)}`)
  return undefined
}

/** Where a Dockerfile is named: the input, and the variant within it. */
interface DockerfileRequest {
  readonly input: string
  readonly file: string
  /** As `readContext` made it. */
  readonly context: string
}

/** Reads `file`, relative to the workspace as in build-push-action; undefined: the context's own Dockerfile. */
export function readDockerfile(
  { input, file, context }: DockerfileRequest,
  files: Files,
  report: IssueSink,
): string | undefined {
  if (file === '') return isRemote(context) ? undefined : ownDockerfile(context, files, report)
  if (/^https?:\/\//i.test(file) || isRemote(context)) return file
  const path = posix.resolve(files.workspace, file)
  const given = shorten(file)
  if (isDirectory(path, files))
    report({
      input,
      given,
      expected: `is a directory: write the Dockerfile in it, such as \`${posix.join(file, 'Dockerfile')}\``,
    })
  else if (files.exists(path)) return path
  else {
    const inContext = posix.resolve(context, file)
    const hint = files.exists(inContext)
      ? `, not to the context: write \`${posix.relative(files.workspace, inContext)}\``
      : `: ${path} was looked for${checkoutHint(files)}`
    report({ input, given, expected: `does not exist; the path is relative to the workspace${hint}` })
  }
  return undefined
}

/** A Dockerfile may be there without Git: unpacked, or made by a step before. */
function isCheckedOut(file: string, files: Files): boolean {
  return ['.git', 'Dockerfile', 'dockerfile', ...(file === '' ? [] : [file])].some((name) =>
    files.exists(posix.resolve(files.workspace, name)),
  )
}

function ownDockerfile(context: string, files: Files, report: IssueSink): string | undefined {
  if (files.exists(posix.join(context, 'Dockerfile'))) return undefined
  // BuildKit finds this one too, but only where it is asked for by name.
  const lowerCase = posix.join(context, 'dockerfile')
  if (files.exists(lowerCase)) return lowerCase
  const other = ['Containerfile', 'docker/Dockerfile', '.docker/Dockerfile'].find((name) =>
    files.exists(posix.join(context, name)),
  )
  const hint =
    other === undefined
      ? checkoutHint(files) || '; write its path in `file`'
      : `; write \`file: ${posix.relative(files.workspace, posix.join(context, other))}\``
  report({
    input: 'file',
    expected: `is empty, and there is no Dockerfile in the context: ${posix.join(context, 'Dockerfile')} was looked for${hint}`,
  })
  return undefined
}

function isDirectory(path: string, { exists }: Files): boolean {
  return exists(`${path}/.`)
}

/** The commonest reason by far for missing files. */
function checkoutHint({ workspace, exists }: Files): string {
  return exists(`${workspace}/.git`) ? '' : '; is there a step with `actions/checkout` before this one?'
}
