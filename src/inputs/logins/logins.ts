import { detectPlatform, type CiPlatform } from '../../forge/platform.ts'
import { shorten } from '../../lib/issues.ts'
import { ecrRegion, isEcr, type EcrMode, isHubOidc } from '../../registry/credentials/exchanged-logins.ts'
import type { Repository } from '../../registry/reference.ts'
import { failFor, passes } from '../diagnostics.ts'
import { emptySecret } from '../settings/secrets.ts'
import type { InputSource } from '../source.ts'
import { hostOf, parseEcr, registryAuthLogins } from './registry-auth.ts'
import { dockerConfigKey } from '../../registry/credentials/docker-config.ts'
import type { Login } from '../../registry/auth.ts'

type LoginSource = Pick<InputSource, 'text' | 'env' | 'event' | 'report' | 'warn'>

interface LoginNeeds {
  readonly images: readonly Repository[]
  /** Repositories that are only read; `username` and `password` are not for them. */
  readonly sources?: readonly Repository[]
  /** Whether anything is pushed: what is only pulled may be public. */
  readonly push: boolean
}

/**
 * All logins of the step: `registry-auth`, or `username` and `password`, and the platform's token; one per registry,
 * in addition to those with a scope.
 */
export async function parseLogins(
  source: LoginSource,
  { images, sources = [], push }: LoginNeeds,
): Promise<readonly Login[]> {
  const { text, report, warn } = source
  const given = ['registry', 'username', 'password', 'ecr'].filter((name) => text(name) !== '')
  passes(failFor(report, 'registry-auth'), undefined, [
    [
      text('registry-auth') !== '' && given.length > 0,
      `cannot be combined with ${quoted(given)}: write them in its entries, or remove it`,
    ],
  ])
  // As if the login step had an `if`: a run for a fork builds without secrets.
  const canOmit = (registry: string): boolean => {
    const at = registry === '' ? '' : ` at ${registry}`
    if (!push)
      warn(
        `The login${at} is not used, because its \`password\` is empty. The run continues, because it pushes nothing.`,
      )
    return !push
  }
  const registries = [...new Set(images.map(({ registry }) => registry))]
  const all = [...new Set([...images, ...sources].map(({ registry }) => registry))]
  const ecr = parseEcr(text('ecr'), failFor(report, 'ecr'))
  const listed = await registryAuthLogins(source, canOmit)
  const hub = hubLogins(source, registries)
  const step = hub.length > 0 ? hub : usernamePasswordLogin(source, { registries, ecr, canOmit })
  const own = [...step, ...platformTokenLogin(source, all, step)]
  const covered = new Set(
    listed.flatMap(({ registry, scope }) => (scope === undefined ? dockerConfigKey(registry) : [])),
  )
  const logins = [...listed, ...own.filter(({ registry }) => !covered.has(dockerConfigKey(registry)))]
  const named = text('registry') === '' ? [] : [hostOf(text('registry'))]
  const rest = [...new Set([...all, ...named])].filter((host) => !logins.some((one) => one.registry === host))
  return [...logins, ...(ecr === 'false' ? [] : awsLogins(source, rest))]
}

interface StepLogin {
  /** Those of the images. */
  readonly registries: readonly string[]
  readonly ecr: EcrMode
  readonly canOmit: (registry: string) => boolean
}

/** `username` and `password`, for `registry` or that of the images. */
function usernamePasswordLogin(source: LoginSource, { registries, ecr, canOmit }: StepLogin): readonly Login[] {
  const [username, password, named] = [
    source.text('username'),
    source.text('password'),
    hostOf(source.text('registry')),
  ]
  const needsUsername = named !== '' && !isEcr(named, ecr)
  const needsPassword = named === '' ? username !== '' : needsUsername
  if (needsPassword && password === '' && canOmit(named)) return []
  const isComplete = reportIncomplete(source, { needsUsername })
  if (!isComplete) return []
  if (username === '') return named !== '' && ecr === 'true' ? jobKeyLogin(source, named, canOmit) : []
  const hosts = named === '' ? registryOfImages(source, registries) : [named]
  // The user `AWS` comes with a password already, which an earlier step made.
  const isKey = (registry: string) => isEcr(registry, ecr) && username !== 'AWS'
  return hosts.map((registry) => ({ registry, username, password, ...(isKey(registry) && { ecr: true }) }))
}

