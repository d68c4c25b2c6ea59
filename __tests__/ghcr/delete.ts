import { days } from './clock.ts'
import { become, findPackage, nextStep, present } from './state.ts'
import type { Package, Refusal, State, Version } from './state.ts'

const tooPopular = 'with more than 5000 downloads cannot be deleted. Contact GitHub support for further assistance.'

/** The words of the API, to the letter: tools match them. */
export const messages = {
  lastTagged: 'You cannot delete the last tagged version of a package. You must delete the package instead.',
  popularVersion: `Publicly visible package versions ${tooPopular}`,
  popularPackage: `Publicly visible packages with a version ${tooPopular}`,
  noPackage: 'Package not found.',
  noVersion: 'Package version not found.',
} as const

export const mostDownloads = 5000
export const restorableFor = 30 * days

const refuse = (status: number, message: string): Refusal => ({ status, message })
const popular = (pkg: Package, version: Version): boolean =>
  pkg.visibility === 'public' && version.downloads > mostDownloads

/** Takes the version and every tag on it; what it refers to stays, and so does what refers to it. */
export function deleteVersion(state: State, pkg: Package, id: number): Refusal | undefined {
  const version = pkg.versions.get(id)
  if (!version || pkg.active.get(version.digest) !== version) return refuse(404, messages.noVersion)
  const { tags } = present(version)
  if (popular(pkg, version)) return refuse(400, messages.popularVersion)
  if (tags.length > 0 && tags.length === pkg.tags.size) return refuse(400, messages.lastTagged)

  become(version, { step: nextStep(state, pkg), tags, deletedAt: state.clock.now() })
  pkg.active.delete(version.digest)
  for (const tag of tags) pkg.tags.delete(tag)
  return undefined
}

export const isRestorable = (state: State, deletedAt: number | undefined): boolean =>
  deletedAt !== undefined && state.clock.now() - deletedAt <= restorableFor

/** Brings it back with its tags, but for those that point elsewhere by now. */
export function restoreVersion(state: State, pkg: Package, id: number): Refusal | undefined {
  const version = pkg.versions.get(id)
  if (!version || !isRestorable(state, present(version).deletedAt)) return refuse(404, messages.noVersion)
  // Pushed again since: the digest is a version with another id. What GitHub says then is not known.
  if (pkg.active.has(version.digest)) return refuse(404, messages.noVersion)

  const tags = present(version).tags.filter((tag) => !pkg.tags.has(tag))
  become(version, { step: nextStep(state, pkg), tags })
  pkg.active.set(version.digest, version)
  for (const tag of tags) pkg.tags.set(tag, version.digest)
  return undefined
}

export function deletePackage(state: State, pkg: Package): Refusal | undefined {
  if ([...pkg.active.values()].some((version) => popular(pkg, version))) return refuse(400, messages.popularPackage)
  pkg.deletedAt = state.clock.now()
  state.packages.delete(`${pkg.owner}/${pkg.name}`.toLowerCase())
  state.deleted.push(pkg)
  return undefined
}

/** The package that a restore would bring back. */
export const deletedPackage = (state: State, owner: string, name: string): Package | undefined =>
  state.deleted.findLast(
    (pkg) =>
      `${pkg.owner}/${pkg.name}`.toLowerCase() === `${owner}/${name}`.toLowerCase() &&
      isRestorable(state, pkg.deletedAt),
  )

export function restorePackage(state: State, pkg: Package): Refusal | undefined {
  if (findPackage(state, pkg.owner, pkg.name)) return refuse(404, messages.noPackage)
  delete pkg.deletedAt
  state.deleted.splice(state.deleted.indexOf(pkg), 1)
  state.packages.set(`${pkg.owner}/${pkg.name}`.toLowerCase(), pkg)
  return undefined
}
