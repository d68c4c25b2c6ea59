import type { Manifest } from './manifest.ts'
import { become, nextId, nextStep, present } from './state.ts'
import type { Package, State, Version } from './state.ts'

/**
 * Stores a manifest as a version and lets a tag point to it.
 * What is there already keeps its id and its times, whatever is pushed again or moved.
 */
export function putManifest(state: State, pkg: Package, manifest: Manifest, tag?: string): Version {
  const { digest } = manifest
  const there = pkg.active.get(digest)
  if (there && (tag === undefined || pkg.tags.get(tag) === digest)) return there

  const step = nextStep(state, pkg)
  const version = there ?? addVersion(state, pkg, manifest, step)
  if (tag !== undefined) moveTag(pkg, tag, version, step)
  return version
}

function addVersion(state: State, pkg: Package, manifest: Manifest, step: number): Version {
  const now = state.clock.now()
  const version: Version = {
    id: nextId(state),
    digest: manifest.digest,
    createdAt: now,
    updatedAt: now,
    downloads: 0,
    past: [{ step, tags: [] }],
  }
  pkg.manifests.set(manifest.digest, manifest)
  pkg.versions.set(version.id, version)
  pkg.active.set(manifest.digest, version)
  pkg.updatedAt = now
  return version
}

function moveTag(pkg: Package, tag: string, to: Version, step: number): void {
  const before = pkg.active.get(pkg.tags.get(tag) ?? '')
  if (before) become(before, { step, tags: present(before).tags.filter((other) => other !== tag) })
  become(to, { step, tags: [...present(to).tags, tag] })
  pkg.tags.set(tag, to.digest)
}

/** What a push names but the package does not have. */
export function unknownReferences(pkg: Package, manifest: Manifest): { manifests: string[]; blobs: string[] } {
  return {
    manifests: manifest.children.filter((digest) => !pkg.active.has(digest)),
    blobs: manifest.blobs.filter((digest) => !pkg.blobs.has(digest)),
  }
}
