import { deletedPackage, deletePackage, deleteVersion, messages, restorePackage, restoreVersion } from './delete.ts'
import type { Fault } from './faults.ts'
import { phaseAt, shownStep, versionsAt } from './lists.ts'
import type { ListState } from './lists.ts'
import { checkAnswer } from './openapi.ts'
import { mayDelete, mayListPackages, mayRead, mayReadRun } from './permissions.ts'
import type { Token } from './permissions.ts'
import { secondary, spend } from './rate-limit.ts'
import { remember } from './remember.ts'
import { packageBody, versionBody } from './rest-bodies.ts'
import { findRun, runBody } from './runs.ts'
import { findPackage } from './state.ts'
import type { Package, Refusal } from './state.ts'
import { serve } from './fake.ts'
import type { Answer, Fake } from './fake.ts'

export type Scope = { scope: 'orgs' | 'users'; owner: string } | { scope: 'user' }
export type PackageAt = Scope & { name: string }

/** The requests of GitHub's REST API that this server knows. */
export type Operation =
  | { name: 'list packages'; at: Scope; page: number; perPage: number }
  | { name: 'get package' | 'delete package' | 'restore package'; at: PackageAt }
  | { name: 'list versions'; at: PackageAt; state: ListState; page: number; perPage: number }
  | { name: 'get version' | 'delete version' | 'restore version'; at: PackageAt; id: number }
  | { name: 'get run'; repository: string; id: number }

/** Who asks, and by which address: the public one, or that of an enterprise server. */
export interface Asker {
  token: Token | undefined
  base: string
  api: 'github' | 'ghes'
}

const method = ({ name }: Operation): string =>
  name.startsWith('delete') ? 'DELETE' : name.startsWith('restore') ? 'POST' : 'GET'

/** The operation as the description names it. */
function template(operation: Operation): string {
  if (operation.name === 'get run') return 'GET /repos/{owner}/{repo}/actions/runs/{run_id}'
  const home = { orgs: '/orgs/{org}', users: '/users/{username}', user: '/user' }[operation.at.scope]
  if (operation.name === 'list packages') return `GET ${home}/packages`
  const [verb, noun = ''] = operation.name.split(' ')
  const versions = noun === 'package' ? '' : noun === 'versions' ? '/versions' : '/versions/{package_version_id}'
  const restore = verb === 'restore' ? '/restore' : ''
  return `${method(operation)} ${home}/packages/{package_type}/{package_name}${versions}${restore}`
}

const encoded = remember((name: string) => encodeURIComponent(name))

export function restPath(operation: Operation): string {
  if (operation.name === 'get run') return `/repos/${operation.repository}/actions/runs/${operation.id}`
  const { at } = operation
  const home = at.scope === 'user' ? '/user' : `/${at.scope}/${at.owner}`
  if (operation.name === 'list packages') return `${home}/packages`
  const restore = operation.name.startsWith('restore') ? '/restore' : ''
  const versions =
    operation.name === 'list versions' ? '/versions' : 'id' in operation ? `/versions/${operation.id}` : ''
  return `${home}/packages/container/${encoded('name' in at ? at.name : '')}${versions}${restore}`
}

export const refused = (
  { status, message }: Refusal,
  headers: Record<string, string> = {},
  documentation = 'https://docs.github.com/rest/packages/packages',
): Answer => ({ status, headers, body: { message, documentation_url: documentation, status: String(status) } })

/** Answers one request to the REST API, by every rule there is. */
export async function callRest(fake: Fake, operation: Operation, asker: Asker): Promise<Answer> {
  const answer = await serve(
    fake,
    { side: 'rest', endpoint: operation.name, method: method(operation), path: restPath(operation) },
    () => {
      const { headers, refusal } = spend(
        { limiter: fake.limiter, rules: fake.rules.limits, clock: fake.state.clock },
        asker.token,
        method(operation),
      )
      if (refusal) return refused(refusal, headers, refusal.documentation)
      const made = asker.token
        ? perform(fake, operation, { ...asker, token: asker.token })
        : refused({ status: 401, message: 'Requires authentication' })
      return { ...made, headers: { ...headers, ...made.headers } }
    },
    spoiled,
  )
  if (fake.rules.checkAnswers && !isUnicorn(answer))
    checkAnswer(asker.api, template(operation), answer.status, answer.body)
  return answer
}

/** GitHub's gateway answers in HTML: who parses every answer as JSON trips over it. */
const unicorn: Answer = {
  status: 502,
  headers: { 'content-type': 'text/html; charset=utf-8' },
  body: '<!DOCTYPE html><html><body><h1>Unicorn!</h1></body></html>',
}
const isUnicorn = ({ body }: Answer): boolean => body === unicorn.body

function spoiled(fault: Fault, status: number): Answer {
  if (status === 502) return unicorn
  if (status === 403 || status === 429)
    return refused(
      { status, message: secondary.message },
      { 'retry-after': String(fault.retryAfter ?? 60) },
      secondary.documentation,
    )
  return refused({ status, message: status === 503 ? 'Service Unavailable' : 'Server Error' })
}

type Known = Asker & { token: Token }

