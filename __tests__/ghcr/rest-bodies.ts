import { timestamp } from './clock.ts'
import { remember, rememberOf } from './remember.ts'
import { ownerBody, repositoryBody } from './runs.ts'
import type { Package, Phase, State, Version } from './state.ts'

const home = (state: State, pkg: Package): string =>
  `${state.owners.get(pkg.owner.toLowerCase())?.kind === 'user' ? 'users' : 'orgs'}/${pkg.owner}`

export function packageBody(state: State, base: string, pkg: Package): Record<string, unknown> {
  const name = encodeURIComponent(pkg.name)
  return {
    id: pkg.id,
    name: pkg.name,
    package_type: 'container',
    owner: ownerBody(state, base, pkg.owner),
    version_count: pkg.active.size,
    visibility: pkg.visibility,
    url: `${base}/${home(state, pkg)}/packages/container/${name}`,
    created_at: timestamp(pkg.createdAt),
    updated_at: timestamp(pkg.updatedAt),
    ...(pkg.repository === undefined ? {} : { repository: repositoryBody(state, base, pkg.repository) }),
    html_url: `https://github.com/${home(state, pkg)}/packages/container/package/${name}`,
  }
}

/** A version of a package as it is, or was, in one phase. */
export interface ShownVersion {
  pkg: Package
  version: Version
  phase: Phase
}

/**
 * A deleted version shows no tags here: what GitHub shows is not documented, so nothing may depend on it. A phase never
 * changes, and lists show the same ones again and again.
 */
export function versionBody(
  state: State,
  base: string,
  { pkg, version, phase }: ShownVersion,
): Record<string, unknown> {
  return bodiesAt(base)(phase, state, pkg, version)
}

const bodiesAt = remember((base: string) =>
  rememberOf((phase: Phase, state: State, pkg: Package, version: Version): Record<string, unknown> => {
    const name = encodeURIComponent(pkg.name)
    const at = `${home(state, pkg)}/packages/container`
    const tags = phase.deletedAt === undefined ? [...phase.tags] : []
    return {
      id: version.id,
      name: version.digest,
      url: `${base}/${at}/${name}/versions/${version.id}`,
      package_html_url: `https://github.com/${at}/package/${name}`,
      created_at: timestamp(version.createdAt),
      updated_at: timestamp(version.updatedAt),
      html_url: `https://github.com/${at}/${name}/${version.id}`,
      ...(phase.deletedAt === undefined ? {} : { deleted_at: timestamp(phase.deletedAt) }),
      metadata: { package_type: 'container', container: { tags } },
    }
  }),
)
