import { readRecord, splitLines, type Entry } from '../plan/lists.ts'
import { didYouMean, shorten, type Report } from '../plan/mistake.ts'
import { tlsNames } from './tls-options.ts'

type Options = Readonly<Record<string, string>>

// https://github.com/docker/buildx/blob/v0.38.2/driver/docker-container/factory.go
const container: Readonly<Record<string, 'text' | 'number' | 'boolean' | 'size'>> = {
  'allow-untrusted-image': 'boolean',
  'cgroup-parent': 'text',
  'cpu-period': 'number',
  'cpu-quota': 'number',
  'cpu-shares': 'number',
  'cpuset-cpus': 'text',
  'cpuset-mems': 'text',
  'default-load': 'boolean',
  image: 'text',
  memory: 'size',
  'memory-swap': 'size',
  network: 'text',
  'provenance-add-gha': 'boolean',
  'restart-policy': 'text',
}

const forms = {
  text: { pattern: /\S/, expected: 'a value' },
  number: { pattern: /^-?\d+$/, expected: 'a whole number' },
  boolean: { pattern: /^(1|t|T|TRUE|true|True|0|f|F|FALSE|false|False)$/, expected: '`true` or `false`' },
  size: { pattern: /^(-1|\d+(\.\d+)? ?([kKmMgGtTpP]?i?[bB]?))$/, expected: 'a size such as `4g`' },
}

/** Options of buildx's docker-container driver, each by its name. */
export function readDriverOpts(input: string, entries: readonly Entry[], report: Report): Options {
  const options = readRecord({ input }, entries, report)
  for (const [name, value] of Object.entries(options)) {
    const problem = tlsNames.includes(name) ? undefined : optionProblem(name, value)
    if (problem !== undefined) report({ input, given: shorten(`${name}=${value}`), expected: problem })
  }
  return options
}

function optionProblem(name: string, value: string): string | undefined {
  if (name.startsWith('env.')) return name.length > 4 ? undefined : 'names no variable: write `env.NAME=value`'
  const kind = Object.hasOwn(container, name) ? container[name] : undefined
  if (kind === undefined) return `is no option of the docker-container driver: ${Object.keys(container).join(', ')} and \`env.NAME\` are${didYouMean(name, Object.keys(container))}`
  return forms[kind].pattern.test(value) ? undefined : `needs ${forms[kind].expected}: write \`${name}=${kind === 'boolean' ? 'true' : kind === 'number' ? '1000' : kind === 'size' ? '4g' : '…'}\``
}

/** Flags of buildkitd, as setup-buildx-action takes them: `--debug --allow-insecure-entitlement security.insecure`. */
export function readBuildkitdFlags(text: string, report: Report): readonly string[] {
  const flags = text.split(/\s+/).filter((flag) => flag !== '')
  const [first] = flags
  if (first !== undefined && !first.startsWith('--')) report({ input: 'buildkitd-flags', given: shorten(first), expected: 'is no flag: write `--debug`, for example' })
  return flags
}

const input = 'buildkitd-config-inline'

/** Refuses what buildkitd dies of, and what it ignores although the author relies on it; the rest is buildkitd's to judge. */
export function checkBuildkitdConfig(text: string, report: Report): void {
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
  if (isList && /^worker(\.|$)/.test(section)) return `keeps buildkitd from starting: a worker is written \`[${section}]\`, once; ${routing}`
  if (/^worker\.[^.]+\.ssh$/.test(section)) return `means nothing to buildkitd, which would build under emulation without a word: ${routing}`
  return undefined
}

function keyProblem(section: string, line: string): string | undefined {
  const key = plainKey(/^([^=]+)=/.exec(line)?.[1] ?? '')
  const fits = section === '' ? /^(?:address|identity|worker\.[^.]+\.(?:ssh|address|identity)(?:\..*)?)$/ : /^(?:address|identity|ssh(?:\..*)?)$/
  if (!fits.test(key) || !(section === '' || section.startsWith("worker."))) return undefined
  return `means nothing to buildkitd, which would build under emulation without a word: ${routing}`
}

/** `worker."oci"` and `worker . oci` are the same key. */
function plainKey(text: string): string {
  return text.replace(/["'\s]/g, '')
}
