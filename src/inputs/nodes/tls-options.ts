import { shorten, type IssueSink } from '../../lib/issues.ts'
import { formatEndpoint } from '../../nodes/endpoint.ts'
import type { Endpoint } from '../../nodes/node-spec.ts'

type Options = Readonly<Record<string, string>>

/** Those of buildx' remote driver: a certificate or a key is PEM, or the path of a file of it. */
export const tlsNames = ['cacert', 'cert', 'key', 'servername']

/** Of options for all nodes, those that a node behind TCP takes, or those that the others take. */
export function pickTls(options: Options, wanted: boolean): Options {
  return Object.fromEntries(Object.entries(options).filter(([name]) => tlsNames.includes(name) === wanted))
}

/** A buildkitd behind TCP without them would be anybody's. */
export function checkTls(endpoint: Endpoint, options: Options, report: IssueSink): void {
  if (endpoint.kind !== 'tcp') return
  const missing = ['cacert', 'cert', 'key'].filter((name) => (options[name] ?? '') === '')
  const given = shorten(formatEndpoint(endpoint))
  if (missing.length > 0)
    report({
      input: 'nodes',
      given,
      expected: `needs ${missing.map((name) => `\`${name}\``).join(', ')} in its \`driver-opts\`, PEM or the path of a file: a buildkitd behind TCP is reached by mutual TLS alone`,
    })
}

/** The lines of private keys in a text, for masking. */
export function keyLines(text: string): string[] {
  return [...text.matchAll(/-----BEGIN [A-Z ]*PRIVATE KEY-----([\s\S]*?)-----END/g)]
    .flatMap(([, body = '']) => body.split(/\s+|\\n/))
    .filter((line) => line.length > 7)
}
