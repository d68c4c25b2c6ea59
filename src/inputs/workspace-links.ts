import { readlinkSync } from 'node:fs'
import { posix } from 'node:path'

/** The target of a symbolic link as it is written; undefined if there is no link at a path. */
export type ReadLink = (path: string) => string | undefined

export const readLink: ReadLink = (path) => {
  try {
    return readlinkSync(path)
  } catch {
    return undefined
  }
}

interface LeavingLink {
  readonly link: string
  /** Where it leads; undefined if it leads nowhere, because links form a loop. */
  readonly target: string | undefined
  /** It leads into the directory of a Git repository in the workspace. */
  readonly isGit?: true
}

/**
 * The symbolic link through which a path leaves the workspace; undefined if it stays there, or if it lies outside by
 * name, as the workflow wrote it. A checkout may contain any link, so a path that lies in the workspace by name must
 * also lie there in fact, and not in a `.git` directory: no commit can contain one, and it has the checkout's token and
 * the names of programs that Git runs.
 *
 * @param path absolute; what does not exist yet counts as it is written
 */
export function findLeavingLink(path: string, workspace: string, read: ReadLink = readLink): LeavingLink | undefined {
  const root = resolveLinks(workspace, read) ?? workspace
  const base = [workspace, root].find((directory) => isWithin(path, directory))
  if (base === undefined) return undefined
  const names = posix.relative(base, path).split('/')
  const targets = names
    .map((_, index) => posix.join(base, ...names.slice(0, index + 1)))
    .map((link) => ({ link, target: resolveLinks(link, read) }))
  const leaving = targets.find(({ target }) => target === undefined || !isWithin(target, root))
  if (leaving !== undefined || isInGit(names)) return leaving
  const inGit = targets.find(({ target = '' }) => isInGit(posix.relative(root, target).split('/')))
  return inGit && { ...inGit, isGit: true }
}

function isInGit(names: readonly string[]): boolean {
  return names.includes('.git')
}

export function isWithin(path: string, directory: string): boolean {
  return path === directory || path.startsWith(directory === '/' ? '/' : `${directory}/`)
}

/** As in the kernel: https://man7.org/linux/man-pages/man7/path_resolution.7.html */
const mostLinks = 40

/** A path without links, whether or not it exists: unlike `realpath`, also for links whose target does not exist. */
function resolveLinks(path: string, read: ReadLink): string | undefined {
  const rest = path.split('/')
  let resolved = '/'
  let links = 0
  for (let name = rest.shift(); name !== undefined; name = rest.shift()) {
    const next = posix.join(resolved, name)
    // The text of a link in /proc is not where it leads: it may belong to another process and its mounts.
    const target = next === resolved || isWithin(next, '/proc') ? undefined : read(next)
    if (target !== undefined && ++links > mostLinks) return undefined
    if (target === undefined) resolved = next
    else {
      rest.unshift(...target.split('/'))
      if (target.startsWith('/')) resolved = '/'
    }
  }
  return resolved
}

/** Why a path that is neither a file nor a directory is refused: reads on from the path. */
export function specialMessage(kind = 'special'): string {
  return `is ${kind}: replace it by a file or directory`
}

/** Why a path is refused: reads on from the path. */
export function leavingMessage({ link, target, isGit }: LeavingLink, workspace: string): string {
  const name = posix.relative(workspace, link)
  if (target === undefined) return `is in a loop of symbolic links at \`${name}\`: replace the link`
  const way = isGit ? 'enters a Git repository' : 'leaves the workspace'
  return (
    `${way} through the symbolic link \`${name}\`, which leads to ${target}: replace the link by a file or ` +
    `directory, or write the path \`${target}\` itself`
  )
}
