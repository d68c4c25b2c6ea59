import { tryParseJson } from '../lib/json.ts'

/** A worker's keys written in a form to which a section cannot add any. */
const inlineWorkerTable = /^\s*["']?worker["']?\s*(?:\.[^\]=]*)?=|^\s*\[\s*["']?worker["']?\s*\]/im

const workerSection = /^([ \t]*\[\s*["']?worker["']?\s*\.\s*["']?oci["']?\s*\][^\n]*)$/m

/** PURE: whether `withWorkerKeys` can add to this text. */
export function canAddWorkerKeys(config: string): boolean {
  return !inlineWorkerTable.test(config)
}

/** PURE: a buildkitd.toml with more keys in the section of its OCI worker, which is added if there is none. */
export function withWorkerKeys(config: string, keys: readonly string[]): string {
  if (workerSection.test(config)) return config.replace(workerSection, (line) => [line, ...keys].join('\n'))
  return [...(config === '' ? [] : [config.trimEnd()]), '[worker.oci]', ...keys, ''].join('\n')
}

/** How much of a node's disk a persistent builder may use: a part of it, and never the last of it. */
const diskLimits = ['gc = true', 'reservedSpace = "2GB"', 'maxUsedSpace = "20%"', 'minFreeSpace = "20%"']

const diskKeys =
  /^\s*(?:gc|gckeepstorage|gcpolicy|reservedSpace|maxUsedSpace|minFreeSpace)\s*=|^\s*\[\[\s*worker\.oci\.gcpolicy/im

/**
 * PURE: a buildkitd.toml with limits for its disk (https://docs.docker.com/build/cache/garbage-collection/); unchanged
 * if the user set any, or wrote the worker's keys in a form to which nothing can be added.
 */
export function withDiskLimits(config: string): string {
  return diskKeys.test(config) || !canAddWorkerKeys(config) ? config : withWorkerKeys(config, diskLimits)
}

/** `[registry."host"]`, `[[registry."host".keypair]]` */
const registryHeader =
  /^[ \t]*\[\[?[ \t]*registry[ \t]*\.[ \t]*("[^"\n]*"|'[^'\n]*'|[\w-]+)[ \t]*(?:\.[ \t]*keypair[ \t]*)?\]/
const literal = /"(?:[^"\\\n]|\\.)*"|'[^'\n]*'/g
/** `ca = ["a", "b"]`, `key = "a"`, `{key = "a", cert = "b"}` */
const fileSetting = /((?:^|[{,])[ \t]*(ca|key|cert)[ \t]*=[ \t]*)(\[[^\]]*\]|"(?:[^"\\\n]|\\.)*"|'[^'\n]*')/gm

/** PURE: the sections of a registry in a buildkitd.toml; empty if there are none. */
export function registrySections(config: string, host: string): string {
  return splitSections(config)
    .filter((section) => registryOf(section)?.toLowerCase() === host.toLowerCase())
    .join('')
}

/** PURE: a buildkitd.toml without the sections of these registries. */
export function withoutRegistries(config: string, hosts: readonly string[]): string {
  return splitSections(config)
    .filter((section) => !hosts.includes(registryOf(section)?.toLowerCase() ?? ''))
    .join('')
}

/** A path in a section of a registry. */
interface RegistryFile {
  readonly host: string
  readonly kind: string
  readonly path: string
}

/** PURE: a buildkitd.toml with other paths of the files of registries. */
export function mapRegistryFiles(config: string, map: (file: RegistryFile) => string): string {
  const mapSection = (section: string, host: string) =>
    section.replace(fileSetting, (_, before: string, kind: string, value: string) => {
      const mapPath = (path: string) => JSON.stringify(map({ host, kind, path: unquote(path) }))
      return `${before}${value.replace(literal, mapPath)}`
    })
  return splitSections(config)
    .map((section) => {
      const host = registryOf(section)
      return host === undefined ? section : mapSection(section, host)
    })
    .join('')
}

/** Each with its header; the first has none. */
function splitSections(config: string): readonly string[] {
  return config.split(/^(?=[ \t]*\[)/m)
}

function registryOf(section: string): string | undefined {
  const [, host] = registryHeader.exec(section) ?? []
  return host === undefined ? undefined : unquote(host)
}

function unquote(text: string): string {
  const parsed = text.startsWith('"') ? tryParseJson(text) : undefined
  return typeof parsed === 'string' ? parsed : text.replace(/^["']|["']$/g, '')
}
