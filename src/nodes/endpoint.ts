import { didYouMean, type Reject } from '../lib/issues.ts'
import { drivers, endpointDriver } from './drivers/table.ts'
import type { Endpoint } from './node-spec.ts'

const forms = 'write `local`, `ssh://user@host` or `unix:///path/to/buildkitd.sock`'

/** Parses the address of a node; `reject` gets the reason why a text is not an endpoint. */
export function parseEndpoint(text: string, reject: Reject = () => undefined): Endpoint | undefined {
  const problem = unsafeProblem(text)
  if (problem !== undefined) {
    reject(problem)
    return undefined
  }
  if (text === 'local') return { kind: 'local' }
  const [, written, rest = ''] = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/(.*)$/.exec(text) ?? []
  // `user@host`, with or without a port, is short for SSH.
  if (written === undefined && text.includes('@') && !/:?\//.test(text)) return parseEndpoint(`ssh://${text}`, reject)
  if (written === undefined) reject(schemeProblem(text))
  else {
    const driver = [...drivers.values()].find(({ scheme }) => scheme === written.toLowerCase())
    if (driver?.parse) return driver.parse(rest, reject)
    const schemes = [...drivers.values()].flatMap(({ scheme }) => scheme ?? [])
    reject(`has the unknown scheme \`${written}://\`: ${forms}${didYouMean(written, schemes)}`)
  }
  return undefined
}

/** The shortest text that parses as the same endpoint; equal for equal endpoints. */
export function formatEndpoint(endpoint: Endpoint): string {
  return endpointDriver(endpoint).format(endpoint)
}

/** Replaces what may be a password: everything between a user's colon and the last `@`. */
export function hidePassword(text: string): string {
  return text.replace(/(^|:\/\/|[=\s"'])([^:@/\s="']*):(?!\/\/|\s).*@/g, '$1$2:***@')
}

function unsafeProblem(text: string): string | undefined {
  if (text === '') return `is empty: ${forms}`
  if (hidePassword(text) !== text)
    return 'holds a password, which this action never uses: write `ssh://user@host` and give a key in `ssh-private-key`'
  if (/[\s\p{C}]/u.test(text)) return `holds a space or a control character: ${forms}`
  if (text.includes('%')) return 'holds `%`, which ssh would expand: write the host and the user as they are'
  return undefined
}

function schemeProblem(text: string): string {
  if (text.includes('@')) return `has a path but no scheme: write \`ssh://${text.replace(/:?\//, '/')}\``
  if (text.startsWith('/')) return `is a path: write \`unix://${text}\``
  if (!text.startsWith('-') && (/[.:]/.test(text) || text === 'localhost'))
    return `has no scheme: write \`ssh://${text}\``
  return `is not an endpoint: ${forms}${didYouMean(text, ['local'])}`
}
