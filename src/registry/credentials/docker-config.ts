import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { errorMessage } from '../../lib/errors.ts'
import { homeDir } from '../../lib/files.ts'
import { asRecord, asText, asTextRecord, isRecord, tryParseJson, unlessEmpty } from '../../lib/json.ts'
import type { Env } from '../../lib/lists.ts'
import type { Credentials, Login } from '../auth.ts'
type DockerConfig = Readonly<Record<string, unknown>>

const hubKey = 'https://index.docker.io/v1/'

/** The directory of the user's own Docker configuration; as for Docker's tools, an empty variable counts as none. */
export function dockerConfigDir({ DOCKER_CONFIG: dir = '' }: Env = process.env): string {
  return dir === '' ? join(homeDir(), '.docker') : dir
}

export function dockerConfigFile(env: Env = process.env): string {
  return join(dockerConfigDir(env), 'config.json')
}

/** Reads a Docker configuration; an empty one, with a warning unless there is no file, if that is not possible. */
function loadDockerConfig(path: string, warn: (text: string) => void): Record<string, unknown> {
  try {
    const config: unknown = JSON.parse(readFileSync(path, 'utf8'))
    if (isRecord(config)) return config
    throw new Error('not a JSON object')
  } catch (error) {
    if (asRecord(error)['code'] !== 'ENOENT')
      warn(`Cannot read the Docker configuration ${path}: ${errorMessage(error)}. Its logins are not used.`)
    return {}
  }
}

/** The job's own Docker configuration, with the logins of the variable DOCKER_AUTH_CONFIG. */
export function loadJobDockerConfig(env: Env, warn: (text: string) => void): Record<string, unknown> {
  const config = loadDockerConfig(dockerConfigFile(env), warn)
  return withAuths(config, tryParseJson(env['DOCKER_AUTH_CONFIG'] ?? ''))
}

/** The name of a registry in Docker configurations. */
export function dockerConfigKey(registry: string): string {
  return /^((index|registry-1)\.)?docker\.io$|^registry\.hub\.docker\.com$/.test(addressHost(registry))
    ? hubKey
    : addressHost(registry)
}

/**
 * The configuration for a private DOCKER_CONFIG directory, which replaces the job's own: the entries of that which
 * builds and pushes depend on, and the step's logins. Docker refuses a whole file that has an invalid entry, so those
 * are removed.
 */
export function createDockerConfig(userConfig: unknown, logins: readonly Login[]): Record<string, unknown> {
  const config = asRecord(userConfig)
  const unscoped = logins.filter(({ scope }) => scope === undefined)
  // Of several logins for one registry the first counts, as in `credentialsFor`.
  const byKey = new Map([...unscoped].reverse().map((login) => [dockerConfigKey(login.registry), login]))
  const stepAuths = [...byKey].map(([key, login]) => [key, { auth: encodeAuth(login) }] as const)
  // Docker queries a helper before it reads `auths`; an empty one means the file (docker/cli,
  // configfile.getConfiguredCredentialStore).
  const noHelpers = [...byKey.keys()].filter((key) => credentialHelper(key, config) !== '').map((key) => [key, ''])
  const helpers = { ...asTextRecord(config['credHelpers']), ...(Object.fromEntries(noHelpers) as object) }
  const proxies = Object.entries(asRecord(config['proxies'])).filter(([, proxy]) => isRecord(proxy))
  const credsStore = asText(config['credsStore'])
  const dirs = config['cliPluginsExtraDirs']
  return {
    auths: Object.fromEntries([...validAuths(config), ...stepAuths]),
    ...unlessEmpty('credHelpers', helpers),
    ...(credsStore !== '' && { credsStore }),
    ...unlessEmpty('proxies', Object.fromEntries(proxies.map(([host, proxy]) => [host, asTextRecord(proxy)]))),
    ...unlessEmpty('HttpHeaders', asTextRecord(config['HttpHeaders'])),
    ...(Array.isArray(dirs) && { cliPluginsExtraDirs: dirs.filter((dir) => typeof dir === 'string') }),
  }
}

/**
 * PURE: a Docker configuration in which `{"auths": {…: {"auth": …}}}` takes precedence over its logins and its helpers;
 * any other form is ignored, as by Docker (docker/cli, configfile).
 */
export function withAuths(config: Record<string, unknown>, added: unknown): Record<string, unknown> {
  const auths = asRecord(asRecord(added)['auths'])
  const keys = Object.keys(auths)
  const hasAuthOnly = (entry: unknown) =>
    Object.keys(asRecord(entry)).length === 1 && parseAuth(asText(asRecord(entry)['auth'])) !== undefined
  const isValid = Object.keys(asRecord(added)).length === 1 && Object.values(auths).every(hasAuthOnly)
  if (keys.length === 0 || !isValid) return config
  const addedAuths = keys.map((key) => [dockerConfigKey(key), auths[key]] as const)
  const noHelpers = keys.map((key) => [dockerConfigKey(key), ''] as const)
  return {
    ...config,
    auths: { ...asRecord(config['auths']), ...Object.fromEntries(addedAuths) },
    credHelpers: { ...asRecord(config['credHelpers']), ...Object.fromEntries(noHelpers) },
  }
}

/** The credential helper of a registry, in Docker's order; empty if the configuration names none. */
export function credentialHelper(key: string, config: DockerConfig): string {
  const helpers = asRecord(config['credHelpers'])
  const helper = Object.hasOwn(helpers, key) ? helpers[key] : undefined
  return typeof helper === 'string' ? helper : asText(config['credsStore'])
}

/**
 * The login of a registry in `auths`: by its name; else, as Docker does for old files, by the host of an address such
 * as `https://ghcr.io/v1/`.
 */
export function storedCredentials(key: string, config: DockerConfig): Credentials | undefined {
  const auths = asRecord(config['auths'])
  const name = Object.hasOwn(auths, key) ? key : Object.keys(auths).find((other) => dockerConfigKey(other) === key)
  const entry = name === undefined ? {} : asRecord(auths[name])
  const auth = parseAuth(asText(entry['auth']))
  const username = auth?.username ?? asText(entry['username'])
  const password = auth?.password ?? asText(entry['password'])
  const identityToken = asText(entry['identitytoken'])
  if (identityToken !== '') return { username, password, identityToken }
  return username === '' || password === '' ? undefined : { username, password }
}

function encodeAuth({ username, password }: Login): string {
  return Buffer.from(`${username}:${password}`).toString('base64')
}

function parseAuth(auth: string): { readonly username: string; readonly password: string } | undefined {
  if (auth === '' || !/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(auth)) return undefined
  const text = Buffer.from(auth, 'base64').toString('utf8')
  const colon = text.indexOf(':')
  // Docker pads old entries with zero bytes.
  return colon < 1
    ? undefined
    : { username: text.slice(0, colon), password: text.slice(colon + 1).replace(/^\0+|\0+$/g, '') }
}

/** The entries of `auths` that Docker can read. */
function validAuths(config: DockerConfig): (readonly [string, Record<string, string>])[] {
  return Object.entries(asRecord(config['auths'])).flatMap(([key, entry]) => {
    if (!isRecord(entry)) return []
    const { auth = '', ...rest } = asTextRecord(entry)
    return auth === '' || parseAuth(auth) ? [[key, auth === '' ? rest : { auth, ...rest }] as const] : []
  })
}

/** The host of an address, as docker/cli determines it (credentials.ConvertToHostname). */
function addressHost(address: string): string {
  return address
    .replace(/^[a-z][a-z0-9+.-]*:\/\//i, '')
    .replace(/\/.*$/s, '')
    .toLowerCase()
}
