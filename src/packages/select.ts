import type { Event } from '../forge/event.ts'

/** Whose API deletes what a registry holds, and where it is. */
type PackagesOwner =
  /** GitHub's REST API: of github.com, of GitHub Enterprise Server, of a `ghe.com` tenant. */
  | { readonly kind: 'github'; readonly apiUrl: string }
  /** Forgejo and Gitea. */
  | { readonly kind: 'forgejo'; readonly serverUrl: string }
  /** The registry itself. */
  | { readonly kind: 'oci' }

export type PackagesChoice = 'auto' | PackagesOwner['kind']

/** The words of the input `packages-api`. */
export const packagesChoices = {
  auto: 'auto',
  github: 'github',
  forgejo: 'forgejo',
  gitea: 'forgejo',
  oci: 'oci',
} as const satisfies Record<string, PackagesChoice>

type Forge = Pick<Event, 'serverUrl' | 'apiUrl'>

/**
 * By `packages-api` where it says; else by the registry: GitHub's registries refuse every DELETE of their own, so only
 * its API helps there; Forgejo and Gitea keep packages under the host of the forge itself, and what they can do is told
 * by the address of the API that they give their jobs. Anything else has no API but the registry's.
 */
export function choosePackagesApi(choice: PackagesChoice, registry: string, forge: Forge): PackagesOwner {
  const host = registry.toLowerCase()
  switch (choice) {
    case 'github':
      return { kind: 'github', apiUrl: githubApi(host, forge) ?? trim(forge.apiUrl) }
    case 'forgejo':
      return {
        kind: 'forgejo',
        serverUrl: hostOf(forge.serverUrl) === host ? trim(forge.serverUrl) : `${schemeFor(host)}://${host}`,
      }
    case 'oci':
      return { kind: 'oci' }
    case 'auto': {
      const apiUrl = githubApi(host, forge)
      if (apiUrl !== undefined) return { kind: 'github', apiUrl }
      return isForgejo(forge) && hostOf(forge.serverUrl) === host
        ? { kind: 'forgejo', serverUrl: trim(forge.serverUrl) }
        : { kind: 'oci' }
    }
  }
}

/** Undefined where the registry is none of GitHub's. */
function githubApi(host: string, { serverUrl, apiUrl }: Forge): string | undefined {
  if (host === 'ghcr.io') return 'https://api.github.com'
  const tenant = /^containers\.([a-z0-9-]+\.ghe\.com)$/.exec(host)?.[1]
  if (tenant !== undefined) return `https://api.${tenant}`
  // With subdomain isolation, without which GitHub Enterprise Server has no container registry.
  return /\/api\/v3\/*$/.test(apiUrl) && host === `containers.${hostOf(serverUrl)}` ? trim(apiUrl) : undefined
}

function isForgejo({ apiUrl }: Forge): boolean {
  return /\/api\/v1\/*$/.test(apiUrl)
}

function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host.toLowerCase() : ''
}

/** As for registries: plain http is for this machine only. */
function schemeFor(host: string): 'http' | 'https' {
  return /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/.test(host) ? 'http' : 'https'
}

function trim(url: string): string {
  return url.replace(/\/+$/, '')
}
