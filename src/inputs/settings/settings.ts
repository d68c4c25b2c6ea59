import { readBoolean } from '../../lib/choice.ts'
import { splitList, type Env } from '../../lib/lists.ts'
import { shorten, type IssueSink } from '../../lib/issues.ts'
import { readAttests, type Attests } from './attests.ts'
import { readCacheSpecs } from '../cache/specs.ts'
import { readCall, type Call } from './call.ts'
import { readContexts } from './contexts.ts'
import { readEntitlements, readHosts, readNetwork, readShmSize, readUlimits } from './limits.ts'
import { readOutputs, type Outputs } from './outputs.ts'
import { readSecrets, readSsh, type Secret } from './secrets.ts'
import type { SettingsSource } from './source.ts'

/** What build-push-action's inputs ask of every build alike, beside what it builds. */
export interface BuildSettings extends Attests, Outputs {
  /** Name → address. */
  readonly hosts: Readonly<Record<string, string>>
  readonly entitlements: readonly string[]
  /** Name → absolute directory, or what buildx takes as it is. */
  readonly contexts: Readonly<Record<string, string>>
  readonly cacheFrom: readonly string[]
  readonly cacheTo: readonly string[]
  /** Undefined: builds. */
  readonly call?: Call
  readonly network: string
  readonly noCache: boolean
  readonly noCacheFilters: readonly string[]
  readonly pull: boolean
  readonly secrets: readonly Secret[]
  readonly shmSize: string
  readonly ssh: readonly string[]
  readonly ulimits: readonly string[]
  /** The inputs whose builds change their files' times to those of the sources; from SOURCE_DATE_EPOCH. */
  readonly rewriteTimestamps: boolean
}

/** Nothing asked for: what every other setting is laid over. */
export const plainSettings: BuildSettings = {
  hosts: {},
  entitlements: [],
  contexts: {},
  cacheFrom: [],
  cacheTo: [],
  network: '',
  noCache: false,
  noCacheFilters: [],
  pull: false,
  secrets: [],
  shmSize: '',
  ssh: [],
  ulimits: [],
  rewriteTimestamps: false,
  provenance: '',
  attests: [],
  load: false,
  image: [],
  exports: [],
  imageAnnotations: [],
}

/** Reads all of them; `report` hears every mistake. */
export function readSettings(source: SettingsSource): BuildSettings {
  const { text, env, report } = source
  const flag = (name: string) => readBoolean(name, text(name) || 'false', report)
  const call = readCall(text('call'), report)
  const outputs = readOutputs(source, flag('load'))
  return {
    ...readAttests(source, outputs.load),
    ...outputs,
    hosts: readHosts(text('add-hosts'), report),
    entitlements: readEntitlements(text('allow'), report),
    contexts: readContexts(source),
    cacheFrom: readCacheSpecs('cache-from', text('cache-from'), report),
    cacheTo: readCacheSpecs('cache-to', text('cache-to'), report),
    ...(call && { call }),
    network: readNetwork(text('network'), report),
    noCache: flag('no-cache'),
    noCacheFilters: splitList(text('no-cache-filters')),
    pull: flag('pull'),
    secrets: readSecrets(source),
    shmSize: readShmSize(text('shm-size'), report),
    ssh: readSsh(source),
    ulimits: readUlimits(text('ulimit'), report),
    rewriteTimestamps: readEpoch(env, report),
  }
}

/** https://reproducible-builds.org/docs/source-date-epoch/: buildx hands it to the build by itself. */
function readEpoch(env: Env, report: IssueSink): boolean {
  const epoch = env['SOURCE_DATE_EPOCH'] ?? ''
  if (epoch === '') return false
  // Of others' only `context` means something to buildx, and no time is known before the build then.
  if (!/^\d+$/.test(epoch) && epoch !== 'context')
    report({
      input: 'SOURCE_DATE_EPOCH',
      given: shorten(epoch),
      expected: 'is no time: write whole seconds since 1970, as `git log -1 --pretty=%ct` tells them',
    })
  return true
}
