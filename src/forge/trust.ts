import { asRecord, asText, isRecord } from '../lib/json.ts'

/**
 * How far the code of a run is trusted: `trusted` was accepted into the repository, `pr` is a proposal by someone with
 * write access, `fork` may come from anyone.
 */
export type Trust = 'trusted' | 'pr' | 'fork'

type Payload = Readonly<Record<string, unknown>>

interface TrustContext {
  /** The event's name. */
  readonly name: string
  readonly ref: string
  /** `owner/name` */
  readonly repository: string
  /** Whether the platform says that the ref is protected. */
  readonly isProtected: boolean
  /** Undefined if it cannot be read. */
  readonly payload: Payload | undefined
}

type Rule = (context: Required<TrustContext> & { readonly payload: Payload }) => Trust

/**
 * What determines the level of an event. Events that are not listed, such as comments, checks and deployments, have the
 * lowest: they run with the rights of the default branch, but may build any commit.
 */
const rules: Readonly<Record<string, Rule>> = {
  push: trustOfRef,
  create: trustOfRef,
  workflow_dispatch: trustOfRef,
  repository_dispatch: trustOfRef,
  schedule: () => 'trusted',
  release: () => 'trusted',
  merge_group: () => 'pr',
  pull_request: trustOfPullRequest,
  // Runs with the rights of the base, but usually builds the proposal.
  pull_request_target: trustOfPullRequest,
  pull_request_review: trustOfPullRequest,
  pull_request_review_comment: trustOfPullRequest,
  workflow_run: trustOfTriggeringRun,
}

/** PURE: the trust level of the code that a run builds. What cannot be read counts as the code of a fork. */
export function classifyTrust(context: TrustContext): Trust {
  const { name, payload } = context
  const rule = Object.hasOwn(rules, name) ? rules[name] : undefined
  if (!payload || !rule) return 'fork'
  // The sender of a repository_dispatch chooses its payload: bots that run commands of comments name the pull request.
  return [payload, asRecord(payload['client_payload'])]
    .filter((described) => isRecord(described['pull_request']))
    .map((described) => trustOfPullRequest({ ...context, payload: described }))
    .reduce(lowest, rule({ ...context, payload }))
}

const levels: readonly Trust[] = ['fork', 'pr', 'trusted']

/** The lower of two levels. */
export function lowest(a: Trust, b: Trust): Trust {
  return levels.indexOf(a) < levels.indexOf(b) ? a : b
}

function trustOfRef({ ref, isProtected, payload }: Parameters<Rule>[0]): Trust {
  if (ref.startsWith('refs/tags/')) return 'trusted'
  if (!ref.startsWith('refs/heads/')) return 'fork'
  // A branch of GitHub's merge queue: protected as its target, but not accepted yet.
  if (ref.startsWith('refs/heads/gh-readonly-queue/')) return 'pr'
  return isProtected || isDefaultBranch(ref.slice('refs/heads/'.length), payload) ? 'trusted' : 'pr'
}

function trustOfPullRequest({ repository, payload }: Parameters<Rule>[0]): Trust {
  const request = asRecord(payload['pull_request'])
  const head = asRecord(request['head'])
  // On Forgejo and Gitea, everyone with read access can push a proposal without a branch (AGit): its head repository
  // is the base repository.
  const isAgit = request['flow'] === 1 || head['label'] === '' || isAgitRef(head['ref'])
  return !isAgit && isRepository(head['repo'], repository) ? 'pr' : 'fork'
}

function isAgitRef(ref: unknown): boolean {
  return asText(ref).startsWith('refs/pull/')
}

/** Events of a fork's proposal that run with the rights of the fork. */
const proposalOnly = ['pull_request', 'pull_request_review', 'pull_request_review_comment']
/** Events for which GitHub treats a run that Dependabot triggered as one of a fork. */
const dependabotOnly = [...proposalOnly, 'push', 'create']

/**
 * PURE: who triggered a run whose token may only read; undefined for all others.
 * https://docs.github.com/en/code-security/reference/supply-chain-security/dependabot-on-actions
 */
export function readOnlyTrigger(context: TrustContext & { readonly actor: string }): ReadOnlyTrigger | undefined {
  const { name, actor } = context
  if (proposalOnly.includes(name) && classifyTrust(context) === 'fork') return 'fork'
  return dependabotOnly.includes(name) && actor === 'dependabot[bot]' ? 'Dependabot' : undefined
}

export type ReadOnlyTrigger = 'fork' | 'Dependabot'

/**
 * The events of runs whose `head_branch` is a branch, or a tag, of the repository itself. A `repository_dispatch` is
 * not one of them: its own payload, in which it may name the pull request of a fork, is not known here.
 */
const branchEvents = new Set(['push', 'create', 'workflow_dispatch', 'schedule', 'release'])
const proposalEvents = new Set(['pull_request', 'merge_group'])

function trustOfTriggeringRun({ repository, payload }: Parameters<Rule>[0]): Trust {
  const run = asRecord(payload['workflow_run'])
  const event = asText(run['event'])
  if (!isRepository(run['head_repository'], repository) || isAgitRef(run['head_branch'])) return 'fork'
  if (branchEvents.has(event)) return isDefaultBranch(asText(run['head_branch']), payload) ? 'trusted' : 'pr'
  return proposalEvents.has(event) ? 'pr' : 'fork'
}

function isDefaultBranch(branch: string, payload: Payload): boolean {
  return branch !== '' && branch === asRecord(payload['repository'])['default_branch']
}

function isRepository(value: unknown, repository: string): boolean {
  const name = asText(asRecord(value)['full_name'])
  return name !== '' && name.toLowerCase() === repository.toLowerCase()
}
