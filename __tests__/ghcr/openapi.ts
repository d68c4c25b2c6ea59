import { readFileSync } from 'node:fs'
import { Ajv } from 'ajv'
import type { ValidateFunction } from 'ajv'
import addFormats from 'ajv-formats'

/** An answer that GitHub's published description does not allow: the server is wrong, not the one who called. */
export class UndescribedAnswer extends Error {}

interface Description {
  origin: string
  operations: Record<string, Record<string, Schema | null>>
  schemas: Record<string, Schema>
}
type Schema = Record<string, unknown>

const isSchema = (value: unknown): value is Schema =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Real answers may have more than is described; ours must not, or a slip in a name would pass. */
function closed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(closed)
  if (!isSchema(value)) return value
  const made = Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, closed(inner)]))
  return value['type'] === 'object' && isSchema(value['properties']) && value['additionalProperties'] === undefined
    ? { ...made, additionalProperties: false }
    : made
}

function load(which: 'github' | 'ghes'): (operation: string, status: number, body: unknown) => void {
  const { operations, schemas } = JSON.parse(
    readFileSync(new URL(`openapi/${which}.json`, import.meta.url), 'utf8'),
  ) as Description
  const ajv = new Ajv({ strict: false })
  addFormats.default(ajv)
  ajv.addSchema({ $id: 'github', components: { schemas: closed(schemas) } })
  const compiled = new Map<string, ValidateFunction>()
  const validator = (key: string, schema: Schema): ValidateFunction => {
    const found =
      compiled.get(key) ??
      ajv.compile(
        JSON.parse(JSON.stringify(closed(schema)).replaceAll('"#/components', '"github#/components')) as Schema,
      )
    compiled.set(key, found)
    return found
  }

  return (operation, status, body) => {
    const described = operations[operation]
    if (!described) throw new UndescribedAnswer(`${operation} is not in the description`)
    const listed = described[String(status)]
    // 400, 429 and 500 are not described, but everybody has met them.
    if (listed === undefined && status < 400) throw new UndescribedAnswer(`${operation} never answers ${status}`)
    if (listed === null && body !== undefined && status < 300)
      throw new UndescribedAnswer(`${operation} ${status} has no body`)
    const schema = listed ?? (status >= 400 ? { $ref: '#/components/schemas/basic-error' } : undefined)
    if (!schema) return
    const validate = validator(listed ? `${operation} ${status}` : 'error', schema)
    if (!validate(body)) throw new UndescribedAnswer(`${operation} ${status}: ${ajv.errorsText(validate.errors)}`)
  }
}

const loaded: Partial<Record<'github' | 'ghes', ReturnType<typeof load>>> = {}

/** Throws if an answer is not as GitHub publishes it. */
export function checkAnswer(which: 'github' | 'ghes', operation: string, status: number, body: unknown): void {
  ;(loaded[which] ??= load(which))(operation, status, body)
}
