import { lowest, type Trust } from '../forge/trust.ts'
import { isGitOverSsh } from './context.ts'
import { failFor } from './diagnostics.ts'
import { cacheBackends } from './cache/backends.ts'
import { parseCacheSpec } from './cache/specs.ts'
import { gitToken } from './settings/secrets.ts'
import { parseGitAgent } from './settings/ssh.ts'
import { parseSettings, type BuildSettings } from './settings/settings.ts'
import { typeOf } from './settings/typed-attributes.ts'
import type { InputSource } from './source.ts'
import { boolean, choice, parseTable } from './table.ts'

/** Parses `trust`, which only lowers the level that the event has. */
export function parseTrust({ text, report, event }: Pick<InputSource, 'text' | 'report' | 'event'>): Trust {
  const levels = { auto: event.trust, pr: lowest(event.trust, 'pr'), fork: 'fork' } as const
  return parseTable({ trust: ['trust', choice<Trust>(levels, event.trust)] }, { text, report }).trust
}

/** Inputs whose values the code of a fork does not get. */
const withheld = ['secrets', 'secret-envs', 'secret-files', 'ssh']

/**
 * Parses the build settings. The code of a fork gets no secrets, no SSH agent, no Git token and no `security.insecure`,
 * unless `fork-secrets` is set, and writes no cache: its Dockerfile could print or keep what it gets.
 */
export function parseSettingsForTrust(source: InputSource): BuildSettings {
  const { event, text } = source
  const { forkSecrets } = parseTable({ forkSecrets: ['fork-secrets', boolean()] }, source)
  if (event.trust !== 'fork') return parseSettings(source)
  if (forkSecrets) return withoutCacheExports(parseSettings(source), source)
  const settings = parseSettings({ ...source, text: (name) => (withheld.includes(name) ? '' : text(name)) })
  const entitlements = settings.entitlements.filter((entitlement) => entitlement !== 'security.insecure')
  const given = [
    ...withheld.filter((name) => text(name) !== '').map((name) => `\`${name}\``),
    ...(entitlements.length < settings.entitlements.length ? ['`allow: security.insecure`'] : []),
  ]
  if (given.length > 0)
    source.warn(
      `This run builds the code of a fork, so its builds do not get ${given.join(', ')}. If they need it, and you ` +
        'review the code before it runs, set `fork-secrets: true`.',
    )
  return withoutCacheExports({ ...settings, entitlements }, source)
}

function withoutCacheExports(settings: BuildSettings, { warn }: InputSource): BuildSettings {
  const cacheTo = settings.cacheTo.filter((spec) => cacheBackends.get(typeOf(parseCacheSpec(spec)))?.isInImage)
  if (cacheTo.length < settings.cacheTo.length)
    warn('This run builds the code of a fork, which writes no caches: `cache-to` is not used.')
  return { ...settings, cacheTo }
}

/**
 * The settings, with what BuildKit needs to fetch the context: the platform's token for a private repository that it
 * may read, or the SSH agent.
 */
export function withGitAccess(settings: BuildSettings, context: string, source: InputSource): BuildSettings {
  const { event, text, report } = source
  const needsAgent = isGitOverSsh(context) && settings.ssh.length === 0
  if (event.trust === 'fork' && !/^true$/i.test(text('fork-secrets'))) {
    if (needsAgent) failFor(report, 'context')(noAgentForForks, context)
    return settings
  }
  const tokens = gitToken(settings.secrets, context, text('github-token'), event)
  const ssh = needsAgent ? parseGitAgent(context, source) : settings.ssh
  return { ...settings, ssh, secrets: [...settings.secrets, ...tokens] }
}

const noAgentForForks =
  'is fetched over SSH, but builds of the code of a fork get no SSH agent: write the `https://` URL of the repository'
