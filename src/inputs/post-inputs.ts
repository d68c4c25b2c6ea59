import type { Event } from '../forge/event.ts'
import type { Env } from '../lib/lists.ts'
import type { Repository } from '../registry/reference.ts'
import { parseLogins } from './logins/logins.ts'
import { parseSshKeys } from './nodes/ssh-key.ts'
import { variableOf } from './source.ts'
import type { Login } from '../registry/auth.ts'

const ignore = () => undefined

/** The logins of the step, for its post step. Main has reported every issue: what cannot be parsed is left out. */
export async function readPostLogins(env: Env, event: Event, images: readonly Repository[]): Promise<readonly Login[]> {
  const text = (name: string) => (env[variableOf(name)] ?? '').trim()
  return await parseLogins({ env, event, text, report: ignore, warn: ignore }, { images, push: true })
}

/** The keys of `ssh-private-key`, for the post step. */
export function readPostKeys(env: Env): readonly string[] {
  return parseSshKeys((env[variableOf('ssh-private-key')] ?? '').trim(), ignore)
}
