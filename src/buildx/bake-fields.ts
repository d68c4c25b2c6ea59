import { joinAttributes, joinFields, type Attribute } from '../lib/csv.ts'
import { formatRepository, formatTagReference } from '../registry/reference.ts'
import { exportSpec } from '../inputs/settings/outputs.ts'
import { secretSpec } from '../inputs/settings/secrets.ts'
import type { BuildSettings } from '../inputs/settings/settings.ts'
import type { Target } from '../plan/target.ts'
import type { RunDir } from '../run/run-dir.ts'

/** PURE: what the settings say in one bake target; nothing where nothing was asked. */
export function settingFields(settings: BuildSettings, dir: RunDir): Record<string, unknown> {
  const { hosts, entitlements, contexts, network, noCache, noCacheFilters, pull, secrets, shmSize, ssh, ulimits } =
    settings
  return {
    ...unlessEmpty('contexts', contexts),
    ...unlessEmpty('extra-hosts', hosts),
    ...unlessEmpty('entitlements', entitlements),
    ...unlessEmpty('no-cache-filter', noCacheFilters),
    ...unlessEmpty(
      'secret',
      secrets.map((secret, number) => secretSpec(secret, number, dir)),
    ),
    ...unlessEmpty('ssh', ssh),
    ...unlessEmpty('ulimits', ulimits),
    ...(network !== '' && { network }),
    ...(shmSize !== '' && { 'shm-size': shmSize }),
    ...(noCache && { 'no-cache': true }),
    ...(pull && { pull: true }),
  }
}

function unlessEmpty(
  name: string,
  value: Readonly<Record<string, string>> | readonly string[],
): Record<string, unknown> {
  return Object.keys(value).length === 0 ? {} : { [name]: value }
}

interface OutputRequest {
  readonly push: boolean
  readonly settings: BuildSettings
  /** Whether the run has more targets, whose files go beside this one's. */
  readonly several: boolean
}

/** PURE: where a target goes: pushed by digest, loaded, written to files, or kept in the cache alone. */
export function outputSpecs(target: Target, { push, settings, several }: OutputRequest): string[] {
  const part = [target.variant.name, target.platform.replaceAll('/', '_')].filter((name) => name !== '').join('/')
  const outputs = [
    ...(push ? [imageOutput(target, settings)] : []),
    ...(settings.load ? [loadOutput(target)] : []),
    ...settings.exports.map((files) => exportSpec(files, several ? part : '')),
  ]
  return outputs.length > 0 ? outputs : ['type=cacheonly']
}

function imageOutput({ variant }: Target, { image, rewriteTimestamps }: BuildSettings): string {
  const names = variant.images.map(formatRepository).join(',')
  const dated = rewriteTimestamps || (variant.buildArgs['SOURCE_DATE_EPOCH'] ?? '') !== ''
  const rewrite: readonly Attribute[] =
    dated && !image.some(([name]) => name === 'rewrite-timestamp') ? [['rewrite-timestamp', 'true']] : []
  const more = [...image, ...rewrite].map(([name, value]) => `${name}=${value}`)
  // The list is CSV, so a field that holds commas itself stands in quotes.
  return [
    `type=image,"name=${names}",push-by-digest=true,name-canonical=true,push=true,oci-mediatypes=true`,
    ...(more.length > 0 ? [joinFields(more)] : []),
  ].join(',')
}

function loadOutput({ variant }: Target): string {
  const name = variant.tags.map(formatTagReference).join(',')
  return joinAttributes([['type', 'docker'], ...(name === '' ? [] : [['name', name] as const])])
}

/** What bake must be allowed on its command line, since the author asked for it. */
export function allowances({ entitlements, network, ssh }: BuildSettings): string[] {
  const asked = [...entitlements, ...(network === 'host' ? ['network.host'] : []), ...(ssh.length > 0 ? ['ssh'] : [])]
  return [...new Set(asked)].flatMap((entitlement) => ['--allow', entitlement])
}
