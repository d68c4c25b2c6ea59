import { isForgejoRunner } from '../../forge/platform.ts'
import { isTrue } from '../../lib/choice.ts'
import { getAttribute, type Attribute } from '../../lib/csv.ts'
import type { Env } from '../../lib/lists.ts'
import type { CacheBackend } from './backend.ts'

/**
 * PURE: the version of the cache service that buildx and BuildKit will use (docker/buildx, build/opt.go; moby/buildkit,
 * cache/remotecache/gha/gha.go); undefined if they would find none. `ACTIONS_RESULTS_URL` alone does not mean that
 * there is one: platforms that set it for artifacts have no caches there.
 */
export function serviceVersion(attributes: readonly Attribute[], env: Env): 1 | 2 | undefined {
  const given = (name: string, variable: string) => getAttribute(attributes, name) ?? env[variable] ?? ''
  const requested = getAttribute(attributes, 'version')
  const results = env['ACTIONS_RESULTS_URL'] ?? ''
  const isOffered =
    isTrue(env['ACTIONS_CACHE_SERVICE_V2']) || results.includes('results-receiver.actions.githubusercontent.com')
  const second = getAttribute(attributes, 'url_v2') ?? (isOffered ? results : '')
  if (given('token', 'ACTIONS_RUNTIME_TOKEN') === '') return undefined
  if (requested !== '1' && second !== '') return 2
  return requested === '2' || given('url', 'ACTIONS_CACHE_URL') === '' ? undefined : 1
}

/** The cache service of the CI platform, `type=gha`. */
export const cacheService = {
  secretVariables: {
    ACTIONS_RUNTIME_TOKEN: (token) => [token],
    // If the runner itself serves the cache, a part of the address is the credential.
    ACTIONS_CACHE_URL: (url) =>
      url
        .replace(/^\w+:\/\/[^/]*/, '')
        .split(/[/?]/)
        .filter((part) => part.length > 15),
  },
  buildxVariables: [
    'ACTIONS_RUNTIME_TOKEN',
    'ACTIONS_CACHE_URL',
    'ACTIONS_RESULTS_URL',
    'ACTIONS_CACHE_SERVICE_V2',
    'ACTIONS_CACHE_MODE',
  ],
  problems: (attributes, env) => {
    const requested = getAttribute(attributes, 'version') ?? ''
    const others = attributes.filter(([name]) => name !== 'version')
    const isMissing = serviceVersion(attributes, env) === undefined
    const isOther = isMissing && requested !== '' && serviceVersion(others, env) !== undefined
    return [
      [
        isOther,
        `requests version ${requested} of the cache service, which this runner lacks: remove \`version=…\` here`,
      ],
      [
        isMissing && !isOther,
        'needs the cache service of the CI platform, but this runner offers none: write `registry`, or enable the ' +
          'cache service of the runner',
      ],
    ]
  },
  warnings: (attributes, env) =>
    serviceVersion(attributes, env) === 1 && isForgejoRunner(env)
      ? [
          '`cache: type=gha`: this CI platform has only version 1 of the cache service, which the runner itself ' +
            'serves. Nodes that cannot reach the runner build without it. `cache: registry` works on every node.',
        ]
      : [],
} satisfies Partial<CacheBackend>
