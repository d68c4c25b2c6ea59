import { splitList, type Env } from '../lib/lists.ts'
import type { Event } from '../forge/event.ts'
import type { PackagesChoice } from '../packages/select.ts'
import type { RegistryHosts } from '../registry/hosts.ts'
import type { Repository } from '../registry/reference.ts'
import { Diagnostics, failFor } from './diagnostics.ts'
import { cleanupInputs } from './input-names.ts'
import { hostFiles } from './local-paths.ts'
import { parseLogins } from './logins/logins.ts'
import { parseRegistries } from './registries.ts'
import { parseImages, sharedRows } from './shared-inputs.ts'
import { createSource } from './source.ts'
import { boolean, checkedText, choice, duration, parseTable, type Parser } from './table.ts'
import { checkNames } from './unknown-inputs.ts'
import type { Login } from '../registry/auth.ts'

export interface CleanupInputs {
  readonly images: readonly Repository[]
  readonly tags: readonly string[]
  /** Milliseconds. */
  readonly olderThan: number
  readonly runId: string | undefined
  readonly untagged: boolean
  readonly unmarked: 'auto' | 'keep'
  readonly dryRun: boolean
  readonly packagesApi: PackagesChoice
  readonly logins: readonly Login[]
  readonly registries: RegistryHosts
  readonly warnings: readonly string[]
}

const parsePatterns: Parser<readonly string[]> = (text) => splitList(text || 'pr-*,build-*')
const parseRunId = checkedText((text) => [[!/^\d+$/.test(text), 'is not a valid run id: write `${{ github.run_id }}`']])

/**
 * Parses the inputs of cleanup/action.yml.
 *
 * @throws InputError with every issue
 */
export async function readCleanupInputs(env: Env, event: Event, files = hostFiles): Promise<CleanupInputs> {
  const diagnostics = new Diagnostics()
  const source = createSource({ env, event, files, diagnostics })
  checkNames(env, cleanupInputs, diagnostics.warn)
  const images = parseImages(source)
  if (images.length === 0 && !diagnostics.hasIssue('image'))
    failFor(source.report, 'image')('is empty: write the repositories to clean up, for example `ghcr.io/acme/app`')
  const { runId, ...values } = parseTable(
    {
      ...sharedRows,
      tags: ['tags', parsePatterns],
      olderThan: ['older-than', duration('3 days')],
      runId: ['run-id', parseRunId],
      untagged: ['untagged', boolean(true)],
      unmarked: ['unmarked', choice({ auto: 'auto', keep: 'keep' } as const, 'auto')],
    },
    source,
  )
  const registries = await parseRegistries(source)
  const logins = await parseLogins(source, { images, push: true })
  diagnostics.throwIssues()
  return {
    ...values,
    images,
    runId: runId === '' ? undefined : runId,
    logins,
    registries,
    warnings: diagnostics.warnings,
  }
}
