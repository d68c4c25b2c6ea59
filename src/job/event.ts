import { withRepositoryDetails } from '../forge/event-details.ts'
import { withCommitDate, type Event } from '../forge/event.ts'
import { usesCommitDate } from '../inputs/source.ts'
import type { Job } from './job.ts'

/** The event, with what its payload lacks from the checkout, or else from the API. */
export async function describeEvent(job: Job): Promise<Event> {
  const details = job.eventDetails()
  if (!details) return await withCommitDate(job.event)
  const event = await withRepositoryDetails(job.event, job.env, details)
  return await withCommitDate(event, usesCommitDate(job.env) ? details.commitDate : undefined)
}
