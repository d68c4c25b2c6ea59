import { parseSemver } from './versions.ts'

/** How the tags of an image are written whose `latest`, `1` and `1.2` belong to the highest version. */
export interface VersionTags {
  readonly prefix: string
  readonly suffix: string
  /** Of the variant, behind all others. */
  readonly variantSuffix: string
  /** The version of the Git tag; empty if it is none, or a pre-release. */
  readonly gitVersion: string
}

export type VersionNumbers = readonly [major: number, minor: number, patch: number]

/** A tag with a full version. */
export interface VersionTag {
  readonly tag: string
  readonly version: VersionNumbers
}

/** PURE: the version that a tag names in full; undefined for pre-releases and for versions with another suffix. */
export function parseVersionTag(tag: string, { prefix, suffix, variantSuffix }: VersionTags): VersionTag | undefined {
  const name = strip(tag, prefix, `${suffix}${variantSuffix}`)
  const parsed = name === undefined ? undefined : parseSemver(name)
  if (!parsed || parsed.preRelease || parsed.raw.includes('+')) return undefined
  const { major, minor, patch } = parsed
  return { tag, version: [Number(major), Number(minor), Number(patch)] }
}

/**
 * PURE: the versions among which a tag names the highest: `latest` all, `1` those that begin with 1, `1.2` those that
 * begin with 1.2; undefined if the tag is not one of these.
 */
export function movingScope(tag: string, tags: VersionTags): readonly number[] | undefined {
  const { prefix, suffix, variantSuffix } = tags
  // Without `onlatest` the tag `latest` has no prefix and no suffix of the flavor.
  const latest = [prefix, ''].flatMap((before) =>
    [suffix, ''].map((after) => `${before}latest${after}${variantSuffix}`),
  )
  if (latest.includes(tag)) return []
  const numbers = /^v?(\d+)(?:\.(\d+))?$/.exec(strip(tag, prefix, `${suffix}${variantSuffix}`) ?? '')
  return numbers?.slice(1).flatMap((part: string | undefined) => (part === undefined ? [] : [Number(part)]))
}

function strip(tag: string, prefix: string, suffix: string): string | undefined {
  const isWritten = tag.startsWith(prefix) && tag.endsWith(suffix) && tag.length > prefix.length + suffix.length
  return isWritten ? tag.slice(prefix.length, tag.length - suffix.length) : undefined
}

/** PURE: the tag with the highest version in a scope; undefined if there is none. */
export function highestVersion(
  names: readonly string[],
  scope: readonly number[],
  tags: VersionTags,
): VersionTag | undefined {
  const versions = names.flatMap((name) => parseVersionTag(name, tags) ?? [])
  const inScope = versions.filter(({ version }) => scope.every((part, at) => version[at] === part))
  return inScope.reduce<VersionTag | undefined>(
    (highest, one) => (!highest || isHigher(one.version, highest.version) ? one : highest),
    undefined,
  )
}

/** PURE: whether a version is higher than another. */
export function isHigher(version: VersionNumbers, than: VersionNumbers): boolean {
  const differing = version.findIndex((part, at) => part !== than[at])
  return differing >= 0 && (version[differing] ?? 0) > (than[differing] ?? 0)
}
