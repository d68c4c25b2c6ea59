import { asRecord, asText } from '../lib/json.ts'
import type { Env } from '../lib/lists.ts'
import { withAbort } from '../lib/time.ts'
import type { GithubRequest } from './api-client.ts'
import { readEvent, type Event } from './event.ts'

/** What the CI platform's API says about the event's repository; undefined for what it does not answer in time. */
export interface EventDetails {
  readonly repository: () => Promise<unknown>
  readonly commitDate: (sha: string) => Promise<Date | undefined>
}

/** Milliseconds, for all requests together: nothing depends on them but labels, tags and the trust level. */
export const detailsTimeout = 5000

/** @param signal ends all requests */
export function createEventDetails(
  request: GithubRequest,
  { repository }: Pick<Event, 'repository'>,
  { signal, log }: { readonly signal: AbortSignal; readonly log: (text: string) => void },
): EventDetails {
  const [owner = '', repo = ''] = repository.split('/')
  const fetchData = async (route: string, parameters: Readonly<Record<string, string>> = {}): Promise<unknown> => {
    try {
      return (await withAbort(signal, request(route, { owner, repo, ...parameters }))).data
    } catch (error) {
      log(`The API does not answer ${route}: ${String(error)}`)
      return undefined
    }
  }
  return {
    repository: () => fetchData('GET /repos/{owner}/{repo}'),
    commitDate: async (sha) => {
      // GitHub describes the commit itself; Gitea and Forgejo have the same description in `commit`.
      const data = asRecord(await fetchData('GET /repos/{owner}/{repo}/git/commits/{sha}', { sha }))
      const dateOf = (commit: unknown) => asText(asRecord(asRecord(commit)['committer'])['date'])
      const date = new Date(dateOf(data['commit']) || dateOf(data))
      return Number.isNaN(date.getTime()) ? undefined : date
    },
  }
}

/**
 * The event with the repository as the API describes it, if the payload does not contain it: visibility, default branch
 * and labels then do not depend on the kind of event.
 */
export async function withRepositoryDetails(event: Event, env: Env, { repository }: EventDetails): Promise<Event> {
  return event.lacksRepository ? { ...readEvent(env, undefined, await repository()), now: event.now } : event
}
