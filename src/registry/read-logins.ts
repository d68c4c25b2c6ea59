import type { Login } from '../inputs.ts'
import type { Event } from '../plan/event.ts'
import type { Env } from '../plan/lists.ts'
import { shorten, type Report } from '../plan/mistake.ts'
import { ecrRegion, isEcr, readEcr, readRegistryAuth, type EcrChoice } from './auth-list.ts'
import { readLogins } from './default-login.ts'
import type { Repository } from './reference.ts'

export interface LoginSource {
  readonly text: (name: string) => string
  readonly env: Env
  readonly event: Event
  readonly report: Report
}

/** All logins of the step: `registry-auth`, or `username` and `password`, and the forge's own. */
export async function readAllLogins({ text, env, event, report }: LoginSource, images: readonly Repository[]): Promise<readonly Login[]> {
  const listed = await readRegistryAuth(text('registry-auth'), report)
  const credentials = { username: text('username'), password: text('password'), token: text('github-token') }
  const given = ['registry', 'username', 'password', 'ecr'].filter((name) => text(name) !== '')
  if (text('registry-auth') !== '' && given.length > 0) report({ input: 'registry-auth', expected: `is given beside ${given.map((name) => `\`${name}\``).join(' and ')}, which it holds for each registry: give one of the two` })
  const ecr = readEcr(text('ecr'), (word, expected) => report({ input: 'ecr', given: shorten(word), expected }))
  const named = text('registry') === '' ? undefined : text('registry').toLowerCase()
  if (named !== undefined && credentials.username === '' && !isEcr(named, ecr)) report({ input: 'registry', given: shorten(named), expected: 'needs `username` and `password` beside it' })
  const own = named === undefined || credentials.username === '' ? readLogins(credentials, images, event, report) : [{ registry: named, username: credentials.username, password: credentials.password }, ...readLogins({ ...credentials, username: '', password: '' }, images, event, report)]
  const whole = listed.filter(({ scope }) => scope === undefined).map(({ registry }) => registry)
  const logins = [...listed, ...own.filter(({ registry }) => !whole.includes(registry)).map((login) => markEcr(login, ecr))]
  const hosts = [...new Set([...images.map(({ registry }) => registry), ...(named === undefined ? [] : [named])])]
  return [...logins, ...hosts.filter((registry) => !logins.some((login) => login.registry === registry) && hasAwsKey(registry, ecr, env)).map((registry) => ({ registry, username: '', password: '', ecr: true }))]
}

/** The user AWS comes with a password already, made by a step before. */
function markEcr(login: Login, choice: EcrChoice): Login {
  return isEcr(login.registry, choice) && login.username !== 'AWS' ? { ...login, ecr: true } : login
}

/** Where a step before has set up AWS, its registries need no more words. */
function hasAwsKey(registry: string, choice: EcrChoice, env: Env): boolean {
  return choice !== 'false' && ecrRegion(registry) !== undefined && (env['AWS_ACCESS_KEY_ID'] ?? '') !== ''
}
