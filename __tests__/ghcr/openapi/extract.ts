import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Cuts GitHub's published OpenAPI descriptions (MIT) down to the answers the server gives: the whole package is 390 MB.
 *
 *   npm pack @octokit/openapi && tar xf octokit-openapi-*.tgz && npx tsx __tests__/ghcr/openapi/extract.ts package
 */
type Json = null | boolean | number | string | Json[] | JsonObject
interface JsonObject {
  [key: string]: Json
}
interface Description {
  paths: Record<string, Record<string, Json>>
  components: Record<string, Record<string, Json>>
}

const wanted = [
  /^\/(orgs\/\{org\}|users\/\{username\}|user)\/packages(\/|$)/,
  /^\/repos\/\{owner\}\/\{repo\}\/actions\/runs\/\{run_id\}$/,
]
const prose = new Set(['description', 'example', 'title', 'deprecated'])

const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** A schema without its prose; what a property is called must not be mistaken for prose. */
function bare(schema: Json, named = false): Json {
  if (Array.isArray(schema)) return schema.map((item) => bare(item))
  if (!isObject(schema)) return schema
  return Object.fromEntries(
    Object.entries(schema)
      .filter(([key]) => named || !prose.has(key))
      .map(([key, value]) => [key, bare(value, key === 'properties' && !named)]),
  )
}

function extract(file: string): { operations: Record<string, Json>; schemas: Record<string, Json> } {
  const { paths, components } = JSON.parse(readFileSync(file, 'utf8')) as Description
  const resolve = (value: Json | undefined): Json | undefined => {
    if (!isObject(value) || typeof value['$ref'] !== 'string') return value
    const [, , kind = '', name = ''] = value['$ref'].split('/')
    return components[kind]?.[name]
  }
  const schemas: Record<string, Json> = {}
  const collect = (value: Json): void => {
    if (Array.isArray(value)) value.forEach(collect)
    if (!isObject(value)) return
    const name =
      typeof value['$ref'] === 'string' ? /^#\/components\/schemas\/(.+)$/.exec(value['$ref'])?.[1] : undefined
    if (name !== undefined && schemas[name] === undefined)
      collect((schemas[name] = bare(components['schemas']?.[name] ?? {})))
    Object.values(value).forEach(collect)
  }
  const operations: Record<string, Json> = {}
  for (const [path, methods] of Object.entries(paths)) {
    if (!wanted.some((pattern) => pattern.test(path))) continue
    for (const [method, operation] of Object.entries(methods)) {
      const responses = isObject(operation) && isObject(operation['responses']) ? operation['responses'] : {}
      operations[`${method.toUpperCase()} ${path}`] = Object.fromEntries(
        Object.entries(responses).map(([status, response]) => {
          const content = resolve(response)
          const media =
            isObject(content) && isObject(content['content']) ? content['content']['application/json'] : undefined
          return [status, isObject(media) ? bare(media['schema'] ?? null) : null]
        }),
      )
    }
  }
  collect(operations)
  return { operations, schemas }
}

const lines = (record: Record<string, Json>): string =>
  `{\n${Object.entries(record)
    .map(([key, value]) => `${JSON.stringify(key)}: ${JSON.stringify(value)}`)
    .join(',\n')}\n}`

const from = process.argv[2]
if (from === undefined) throw new Error('Say where the unpacked package is.')
const { version } = JSON.parse(readFileSync(join(from, 'package.json'), 'utf8')) as { version: string }
for (const [source, target] of [
  ['api.github.com', 'github'],
  ['ghes-3.19', 'ghes'],
] as const) {
  const { operations, schemas } = extract(join(from, 'generated', `${source}.json`))
  const origin = `@octokit/openapi ${version}, generated/${source}.json`
  writeFileSync(
    new URL(`${target}.json`, import.meta.url),
    `{\n"origin": ${JSON.stringify(origin)},\n"operations": ${lines(operations)},\n"schemas": ${lines(schemas)}\n}\n`,
  )
}
