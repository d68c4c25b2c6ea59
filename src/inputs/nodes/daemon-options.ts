import { splitFields } from '../../lib/csv.ts'
import type { ListEntry } from '../../lib/lists.ts'
import { didYouMean, shorten, type IssueSink } from '../../lib/issues.ts'
import { acceptsOption } from '../../nodes/drivers/options.ts'
import { drivers } from '../../nodes/drivers/table.ts'
import type { Driver } from '../../nodes/node.ts'

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
export function checkDriverOpts(
  input: string,
  options: Options,
  accepting: readonly Driver[],
  report: IssueSink,
): void {
  for (const [name, value] of Object.entries(options)) {
    const problem = isTlsOption(name) ? undefined : optionProblem(name, value, accepting)
    if (problem !== undefined) report({ input, given: shorten(`${name}=${value}`), expected: problem })
  }
}

/** The options for all nodes that this driver accepts. */
export function optionsFor(driver: Driver, options: Options): Options {
  return Object.fromEntries(Object.entries(options).filter(([name]) => acceptsOption(driver, name)))
}

function optionProblem(name: string, value: string, accepting: readonly Driver[]): string | undefined {
  if (name.startsWith('env.')) return name.length > 4 ? undefined : 'has no name of a variable: write `env.NAME=value`'
  const forms: Driver['options'] = Object.fromEntries(accepting.flatMap(({ options }) => Object.entries(options)))
  const refused = accepting
    .map(({ refusedOptions = {} }) => refusedOptions[name])
    .find((reason) => reason !== undefined)
  if (refused !== undefined) return refused
  const form = Object.hasOwn(forms, name) ? forms[name] : undefined
  if (form) return form.pattern.test(value) ? undefined : `needs ${form.expected}: write \`${name}=${form.example}\``
  const names = Object.keys(forms)
  const known = [...new Set(accepting.map((driver) => driver.name))].join(' or ')
  return `is not an option of the ${known} driver: ${names.join(', ')} and \`env.NAME\` are${didYouMean(name, names)}`
}

/** Parses flags of buildkitd, as in setup-buildx-action: `--debug --allow-insecure-entitlement security.insecure`. */
export function parseBuildkitdFlags(text: string, report: IssueSink): readonly string[] {
  const flags = text.split(/\s+/).filter((flag) => flag !== '')
  const [first] = flags
  if (first !== undefined && !first.startsWith('--'))
    report({
      input: 'buildkitd-flags',
      given: shorten(first),
      expected: 'is not a flag: write `--debug`, for example',
    })
  return flags
}

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
