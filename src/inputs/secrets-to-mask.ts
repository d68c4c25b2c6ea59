import type { Env } from '../lib/lists.ts'
import { cacheEnvSecrets } from './cache/backends.ts'
import { cacheSecrets } from './cache/specs.ts'
import { keyLines } from './nodes/ssh-key.ts'
import { secretVariablesOf } from './secret-variables.ts'
import { variableOf } from './source.ts'
import { telemetrySecrets } from './telemetry.ts'

type Text = (input: string) => string

/** Where secrets are: one row per source. Each returns the values to mask; runners mask line by line. */
const sources: Readonly<Record<string, (text: Text, env: Env) => readonly string[]>> = {
  passwords: (text) => [text('password'), text('sign-password')],
  'platform tokens': (text) => [text('github-token')],
  'SSH keys': (text) => sshKeyParts(text('ssh-private-key')),
  'signing keys': (text) => (text('sign-key').includes('://') ? [] : sshKeyParts(text('sign-key'))),
  'build secrets, as given': (text) => [text('secrets')],
  'values of build secrets': (text) => secretValues(text('secrets')),
  'variables of build secrets': (_, env) => secretVariablesOf(env).map((name) => env[name] ?? ''),
  'passwords of registry-auth': (text) => listedPasswords(text('registry-auth')),
  'inline TLS keys': (text) => keyLines(['driver-opts', 'nodes', 'append'].map(text).join('\n')),
  'cache credentials': (text) => ['cache', 'cache-from', 'cache-to'].flatMap((name) => cacheSecrets(text(name))),
  'headers of telemetry': (_, env) => telemetrySecrets(env),
  'cache credentials of the job': (_, env) => cacheEnvSecrets(env),
  'logins as registries receive them': (text) => basicLogins(text('username'), text('password')),
  'credentials in URLs': (text) => urlInputs.map(text).flatMap(urlCredentials),
  'credentials of proxies': (_, env) => proxyVariables.flatMap((name) => urlCredentials(env[name] ?? '')),
}

/** Inputs that can contain a URL with a token, as in `https://x-access-token:…@github.com/acme/app.git`. */
const urlInputs = ['context', 'build-contexts', 'build-args', 'variants', 'otlp-endpoint', 'cache-from', 'cache-to']
const proxyVariables = ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY'].flatMap((name) => [name, name.toLowerCase()])
/** Characters of a name before `@` that is a token and not a user. */
const shortestToken = 20

/** Every value that must not be printed, line by line: to be masked before anything is parsed. */
export function secretsToMask(env: Env): readonly string[] {
  const text: Text = (input) => env[variableOf(input)] ?? ''
  const values = Object.values(sources).flatMap((find) => find(text, env))
  const lines = values.flatMap((value) => value.split(/[\r\n]+/)).map((line) => line.trim())
  // Masking a few characters would make the log unreadable, and does not reveal much of a long secret.
  const short = ['password', 'sign-password', 'github-token'].map((input) => text(input).trim())
  const masked = lines.filter((line) => line.length > 3 || (line !== '' && short.includes(line)))
  return [...new Set([...masked, ...masked.flatMap(encodings)])]
}

/** How messages of programs and servers quote a value; a runner of GitHub masks these itself, others do not. */
function encodings(value: string): readonly string[] {
  return [JSON.stringify(value).slice(1, -1), encodeUrl(value)].filter((encoded) => encoded !== value)
}

function encodeUrl(value: string): string {
  try {
    return encodeURIComponent(value)
  } catch {
    // Half of a surrogate pair.
    return value
  }
}

function basicLogins(username: string, password: string): readonly string[] {
  const login = [username.trim(), password.trim()]
  return login.includes('') ? [] : [Buffer.from(login.join(':')).toString('base64')]
}

/** The passwords in URLs, and user names that are tokens; as written, and decoded. */
function urlCredentials(text: string): readonly string[] {
  return [...text.matchAll(/:\/\/([^\s/@:"']*)(?::([^\s/@"']*))?@/g)]
    .flatMap(([, user = '', password = '']) => [...(user.length >= shortestToken ? [user] : []), password])
    .flatMap((value) => [value, decodeUrl(value)])
}

function decodeUrl(value: string): string {
  try {
    return decodeURIComponent(value)
  } catch {
    return value
  }
}

/** The lines of private keys, also of keys whose line breaks are spaces or written as `\n`. */
function sshKeyParts(text: string): readonly string[] {
  return text
    .replace(/^\s*#.*$/gm, '')
    .replace(/-----(BEGIN|END)[^-]*-----/g, '\n')
    .split(/\s+|\\r\\n|\\n/)
    .filter((part) => part.length > 7)
}

/** `id=value`: the value in an entry's first line; the entry's other lines are values as a whole, without quotes. */
function secretValues(text: string): readonly string[] {
  return text
    .split(/[\r\n]+/)
    .flatMap((line) => [/^\s*"?[^=\s]+=(.*?)"?\s*$/.exec(line)?.[1] ?? [], line.replace(/"\s*$/, '')].flat())
    .map((value) => value.replaceAll('""', '"'))
}

/** The passwords in a YAML list, however they are quoted. */
function listedPasswords(text: string): readonly string[] {
  return [...text.matchAll(/\bpassword["']?\s*:\s*("(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^,}\r\n]+)/g)].map(
    ([, value = '']) => value.trim().replace(/^(["'])(.*)\1$/s, '$2'),
  )
}
