import type { Reject } from '../lib/issues.ts'
import { isDigest } from './manifest.ts'

/** `ghcr.io/acme/app`: a repository of images. */
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

/** An image that exists, by tag or digest; if it has both, the digest counts. */
export interface ImageReference extends Repository {
  readonly tag?: string
  readonly digest?: string
}

// https://github.com/distribution/reference/blob/main/regexp.go
const label = '[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?'
const hostPattern = new RegExp(`^(?:${label}(?:\\.${label})*|\\[[A-Fa-f0-9:]+\\])(?::[0-9]{1,5})?$`)
const pathPattern = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/
const tagPattern = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/
const hubHosts = new Set(['docker.io', 'index.docker.io', 'registry-1.docker.io', 'registry.hub.docker.com'])
const maxNameLength = 255

/** Whether a tag is valid: https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests */
export function isTag(text: string): boolean {
  return tagPattern.test(text)
}

/** Parses a repository without tag and digest; `reject` is called with the reason if the text is not one. */
export function parseRepository(text: string, reject: Reject = () => undefined): Repository | undefined {
  const name = text.trim()
  const problem = formProblem(name) ?? nameProblem(name)
  if (problem !== undefined) {
    reject(problem)
    return undefined
  }
  const { registry, path } = splitRegistry(name)
  if (!hubHosts.has(registry)) return { registry, path }
  return { registry: 'docker.io', path: path.includes('/') ? path : `library/${path}` }
}

/** Parses `repository:tag`, for example `ghcr.io/acme/app:1.2`. */
export function parseTagReference(text: string, reject: Reject = () => undefined): TagReference | undefined {
  const reference = text.trim()
  const { name, tag } = splitTag(reference)
  const problem = tagProblem(reference)
  if (problem !== undefined || tag === undefined) {
    reject(problem ?? '')
    return undefined
  }
  const repository = parseRepository(name, reject)
  return repository && { ...repository, tag }
}

/** Parses `repository`, `repository:tag`, `repository@digest` or `repository:tag@digest`. */
export function parseImageReference(text: string, reject: Reject = () => undefined): ImageReference | undefined {
  const [, name = '', digest] = /^([^@]*)(?:@(.*))?$/s.exec(text.trim()) ?? []
  const { name: repository, tag } = splitTag(name)
  if (digest !== undefined && !isDigest(digest))
    reject('does not end in a valid digest: write `@sha256:` and 64 hex digits')
  else if (tag !== undefined && !isTag(tag)) reject(`does not end in a valid tag: ${tagForm}`)
  else {
    const parsed = parseRepository(repository, reject)
    return parsed && { ...parsed, ...(tag !== undefined && { tag }), ...(digest !== undefined && { digest }) }
  }
  return undefined
}

function tagProblem(reference: string): string | undefined {
  const { name, tag } = splitTag(reference)
  if (reference.includes('@')) return 'has a digest, and only a tag can be updated: write `ghcr.io/acme/app:1.2`'
  if (tag === undefined) return `has no tag: write \`${name}:1.2\`, or the tag alone`
  if (!isTag(tag)) return `does not end in a valid tag: ${tagForm}`
  if (name !== name.toLowerCase())
    return `has capital letters in its repository, which registries refuse: write \`${name.toLowerCase()}:${tag}\``
  return undefined
}

const tagForm = 'letters, digits, `.`, `_` and `-`, at most 128, the first a letter, digit or `_`'

/**
 * Owners and repositories of a CI platform may have capital letters, which registries do not allow, and expressions in
 * workflows cannot change them: `ghcr.io/${{ github.repository }}` means the lower-case name.
 */
export function lowerCaseRepository(text: string, { repository }: { readonly repository: string }): string {
  const [owner = ''] = repository.split('/')
  if (owner === '') return text
  // On Docker Hub the owner may come first.
  const lowered = `/${text}`.replaceAll(`/${repository}`, `/${repository.toLowerCase()}`)
  return lowered.replaceAll(`/${owner}/`, `/${owner.toLowerCase()}/`).slice(1)
}

export function isSameRepository(a: Repository, b: Repository): boolean {
  return a.registry === b.registry && a.path === b.path
}

export function formatRepository({ registry, path }: Repository): string {
  return `${registry}/${path}`
}

export function formatImageReference({ tag, digest, ...repository }: ImageReference): string {
  const suffix = digest === undefined ? `:${tag ?? ''}` : `@${digest}`
  return `${formatRepository(repository)}${suffix}`
}

export function formatTagReference(reference: TagReference): string {
  return `${formatRepository(reference)}:${reference.tag}`
}

/** Why a text as a whole does not have the form of a repository. */
function formProblem(name: string): string | undefined {
  const scheme = /^[a-z][a-z0-9+.-]*:\/\//i.exec(name)
  if (scheme) return `begins with \`${scheme[0]}\`: write the registry's host alone, as in \`ghcr.io/acme/app\``
  if (name.includes('@'))
    return `has a digest: write the repository alone, \`${name.slice(0, name.indexOf('@')) || 'ghcr.io/acme/app'}\``
  if (isHost(name)) return `is a registry without a repository: write \`${name}/acme/app\``
  const { name: repository, tag } = splitTag(name)
  if (tag === undefined) return undefined
  if (repository === '') return expectedForm
  const advice = isTag(tag) ? ` and \`${tag}\` in \`tags\`` : ', and tags in `tags`'
  return `has a tag: write \`${repository}\` here${advice}`
}

const expectedForm = 'is not a repository: write `registry/owner/name`, lower case, as in `ghcr.io/acme/app`'

function nameProblem(name: string): string | undefined {
  if (name !== name.toLowerCase())
    return `has capital letters, which registries refuse: write \`${name.toLowerCase()}\``
  const { registry, path } = splitRegistry(name)
  const isValid = hostPattern.test(registry) && isPortValid(registry) && pathPattern.test(path)
  if (!isValid || name.length > maxNameLength) return expectedForm
  return registry === 'ghcr.io' && !path.includes('/') ? `has no owner: write \`ghcr.io/acme/${path}\`` : undefined
}

/** The first component is a registry if it looks like a host; the default registry is Docker Hub. */
function splitRegistry(name: string): Repository {
  const slash = name.indexOf('/')
  const first = slash < 0 ? '' : name.slice(0, slash)
  const isRegistry = /[.:]/.test(first) || first === 'localhost'
  return isRegistry ? { registry: first, path: name.slice(slash + 1) } : { registry: 'docker.io', path: name }
}

/** The last colon after the last slash begins the tag; any other belongs to a port or to IPv6. */
function splitTag(text: string): { readonly name: string; readonly tag?: string } {
  const colon = text.lastIndexOf(':')
  if (colon < 0 || colon < text.lastIndexOf('/') || text.endsWith(']')) return { name: text }
  return { name: text.slice(0, colon), tag: text.slice(colon + 1) }
}

/** A registry without a path: `ghcr.io`, `localhost:5000`, `[::1]:5000`. */
function isHost(text: string): boolean {
  if (text.includes('/') || !hostPattern.test(text)) return false
  const [host = '', port] = text.startsWith('[') ? [text] : text.split(':')
  return (
    host.startsWith('[') ||
    host === 'localhost' ||
    (/\.[a-z]{2,}$|^\d+(\.\d+){3}$/i.test(host) && (port === undefined || /^\d{2,5}$/.test(port)))
  )
}

function isPortValid(registry: string): boolean {
  const port = /:(\d+)$/.exec(registry)?.[1]
  return port === undefined || (Number(port) > 0 && Number(port) < 65536)
}
