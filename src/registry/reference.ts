import type { Reject } from '../lib/issues.ts'

/** `ghcr.io/acme/app`: where images live. */
export interface Repository {
  /** Host with port, as in the reference: `ghcr.io`, `127.0.0.1:5000`; Docker Hub is `docker.io`. */
  readonly registry: string
  /** `acme/app`; on Docker Hub `library/app` for one-word names. */
  readonly path: string
}

/** `ghcr.io/acme/app:1.2` */
export interface TagReference extends Repository {
  readonly tag: string
}

// https://github.com/distribution/reference/blob/main/regexp.go
const label = '[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?'
const hostPattern = new RegExp(`^(?:${label}(?:\\.${label})*|\\[[A-Fa-f0-9:]+\\])(?::[0-9]{1,5})?$`)
const pathPattern = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/
const tagPattern = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/
const hubHosts = new Set(['docker.io', 'index.docker.io', 'registry-1.docker.io', 'registry.hub.docker.com'])
const longestName = 255

/** What OCI allows as a tag: https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests */
export function isTag(text: string): boolean {
  return tagPattern.test(text)
}

/** Reads a repository without tag and digest; `wrong` hears why a text is none. */
export function parseRepository(text: string, wrong: Reject = () => undefined): Repository | undefined {
  const name = text.trim()
  const problem = wrongForm(name)
  if (problem !== undefined) {
    wrong(problem)
    return undefined
  }
  return parseName(name, wrong)
}

/** Reads `repository:tag`, for example `ghcr.io/acme/app:1.2`. */
export function parseTagReference(text: string, wrong: Reject = () => undefined): TagReference | undefined {
  const reference = text.trim()
  if (reference.includes('@')) {
    wrong('has a digest, and only a tag can be moved: write `ghcr.io/acme/app:1.2`')
    return undefined
  }
  const { name, tag } = splitTag(reference)
  if (tag === undefined) {
    wrong(`has no tag: write \`${name}:1.2\`, or the tag alone`)
    return undefined
  }
  if (!isTag(tag)) {
    wrong(
      'does not end in a valid tag: letters, digits, `.`, `_` and `-`, at most 128, the first a letter, digit or `_`',
    )
    return undefined
  }
  if (name !== name.toLowerCase()) {
    wrong(`has capital letters in its repository, which registries refuse: write \`${name.toLowerCase()}:${tag}\``)
    return undefined
  }
  const repository = parseRepository(name, wrong)
  return repository && { ...repository, tag }
}

/**
 * Owners and repositories of a forge may have capitals, registries allow none, and a workflow's expressions cannot
 * lower-case: `ghcr.io/${{ github.repository }}` means the lower-case name.
 */
export function lowerForgeNames(text: string, { repository }: { readonly repository: string }): string {
  const [owner = ''] = repository.split('/')
  if (owner === '') return text
  // On Docker Hub the owner may come first.
  const lowered = `/${text}`.replaceAll(`/${repository}`, `/${repository.toLowerCase()}`)
  return lowered.replaceAll(`/${owner}/`, `/${owner.toLowerCase()}/`).slice(1)
}

export function formatRepository({ registry, path }: Repository): string {
  return `${registry}/${path}`
}

export function formatTagReference(reference: TagReference): string {
  return `${formatRepository(reference)}:${reference.tag}`
}

/** What keeps a text from being a repository, told of its shape as a whole. */
function wrongForm(name: string): string | undefined {
  const scheme = /^[a-z][a-z0-9+.-]*:\/\//i.exec(name)
  if (scheme) return `begins with \`${scheme[0]}\`: write the registry's host alone, as in \`ghcr.io/acme/app\``
  if (name.includes('@'))
    return `has a digest: write the repository alone, \`${name.slice(0, name.indexOf('@')) || 'ghcr.io/acme/app'}\``
  const { name: repository, tag } = splitTag(name)
  if (tag !== undefined && !isHost(name)) {
    return repository === ''
      ? expectedForm
      : `has a tag: write \`${repository}\` here${isTag(tag) ? ` and \`${tag}\` in \`tags\`` : ', and tags in `tags`'}`
  }
  if (isHost(name)) return `is a registry without a repository: write \`${name}/acme/app\``
  return undefined
}

const expectedForm = 'is not a repository: write `registry/owner/name`, lower case, as in `ghcr.io/acme/app`'

function parseName(name: string, wrong: Reject): Repository | undefined {
  if (name !== name.toLowerCase()) {
    wrong(`has capital letters, which registries refuse: write \`${name.toLowerCase()}\``)
    return undefined
  }
  const slash = name.indexOf('/')
  const first = slash < 0 ? '' : name.slice(0, slash)
  const hasHost = /[.:]/.test(first) || first === 'localhost'
  const registry = hasHost ? first : 'docker.io'
  const rest = hasHost ? name.slice(slash + 1) : name
  if (!hostPattern.test(registry) || !portFits(registry) || !pathPattern.test(rest) || name.length > longestName) {
    wrong(expectedForm)
    return undefined
  }
  if (hubHosts.has(registry)) return { registry: 'docker.io', path: rest.includes('/') ? rest : `library/${rest}` }
  if (registry === 'ghcr.io' && !rest.includes('/')) {
    wrong(`names no owner: write \`ghcr.io/acme/${rest}\``)
    return undefined
  }
  return { registry, path: rest }
}

/** The last colon after the last slash begins the tag; any other belongs to a port or to IPv6. */
function splitTag(text: string): { readonly name: string; readonly tag?: string } {
  const colon = text.lastIndexOf(':')
  if (colon < 0 || colon < text.lastIndexOf('/') || text.endsWith(']')) return { name: text }
  return { name: text.slice(0, colon), tag: text.slice(colon + 1) }
}

/** A registry and nothing else: `ghcr.io`, `localhost:5000`, `[::1]:5000`. */
function isHost(text: string): boolean {
  if (text.includes('/') || !hostPattern.test(text)) return false
  const [host = '', port] = text.startsWith('[') ? [text] : text.split(':')
  return (
    host.startsWith('[') ||
    host === 'localhost' ||
    (/\.[a-z]{2,}$|^\d+(\.\d+){3}$/i.test(host) && (port === undefined || /^\d{2,5}$/.test(port)))
  )
}

function portFits(registry: string): boolean {
  const port = /:(\d+)$/.exec(registry)?.[1]
  return port === undefined || (Number(port) > 0 && Number(port) < 65536)
}
