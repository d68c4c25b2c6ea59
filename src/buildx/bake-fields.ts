import { joinAttributes, joinFields, type Attribute } from '../lib/csv.ts'
import { unlessEmpty } from '../lib/json.ts'
import { formatRepository, formatTagReference } from '../registry/reference.ts'
import { exportPart, exportSpec, type FileExport } from '../inputs/settings/outputs.ts'
import { secretSpec } from '../inputs/settings/secrets.ts'
import type { BuildSettings } from '../inputs/settings/settings.ts'
import type { Target } from '../plan/target.ts'
import type { RunDir } from '../run/run-dir.ts'

/** PURE: the fields of a bake target that come from the settings; only those that are set. */
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

interface OutputRequest {
  readonly push: boolean
  readonly settings: BuildSettings
  /** Whether the run has several targets: each gets its own directory. */
  readonly several: boolean
  /** Whether the image is for this run only. */
  readonly ephemeral: boolean
}

/** PURE: the outputs of a target: pushed by digest, loaded, written to files, or only cached. */
export function outputSpecs(target: Target, { push, settings, several, ephemeral }: OutputRequest): string[] {
  const part = exportPart(target.variant.name, target.platform)
  const outputs = [
    ...(push ? [imageOutput(target, settings, ephemeral)] : []),
    ...(settings.load ? [loadOutput(target)] : []),
    ...settings.exports.map((files) => exportSpec(withNames(files, target), several ? part : '')),
  ]
  return outputs.length > 0 ? outputs : ['type=cacheonly']
}

/** PURE: whether `outputs` requests Docker's media types, which have no annotations. */
export function requestsDockerTypes({ image }: Pick<BuildSettings, 'image'>): boolean {
  return image.some(([name, value]) => name === 'oci-mediatypes' && value === 'false')
}

/** The annotation of an image that is for one run only proves its ownership, and needs OCI media types. */
function imageOutput({ variant }: Target, { image, rewriteTimestamps }: BuildSettings, ephemeral: boolean): string {
  const names = variant.images.map(formatRepository).join(',')
  const hasEpoch = rewriteTimestamps || (variant.buildArgs['SOURCE_DATE_EPOCH'] ?? '') !== ''
  const defaults: readonly Attribute[] = [
    ['oci-mediatypes', 'true'],
    ...(hasEpoch ? [['rewrite-timestamp', 'true'] as const] : []),
  ]
  const given = ephemeral ? image.filter(([name]) => name !== 'oci-mediatypes') : image
  const attributes = [...defaults.filter(([name]) => !given.some(([other]) => other === name)), ...given]
  // The list is CSV: a field that contains commas is quoted.
  const fields = joinFields(attributes.map(([name, value]) => `${name}=${value}`))
  return `type=image,"name=${names}",push-by-digest=true,name-canonical=true,push=true,${fields}`
}

function loadOutput(target: Target): string {
  return joinAttributes([['type', 'docker'], ...nameAttribute(target)])
}

/** The references that an image has when it is loaded, or in an archive. */
function nameAttribute({ variant }: Target): readonly Attribute[] {
  const name = variant.tags.map(formatTagReference).join(',')
  return name === '' ? [] : [['name', name]]
}

/** An archive of an image has its references, unless the workflow names others. */
function withNames(files: FileExport, target: Target): FileExport {
  const isImage = files.type === 'docker' || files.type === 'oci'
  if (!isImage || files.attributes.some(([name]) => name === 'name')) return files
  return { ...files, attributes: [...files.attributes, ...nameAttribute(target)] }
}

/** PURE: the entitlements that the workflow requests, as arguments of bake. */
export function entitlementFlags({ entitlements, network, ssh }: BuildSettings): string[] {
  const requested = [
    ...entitlements,
    ...(network === 'host' ? ['network.host'] : []),
    ...(ssh.length > 0 ? ['ssh'] : []),
  ]
  return [...new Set(requested)].flatMap((entitlement) => ['--allow', entitlement])
}
