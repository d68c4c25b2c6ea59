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
}

/**
 * The symbolic link through which a path leaves the workspace; undefined if it stays there, or if it lies outside by
 * name, as the workflow wrote it. A checkout may contain any link, so a path that lies in the workspace by name must
 * also lie there in fact.
 *
 * @param path absolute; what does not exist yet counts as it is written
 */
export function findLeavingLink(path: string, workspace: string, read: ReadLink = readLink): LeavingLink | undefined {
  const root = resolveLinks(workspace, read) ?? workspace
  const base = [workspace, root].find((directory) => isWithin(path, directory))
  if (base === undefined) return undefined
  const names = posix.relative(base, path).split('/')
  return names
    .map((_, index) => posix.join(base, ...names.slice(0, index + 1)))
    .map((link) => ({ link, target: resolveLinks(link, read) }))
    .find(({ target }) => target === undefined || !isWithin(target, root))
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
    const target = next === resolved ? undefined : read(next)
    if (target !== undefined && ++links > mostLinks) return undefined
    if (target === undefined) resolved = next
    else {
      rest.unshift(...target.split('/'))
      if (target.startsWith('/')) resolved = '/'
    }
  }
  return resolved
}

/** Why a path is refused: reads on from the path. */
export function leavingMessage({ link, target }: LeavingLink, workspace: string): string {
  const name = posix.relative(workspace, link)
  return target === undefined
    ? `is in a loop of symbolic links at \`${name}\`: replace the link`
    : `leaves the workspace through the symbolic link \`${name}\`, which leads to ${target}: replace the link by a ` +
        `file or directory, or write the path \`${target}\` itself`
}
