import { messages } from './delete.ts'
import type { Package, Refusal, Role, State } from './state.ts'

export type Scope = 'read:packages' | 'write:packages' | 'delete:packages' | 'repo'

export type Token =
  /** May do everything and is never limited: for tests about something else. */
  | { kind: 'root' }
  /** A personal access token (classic). */
  | { kind: 'classic'; login: string; scopes: readonly Scope[] }
  /** GITHUB_TOKEN of a job in `repository`. */
  | { kind: 'actions'; repository: string; packages: 'none' | 'read' | 'write'; actions?: 'none' | 'read' }

export const root: Token = { kind: 'root' }

const ranks: Record<Role, number> = { read: 1, write: 2, admin: 3 }
const notAccessible: Refusal = { status: 403, message: 'Resource not accessible by integration' }
const missing: Refusal = { status: 404, message: messages.noPackage }

/** What the bearer of a token is to a package, whatever the token itself may. */
export function roleOn(pkg: Package, token: Token | undefined): Role | undefined {
  const given =
    token?.kind === 'root'
      ? 'admin'
      : token?.kind === 'classic'
        ? token.login.toLowerCase() === pkg.owner.toLowerCase()
          ? 'admin'
          : pkg.roles.get(token.login.toLowerCase())
        : token
          ? pkg.roles.get(token.repository.toLowerCase())
          : undefined
  return given ?? (pkg.visibility === 'public' ? 'read' : undefined)
}

const hasRole = (pkg: Package, token: Token | undefined, role: Role): boolean =>
  ranks[roleOn(pkg, token) ?? 'read'] >= ranks[role] && roleOn(pkg, token) !== undefined

/** 404 for what may not be seen as for what is not there; 403 only for what the token itself lacks. */
export function mayRead(pkg: Package | undefined, token: Token): Refusal | undefined {
  if (token.kind === 'classic' && !token.scopes.includes('read:packages'))
    return { status: 403, message: "You need at least read:packages scope to get a package's versions." }
  if (token.kind === 'actions' && token.packages === 'none') return notAccessible
  return pkg && hasRole(pkg, token, 'read') ? undefined : missing
}

/** Delete and restore, of a version or of the package. */
export function mayDelete(pkg: Package | undefined, token: Token): Refusal | undefined {
  if (token.kind === 'classic' && !(token.scopes.includes('read:packages') && token.scopes.includes('delete:packages')))
    return { status: 403, message: 'You need at least read:packages and delete:packages scopes to delete a package.' }
  if (token.kind === 'actions' && token.packages !== 'write') return notAccessible
  return pkg && hasRole(pkg, token, 'admin') ? undefined : missing
}

/** GITHUB_TOKEN cannot list packages at all. */
export function mayListPackages(token: Token): Refusal | undefined {
  if (token.kind === 'actions') return notAccessible
  return token.kind === 'classic' && !token.scopes.includes('read:packages')
    ? { status: 403, message: 'You need at least read:packages scope to list packages.' }
    : undefined
}

export function mayReadRun(repository: string, token: Token): Refusal | undefined {
  if (token.kind === 'root' || (token.kind === 'classic' && token.scopes.includes('repo'))) return undefined
  if (token.kind === 'actions' && token.repository.toLowerCase() === repository.toLowerCase())
    return token.actions === 'none' ? notAccessible : undefined
  return { status: 404, message: 'Not Found' }
}

/** What the registry lets the bearer do with a repository, which need not exist yet. */
export function registryActions(
  state: State,
  owner: string,
  pkg: Package | undefined,
  token: Token | undefined,
): ('pull' | 'push')[] {
  const mayPush = mayWrite(token)
  if (pkg)
    return hasRole(pkg, token, 'read') ? (mayPush && hasRole(pkg, token, 'write') ? ['pull', 'push'] : ['pull']) : []
  return mayPush && mayCreate(state, owner, token) ? ['pull', 'push'] : []
}

/** Whether the token itself has the right to push, whatever the role of its bearer. */
const mayWrite = (token: Token | undefined): boolean =>
  token?.kind === 'root' ||
  (token?.kind === 'classic' && token.scopes.includes('write:packages')) ||
  (token?.kind === 'actions' && token.packages === 'write')

function mayCreate(state: State, owner: string, token: Token | undefined): boolean {
  const key = owner.toLowerCase()
  if (token?.kind === 'root') return true
  if (token?.kind === 'actions') return token.repository.toLowerCase().startsWith(`${key}/`)
  return (
    token !== undefined &&
    (token.login.toLowerCase() === key || state.owners.get(key)?.members.has(token.login.toLowerCase()) === true)
  )
}
