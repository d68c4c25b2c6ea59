import { asRecord, asText, isRecord, tryParseJson } from '../../lib/json.ts'
import type { Credentials } from '../auth.ts'
import type { Repository } from '../reference.ts'
import type { Login } from './login-type.ts'

/** Asks `docker-credential-<helper>` for a registry's login: its standard output, undefined where it has none. */
export type RunHelper = (helper: string, host: string) => Promise<string | undefined>

const hubKey = 'https://index.docker.io/v1/'

/** The name by which docker's configuration knows a registry. */
export function configKeyOf(registry: string): string {
  return /^((index|registry-1)\.)?docker\.io$|^registry\.hub\.docker\.com$/.test(hostnameOf(registry))
    ? hubKey
    : hostnameOf(registry)
}

/**
 * The step's own logins first, one for just this repository before one for all of its registry; then what the job's
 * docker configuration holds, in docker's order: a helper before the file.
 */
export async function findCredentials(
  { registry, path }: Repository,
  logins: readonly Login[],
  dockerConfig: unknown,
  runHelper: RunHelper,
): Promise<Credentials | undefined> {
  const key = configKeyOf(registry)
  const [login] = logins
    .filter((candidate) => configKeyOf(candidate.registry) === key && appliesTo(candidate, path))
    .sort((a, b) => precision(b) - precision(a))
  if (login) return { username: login.username, password: login.password }
  const config = asRecord(dockerConfig)
  const helper = helperFor(key, config)
  const asked = helper === '' ? undefined : await askHelper(helper, key, runHelper)
  return asked ?? readAuth(findAuth(key, asRecord(config['auths'])))
}

/** `acme/app`, `acme/app@push` or `@push`: whoever pushes reads as well. */
function appliesTo({ scope = '' }: Login, path: string): boolean {
  const [name = '', actions = 'push'] = scope.split('@')
  return (name === '' || name === path) && actions.split(',').includes('push')
}

function precision({ scope }: Login): number {
  return scope === undefined ? 0 : scope.startsWith('@') ? 1 : 2
}

/**
 * The configuration for a private DOCKER_CONFIG directory, which hides the job's own: everything of that which builds
 * and pushes depend on, and our logins. Entries that docker could not read would make it refuse the whole file.
 */
export function privateDockerConfig(userConfig: unknown, logins: readonly Login[]): Record<string, unknown> {
  const config = asRecord(userConfig)
  // Of several for one registry the first counts, as above.
  const own = new Map(
    logins
      .filter(({ scope }) => scope === undefined)
      .reverse()
      .map((login) => [configKeyOf(login.registry), login]),
  )
  const entries = [...own].map(
    ([key, { username, password }]) =>
      [key, { auth: Buffer.from(`${username}:${password}`).toString('base64') }] as const,
  )
  // Docker asks a helper before it looks at `auths`; an empty one means the file (docker/cli,
  // configfile.getConfiguredCredentialStore).
  const overruled = [...own.keys()].filter((key) => helperFor(key, config) !== '').map((key) => [key, ''] as const)
  const proxies = Object.entries(asRecord(config['proxies'])).flatMap(([host, proxy]) =>
    isRecord(proxy) ? [[host, texts(proxy)] as const] : [],
  )
  const credsStore = asText(config['credsStore'])
  const dirs = config['cliPluginsExtraDirs']
  return {
    auths: Object.fromEntries([...readableAuths(config), ...entries]),
    ...unlessEmpty(
      'credHelpers',
      Object.fromEntries([...Object.entries(texts(asRecord(config['credHelpers']))), ...overruled]),
    ),
    ...(credsStore !== '' && { credsStore }),
    ...unlessEmpty('proxies', Object.fromEntries(proxies)),
    ...unlessEmpty('HttpHeaders', texts(asRecord(config['HttpHeaders']))),
    ...(Array.isArray(dirs) && { cliPluginsExtraDirs: dirs.filter((dir) => typeof dir === 'string') }),
  }
}

/**
 * PURE: `{"auths": {…: {"auth": …}}}` over a docker configuration, before its helpers; anything else is none
 * (docker/cli, configfile).
 */
