import { isRecord } from '../../lib/json.ts'
import { didYouMean, shorten, type IssueSink } from '../../lib/issues.ts'
import { readYaml } from '../../lib/yaml.ts'
import type { Login } from '../../registry/credentials/login-type.ts'
import { isEcr, type EcrChoice } from '../../registry/credentials/ecr.ts'

const input = 'registry-auth'
const keys = ['registry', 'username', 'password', 'scope', 'ecr']
const form = 'write `- registry: ghcr.io` and below it `username` and `password`'

/**
 * Reads `registry-auth`, the YAML list of docker/login-action. Nothing of what it holds is told.
 *
 * @param without hears of a registry whose password is empty, and whether the build can do without
 */
export async function readRegistryAuth(
  text: string,
  without: (registry: string) => boolean,
  report: IssueSink,
): Promise<readonly Login[]> {
  if (text === '') return []
  // What cannot be read may be a password.
  const yaml = await readYaml(input, text, ({ input, expected }) => report({ input, expected }))
  if (yaml === undefined) return []
  if (!Array.isArray(yaml)) {
    report({ input, expected: `is not a YAML list of logins: ${form}` })
    return []
  }
  const list: readonly unknown[] = yaml
  return list.flatMap((entry, index) => readEntry(entry, index + 1, without, report) ?? [])
}

function readEntry(
  entry: unknown,
  number: number,
  without: (registry: string) => boolean,
  report: IssueSink,
): Login | undefined {
  const wrong = (expected: string, given?: string) =>
    report({
      input,
      ...(given !== undefined && { given: shorten(given) }),
      expected: `${expected} (number ${number} of the list)`,
    })
  if (!isRecord(entry)) {
    wrong(`is no login: ${form}`)
    return undefined
  }
  for (const key of Object.keys(entry))
    if (!keys.includes(key)) wrong(`is no key of a login: ${keys.join(', ')} are${didYouMean(key, keys)}`, key)
  const text = (key: string): string => {
    const value = entry[key] ?? ''
    if (typeof value !== 'string') wrong('must be one text', key)
    return typeof value === 'string' ? value.trim() : ''
  }
  const login = {
    registry: hostOf(text('registry') || 'docker.io'),
    username: text('username'),
    password: text('password'),
  }
  const ecr = readEcr(text('ecr'), (given, expected) => wrong(expected, given))
  if (login.password === '' && !isEcr(login.registry, ecr) && without(login.registry)) return undefined
  if (login.password === '' && !isEcr(login.registry, ecr))
    wrong('has no `password`; a secret is empty where its name is wrong, and in runs for forks', login.registry)
  else if (login.username === '' && !isEcr(login.registry, ecr)) wrong('has no `username`', login.registry)
  const scope = text('scope')
  if ((scope !== '' && !/^[A-Za-z0-9._/-]*(@[a-z]+(,[a-z]+)*)?$/.test(scope)) || scope.split('/').includes('..'))
    wrong('is no scope: write `acme/app`, `acme/app@push` or `@push`', scope)
  return { ...login, ...(scope !== '' && { scope }), ...(isEcr(login.registry, ecr) && { ecr: true }) }
}

/** A registry as references name it: older workflows write `https://index.docker.io/v1/`. */
export function hostOf(text: string): string {
  return text
    .replace(/^[a-z]+:\/\//i, '')
    .replace(/\/.*$/s, '')
    .toLowerCase()
}

export function readEcr(text: string, wrong: (given: string, expected: string) => void): EcrChoice {
  const word = text.toLowerCase()
  if (word === '' || word === 'auto') return 'auto'
  if (word === 'true' || word === 'false') return word
  wrong(text, 'is not one of `auto`, `true`, `false`')
  return 'auto'
}

// https://docs.aws.amazonaws.com/AmazonECR/latest/userguide/Registries.html