function perform(fake: Fake, operation: Operation, asker: Known): Answer {
  const { state } = fake
  if (operation.name === 'get run') return getRun(fake, operation, asker)
  const owner = ownerOf(fake, operation.at, asker.token)
  if (typeof owner !== 'string') return refused(owner)
  if (operation.name === 'list packages') return listPackages(fake, operation, owner, asker)

  const pkg =
    operation.name === 'restore package'
      ? deletedPackage(state, owner, operation.at.name)
      : findPackage(state, owner, operation.at.name)
  const refusal = method(operation) === 'GET' ? mayRead(pkg, asker.token) : mayDelete(pkg, asker.token)
  if (refusal || !pkg) return refused(refusal ?? { status: 404, message: messages.noPackage })
  return performOn(fake, operation, pkg, asker)
}

type PackageOperation = Exclude<Operation, { name: 'get run' | 'list packages' }>

function performOn(fake: Fake, operation: PackageOperation, pkg: Package, asker: Known): Answer {
  const { state } = fake
  switch (operation.name) {
    case 'get package':
      return { status: 200, headers: {}, body: packageBody(state, asker.base, pkg) }
    case 'list versions':
      return listVersions(fake, operation, pkg, asker)
    case 'get version':
      return getVersion(fake, pkg, operation.id, asker)
    case 'delete version':
      return done(deleteVersion(state, pkg, operation.id))
    case 'restore version':
      return done(restoreVersion(state, pkg, operation.id))
    case 'delete package':
      return done(deletePackage(state, pkg))
    case 'restore package':
      return done(restorePackage(state, pkg))
  }
}

function getRun({ state }: Fake, { repository, id }: Operation & { name: 'get run' }, asker: Known): Answer {
  const run = findRun(state, repository, id)
  const refusal = mayReadRun(repository, asker.token)
  return run && !refusal
    ? { status: 200, headers: {}, body: runBody(state, asker.base, run) }
    : refused(refusal ?? { status: 404, message: 'Not Found' })
}

const done = (refusal: Refusal | undefined): Answer => (refusal ? refused(refusal) : { status: 204, headers: {} })

/** An organisation is found below /orgs only, a user below /users only; /user is whoever asks, and a job is nobody. */
function ownerOf({ state }: Fake, at: Scope, token: Token): string | Refusal {
  if (at.scope === 'user')
    return token.kind === 'classic' ? token.login : { status: 403, message: 'Resource not accessible by integration' }
  const owner = state.owners.get(at.owner.toLowerCase())
  return owner?.kind === (at.scope === 'orgs' ? 'org' : 'user')
    ? owner.login
    : { status: 404, message: messages.noPackage }
}

function listPackages(
  fake: Fake,
  operation: Operation & { name: 'list packages' },
  owner: string,
  asker: Known,
): Answer {
  const refusal = mayListPackages(asker.token)
  if (refusal) return refused(refusal)
  const seen = [...fake.state.packages.values()].filter(
    (pkg) => pkg.owner.toLowerCase() === owner.toLowerCase() && !mayRead(pkg, asker.token),
  )
  return paged(seen, operation, asker, {
    query: '?package_type=container&',
    body: (pkg) => packageBody(fake.state, asker.base, pkg),
  })
}

function listVersions(
  fake: Fake,
  operation: Operation & { name: 'list versions' },
  pkg: Package,
  asker: Known,
): Answer {
  const { state, rules, random, seed } = fake
  if (operation.page >= rules.deepPages.from && random() < rules.deepPages.chance)
    return refused({ status: 500, message: 'Server Error' })
  const step = shownStep(state, pkg, rules.lists, random)
  const versions = versionsAt(state, pkg, { step, which: operation.state, order: rules.lists.order, seed })
  return paged(versions, operation, asker, {
    query: `?state=${operation.state}&`,
    body: (version) => versionBody(state, asker.base, { pkg, version, phase: phaseAt(version, step)! }),
  })
}

function getVersion(fake: Fake, pkg: Package, id: number, asker: Known): Answer {
  const { state, rules, random } = fake
  const version = pkg.versions.get(id)
  const phase =
    version && phaseAt(version, rules.lists.freshGet ? pkg.step : shownStep(state, pkg, rules.lists, random))
  if (!version || !phase || phase.deletedAt !== undefined) return refused({ status: 404, message: messages.noVersion })
  return { status: 200, headers: {}, body: versionBody(state, asker.base, { pkg, version, phase }) }
}

function paged<T>(
  all: readonly T[],
  operation: Operation & { page: number; perPage: number },
  asker: Asker,
  { query, body }: { query: string; body: (item: T) => unknown },
): Answer {
  const { page, perPage } = operation
  const last = Math.ceil(all.length / perPage)
  const link = (to: number, rel: string): string =>
    `<${asker.base}${restPath(operation)}${query}per_page=${perPage}&page=${to}>; rel="${rel}"`
  const links = [
    ...(page > 1 ? [link(page - 1, 'prev')] : []),
    ...(page < last ? [link(page + 1, 'next'), link(last, 'last')] : []),
    ...(page > 1 ? [link(1, 'first')] : []),
  ]
  return {
    status: 200,
    headers: links.length > 0 ? { link: links.join(', ') } : {},
    body: all.slice((page - 1) * perPage, page * perPage).map(body),
  }
}