export function withAuths(config: Record<string, unknown>, more: unknown): Record<string, unknown> {
  const auths = asRecord(asRecord(more)['auths'])
  const keys = Object.keys(auths)
  const isWhole =
    Object.keys(asRecord(more)).length === 1 &&
    keys.every(
      (key) =>
        Object.keys(asRecord(auths[key])).length === 1 &&
        decodeAuth(asText(asRecord(auths[key])['auth'])) !== undefined,
    )
  if (keys.length === 0 || !isWhole) return config
  const [named, noHelpers] = [
    keys.map((key) => [configKeyOf(key), auths[key]] as const),
    keys.map((key) => [configKeyOf(key), ''] as const),
  ]
  return {
    ...config,
    auths: { ...asRecord(config['auths']), ...Object.fromEntries(named) },
    credHelpers: { ...asRecord(config['credHelpers']), ...Object.fromEntries(noHelpers) },
  }
}

function helperFor(key: string, config: Readonly<Record<string, unknown>>): string {
  const helpers = asRecord(config['credHelpers'])
  const helper = Object.hasOwn(helpers, key) ? helpers[key] : undefined
  return typeof helper === 'string' ? helper : asText(config['credsStore'])
}

/** https://github.com/docker/docker-credential-helpers#development; a helper that fails is as good as none. */
async function askHelper(helper: string, key: string, runHelper: RunHelper): Promise<Credentials | undefined> {
  const answer = asRecord(tryParseJson((await runHelper(helper, key).catch(() => undefined)) ?? ''))
  const username = asText(answer['Username'])
  const secret = asText(answer['Secret'])
  if (secret === '') return undefined
  return username === '<token>' ? { username: '', password: '', identityToken: secret } : { username, password: secret }
}

/** By its name; else, as docker does for old files, by the host that an address such as `https://ghcr.io/v1/` names. */
function findAuth(key: string, auths: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  if (Object.hasOwn(auths, key)) return asRecord(auths[key])
  const other = Object.keys(auths).find((name) => configKeyOf(name) === key)
  return other === undefined ? {} : asRecord(auths[other])
}

function readAuth(entry: Readonly<Record<string, unknown>>): Credentials | undefined {
  const decoded = decodeAuth(asText(entry['auth']))
  const username = decoded?.username ?? asText(entry['username'])
  const password = decoded?.password ?? asText(entry['password'])
  const identityToken = asText(entry['identitytoken'])
  if (identityToken !== '') return { username, password, identityToken }
  return username === '' || password === '' ? undefined : { username, password }
}

function decodeAuth(auth: string): { readonly username: string; readonly password: string } | undefined {
  if (auth === '' || !/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(auth)) return undefined
  const text = Buffer.from(auth, 'base64').toString('utf8')
  const colon = text.indexOf(':')
  // Docker pads old entries with zero bytes.
  return colon < 1
    ? undefined
    : { username: text.slice(0, colon), password: text.slice(colon + 1).replace(/^\0+|\0+$/g, '') }
}

function readableAuths(config: Readonly<Record<string, unknown>>): (readonly [string, Record<string, string>])[] {
  return Object.entries(asRecord(config['auths'])).flatMap(([key, entry]) => {
    if (!isRecord(entry)) return []
    const { auth = '', ...rest } = texts(entry)
    return auth === '' || decodeAuth(auth) ? [[key, auth === '' ? rest : { auth, ...rest }] as const] : []
  })
}

/** What docker/cli makes of an address (credentials.ConvertToHostname). */
function hostnameOf(address: string): string {
  return address
    .replace(/^[a-z][a-z0-9+.-]*:\/\//i, '')
    .replace(/\/.*$/s, '')
    .toLowerCase()
}

function texts(record: Readonly<Record<string, unknown>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(record).flatMap(([key, value]) => (typeof value === 'string' ? [[key, value] as const] : [])),
  )
}

function unlessEmpty(key: string, value: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.keys(value).length === 0 ? {} : { [key]: value }
}
