import { splitFields } from '../../lib/csv.ts'
import { splitLines, type Entry } from '../../lib/lists.ts'
import { didYouMean, shorten, type IssueSink } from '../../lib/issues.ts'
import { tlsNames } from './tls-options.ts'

type Options = Readonly<Record<string, string>>

/** Who starts a daemon of ours: buildx's drivers by their names. */
export type Starter = 'docker-container' | 'kubernetes'

interface Form {
  readonly pattern: RegExp
  readonly expected: string
  readonly example: string
}

const boolean: Form = {
  pattern: /^(1|t|T|TRUE|true|True|0|f|F|FALSE|false|False)$/,
  expected: '`true` or `false`',
  example: 'true',
}
const number: Form = { pattern: /^-?\d+$/, expected: 'a whole number', example: '1000' }
const pairs: Form = {
  pattern: /^"?[^=,\s]+=[^=,]*(,[^=,\s]+=[^=,]*)*"?$/,
  expected: 'pairs',
  example: 'name=value,name=value',
}
const quantity: Form = {
  pattern: /^\d+(\.\d+)?(m|k|[MGTPE]|[KMGTPE]i)?$/,
  expected: 'an amount such as `500m` or `4Gi`',
  example: '4Gi',
}
const size: Form = {
  pattern: /^(-1|\d+(\.\d+)? ?([kKmMgGtTpP]?i?[bB]?))$/,
  expected: 'a size such as `4g`',
  example: '4g',
}
const text: Form = { pattern: /\S/, expected: 'a value', example: '…' }

const starters: Readonly<Record<Starter, Readonly<Record<string, Form>>>> = {
  // https://github.com/docker/buildx/blob/v0.38.2/driver/docker-container/factory.go
  'docker-container': {
    'allow-untrusted-image': boolean,
    'cgroup-parent': text,
    'cpu-period': number,
    'cpu-quota': number,
    'cpu-shares': number,
    'cpuset-cpus': text,
    'cpuset-mems': text,
    'default-load': boolean,
    image: text,
    memory: size,
    'memory-swap': size,
    network: text,
    'provenance-add-gha': boolean,
    'restart-policy': text,
  },
  // https://github.com/docker/buildx/blob/v0.38.2/driver/kubernetes/factory.go
  kubernetes: {
    annotations: pairs,
    'buildkit-root-volume-memory': quantity,
    'default-load': boolean,
    image: text,
    labels: pairs,
    'limits.cpu': quantity,
    'limits.ephemeral-storage': quantity,
    'limits.memory': quantity,
    loadbalance: { pattern: /^(sticky|random)$/, expected: '`sticky` or `random`', example: 'sticky' },
    namespace: {
      pattern: /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/,
      expected: 'the name of a namespace',
      example: 'buildkit',
    },
    nodeselector: pairs,
    'qemu.image': text,
    'qemu.install': boolean,
    replicas: { pattern: /^([1-9]|1\d|20)$/, expected: 'a number from 1 to 20', example: '2' },
    'requests.cpu': quantity,
    'requests.ephemeral-storage': quantity,
    'requests.memory': quantity,
    rootless: boolean,
    schedulername: text,
    serviceaccount: text,
    timeout: { pattern: /^(\d+(\.\d+)?(ms|s|m|h))+$/, expected: 'a time', example: '5m' },
    tolerations: {
      pattern:
        /^"?(key|operator|value|effect|tolerationSeconds)=[^=,;]*([,;](key|operator|value|effect|tolerationSeconds)=[^=,;]*)*"?$/,
      expected: 'tolerations',
      example: 'key=build,operator=Exists,effect=NoSchedule',
    },
  },
}

/** Each option must be one that one of these drivers takes. */
export function checkDriverOpts(input: string, options: Options, drivers: readonly Starter[], report: IssueSink): void {
  for (const [name, value] of Object.entries(options)) {
    const problem = tlsNames.includes(name) ? undefined : optionProblem(name, value, drivers)
    if (problem !== undefined) report({ input, given: shorten(`${name}=${value}`), expected: problem })
  }
}

/** Of options for all nodes, those that this one's driver takes. */
export function optionsFor(starter: Starter, options: Options): Options {
  const own = starters[starter]
  return Object.fromEntries(
    Object.entries(options).filter(([name]) => name.startsWith('env.') || Object.hasOwn(own, name)),
  )
}

