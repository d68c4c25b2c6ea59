import { createHash } from 'node:crypto'
import type { RegistryHosts } from '../registry/hosts.ts'
import { withoutRegistries } from './buildkitd-config.ts'
import { driverOf } from './drivers/table.ts'
import type { NodeSpec } from './node-spec.ts'

/** What a daemon that the action starts gets. */
interface DaemonFiles {
  /** A part of its configuration. */
  readonly toml: string
  /** Path below /etc/buildkit → content. */
  readonly files: Readonly<Record<string, string>>
}

/** PURE: the registries as sections of buildkitd.toml; every `ca` is PEM text. */
export function formatDaemonFiles(hosts: RegistryHosts): DaemonFiles {
  const sections = Object.entries(hosts).map(([host, settings]) => ({
    host,
    ...settings,
    path: certificatePath(host, 'ca', settings.ca),
  }))
  const lines = sections.flatMap(({ host, ca, http, insecure, mirrors, path }) => [
    `[registry.${JSON.stringify(host)}]`,
    ...(http ? ['  http = true'] : []),
    ...(insecure ? ['  insecure = true'] : []),
    ...(mirrors.length > 0 ? [`  mirrors = ${JSON.stringify(mirrors)}`] : []),
    ...(ca === '' ? [] : [`  ca = [${JSON.stringify(`/etc/buildkit/${path}`)}]`]),
  ])
  return {
    toml: lines.map((line) => `${line}\n`).join(''),
    files: Object.fromEntries(sections.filter(({ ca }) => ca !== '').map(({ ca, path }) => [path, ca])),
  }
}

/** The path below /etc/buildkit of a file of a registry: the same content has the same path. */
export function certificatePath(host: string, kind: string, content: string): string {
  const hash = createHash('sha256').update(content).digest('hex').slice(0, 8)
  return `certs/${host.replace(/[^a-zA-Z0-9.-]+/g, '_')}/${kind}-${hash}.pem`
}

interface NodeSpecs {
  readonly nodes: readonly NodeSpec[]
  /** The local engine, for the fallback. */
  readonly localFallback: NodeSpec
}

/** PURE: the nodes, with the registries in the configuration of every daemon that the action starts. */
export function withRegistryConfig({ nodes, localFallback }: NodeSpecs, hosts: RegistryHosts): NodeSpecs {
  const { toml, files } = formatDaemonFiles(hosts)
  const withConfig = (spec: NodeSpec): NodeSpec =>
    toml === '' || !driverOf(spec).startsDaemon || spec.existingNodeName !== undefined
      ? spec
      : {
          ...spec,
          // TOML does not allow a section twice: buildkitd would not start.
          buildkitdConfig: [withoutRegistries(spec.buildkitdConfig, Object.keys(hosts)), toml]
            .filter((part) => part !== '')
            .join('\n'),
          daemonFiles: { ...spec.daemonFiles, ...files },
        }
  return { nodes: nodes.map(withConfig), localFallback: withConfig(localFallback) }
}
