import { parseCacheSpecs } from '../cache/specs.ts'
import { parseBuildContexts } from '../context.ts'
import { failFor, passes } from '../diagnostics.ts'
import type { InputSource } from '../source.ts'
import { boolean, list, parseTable, type Values } from '../table.ts'
import { parseAttests, type Attests } from './attests.ts'
import {
  parseCall,
  parseEntitlements,
  parseHosts,
  parseNetwork,
  parseShmSize,
  parseUlimits,
  type Call,
} from './limits.ts'
import { parseOutputs, type Outputs } from './outputs.ts'
import { parseSecrets, type Secret } from './secrets.ts'
import { parseSsh } from './ssh.ts'

const rows = {
  /** Name → address. */
  hosts: ['add-hosts', parseHosts],
  entitlements: ['allow', parseEntitlements],
  network: ['network', parseNetwork],
  noCache: ['no-cache', boolean()],
  noCacheFilters: ['no-cache-filters', list()],
  pull: ['pull', boolean()],
  shmSize: ['shm-size', parseShmSize],
  ulimits: ['ulimit', parseUlimits],
} as const

/** What the inputs of build-push-action set for every build alike, except what it builds. */
export interface BuildSettings extends Attests, Outputs, Values<typeof rows> {
  /** Name → absolute directory, or a value that buildx takes as it is. */
  readonly contexts: Readonly<Record<string, string>>
  readonly cacheFrom: readonly string[]
  readonly cacheTo: readonly string[]
  /** Undefined: builds. */
  readonly call?: Call
  readonly secrets: readonly Secret[]
  readonly ssh: readonly string[]
  /** Whether builds set their files' times to SOURCE_DATE_EPOCH. */
  readonly rewriteTimestamps: boolean
}

/** The settings of a step without inputs. */
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

export function parseSettings(source: InputSource): BuildSettings {
  const { call, load } = parseTable({ call: ['call', parseCall], load: ['load', boolean()] }, source)
  const outputs = parseOutputs(source, load)
  return {
    // The Docker format has no attestations.
    ...parseAttests(source, outputs.load || outputs.exports.some(({ type }) => type === 'docker')),
    ...outputs,
    ...parseTable(rows, source),
    ...(call && { call }),
    cacheFrom: parseCacheSpecs('cache-from', source),
    cacheTo: parseCacheSpecs('cache-to', source),
    contexts: parseBuildContexts(source),
    secrets: parseSecrets(source),
    ssh: parseSsh(source),
    rewriteTimestamps: hasEpoch(source),
  }
}

/** https://reproducible-builds.org/docs/source-date-epoch/: buildx passes it to the build by itself. */
function hasEpoch({ env, report }: InputSource): boolean {
  const [name, epoch] = ['SOURCE_DATE_EPOCH', env['SOURCE_DATE_EPOCH'] ?? '']
  // Besides numbers buildx supports only `context`, whose time is not known before the build.
  passes(failFor(report, name), epoch, [
    [
      !/^(\d*|context)$/.test(epoch),
      'is not a valid time: write whole seconds since 1970, as `git log -1 --pretty=%ct` prints them',
    ],
  ])
  return epoch !== ''
}
