import type { Event } from '../../forge/event.ts'
import { shorten, type IssueSink } from '../../lib/issues.ts'
import type { Repository } from '../../registry/reference.ts'
import type { Login } from '../../registry/credentials/login-type.ts'

/** The registry that takes the forge's own token. */
function forgeRegistry({ serverUrl, apiUrl }: Pick<Event, 'serverUrl' | 'apiUrl'>): string {
  const host = serverUrl
    .replace(/^https?:\/\//i, '')
    .replace(/\/.*$/, '')
    .toLowerCase()
  if (host === 'github.com') return 'ghcr.io'
  // GitHub Enterprise Server has `/api/v3`, Forgejo and Gitea `/api/v1`; GitHub Enterprise Cloud has hosts of its own.
  return /\/api\/v3\/*$/.test(apiUrl) || host.endsWith('.ghe.com') ? `containers.${host}` : host
}

interface Credentials {
  readonly username: string
  readonly password: string
  readonly token: string
  /** What `username` and `password` are for; by default the registry of the images. */
  readonly registry?: string
}

/** `username` and `password` for their registry; without them the actor and the token, on the forge's own. */
export function readLogins(
  { username, password, token, registry }: Credentials,
  images: readonly Repository[],
  event: Event,
  report: IssueSink,
): readonly Login[] {
  if ((username === '') !== (password === '')) {
    if (password === '')
      report({
        input: 'password',
        expected:
          'is missing beside `username`: give both or neither; a secret is empty where its name is wrong, and in runs for forks',
      })
    else report({ input: 'username', expected: 'is missing beside `password`: give both or neither' })
    return []
  }
  const registries = [...new Set(images.map(({ registry }) => registry))]
  const own = forgeRegistry(event)
  const explicit = username === '' ? undefined : (registry ?? chooseRegistry(registries, own, report))
  const byToken = registries.includes(own) && own !== explicit && token !== '' && event.actor !== ''
  return [
    ...(explicit === undefined ? [] : [{ registry: explicit, username, password }]),
    ...(byToken ? [{ registry: own, username: event.actor, password: token, byDefault: true }] : []),
  ]
}

/** The only registry, or the only one that the token does not open. */
function chooseRegistry(registries: readonly string[], own: string, report: IssueSink): string | undefined {
  const others = registries.length > 1 ? registries.filter((registry) => registry !== own) : registries
  if (others.length > 1) {
    report({
      input: 'username',
      expected: `is for one registry, and the images are on ${shorten(others.join(' and '))}: log in to them with a step of docker/login-action each, and leave \`username\` and \`password\` out`,
    })
    return undefined
  }
  return others[0]
}
