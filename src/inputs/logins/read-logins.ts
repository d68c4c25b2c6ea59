import type { Event } from '../../forge/event.ts'
import type { Env } from '../../lib/lists.ts'
import { shorten, type IssueSink } from '../../lib/issues.ts'
import { hostOf, readEcr, readRegistryAuth } from './auth-list.ts'
import { readLogins } from './default-login.ts'
import { configKeyOf } from '../../registry/credentials/login.ts'
import type { Repository } from '../../registry/reference.ts'
import type { Login } from '../../registry/credentials/login-type.ts'
import { ecrRegion, isEcr, type EcrChoice } from '../../registry/credentials/ecr.ts'

interface LoginSource {
  readonly text: (name: string) => string
  readonly env: Env
  readonly event: Event
  readonly report: IssueSink
  /** What the author should know, and no mistake. */
  readonly note: (text: string) => unknown
}

interface LoginNeeds {
  readonly images: readonly Repository[]
  /** Whether anything is pushed: what is only read may be public. */
  readonly push: boolean
}

/**
 * All logins of the step: `registry-auth`, or `username` and `password`, and the forge's own; one for each registry,
 * besides those with a scope.
 */
export async function readAllLogins(
  { text, env, event, report, note }: LoginSource,
  { images, push }: LoginNeeds,
): Promise<readonly Login[]> {
  const given = ['registry', 'username', 'password', 'ecr'].filter((name) => text(name) !== '')
  if (text('registry-auth') !== '' && given.length > 0)
    report({
      input: 'registry-auth',
      expected: `is given beside ${given.map((name) => `\`${name}\``).join(' and ')}, which it holds for each registry: give one of the two`,
    })
  // As where the login's step has an `if`: a run for a fork builds, and has no secrets.
  const without = (registry: string): boolean => {
    if (!push)
      note(
        `The login${registry === '' ? '' : ` at ${registry}`} is not used, since its \`password\` is empty; nothing is pushed.`,
      )
    return !push
  }
  const listed = await readRegistryAuth(text('registry-auth'), without, report)
  const ecr = readEcr(text('ecr'), (word, expected) => report({ input: 'ecr', given: shorten(word), expected }))
  const named = text('registry') === '' ? undefined : hostOf(text('registry'))
  const [username, password] = [text('username'), text('password')]
  const isMeant = named === undefined ? username !== '' : !isEcr(named, ecr)
  const anonymous = isMeant && password === '' && without(named ?? '')
  if (named !== undefined && username === '' && !anonymous && !isEcr(named, ecr))
    report({ input: 'registry', given: shorten(named), expected: 'needs `username` and `password` beside it' })
  const credentials = {
    username: anonymous ? '' : username,
    password,
    token: text('github-token'),
    ...(named !== undefined && { registry: named }),
  }
  const own = readLogins(credentials, images, event, report).map((login) => markEcr(login, ecr))
  const whole = listed.filter(({ scope }) => scope === undefined)
  const logins = [
    ...listed,
    ...own.filter(({ registry }) => !whole.some((login) => configKeyOf(login.registry) === configKeyOf(registry))),
  ]
  const hosts = [...new Set([...images.map(({ registry }) => registry), ...(named === undefined ? [] : [named])])]
  const open = hosts.filter(
    (registry) =>
      ecr !== 'false' && ecrRegion(registry) !== undefined && !logins.some((login) => login.registry === registry),
  )
  if (open.length > 0 && !hasAwsKey(env) && elsewhere.some((name) => (env[name] ?? '') !== ''))
    note(
      `${open.join(', ')} gets no login from this job’s AWS identity, since AWS_ACCESS_KEY_ID is not set: let a step with aws-actions/configure-aws-credentials set it before.`,
    )
  return [
    ...logins,
    ...(hasAwsKey(env) ? open.map((registry) => ({ registry, username: '', password: '', ecr: true })) : []),
  ]
}

/** The user AWS comes with a password already, made by a step before. */
function markEcr(login: Login, choice: EcrChoice): Login {
  return isEcr(login.registry, choice) && login.username !== 'AWS' && !login.byDefault ? { ...login, ecr: true } : login
}

/** Where a step before has set up AWS, its registries need no more words. */
function hasAwsKey(env: Env): boolean {
  return (env['AWS_ACCESS_KEY_ID'] ?? '') !== ''
}

/** Where AWS' own tools would find a key. */
const elsewhere = [
  'AWS_PROFILE',
  'AWS_WEB_IDENTITY_TOKEN_FILE',
  'AWS_CONTAINER_CREDENTIALS_RELATIVE_URI',
  'AWS_CONTAINER_CREDENTIALS_FULL_URI',
]
