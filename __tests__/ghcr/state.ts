import { realClock } from './clock.ts'
import type { Clock } from './clock.ts'
import type { Manifest } from './manifest.ts'
import { remember } from './remember.ts'
import type { Token } from './permissions.ts'
import type { Run } from './runs.ts'

export type Role = 'read' | 'write' | 'admin'
export type Visibility = 'public' | 'private'

/** What a version is from one step on; the last phase is what it is now. */
export interface Phase {
  step: number
  tags: readonly string[]
  deletedAt?: number
}

/** One manifest of a package, as the REST API sees it. */
export interface Version {
  id: number
  digest: string
  createdAt: number
  updatedAt: number
  downloads: number
  past: Phase[]
}

export interface Package {
  id: number
  owner: string
  name: string
  visibility: Visibility
  /** The repository it is linked to, `owner/name`. */
  repository?: string
  createdAt: number
  updatedAt: number
  deletedAt?: number
  /** By login of a user or `owner/name` of a repository, in lower case. */
  roles: Map<string, Role>
  /** Everything ever pushed; what the registry serves is what `active` names. */
  manifests: Map<string, Manifest>
  blobs: Set<string>
  tags: Map<string, string>
  versions: Map<number, Version>
  active: Map<string, Version>
  /** Counts the changes; `times[step]` is when. */
  step: number
  times: number[]
  /** No list is older than this step. */
  settled: number
  /** Lists as they were asked for lately; emptied by nobody, since a step never changes. */
  lists: Map<string, Version[]>
}

export interface Owner {
  login: string
  id: number
  kind: 'org' | 'user'
  members: Set<string>
}

/** GHCR's memory: plain data; every rule is a function over it. */
export interface State {
  clock: Clock
  owners: Map<string, Owner>
  packages: Map<string, Package>
  deleted: Package[]
  blobs: Map<string, Uint8Array>
  /** By the secret that a client sends. */
  tokens: Map<string, Token>
  runs: Map<string, Run>
  lastId: number
}

/** A rule that was broken, in the words of the API. */
export interface Refusal {
  status: number
  message: string
}

export const createState = (clock: Clock = realClock): State => ({
  clock,
  owners: new Map(),
  packages: new Map(),
  deleted: [],
  blobs: new Map(),
  tokens: new Map(),
  runs: new Map(),
  lastId: 1000,
})

/** Ids grow, with gaps, since all packages of the fake share them. */
export const nextId = (state: State): number => (state.lastId += 7)

export function addOwner(state: State, login: string, kind: Owner['kind'], members: readonly string[] = []): Owner {
  const owner = { login, id: nextId(state), kind, members: new Set(members.map((member) => member.toLowerCase())) }
  state.owners.set(login.toLowerCase(), owner)
  return owner
}

export interface NewPackage {
  owner: string
  name: string
  visibility?: Visibility
  repository?: string
  roles?: Readonly<Record<string, Role>>
}

export function createPackage(
  state: State,
  { owner, name, visibility = 'private', repository, roles = {} }: NewPackage,
): Package {
  if (!state.owners.has(owner.toLowerCase())) addOwner(state, owner, 'org')
  const now = state.clock.now()
  const pkg: Package = {
    id: nextId(state),
    owner,
    name,
    visibility,
    createdAt: now,
    updatedAt: now,
    ...(repository === undefined ? {} : { repository }),
    roles: new Map(Object.entries(roles).map(([subject, role]) => [subject.toLowerCase(), role])),
    manifests: new Map(),
    blobs: new Set(),
    tags: new Map(),
    versions: new Map(),
    active: new Map(),
    step: 0,
    times: [now],
    settled: 0,
    lists: new Map(),
  }
  if (repository !== undefined && !pkg.roles.has(repository.toLowerCase()))
    pkg.roles.set(repository.toLowerCase(), 'admin')
  state.packages.set(keyOf(owner)(name), pkg)
  return pkg
}

const keyOf = remember((owner: string) => remember((name: string) => `${owner}/${name}`.toLowerCase()))

export const findPackage = (state: State, owner: string, name: string): Package | undefined =>
  state.packages.get(keyOf(owner)(name))

/** What a version is now. */
export function present(version: Version): Phase {
  const phase = version.past.at(-1)
  if (!phase) throw new Error(`Version ${version.id} never was anything.`)
  return phase
}

/** Opens the next step; every change of one call belongs to one step. */
export function nextStep(state: State, pkg: Package): number {
  pkg.times.push(state.clock.now())
  return ++pkg.step
}

/** What the version is from this step on. */
export function become(version: Version, phase: Phase): void {
  if (present(version).step === phase.step) version.past.pop()
  version.past.push(phase)
}

/** From now on every list shows everything that has happened so far. */
export function settle(state: State): void {
  for (const pkg of state.packages.values()) pkg.settled = pkg.step
}

/** A second fake that shares nothing that can change: to go on in two ways from one point. */
export function copyState(state: State): State {
  const copy = (pkg: Package): Package => {
    const versions = new Map([...pkg.versions].map(([id, version]) => [id, { ...version, past: [...version.past] }]))
    const active = new Map([...pkg.active].map(([digest, { id }]) => [digest, versions.get(id)!]))
    return {
      ...pkg,
      versions,
      active,
      roles: new Map(pkg.roles),
      manifests: new Map(pkg.manifests),
      blobs: new Set(pkg.blobs),
      tags: new Map(pkg.tags),
      times: [...pkg.times],
      lists: new Map(),
    }
  }
  return {
    ...state,
    owners: new Map([...state.owners].map(([login, owner]) => [login, { ...owner, members: new Set(owner.members) }])),
    packages: new Map([...state.packages].map(([key, pkg]) => [key, copy(pkg)])),
    deleted: state.deleted.map(copy),
    blobs: new Map(state.blobs),
    tokens: new Map(state.tokens),
    runs: new Map(state.runs),
  }
}
