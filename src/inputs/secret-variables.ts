import type { Env } from '../lib/lists.ts'
import { variableOf } from './source.ts'

/** The variables of `secret-envs`, `id=VARIABLE` on lines or between commas, whether or not the builds get them. */
export function secretVariablesOf(env: Env): readonly string[] {
  return [...(env[variableOf('secret-envs')] ?? '').matchAll(/=\s*"?(\w+)/g)].map(([, name = '']) => name)
}
