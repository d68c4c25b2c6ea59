import { present } from './state.ts'
import type { Package, State } from './state.ts'

/** Digests that a tag needs and the registry does not have: a pull of one of its platforms fails. */
export function missingFrom(pkg: Package, tag: string): string[] {
  const root = pkg.tags.get(tag)
  if (root === undefined) return [`no such tag: ${tag}`]
  const missing: string[] = []
  const seen = new Set<string>()
  const visit = (digest: string): void => {
    if (seen.has(digest)) return
    seen.add(digest)
    const manifest = pkg.active.has(digest) ? pkg.manifests.get(digest) : undefined
    if (!manifest) missing.push(digest)
    manifest?.children.forEach(visit)
    for (const blob of manifest?.blobs ?? []) if (!pkg.blobs.has(blob)) missing.push(blob)
  }
  visit(root)
  return missing
}

/** Whether a tag resolves with everything under it: the truth that clean-up is measured by. */
export const live = (pkg: Package, tag: string): boolean => missingFrom(pkg, tag).length === 0

/** Every tag of the fake that can no longer be pulled whole. */
export function brokenTags(state: State): { package: string; tag: string; missing: string[] }[] {
  return [...state.packages.values()].flatMap((pkg) =>
    [...pkg.tags.keys()]
      .map((tag) => ({ package: `${pkg.owner}/${pkg.name}`, tag, missing: missingFrom(pkg, tag) }))
      .filter(({ missing }) => missing.length > 0),
  )
}

/** Versions that no tag needs. */
export function unneeded(pkg: Package): string[] {
  const needed = new Set<string>()
  const visit = (digest: string): void => {
    if (needed.has(digest)) return
    needed.add(digest)
    pkg.manifests.get(digest)?.children.forEach(visit)
  }
  for (const digest of pkg.tags.values()) visit(digest)
  return [...pkg.active.keys()].filter((digest) => !needed.has(digest))
}

/** What a package holds, as plain sorted data: to compare two outcomes. */
export function holdings(pkg: Package): { tags: Record<string, string>; active: string[]; deleted: string[] } {
  return {
    tags: Object.fromEntries([...pkg.tags].sort(([a], [b]) => (a < b ? -1 : 1))),
    active: [...pkg.active.keys()].sort(),
    deleted: [...pkg.versions.values()]
      .filter((version) => present(version).deletedAt !== undefined)
      .map(({ digest }) => digest)
      .sort(),
  }
}
