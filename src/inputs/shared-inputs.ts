import { parseBoolean } from '../lib/choice.ts'
import { getAttribute, parseAttributes } from '../lib/csv.ts'
import { shorten, type IssueSink } from '../lib/issues.ts'
import { splitLines, splitList } from '../lib/lists.ts'
import { packagesChoices, type PackagesChoice } from '../packages/select.ts'
import type { Login } from '../registry/auth.ts'
import type { RegistryHosts } from '../registry/hosts.ts'
import { formatRepository, parseRepository, type Repository } from '../registry/reference.ts'
import { failFor, passes, type Fail } from './diagnostics.ts'
import type { SignedRun, SignSettings } from './sign.ts'
import type { InputSource } from './source.ts'
import { boolean, choice } from './table.ts'

/** Inputs that the main action and the cleanup action have in common, except logins and `registries`. */
export const sharedRows = {
  /** Report the plan, change nothing. */
  dryRun: ['dry-run', boolean()],
  packagesApi: ['packages-api', choice<PackagesChoice>(packagesChoices, 'auto')],
} as const

/** What every action has. */
export interface AccessInputs {
  readonly logins: readonly Login[]
  readonly registries: RegistryHosts
  readonly warnings: readonly string[]
}

type CleanupMode = 'auto' | 'always' | 'never'
const cleanupModes = { auto: 'auto', always: 'always', never: 'never', true: 'auto', false: 'never' } as const

/** What the post step deletes. */
export const cleanupRow = ['cleanup', choice<CleanupMode>(cleanupModes, 'auto')] as const

const signInputs = ['sign', 'sign-key', 'sign-password', 'sign-config', 'sign-root', 'sign-log', 'cosign-release']

/** Parses `sign` and the inputs that belong to it; undefined if nothing is signed. */
export async function parseSign(source: InputSource, run: SignedRun): Promise<SignSettings | undefined> {
  const isGiven = signInputs.some((name) => !/^(?:false)?$/i.test(source.text(name)))
  return isGiven ? (await import('./sign.ts')).parseSignInputs(source, run) : undefined
}

/** The repositories of `image`. */
interface ImageList {
  readonly images: readonly Repository[]
  /** With `required=false`: the run does not fail if they cannot be updated. */
  readonly mirrors: readonly Repository[]
}

/**
 * `image`: repositories without tag, on lines or between commas; or `name=repository,required=false` on a line of its
 * own. Registries allow no capital letters, and expressions in workflows cannot change them, so names become lower
 * case, as in metadata-action.
 */
export function parseImageList({ text, report }: Pick<InputSource, 'text' | 'report'>): ImageList {
  const fail = failFor(report, 'image')
  const entries = splitLines(text('image')).flatMap((line) =>
    attributeLine.test(line.text) ? [parseEntry(line.text, fail, report)] : splitList(line.text).map(requiredImage),
  )
  const found = entries.flatMap(({ name, isRequired }) => {
    if (name === '') return []
    const isPlain = passes(fail, name, [[/\s#/.test(name), 'contains a comment: comments need a line of their own']])
    const repository = isPlain ? parseRepository(name.toLowerCase(), (expected) => fail(expected, name)) : undefined
    return repository ? [{ repository, isRequired }] : []
  })
  const select = (required: boolean) =>
    found.filter(({ isRequired }) => isRequired === required).map(({ repository }) => repository)
  const images = select(true)
  const isNamed = (mirror: Repository) => images.some((image) => formatRepository(image) === formatRepository(mirror))
  return { images, mirrors: select(false).filter((mirror) => !isNamed(mirror)) }
}

const attributeLine = /^"?(?:name|required)\s*=/
const attributeForm = 'write `name=docker.io/acme/app,required=false`'

interface ImageEntry {
  readonly name: string
  readonly isRequired: boolean
}

const requiredImage = (name: string): ImageEntry => ({ name, isRequired: true })

function parseEntry(line: string, fail: Fail, report: IssueSink): ImageEntry {
  const attributes = parseAttributes(line) ?? []
  const [name = '', required = ''] = ['name', 'required'].map((key) => getAttribute(attributes, key)?.trim())
  const [unknown] = attributes.find(([key]) => key !== 'name' && key !== 'required') ?? []
  passes(fail, line, [
    [unknown !== undefined, `has an unknown attribute \`${shorten(unknown ?? '')}\`: ${attributeForm}`],
    [name === '', `has no name: ${attributeForm}`],
  ])
  return { name, isRequired: parseBoolean('image', required === '' ? 'true' : required, report) }
}

/** All repositories of `image`, mirrors too. */
export function parseImages(source: Pick<InputSource, 'text' | 'report'>): readonly Repository[] {
  const { images, mirrors } = parseImageList(source)
  return [...images, ...mirrors]
}