/** With `ecr: true` and no key in the inputs: the login with the key of the job, which must exist. */
function jobKeyLogin({ env }: LoginSource, registry: string, canOmit: StepLogin['canOmit']): readonly Login[] {
  if ((env['AWS_ACCESS_KEY_ID'] ?? '') === '' && canOmit(registry)) return []
  return [{ registry, username: '', password: '', ecr: true }]
}

/** Logins at Docker Hub whose password is what the job's OIDC token is exchanged for. */
function hubLogins({ text, env }: LoginSource, registries: readonly string[]): readonly Login[] {
  const [username, password] = [text('username'), text('password')]
  const hosts = text('registry') === '' ? registries : [hostOf(text('registry'))]
  return hosts
    .map((registry): Login => ({ registry, username, password, hubOidc: true }))
    .filter((login) => isHubOidc(login, env))
}

/** Reports which of `username` and `password` is missing; returns whether none is. */
function reportIncomplete(
  { text, report }: LoginSource,
  { needsUsername }: { readonly needsUsername: boolean },
): boolean {
  const [hasUsername, hasPassword] = [text('username') !== '', text('password') !== '']
  const form = 'set both or neither'
  const results = [
    passes(failFor(report, 'registry'), text('registry'), [
      [needsUsername && !hasUsername, 'needs `username` and `password`'],
    ]),
    passes(failFor(report, 'password'), undefined, [
      [hasUsername && !hasPassword, `is missing, but \`username\` is set: ${form}; ${emptySecret}`],
    ]),
    passes(failFor(report, 'username'), undefined, [
      [!hasUsername && hasPassword, `is missing, but \`password\` is set: ${form}`],
    ]),
  ]
  return results.every(Boolean)
}

/** The only registry, or the only one that the platform's token is not for. */
function registryOfImages({ event, report }: LoginSource, registries: readonly string[]): readonly string[] {
  const others = registries.length > 1 ? registries.filter((host) => host !== platformRegistry(event)) : registries
  const hosts = shorten(others.join(' and '))
  const form = 'list a login for each in `registry-auth`, and remove `username` and `password`'
  const message = `is for one registry, but the images are on ${hosts}: ${form}`
  return passes(failFor(report, 'username'), undefined, [[others.length > 1, message]]) ? others : []
}

/** The actor and the platform's token, on the platform's own registry. */
function platformTokenLogin(
  { text, event }: LoginSource,
  registries: readonly string[],
  step: readonly Login[],
): readonly Login[] {
  const registry = platformRegistry(event)
  const [username, password] = [event.actor, text('github-token')]
  const isUsed = registries.includes(registry) && !step.some((login) => login.registry === registry)
  return isUsed && username !== '' && password !== '' ? [{ registry, username, password, isPlatformToken: true }] : []
}

/** The registry that accepts the CI platform's own token. */
export function platformRegistry(platform: CiPlatform): string {
  const host = hostOf(platform.serverUrl)
  const kind = detectPlatform(platform)
  if (kind === 'github.com') return 'ghcr.io'
  return kind === 'enterprise-server' || kind === 'ghe.com' ? `containers.${host}` : host
}

/** Where AWS' own tools would find credentials. */
const otherAwsVariables = [
  'AWS_PROFILE',
  'AWS_WEB_IDENTITY_TOKEN_FILE',
  'AWS_CONTAINER_CREDENTIALS_RELATIVE_URI',
  'AWS_CONTAINER_CREDENTIALS_FULL_URI',
]

/** AWS registries without a login, by the key that an earlier step has set. */
function awsLogins({ env, warn }: LoginSource, hosts: readonly string[]): readonly Login[] {
  const registries = hosts.filter((host) => ecrRegion(host) !== undefined)
  const isSet = (name: string) => (env[name] ?? '') !== ''
  if (isSet('AWS_ACCESS_KEY_ID'))
    return registries.map((registry) => ({ registry, username: '', password: '', ecr: true }))
  if (registries.length > 0 && otherAwsVariables.some(isSet))
    warn(
      `No login at ${registries.join(', ')} with the AWS identity of this job, because AWS_ACCESS_KEY_ID is not set: ` +
        'run aws-actions/configure-aws-credentials in an earlier step.',
    )
  return []
}

function quoted(names: readonly string[]): string {
  return names.map((name) => `\`${name}\``).join(' and ')
}
