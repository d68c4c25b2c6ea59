import { existsSync, mkdirSync, mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { errorMessage } from '../lib/errors.ts'
import { execTool, inheritedEnv } from '../lib/exec.ts'
import { removeDir, writePrivate } from '../lib/files.ts'
import { asList, asRecord, asText, isRecord } from '../lib/json.ts'
import type { Env } from '../lib/lists.ts'
import { defaultApiUrl, type CiPlatform } from './platform.ts'
import { classifyTrust, readOnlyTrigger, type ReadOnlyTrigger, type Trust } from './trust.ts'

/** The run and the event that triggered it, as the CI platform describes them. */
export interface Event extends CiPlatform {
  /** `owner/name` */
  readonly repository: string
  readonly runId: string
  readonly runAttempt: number
  /** `push`, `pull_request`, `schedule`, … */
  readonly name: string
  /** `refs/heads/main`, `refs/tags/v1`, `refs/pull/7/merge`; empty if the platform states none. */
  readonly ref: string
  readonly sha: string
  readonly actor: string
  readonly defaultBranch?: string
  /** Undefined if the payload does not contain it. */
  readonly isPrivate?: boolean
  /** The kind of the repository's owner, as in paths of GitHub's API; undefined if the payload does not contain it. */
  readonly ownerKind?: 'orgs' | 'users'
  /** How far the code of this run is trusted. */
  readonly trust: Trust
  /** Why the job's token may only read; undefined if nothing says so. */
  readonly readOnlyTrigger?: ReadOnlyTrigger
  /** The absolute path of the checkout. */
  readonly workspace: string
  /** When the step began. */
  readonly now: Date
  /** When the commit `sha` was made; undefined if neither payload nor checkout contains it. */
  readonly commitDate?: Date
  /** The number of the pull request. */
  readonly number?: string
  /** The last commit of a pull request's branch; `sha` may be its merge with the base. */
  readonly headSha?: string
  /** When the commit `headSha` was made; undefined if the checkout does not contain it. */
  readonly headCommitDate?: Date
  /** The target branch of a pull request, or the branch of a pushed tag, as in the payload. */
  readonly baseRef?: string
  readonly repositoryMetadata: RepositoryMetadata
  /** The files differ from the commit `sha`: only the command line builds them. */
  readonly isDirty?: true
  /** The payload can be read and does not contain the repository. */
  readonly lacksRepository?: true
}

type Warn = (text: string) => void

/** The repository's description; empty texts for what the payload does not contain. */
interface RepositoryMetadata {
  readonly title: string
  readonly description: string
  /** The address of its page. */
  readonly url: string
  /** As in https://spdx.org/licenses */
  readonly license: string
}

/**
 * Reads the runner's variables and the event's payload.
 *
 * @param warn called if the payload cannot be read: the run then has the lowest trust level
 * @param repository the repository as the API describes it, for a payload without one
 */
export function readEvent(env: Env, warn: Warn = () => undefined, repositoryDetails?: unknown): Event {
  // Runners of Forgejo and Gitea set GitHub's names too; their own names are for versions that no longer do.
  const variable = (name: string, byDefault = ''): string =>
    env[`GITHUB_${name}`] ?? env[`FORGEJO_${name}`] ?? env[`GITEA_${name}`] ?? byDefault
  const payload = withRepository(readPayload(variable('EVENT_PATH'), warn), repositoryDetails)
  const serverUrl = variable('SERVER_URL', 'https://github.com').replace(/\/+$/, '')
  const repository = variable('REPOSITORY')
  const [name, ref, sha] = [variable('EVENT_NAME'), variable('REF'), variable('SHA')]
  const [actor, isProtected] = [variable('ACTOR'), variable('REF_PROTECTED') === 'true']
  const trigger = { name, ref, repository, payload, isProtected, actor }
  const readOnly = readOnlyTrigger(trigger)
  return {
    serverUrl,
    apiUrl: variable('API_URL', defaultApiUrl(serverUrl)),
    repository,
    runId: variable('RUN_ID', '0'),
    runAttempt: Number(variable('RUN_ATTEMPT', '1')),
    name,
    ref,
    trust: classifyTrust(trigger),
    ...(readOnly && { readOnlyTrigger: readOnly }),
    sha,
    actor,
    workspace: resolve(variable('WORKSPACE', process.cwd())),
    now: new Date(),
    ...(payload && !isRecord(payload['repository']) && { lacksRepository: true }),
    ...(payload?.['is_dirty'] === true && { isDirty: true }),
    ...parseCommitDate(payload ?? {}, sha),
    ...parsePullRequest(payload ?? {}),
    ...parseRepository(asRecord(payload?.['repository']), { serverUrl, repository, name, ref }),
  }
}

/** The payload of some events, such as `schedule`, and of some runners does not contain the repository. */
function withRepository(payload: Payload | undefined, repository: unknown): Payload | undefined {
  return payload && isRecord(repository) && !isRecord(payload['repository']) ? { ...payload, repository } : payload
}

type Payload = Record<string, unknown>

type RepositoryFields = Pick<Event, 'defaultBranch' | 'isPrivate' | 'ownerKind' | 'repositoryMetadata'>

function parseRepository(
  details: Record<string, unknown>,
  { serverUrl, repository, name, ref }: Pick<Event, 'serverUrl' | 'repository' | 'name' | 'ref'>,
): RepositoryFields {
  const defaultBranch = asText(details['default_branch']) || scheduledBranch(name, ref)
  const isPrivate = details['private']
  return {
    ...(defaultBranch !== '' && { defaultBranch }),
    ...(typeof isPrivate === 'boolean' && { isPrivate }),
    ...parseOwnerKind(asRecord(details['owner'])),
    repositoryMetadata: parseMetadata(details, serverUrl, repository),
  }
}

/** Scheduled runs are those of the default branch, and GitHub's payload contains nothing else about the repository. */
function scheduledBranch(name: string, ref: string): string {
  return name === 'schedule' ? ref.replace(/^refs\/heads\//, '') : ''
}

function parsePullRequest(payload: Record<string, unknown>): Pick<Event, 'number' | 'headSha' | 'baseRef'> {
  const request = asRecord(payload['pull_request'])
  const number = payload['number'] ?? request['number']
  const headSha = asText(asRecord(request['head'])['sha'])
  const baseRef = asText(payload['base_ref']) || asText(asRecord(request['base'])['ref'])
  return {
    ...(typeof number === 'number' && { number: String(number) }),
    ...(headSha !== '' && { headSha }),
    ...(baseRef !== '' && { baseRef }),
  }
}

function parseOwnerKind({ type }: Record<string, unknown>): Pick<Event, 'ownerKind'> {
  if (type === 'Organization') return { ownerKind: 'orgs' }
  return type === 'User' ? { ownerKind: 'users' } : {}
}

function parseCommitDate(payload: Record<string, unknown>, sha: string): Pick<Event, 'commitDate'> {
  const commits = [...asList(payload['commits']), payload['head_commit']].map(asRecord)
  const date = new Date(asText(commits.find(({ id }) => id === sha && sha !== '')?.['timestamp']))
  return Number.isNaN(date.getTime()) ? {} : { commitDate: date }
}

function parseMetadata(details: Record<string, unknown>, serverUrl: string, fullName: string): RepositoryMetadata {
  const [license = '', ...others] = asList(details['licenses']).map(asText)
  return {
    title: asText(details['name']) || (fullName.split('/')[1] ?? ''),
    description: asText(details['description']),
    // Empty for a repository without a page, which only the command line has.
    url: details['html_url'] === '' ? '' : asText(details['html_url']) || repositoryPage(serverUrl, fullName),
    // GitHub states one licence, Gitea and Forgejo all that they find: several may each apply to a part only.
    license: asText(asRecord(details['license'])['spdx_id']) || (others.length === 0 ? license : ''),
  }
}

function repositoryPage(serverUrl: string, fullName: string): string {
  return fullName === '' ? '' : `${serverUrl}/${fullName}`
}

/** Undefined if the payload cannot be read. */
function readPayload(path: string, warn: Warn): Record<string, unknown> | undefined {
  try {
    const payload: unknown = JSON.parse(readFileSync(path, 'utf8'))
    if (isRecord(payload)) return payload
    throw new Error('not a JSON object')
  } catch (error) {
    const file = path === '' ? 'GITHUB_EVENT_PATH is not set' : `GITHUB_EVENT_PATH is ${path}`
    warn(`Cannot read the event payload (${file}): ${errorMessage(error)}. ${leastTrusted}`)
    return undefined
  }
}

const leastTrusted = 'The run has the trust level `fork`, the lowest.'

/** Milliseconds. */
const gitTimeout = 5000

/** Asks the CI platform's API for the date of a commit. */
type FetchCommitDate = (sha: string) => Promise<Date | undefined>

/**
 * Adds the dates of the event's commits from the checkout, if the payload does not contain them.
 *
 * @param fetchDate for commits that the checkout does not contain
 */
export async function withCommitDate(
  event: Event,
  fetchDate: FetchCommitDate = () => Promise.resolve(undefined),
): Promise<Event> {
  const { sha, headSha = '', workspace } = event
  const dateOf = async (commit: string) => (await readCommitDate(commit, workspace)) ?? (await fetchDate(commit))
  const commitDate = event.commitDate ?? (sha === '' ? undefined : await dateOf(sha))
  const headCommitDate = headSha === '' ? undefined : await dateOf(headSha)
  return { ...event, ...(commitDate && { commitDate }), ...(headCommitDate && { headCommitDate }) }
}

/**
 * The checkout may be hostile, and Git runs commands that its configuration names, for example to fetch missing
 * objects: so Git only reads the objects, from a private repository without configuration.
 */
async function readCommitDate(sha: string, workspace: string): Promise<Date | undefined> {
  const objects = join(workspace, '.git/objects')
  if (!/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(sha) || !existsSync(objects)) return undefined
  const gitDir = createRepository(objects, sha.length === 64 ? 'sha256' : 'sha1')
  if (gitDir === undefined) return undefined
  const env = { PATH: inheritedEnv()['PATH'], LC_ALL: 'C', GIT_DIR: gitDir, ...isolatedGit }
  const { code, stdout } = await execTool('git', ['cat-file', 'commit', sha], { env, deadline: gitTimeout })
  removeDir(gitDir)
  const [, seconds] = /^committer .* (\d+) [+-]\d{4}$/m.exec(code === 0 ? stdout : '') ?? []
  return seconds === undefined ? undefined : new Date(Number(seconds) * 1000)
}

const isolatedGit = {
  GIT_ALLOW_PROTOCOL: 'none',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_NO_LAZY_FETCH: '1',
}

/** An empty repository that borrows the objects of another one; undefined without a usable temporary directory. */
function createRepository(objects: string, format: 'sha1' | 'sha256'): string | undefined {
  let dir: string | undefined
  try {
    dir = mkdtempSync(join(tmpdir(), 'mab-git-'))
    mkdirSync(join(dir, 'refs'))
    mkdirSync(join(dir, 'objects/info'), { recursive: true })
    writePrivate(join(dir, 'HEAD'), 'ref: refs/heads/none\n')
    writePrivate(join(dir, 'config'), `[core]\nrepositoryformatversion = 1\n[extensions]\nobjectFormat = ${format}\n`)
    writePrivate(join(dir, 'objects/info/alternates'), `${objects}\n`)
    return dir
  } catch {
    if (dir !== undefined) removeDir(dir)
    return undefined
  }
}
