import { splitList } from '../lib/lists.ts'
import { packagesChoices, type PackagesChoice } from '../packages/select.ts'
import { parseRepository, type Repository } from '../registry/reference.ts'
import { failFor, passes } from './diagnostics.ts'
import type { InputSource } from './source.ts'
import { boolean, choice } from './table.ts'

/** Inputs that the main action and the cleanup action have in common, except logins and `registries`. */
export const sharedRows = {
  dryRun: ['dry-run', boolean()],
  packagesApi: ['packages-api', choice<PackagesChoice>(packagesChoices, 'auto')],
} as const

/**
 * `image`: repositories without tag, on lines or between commas. Registries allow no capital letters, and expressions
 * in workflows cannot change them, so names become lower case, as in metadata-action.
 */
export function parseImages({ text, report }: Pick<InputSource, 'text' | 'report'>): readonly Repository[] {
  const fail = failFor(report, 'image')
  return splitList(text('image')).flatMap((entry) => {
    const isPlain = passes(fail, entry, [[/\s#/.test(entry), 'contains a comment: comments need a line of their own']])
    const repository = isPlain ? parseRepository(entry.toLowerCase(), (expected) => fail(expected, entry)) : undefined
    return repository ?? []
  })
}
