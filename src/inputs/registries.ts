import { createHash } from 'node:crypto'
import { posix } from 'node:path'
import { isBuildkitd } from '../nodes/endpoint.ts'
import type { NodeSpec } from '../nodes/node-spec.ts'
import type { Files } from './context.ts'
import { readBoolean } from '../lib/choice.ts'
import { isRecord } from '../lib/json.ts'
import { splitList } from '../lib/lists.ts'
import { didYouMean, shorten, type IssueSink } from '../lib/issues.ts'
import { readYaml } from '../lib/yaml.ts'
import type { RegistryHosts, RegistryHost } from '../registry/hosts.ts'

const input = 'registries'
const keys = ['ca', 'http', 'insecure', 'mirrors']
const form = 'write `registry.example.com: {ca: path/to/ca.pem}`, one registry a line'
const hostPattern = /^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:]+\])(?::\d{1,5})?$/

/** Reads `registries`, YAML by host. */
export async function readRegistries(text: string, files: Files, report: IssueSink): Promise<RegistryHosts> {
  if (text === '') return {}
  const yaml = await readYaml(input, text, report)
  if (yaml === undefined) return {}
  if (!isRecord(yaml)) {
    report({ input, given: shorten(text), expected: `is not a map of registries: ${form}` })
    return {}
  }
  return Object.fromEntries(
    Object.entries(yaml).flatMap(([host, entry]) =>
      (readHost(host, entry, files, report) ?? []).map((read) => [host.toLowerCase(), read]),
    ),
  )
}

function readHost(host: string, entry: unknown, files: Files, report: IssueSink): readonly RegistryHost[] | undefined {
  const wrong = (given: string, expected: string) => report({ input, given: shorten(given), expected })
  if (!hostPattern.test(host))
    wrong(host, 'is no host: write it as in image names, `registry.example.com:5000`, without a scheme')
  if (!isRecord(entry)) {
    wrong(host, `has no settings: ${form}`)
    return undefined
  }
  for (const key of Object.keys(entry))
    if (!keys.includes(key))
      wrong(
        key,
        `is no setting of a registry (in \`${shorten(host)}\`): ${keys.join(', ')} are${didYouMean(key, keys)}`,
      )
  const text = (key: string): string => {
    const value = entry[key] ?? ''
    if (typeof value === 'string') return value.trim()
    wrong(key, `must be one text (in \`${shorten(host)}\`)`)
    return ''
  }
  const flag = (key: string) =>
    readBoolean(input, text(key) || 'false', (mistake) =>
      report({ ...mistake, given: `${key}: ${mistake.given ?? ''}` }),
    )
  const [http, insecure] = [flag('http'), flag('insecure')]
  const ca = readCa(text('ca'), files, wrong)
  if (http && ca !== '')
    wrong(host, 'has both `http` and `ca`, and plain http has no certificate: leave one of the two out')
  return [{ ca, http, insecure, mirrors: readMirrors(entry['mirrors'], wrong) }]
}

function readCa(text: string, files: Files, wrong: (given: string, expected: string) => void): string {
  if (text === '' || text.includes('-----BEGIN')) return text === '' ? '' : `${text}\n`
  const path = posix.resolve(files.workspace, text)
  if (!files.exists(path) || files.exists(`${path}/.`))
    wrong(`ca: ${text}`, `is neither a certificate in PEM nor a file that holds one: ${path} was looked for`)
  return path
}

function readMirrors(value: unknown, wrong: (given: string, expected: string) => void): readonly string[] {
  const list: readonly unknown[] = Array.isArray(value) ? value : value === undefined ? [] : [value]
  return list
    .flatMap((entry) => {
      if (typeof entry !== 'string') wrong('mirrors', 'must be a text or a list of texts')
      return typeof entry === 'string' ? splitList(entry) : []
    })
    .filter((mirror) => {
      const fits = hostPattern.test(mirror.split('/')[0] ?? '') && !mirror.includes('://')
      if (!fits) wrong(mirror, 'is no mirror: write its host, `mirror.example.com`, without a scheme')
      return fits
    })
}

