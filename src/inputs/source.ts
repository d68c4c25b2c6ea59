import type { Event } from '../forge/event.ts'
import type { Env } from '../lib/lists.ts'
import type { Diagnostics } from './diagnostics.ts'
import { LocalPaths, type Files } from './local-paths.ts'

/** What parsers of inputs read, and where they report issues. */
export interface InputSource extends Pick<Diagnostics, 'report' | 'warn' | 'note' | 'hasIssue'> {
  readonly env: Env
  readonly event: Event
  readonly paths: LocalPaths
  /** An input's text without surrounding space; empty if it was not given. */
  readonly text: (name: string) => string
}

/** How runners pass an input to an action. */
export function variableOf(input: string): string {
  return `INPUT_${input.replaceAll(' ', '_').toUpperCase()}`
}

interface StepSource {
  readonly env: Env
  readonly event: Event
  readonly files: Files
  readonly diagnostics: Diagnostics
}

/** The inputs of an action without aliases, as the runner passes them. */
export function createSource({ env, event, files, diagnostics }: StepSource): InputSource {
  const { report, warn, note, hasIssue } = diagnostics
  const paths = new LocalPaths(event.workspace, files, report)
  return { env, event, paths, report, warn, note, hasIssue, text: (name) => (env[variableOf(name)] ?? '').trim() }
}

/** Whether an input has the expression `{{commit_date}}`, whose value may have to be requested. */
export function usesCommitDate(env: Env): boolean {
  return Object.entries(env).some(([name, text = '']) => name.startsWith('INPUT_') && text.includes('commit_date'))
}
