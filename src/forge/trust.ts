import { asRecord, asText, isRecord } from '../lib/json.ts'

/**
 * How far the code of a run may be trusted: `trusted` was accepted into the repository (push, tag, schedule, …), `pr`
 * is a proposal by somebody who may push here, `fork` one by anybody.
 */
export type Trust = 'trusted' | 'pr' | 'fork'

/** What the forge says of the event, with the payload as it came. */
interface TrustFacts {
  readonly name: string
  readonly ref: string
  readonly repository: string
  readonly payload: Readonly<Record<string, unknown>>
}

/**
 * PURE: whose code a run builds. `pull_request_target` runs with the rights of the base, but those who use it check out
 * the proposal; the same goes for a comment on one, and for `workflow_run`. Where it is not said whose it is, it may be
 * anybody's.
 */
export function readTrust({ name, ref, repository, payload }: TrustFacts): Trust {
  const pull = asRecord(payload['pull_request'])
  if (name.startsWith('pull_request') || isRecord(payload['pull_request']))
    return byHead(asRecord(pull['head'])['repo'], repository)
  if (name === 'workflow_run') {
    const run = asRecord(payload['workflow_run'])
    const trust = byHead(run['head_repository'], repository)
    return trust === 'pr' && !asText(run['event']).startsWith('pull_request') ? 'trusted' : trust
  }
  if (isRecord(asRecord(payload['issue'])['pull_request'])) return 'fork'
  if (ref.startsWith('refs/pull/')) return 'fork'
  return name === 'merge_group' ? 'pr' : 'trusted'
}

function byHead(head: unknown, repository: string): Trust {
  const name = asText(asRecord(head)['full_name'])
  return name !== '' && name.toLowerCase() === repository.toLowerCase() ? 'pr' : 'fork'
}
