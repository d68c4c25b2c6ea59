import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { About, Event } from './event.ts'
import { asList, asRecord, asText } from '../lib/json.ts'
import { readTrust } from './trust.ts'

type Env = Readonly<Record<string, string | undefined>>

/** Reads the runner's variables and the event's payload; a payload that cannot be read counts as empty. */
export function readEvent(env: Env): Event {
  // Forgejo's and Gitea's runners set GitHub's names too; their own ones are for the day when they do not.
  const variable = (name: string): string | undefined =>
    env[`GITHUB_${name}`] ?? env[`FORGEJO_${name}`] ?? env[`GITEA_${name}`]
  const payload = readPayload(variable('EVENT_PATH'))
  const repository = asRecord(payload['repository'])
  const serverUrl = (variable('SERVER_URL') ?? 'https://github.com').replace(/\/+$/, '')
  const isPrivate = repository['private']
  const name = variable('EVENT_NAME') ?? ''
  const ref = variable('REF') ?? ''
  const defaultBranch = asText(repository['default_branch']) || branchOfSchedule(name, ref)
  const sha = variable('SHA') ?? ''
  return {
    serverUrl,
    apiUrl:
      variable('API_URL') ?? (serverUrl === 'https://github.com' ? 'https://api.github.com' : `${serverUrl}/api/v3`),
    repository: variable('REPOSITORY') ?? '',
    runId: variable('RUN_ID') ?? '0',
    runAttempt: Number(variable('RUN_ATTEMPT') ?? '1'),
    name,
    ref,
    trust: readTrust({ name, ref, repository: variable('REPOSITORY') ?? '', payload }),
    sha,
    actor: variable('ACTOR') ?? '',
    ...(defaultBranch !== '' && { defaultBranch }),
    ...(typeof isPrivate === 'boolean' && { isPrivate }),
    workspace: resolve(variable('WORKSPACE') ?? process.cwd()),
    now: new Date(),
    ...readCommitDate(payload, sha),
    ...readRequest(payload),
    about: readAbout(repository, serverUrl, variable('REPOSITORY') ?? ''),
  }
}

/** Scheduled runs are those of the default branch, and GitHub tells them nothing more of the repository. */
function branchOfSchedule(name: string, ref: string): string {
  return name === 'schedule' ? ref.replace(/^refs\/heads\//, '') : ''
}

function readRequest(payload: Record<string, unknown>): Pick<Event, 'number' | 'headSha' | 'baseRef'> {
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

function readCommitDate(payload: Record<string, unknown>, sha: string): Pick<Event, 'commitDate'> {
  const commits = [...asList(payload['commits']), payload['head_commit']].map(asRecord)
  const date = new Date(asText(commits.find(({ id }) => id === sha && sha !== '')?.['timestamp']))
  return Number.isNaN(date.getTime()) ? {} : { commitDate: date }
}

function readAbout(repository: Record<string, unknown>, serverUrl: string, fullName: string): About {
  const [only, ...others] = asList(repository['licenses']).map(asText)
  return {
    title: asText(repository['name']) || (fullName.split('/')[1] ?? ''),
    description: asText(repository['description']),
    url: asText(repository['html_url']) || (fullName === '' ? '' : `${serverUrl}/${fullName}`),
    // GitHub names one licence, Gitea and Forgejo all that they find: of several, it does not say which holds for what.
    license: asText(asRecord(repository['license'])['spdx_id']) || (others.length === 0 ? (only ?? '') : ''),
  }
}

function readPayload(path: string | undefined): Record<string, unknown> {
  if (!path) return {}
  try {
    return asRecord(JSON.parse(readFileSync(path, 'utf8')))
  } catch {
    return {}
  }
}