/** What a daemon of ours is given: a part of its configuration, and files below /etc/buildkit. */
interface DaemonFiles {
  readonly toml: string
  /** Path → content. */
  readonly files: Readonly<Record<string, string>>
}

/** PURE: the registries as buildkitd is told of them; every `ca` is PEM by now. */
export function renderDaemonFiles(hosts: RegistryHosts): DaemonFiles {
  const named = Object.entries(hosts).map(([host, settings]) => ({
    host,
    ...settings,
    path: `certs/${host.replace(/[^a-zA-Z0-9.-]+/g, '_')}/ca-${createHash('sha256').update(settings.ca).digest('hex').slice(0, 8)}.pem`,
  }))
  const sections = named.map(({ host, ca, http, insecure, mirrors, path }) => [
    `[registry.${JSON.stringify(host)}]`,
    ...(http ? ['  http = true'] : []),
    ...(insecure ? ['  insecure = true'] : []),
    ...(mirrors.length > 0 ? [`  mirrors = ${JSON.stringify(mirrors)}`] : []),
    ...(ca === '' ? [] : [`  ca = [${JSON.stringify(`/etc/buildkit/${path}`)}]`]),
  ])
  return {
    toml: sections
      .flat()
      .map((line) => `${line}\n`)
      .join(''),
    files: Object.fromEntries(named.flatMap(({ ca, path }) => (ca === '' ? [] : [[path, ca]]))),
  }
}

/** Where a run builds, and may have to build. */
interface Places {
  readonly nodes: readonly NodeSpec[]
  readonly spare: NodeSpec
}

/** PURE: nodes whose daemons, where we start them, know the registries. */
export function tellRegistries({ nodes, spare }: Places, hosts: RegistryHosts): Places {
  const { toml, files } = renderDaemonFiles(hosts)
  const tell = (spec: NodeSpec): NodeSpec =>
    toml === '' || isBuildkitd(spec.endpoint) || spec.daemon !== undefined
      ? spec
      : {
          ...spec,
          buildkitdConfig: [spec.buildkitdConfig, toml].filter((part) => part !== '').join('\n'),
          daemonFiles: files,
        }
  return { nodes: nodes.map(tell), spare: tell(spare) }
}

/** A section twice is no TOML: buildkitd would not start. */
export function checkSections(config: string, hosts: RegistryHosts, report: IssueSink): void {
  for (const host of Object.keys(hosts)) {
    if (sectionOf(config, host) !== undefined)
      report({
        input,
        given: host,
        expected: 'has a section in the configuration of buildkitd too: write everything of it in one of the two',
      })
  }
}

/**
 * What only the daemons know of the registry of `image`, the login and the checks after the push would not: they would
 * fail.
 */
export function checkReach(config: string, images: readonly { readonly registry: string }[], report: IssueSink): void {
  for (const host of new Set(images.map(({ registry }) => registry))) {
    const key = /^\s*(http|insecure|ca)\s*=/m.exec(sectionOf(config, host) ?? '')?.[1]
    if (key !== undefined)
      report({
        input: 'buildkitd-config-inline',
        given: `[registry."${host}"] ${key}`,
        expected: `would be known to the daemons alone: write it as \`registries: {${host}: {${key}: …}}\`, which the login and the checks read too`,
      })
  }
}

/** The lines below `[registry."host"]`, up to the next section. */
function sectionOf(config: string, host: string): string | undefined {
  const name = host.replace(/[.[\]]/g, '\\$&')
  return new RegExp(
    `^\\s*\\[\\s*registry\\s*\\.\\s*["']${name}["']\\s*\\]([^\\n]*(?:\\n(?!\\s*\\[)[^\\n]*)*)`,
    'im',
  ).exec(config)?.[1]
}
