import { callRegistry, type Route } from './registry.ts'
import { accessOf } from './registry-auth.ts'
import { callRest } from './rest.ts'
import type { Operation, PackageAt, Scope } from './rest.ts'
import type { ListState } from './lists.ts'
import { mediaTypes } from './manifest.ts'
import { root } from './permissions.ts'
import type { Token } from './permissions.ts'
import { remember } from './remember.ts'
import type { Answer, Fake } from './fake.ts'

/**
 * The REST API without a socket: the same rules, limits, faults and log. Refusals are answers; a lost connection
 * throws.
 */
export interface RestCalls {
  listPackages(at: Scope, page?: number, perPage?: number): Promise<Answer>
  getPackage(at: PackageAt): Promise<Answer>
  deletePackage(at: PackageAt): Promise<Answer>
  restorePackage(at: PackageAt): Promise<Answer>
  listVersions(at: PackageAt, options?: { state?: ListState; page?: number; perPage?: number }): Promise<Answer>
  getVersion(at: PackageAt, id: number): Promise<Answer>
  deleteVersion(at: PackageAt, id: number): Promise<Answer>
  restoreVersion(at: PackageAt, id: number): Promise<Answer>
  getRun(repository: string, id: number): Promise<Answer>
}

export function restCalls(fake: Fake, token: Token = root): RestCalls {
  const call = (operation: Operation): Promise<Answer> =>
    callRest(fake, operation, { token, base: 'https://api.github.com', api: 'github' })
  return {
    listPackages: (at, page = 1, perPage = 30) => call({ name: 'list packages', at, page, perPage }),
    getPackage: (at) => call({ name: 'get package', at }),
    deletePackage: (at) => call({ name: 'delete package', at }),
    restorePackage: (at) => call({ name: 'restore package', at }),
    listVersions: (at, { state = 'active', page = 1, perPage = 30 } = {}) =>
      call({ name: 'list versions', at, state, page, perPage }),
    getVersion: (at, id) => call({ name: 'get version', at, id }),
    deleteVersion: (at, id) => call({ name: 'delete version', at, id }),
    restoreVersion: (at, id) => call({ name: 'restore version', at, id }),
    getRun: (repository, id) => call({ name: 'get run', repository, id }),
  }
}

/** What of the registry clean-up and publishing need, without a socket. `repository` is `owner/name`. */
export interface RegistryCalls {
  getManifest(repository: string, reference: string): Promise<Answer>
  headManifest(repository: string, reference: string): Promise<Answer>
  putManifest(repository: string, reference: string, mediaType: string, body: string): Promise<Answer>
  deleteManifest(repository: string, reference: string): Promise<Answer>
  putBlob(repository: string, digest: string, data: Uint8Array): Promise<Answer>
  listTags(repository: string, query?: { n?: number; last?: string }): Promise<Answer>
}

const noBytes = new Uint8Array()
const everything = Object.values(mediaTypes).join(', ')

const noQuery = new URLSearchParams()

/** Requests are read, not changed. */
const queryOf = remember((text: string) => new URLSearchParams(text))

interface RegistryCallOptions {
  query?: string
  mediaType?: string
  body?: Uint8Array
}

export function registryCalls(fake: Fake, token: Token = root): RegistryCalls {
  const access = accessOf(fake.state, token)
  const call = (
    method: string,
    route: Route & { path: string },
    { query, mediaType, body = noBytes }: RegistryCallOptions = {},
  ): Promise<Answer> => {
    const { repository, path } = route
    return callRegistry(
      fake,
      {
        method,
        path: `/v2/${repository}/${path}`,
        query: query === undefined ? noQuery : queryOf(query),
        body,
        access,
        header: (name) => (name === 'accept' ? everything : name === 'content-type' ? mediaType : undefined),
      },
      route,
    )
  }
  const manifest = (repository: string, reference: string): Route & { path: string } => ({
    what: 'manifest',
    repository,
    reference,
    path: `manifests/${reference}`,
  })
  const upload = (repository: string): Route & { path: string } => ({
    what: 'upload',
    repository,
    reference: '',
    path: 'blobs/uploads/',
  })
  const tags = (repository: string): Route & { path: string } => ({
    what: 'tags',
    repository,
    reference: '',
    path: 'tags/list',
  })
  return {
    getManifest: (repository, reference) => call('GET', manifest(repository, reference)),
    headManifest: (repository, reference) => call('HEAD', manifest(repository, reference)),
    putManifest: (repository, reference, mediaType, body) =>
      call('PUT', manifest(repository, reference), { mediaType, body: Buffer.from(body) }),
    deleteManifest: (repository, reference) => call('DELETE', manifest(repository, reference)),
    putBlob: (repository, digest, data) =>
      call('POST', upload(repository), { query: `digest=${encodeURIComponent(digest)}`, body: data }),
    listTags: (repository, { n, last } = {}) =>
      call('GET', tags(repository), {
        query: `${n === undefined ? '' : `n=${n}&`}${last === undefined ? '' : `last=${encodeURIComponent(last)}`}`,
      }),
  }
}
