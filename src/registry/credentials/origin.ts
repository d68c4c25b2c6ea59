import { asRecord } from '../../lib/json.ts'
import type { Login } from '../auth.ts'
import type { LoginOrigin } from '../error.ts'
import type { Repository } from '../reference.ts'
import { credentialHelper, dockerConfigKey, storedCredentials } from './docker-config.ts'

/** The step's login for a repository: one for just this repository before one for all of its registry. */
export function findStepLogin({ registry, path }: Repository, logins: readonly Login[]): Login | undefined {
  const key = dockerConfigKey(registry)
  return logins
    .filter((candidate) => dockerConfigKey(candidate.registry) === key && appliesTo(candidate, path))
    .sort((a, b) => precision(b) - precision(a))[0]
}

/** Where the login for a repository comes from, in the order of `credentialsFor`; undefined if there is none. */
export function loginOrigin(
  repository: Repository,
  logins: readonly Login[],
  dockerConfig: unknown,
): LoginOrigin | undefined {
  const login = findStepLogin(repository, logins)
  if (login) return originOf(login)
  const [key, config] = [dockerConfigKey(repository.registry), asRecord(dockerConfig)]
  return credentialHelper(key, config) !== '' || storedCredentials(key, config) ? 'job' : undefined
}

export function originOf({ isPlatformToken }: Login): LoginOrigin {
  return isPlatformToken ? 'token' : 'inputs'
}

/** Whether a scope such as `acme/app`, `acme/app@push` or `@push` covers a repository: push includes pull. */
function appliesTo({ scope = '' }: Login, path: string): boolean {
  const [name = '', actions = 'push'] = scope.split('@')
  return (name === '' || name === path) && actions.split(',').includes('push')
}

function precision({ scope }: Login): number {
  return scope === undefined ? 0 : scope.startsWith('@') ? 1 : 2
}

const names: Readonly<Record<LoginOrigin, string>> = {
  inputs: 'The login is that of `username` and `password`, or of `registry-auth`',
  token: 'The login is the job token (`github-token`)',
  job: 'The login is the job’s own Docker login, from an earlier step or from the runner',
}

/** What to change if a registry does not allow a login to push. */
const denied: Readonly<Record<LoginOrigin, string>> = {
  inputs: 'give this account permission to push to the repository, or use another login.',
  token:
    'set `permissions: packages: write` for the job, and give this repository the Write role in the settings of the ' +
    'package.',
  job: 'give this account permission to push to the repository, or set `username` and `password`.',
}

/** What to change if a registry rejects a login. */
const rejected: Readonly<Record<LoginOrigin, string>> = {
  inputs: 'the password is wrong or has expired. Create a new one and update the secret.',
  token: 'the registry does not accept it. Set `username` and `password`.',
  job: 'the password is wrong or has expired. Log in again, or set `username` and `password`.',
}

const noLogin =
  'The job has no login at this registry: set `username` and `password`, or log in in an earlier step. On GHCR, keep ' +
  'the default of `github-token` and set `permissions: packages: write`.'

/** Whose login a push used, and what to change. */
export function pushLoginHint(origin: LoginOrigin | undefined, isRejected: boolean): string {
  return origin === undefined ? noLogin : `${names[origin]}: ${(isRejected ? rejected : denied)[origin]}`
}
