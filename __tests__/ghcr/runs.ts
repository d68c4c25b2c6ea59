import { timestamp } from './clock.ts'
import { remember, rememberOf } from './remember.ts'
import { nextId } from './state.ts'
import type { State } from './state.ts'

export type RunStatus = 'queued' | 'in_progress' | 'completed' | 'waiting' | 'requested' | 'pending'
export type Conclusion =
  | 'success'
  | 'failure'
  | 'cancelled'
  | 'skipped'
  | 'timed_out'
  | 'neutral'
  | 'action_required'
  | 'stale'
  | 'startup_failure'

/** A workflow run that a test declares. */
export interface Run {
  repository: string
  id: number
  status: RunStatus
  conclusion: Conclusion | null
  attempt: number
  event: string
  headBranch: string
  headSha: string
  createdAt: number
  updatedAt: number
  workflowId: number
}

const key = (repository: string, id: number): string => `${repository}/${id}`.toLowerCase()

/** Declares a run, or changes one that was declared. */
export function declareRun(state: State, run: Pick<Run, 'repository' | 'id'> & Partial<Run>): Run {
  const now = state.clock.now()
  const fresh: Run = {
    repository: run.repository,
    id: run.id,
    status: 'in_progress',
    conclusion: null,
    attempt: 1,
    event: 'pull_request',
    headBranch: 'feature',
    headSha: 'f'.repeat(40),
    createdAt: now,
    updatedAt: now,
    workflowId: nextId(state),
  }
  const made = { ...fresh, ...findRun(state, run.repository, run.id), ...run }
  state.runs.set(key(run.repository, run.id), made)
  return made
}

export const endRun = (state: State, repository: string, id: number, conclusion: Conclusion = 'success'): Run =>
  declareRun(state, { repository, id, status: 'completed', conclusion, updatedAt: state.clock.now() })

/** Runs vanish too: deleted by hand, or after the repository's retention. */
export const forgetRun = (state: State, repository: string, id: number): boolean =>
  state.runs.delete(key(repository, id))

export const findRun = (state: State, repository: string, id: number): Run | undefined =>
  state.runs.get(key(repository, id))

interface User {
  web: string
  api: string
  login: string
  id: number
  type: 'User' | 'Organization'
}

const user = ({ web, api, login, id, type }: User): Record<string, unknown> => {
  const at = `${api}/users/${login}`
  return {
    login,
    id,
    node_id: `U_${id}`,
    avatar_url: `${web}/avatars/${id}`,
    gravatar_id: '',
    url: at,
    html_url: `${web}/${login}`,
    followers_url: `${at}/followers`,
    following_url: `${at}/following{/other_user}`,
    gists_url: `${at}/gists{/gist_id}`,
    starred_url: `${at}/starred{/owner}{/repo}`,
    subscriptions_url: `${at}/subscriptions`,
    organizations_url: `${at}/orgs`,
    repos_url: `${at}/repos`,
    events_url: `${at}/events{/privacy}`,
    received_events_url: `${at}/received_events`,
    type,
    site_admin: false,
  }
}

export function ownerBody(state: State, base: string, login: string): Record<string, unknown> {
  const owner = state.owners.get(login.toLowerCase())
  return user({
    web: 'https://github.com',
    api: base,
    login: owner?.login ?? login,
    id: owner?.id ?? 1,
    type: owner?.kind === 'user' ? 'User' : 'Organization',
  })
}

const links = [
  'archive',
  'assignees',
  'blobs',
  'branches',
  'collaborators',
  'comments',
  'commits',
  'compare',
  'contents',
  'contributors',
  'deployments',
  'downloads',
  'events',
  'forks',
  'git_commits',
  'git_refs',
  'git_tags',
  'hooks',
  'issue_comment',
  'issue_events',
  'issues',
  'keys',
  'labels',
  'languages',
  'merges',
  'milestones',
  'notifications',
  'pulls',
  'releases',
  'stargazers',
  'statuses',
  'subscribers',
  'subscription',
  'tags',
  'teams',
  'trees',
]

const linksBelow = remember((url: string) => Object.fromEntries(links.map((link) => [`${link}_url`, `${url}/${link}`])))

export function repositoryBody(state: State, base: string, repository: string): Record<string, unknown> {
  const [owner = '', name = ''] = repository.split('/')
  const url = `${base}/repos/${repository}`
  return {
    id: 42,
    node_id: 'R_42',
    name,
    full_name: repository,
    private: true,
    owner: ownerBody(state, base, owner),
    fork: false,
    description: null,
    html_url: `https://github.com/${repository}`,
    url,
    ...linksBelow(url),
  }
}

/** As GET /repos/{owner}/{repo}/actions/runs/{id} answers. */
export const runBody = (state: State, base: string, run: Run): Record<string, unknown> => bodiesAt(base)(run, state)

/** A run that changes is another object. */
const bodiesAt = remember((base: string) => rememberOf((run: Run, state: State) => bodyOf(state, base, run)))

function bodyOf(state: State, base: string, run: Run): Record<string, unknown> {
  const url = `${base}/repos/${run.repository}/actions/runs/${run.id}`
  const repository = repositoryBody(state, base, run.repository)
  return {
    id: run.id,
    name: 'CI',
    node_id: `WFR_${run.id}`,
    head_branch: run.headBranch,
    head_sha: run.headSha,
    path: '.github/workflows/ci.yml',
    display_title: 'A change',
    run_number: 7,
    event: run.event,
    status: run.status,
    conclusion: run.conclusion,
    workflow_id: run.workflowId,
    check_suite_id: 1,
    check_suite_node_id: 'CS_1',
    url,
    html_url: `https://github.com/${run.repository}/actions/runs/${run.id}`,
    pull_requests: [],
    created_at: timestamp(run.createdAt),
    updated_at: timestamp(run.updatedAt),
    run_attempt: run.attempt,
    run_started_at: timestamp(run.createdAt),
    jobs_url: `${url}/jobs`,
    logs_url: `${url}/logs`,
    artifacts_url: `${url}/artifacts`,
    cancel_url: `${url}/cancel`,
    rerun_url: `${url}/rerun`,
    previous_attempt_url: null,
    check_suite_url: `${base}/repos/${run.repository}/check-suites/1`,
    workflow_url: `${base}/repos/${run.repository}/actions/workflows/${run.workflowId}`,
    head_commit: {
      id: run.headSha,
      tree_id: run.headSha,
      message: 'A change',
      timestamp: timestamp(run.createdAt),
      author: { name: 'A', email: 'a@example.org' },
      committer: { name: 'A', email: 'a@example.org' },
    },
    repository,
    head_repository: repository,
  }
}
