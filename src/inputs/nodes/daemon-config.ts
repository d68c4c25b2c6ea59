import { splitLines } from '../../lib/lists.ts'
import { mapRegistryFiles } from '../../nodes/buildkitd-config.ts'
import { certificatePath } from '../../nodes/registry-config.ts'
import { failFor, passes, type Fail } from '../diagnostics.ts'
import type { LocalPaths } from '../local-paths.ts'
import type { InputSource } from '../source.ts'
import type { BuilderStore } from './existing-builder.ts'

/** The configuration of every daemon that the step starts. */
export interface DaemonConfig {
  /** Text of buildkitd.toml; empty for the daemon's defaults. */
  readonly buildkitdConfig: string
  /** Path below /etc/buildkit → content, of the files to which the text refers. */
  readonly daemonFiles?: Readonly<Record<string, string>>
  /** Where the text is from, if no input gave it. */
  readonly defaultFile?: string
}

type ConfigSource = Pick<InputSource, 'text' | 'report' | 'paths' | 'note'>

/** Drivers that start no daemon. */
const withoutDaemon = ['docker', 'remote']

/** Parses `buildkitd-config-inline`; without it, buildx’s own default configuration applies, as in `buildx create`. */
export function parseDaemonConfig({ text, report, paths, note }: ConfigSource, store: BuilderStore): DaemonConfig {
  const given = text('buildkitd-config-inline')
  if (given !== '') return parseConfig(given, paths, failFor(report, 'buildkitd-config-inline'))
  const isUsed = text('builder') === '' && !withoutDaemon.includes(text('driver'))
  const { file, text: config } = isUsed ? store.defaultConfig() : { file: '', text: '' }
  if (config === '') return { buildkitdConfig: '' }
  const fail = failFor(report, 'buildkitd-config')
  const inFile: Fail = (expected, value) =>
    fail(`${expected}; this is in ${file}, buildx’s default configuration`, value)
  note(`The daemons that this step starts have the configuration ${file}, as with \`buildx create\`.`)
  return { ...parseConfig(config, paths, inFile), defaultFile: file }
}

/** Files of registries travel to every daemon, as with `buildx create` (docker/buildx, util/confutil). */
function parseConfig(config: string, paths: LocalPaths, fail: Fail): DaemonConfig {
  checkKeys(config, fail)
  const files: Record<string, string> = {}
  const buildkitdConfig = mapRegistryFiles(config, ({ host, kind, path }) => {
    const content = `${paths.readFile(path, fail)}\n`
    const name = certificatePath(host, kind, content)
    files[name] = content
    return `/etc/buildkit/${name}`
  })
  return { buildkitdConfig, ...(Object.keys(files).length > 0 && { daemonFiles: files }) }
}

/**
 * Reports settings with which buildkitd does not start, and settings that it ignores although the user relies on them.
 * Everything else is left to buildkitd.
 */
function checkKeys(text: string, fail: Fail): void {
  let section = ''
  for (const { text: line, line: number } of splitLines(text)) {
    const [, brackets, header = ''] = /^(\[\[?)\s*([^\]]+?)\s*\]/.exec(line) ?? []
    const name = plainKey(brackets === undefined ? (/^([^=]+)=/.exec(line)?.[1] ?? '') : header)
    passes((expected) => fail(`in line ${number} ${expected}`, line), undefined, [
      [
        brackets === '[[' && /^worker(\.|$)/.test(name),
        `prevents buildkitd from starting: write a worker once, as \`[${name}]\`; ${routing}`,
      ],
      [isIgnored(name, brackets === undefined ? section : ''), ignored],
    ])
    if (brackets !== undefined) section = name
  }
}

/** Whether a section, or a key in a section, is one that buildkitd ignores; keys in such a section are not reported. */
function isIgnored(name: string, section: string): boolean {
  return !ignoredKey.test(section) && ignoredKey.test(section === '' ? name : `${section}.${name}`)
}

const routing = 'list other machines in `nodes` instead'
const ignored = `is ignored by buildkitd, which would silently build under emulation: ${routing}`
const ignoredKey = /^(?:address|identity|worker\.[^.]+\.(?:ssh|address|identity)(?:\..*)?)$/

/** `worker."oci"` and `worker . oci` are the same key. */
function plainKey(text: string): string {
  return text.replace(/["'\s]/g, '')
}