function optionProblem(name: string, value: string, drivers: readonly Starter[]): string | undefined {
  if (name.startsWith('env.')) return name.length > 4 ? undefined : 'names no variable: write `env.NAME=value`'
  if (name === 'persistent-volume-claim.requests.storage' && drivers.includes('kubernetes'))
    return 'would leave its volume claims in the cluster after the run: leave it out; the cache in the registry outlives the pods'
  const known = drivers.map((driver) => starters[driver])
  const form = known.flatMap((forms) => (Object.hasOwn(forms, name) ? (forms[name] ?? []) : []))[0]
  const names = [...new Set(known.flatMap(Object.keys))]
  if (form === undefined)
    return `is no option of the ${drivers.join(' or ')} driver: ${names.join(', ')} and \`env.NAME\` are${didYouMean(name, names)}`
  return form.pattern.test(value) ? undefined : `needs ${form.expected}: write \`${name}=${form.example}\``
}

/** Flags of buildkitd, as setup-buildx-action takes them: `--debug --allow-insecure-entitlement security.insecure`. */
export function readBuildkitdFlags(text: string, report: IssueSink): readonly string[] {
  const flags = text.split(/\s+/).filter((flag) => flag !== '')
  const [first] = flags
  if (first !== undefined && !first.startsWith('--'))
    report({ input: 'buildkitd-flags', given: shorten(first), expected: 'is no flag: write `--debug`, for example' })
  return flags
}

const input = 'buildkitd-config-inline'

/**
 * Refuses what buildkitd dies of, and what it ignores although the author relies on it; the rest is buildkitd's to
 * judge.
 */
export function checkBuildkitdConfig(text: string, report: IssueSink): void {
  let section = ''
  for (const { text: line, line: number } of splitLines(text)) {
    const header = /^(\[\[?)\s*([^\]]+?)\s*\]/.exec(line)
    const problem = header ? headerProblem(header[1] === '[[', plainKey(header[2] ?? '')) : keyProblem(section, line)
    if (header) section = plainKey(header[2] ?? '')
    if (problem !== undefined) report({ input, given: shorten(line), expected: `in line ${number} ${problem}` })
  }
}

const routing = 'list other machines in `nodes` instead'

function headerProblem(isList: boolean, section: string): string | undefined {
  if (isList && /^worker(\.|$)/.test(section))
    return `keeps buildkitd from starting: a worker is written \`[${section}]\`, once; ${routing}`
  if (/^worker\.[^.]+\.ssh$/.test(section))
    return `means nothing to buildkitd, which would build under emulation without a word: ${routing}`
  return undefined
}

function keyProblem(section: string, line: string): string | undefined {
  const key = plainKey(/^([^=]+)=/.exec(line)?.[1] ?? '')
  const fits =
    section === ''
      ? /^(?:address|identity|worker\.[^.]+\.(?:ssh|address|identity)(?:\..*)?)$/
      : /^(?:address|identity|ssh(?:\..*)?)$/
  if (!fits.test(key) || !(section === '' || section.startsWith('worker.'))) return undefined
  return `means nothing to buildkitd, which would build under emulation without a word: ${routing}`
}

/** `worker."oci"` and `worker . oci` are the same key. */
function plainKey(text: string): string {
  return text.replace(/["'\s]/g, '')
}

/**
 * PURE: `image=…,network=host` in one line is two options, as buildx reads it. A comma before anything but another
 * option is part of the value, which buildx would want quoted: `env.no_proxy=localhost,127.0.0.1`.
 */
export function splitOptions(entries: readonly Entry[]): readonly Entry[] {
  return entries.flatMap((entry) => {
    const fields = entry.quoted || entry.text.includes('-----BEGIN') ? undefined : splitFields(entry.text)
    const options = fields?.reduce<string[]>((options, field) => {
      const before = options.at(-1)
      return before === undefined || isOption(field)
        ? [...options, field]
        : [...options.slice(0, -1), `${before},${field}`]
    }, [])
    return options?.map((text) => ({ ...entry, text })) ?? [entry]
  })
}

function isOption(field: string): boolean {
  const name = /^([^=\s]+)=/.exec(field)?.[1] ?? ''
  return (
    name.startsWith('env.') ||
    tlsNames.includes(name) ||
    Object.values(starters).some((known) => Object.hasOwn(known, name))
  )
}
