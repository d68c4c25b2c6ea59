import { getAttribute, parseAttributes, type Attribute } from '../../lib/csv.ts'
import { didYouMean } from '../../lib/issues.ts'
import { passes, type Fail } from '../diagnostics.ts'

/** A kind of buildx option `type=…,name=value,…`. */
interface TypedForm {
  /** `output`, as in "is not a valid output". */
  readonly what: string
  /** An example that is valid. */
  readonly example: string
  readonly types: readonly string[]
}

/** Parses one option; undefined if it has no known type, which is reported. */
export function parseTyped(text: string, form: TypedForm, fail: Fail): readonly Attribute[] | undefined {
  const attributes = parseAttributes(text)
  const type = typeOf(attributes)
  const types = form.types.join(', ')
  const isValid = passes(fail, text, [
    [attributes === undefined, `is not a valid ${form.what}: write \`${form.example}\``],
    [type === '', `has no type: write \`${form.example}\`; valid types are ${types}`],
    [!form.types.includes(type), `has an unknown type: valid types are ${types}${didYouMean(type, form.types)}`],
  ])
  return isValid ? attributes : undefined
}

export function typeOf(attributes: readonly Attribute[] = []): string {
  return getAttribute(attributes, 'type') ?? ''
}
