import { parseBoolean } from '../lib/choice.ts'
import { isRecord } from '../lib/json.ts'
import { splitList } from '../lib/lists.ts'
import type { IssueSink } from '../lib/issues.ts'
import { restorePem } from '../lib/pem.ts'
import { registrySections } from '../nodes/buildkitd-config.ts'
import type { RegistryHost, RegistryHosts } from '../registry/hosts.ts'
import { failFor, passes, type Fail } from './diagnostics.ts'
import type { InputSource } from './source.ts'
import { listField, parseFields, parseYamlMap } from './yaml-fields.ts'

const input = 'registries'
const keys = ['ca', 'http', 'insecure', 'mirrors']
const form = 'write `registry.example.com: {ca: path/to/ca.pem}`, one registry per line'
const hostPattern = /^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:]+\])(?::\d{1,5})?$/

type RegistriesSource = Pick<InputSource, 'text' | 'paths' | 'report'>

/** Parses `registries`, YAML by host. */
export async function parseRegistries(source: RegistriesSource): Promise<RegistryHosts> {
  const text = source.text(input)
  const map =
    text === ''
      ? {}
      : await parseYamlMap(text, { input, expected: `is not a map of registries: ${form}` }, source.report)
  const hosts = Object.entries(map ?? {}).flatMap(([host, entry]) => {
    const parsed = parseHost(host, entry, source)
    return parsed ? [[host.toLowerCase(), parsed] as const] : []
  })
  return Object.fromEntries(hosts)
}

function parseHost(host: string, entry: unknown, source: RegistriesSource): RegistryHost | undefined {
  const fail = failFor(source.report, input, host)
  const forms = 'write it as in image names, `registry.example.com:5000`, without a scheme'
  passes(fail, host, [[!hostPattern.test(host), `is not a valid host: ${forms}`]])
  passes(fail, host, [[!isRecord(entry), `has no settings: ${form}`]])
  if (!isRecord(entry)) return undefined
  const text = parseFields(entry, { what: 'a registry', keys, where: ` in \`${host}\`` }, fail)
  const flag = (key: string) =>
    parseBoolean(input, text(key) ?? 'false', (issue) =>
      source.report({ ...issue, given: `${key}: ${issue.given ?? ''}` }),
    )
  const settings = { ca: parseCa(text('ca') ?? '', source, fail), http: flag('http'), insecure: flag('insecure') }
  passes(fail, host, [
    [settings.http && settings.ca !== '', 'has `http` and `ca`, but plain http has no certificate: remove one of them'],
  ])
  return { ...settings, mirrors: parseMirrors(entry, fail) }
}

/** PEM text, or the path of a file of it: read here, so that nothing can replace the file before it is used. */
function parseCa(text: string, { paths }: RegistriesSource, fail: Fail): string {
  if (text === '' || text.includes('-----BEGIN')) return text === '' ? '' : restorePem(text)
  const failCa: Fail = (expected) => fail(expected, `ca: ${text}`)
  const path = paths.absolute(text)
  const message = `is neither a PEM certificate nor a file that contains one: ${path} was not found`
  if (!passes(failCa, undefined, [[!paths.exists(path), message]])) return ''
  const pem = paths.readFile(text, failCa)
  const isPem = pem === '' || pem.includes('-----BEGIN')
  return passes(failCa, undefined, [[!isPem, 'is a file without a PEM certificate']]) && pem !== '' ? `${pem}\n` : ''
}

const mirrorForm = 'is not a valid mirror: write its host, `mirror.example.com`, without a scheme'

function parseMirrors(entry: Readonly<Record<string, unknown>>, fail: Fail): readonly string[] {
  const mirrors = listField(entry, 'mirrors', fail).flatMap((line) => splitList(line))
  const isHost = (mirror: string) => hostPattern.test(mirror.split('/')[0] ?? '') && !mirror.includes('://')
  return mirrors.filter((mirror) => passes(fail, mirror, [[!isHost(mirror), mirrorForm]]))
}

/** TOML does not allow a section twice: buildkitd would not start. */
export function checkSections(config: string, hosts: RegistryHosts, report: IssueSink): void {
  for (const host of Object.keys(hosts))
    passes(failFor(report, input), host, [
      [
        registrySections(config, host) !== '',
        'also has a section in the configuration of buildkitd: write all of its settings in one of the two',
      ],
    ])
}

/** Settings that only the daemons would have for the registry of `image`: the login and the checks would fail. */
export function checkReach(config: string, images: readonly { readonly registry: string }[], report: IssueSink): void {
  for (const host of new Set(images.map(({ registry }) => registry))) {
    const key = /^\s*(http|insecure|ca)\s*=/m.exec(registrySections(config, host))?.[1] ?? ''
    const form = `registries: {${host}: {${key}: …}}`
    passes(failFor(report, 'buildkitd-config-inline'), `[registry."${host}"] ${key}`, [
      [key !== '', `applies only to the daemons: write \`${form}\`, so that the login and the checks use it too`],
    ])
  }
}
