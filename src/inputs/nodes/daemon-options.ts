import { splitFields } from '../../lib/csv.ts'
import { parseRecord, splitRecords, type ListEntry } from '../../lib/lists.ts'
import { didYouMean } from '../../lib/issues.ts'
import { acceptsOption } from '../../nodes/drivers/options.ts'
import { drivers } from '../../nodes/drivers/table.ts'
import type { Driver } from '../../nodes/node.ts'
import { passes, type Fail, type Problem } from '../diagnostics.ts'
import type { Parser } from '../table.ts'

type Options = Readonly<Record<string, string>>

/** The options of drivers that start no daemon: the TLS options of buildx's remote driver. */
export const tlsNames = [
  ...new Set([...drivers.values()].flatMap((driver) => (driver.startsDaemon ? [] : Object.keys(driver.options)))),
]

/** Whether an option belongs to a node that is reached by TLS. */
export function isTlsOption(name: string): boolean {
  return tlsNames.includes(name)
}

/** Reports each option that none of these drivers accepts. TLS options are checked where the endpoint is known. */
export function checkDriverOpts(options: Options, accepting: readonly Driver[], fail: Fail): void {
  for (const [name, value] of Object.entries(options).filter(([one]) => !isTlsOption(one)))
    passes(fail, `${name}=${value}`, optionProblems(name, value, accepting))
}

/** The options for all nodes that this driver accepts. */
export function optionsFor(driver: Driver, options: Options): Options {
  return Object.fromEntries(Object.entries(options).filter(([name]) => acceptsOption(driver, name)))
}

function optionProblems(name: string, value: string, accepting: readonly Driver[]): readonly Problem[] {
  if (name.startsWith('env.')) return [[name === 'env.', 'has no name of a variable: write `env.NAME=value`']]
  const forms = new Map(accepting.flatMap(({ options }) => Object.entries(options)))
  const refused = accepting.flatMap(({ refusedOptions = {} }) => refusedOptions[name] ?? [])
  const form = forms.get(name)
  const names = [...forms.keys()]
  const known = [...new Set(accepting.map((driver) => driver.name))].join(' or ')
  const unknown = `is not an option of the ${known} driver: ${names.join(', ')} and \`env.NAME\` are`
  return [
    [refused.length > 0, refused[0] ?? ''],
    [form === undefined, `${unknown}${didYouMean(name, names)}`],
    [form?.pattern.test(value) === false, `needs ${form?.expected ?? ''}: write \`${name}=${form?.example ?? ''}\``],
  ]
}

/** Parses flags of buildkitd, as in setup-buildx-action: `--debug --allow-insecure-entitlement security.insecure`. */
export const parseBuildkitdFlags: Parser<readonly string[]> = (text, fail) => {
  const flags = splitFlags(text)
  passes(fail, flags[0], [[!/^(--|$)/.test(flags[0] ?? ''), 'is not a flag: write `--debug`, for example']])
  return flags
}

export function splitFlags(text: string): readonly string[] {
  return text.split(/\s+/).filter((flag) => flag !== '')
}

/** Parses `driver-opts`. */
export const parseDriverOpts: Parser<Options> = (text, _, { name, report }) =>
  parseRecord({ input: name }, splitOptions(splitRecords(name, text, report)), report)

/**
 * PURE: `image=…,network=host` in one line is two options, as in buildx. A comma that is not before another option is
 * part of the value, which buildx would want quoted: `env.no_proxy=localhost,127.0.0.1`.
 */
export function splitOptions(entries: readonly ListEntry[]): readonly ListEntry[] {
  return entries.flatMap((entry) => {
    const fields = entry.quoted || entry.text.includes('-----BEGIN') ? undefined : splitFields(entry.text)
    return fields === undefined ? [entry] : joinValues(fields).map((text) => ({ ...entry, text }))
  })
}

function joinValues(fields: readonly string[]): readonly string[] {
  const options: string[] = []
  for (const field of fields) {
    const previous = options.at(-1)
    if (previous === undefined || isOption(field)) options.push(field)
    else options.splice(-1, 1, `${previous},${field}`)
  }
  return options
}

function isOption(field: string): boolean {
  const name = /^([^=\s]+)=/.exec(field)?.[1] ?? ''
  return [...drivers.values()].some((driver) => acceptsOption(driver, name))
}
