import { splitList } from '../lib/lists.ts'
import { packagesChoices, type PackagesChoice } from '../packages/select.ts'
import { lowerCaseRepository, parseRepository, type Repository } from '../registry/reference.ts'
import { failFor } from './diagnostics.ts'
import type { InputSource } from './source.ts'
import { boolean, choice } from './table.ts'

/** Inputs that the main action and the cleanup action have in common, besides logins and `registries`. */
export const sharedRows = {
  dryRun: ['dry-run', boolean()],
  packagesApi: ['packages-api', choice<PackagesChoice>(packagesChoices, 'auto')],
} as const

/** `image`: repositories without tag, on lines or between commas. */
export function parseImages({ text, event, report }: InputSource): readonly Repository[] {
  const fail = failFor(report, 'image')
  return splitList(text('image')).flatMap(
    (entry) => parseRepository(lowerCaseRepository(entry, event), (expected) => fail(expected, entry)) ?? [],
  )
}
