import { attributeOf, readAttributes, type Attribute } from '../../lib/csv.ts'
import { splitRecords, type Env } from '../../lib/lists.ts'
import { didYouMean, shorten, type IssueSink } from '../../lib/issues.ts'

// https://docs.docker.com/build/cache/backends/
const cacheTypes = ['registry', 'inline', 'local', 'gha', 's3', 'azblob']

/** `cache-from` and `cache-to`, which buildx gets as they are: a reference, or `type=…` with its attributes. */
export function readCacheSpecs(input: string, text: string, report: IssueSink): readonly string[] {
  return splitRecords(input, text, report).flatMap((entry) =>
    readCacheSpec(input, entry.text, report) ? [entry.text] : [],
  )
}

/** The attributes of one; told and undefined where it is none. */
export function readCacheSpec(input: string, text: string, report: IssueSink): readonly Attribute[] | undefined {
  if (!/[=,"\s]/.test(text))
    return [
      ['type', 'registry'],
      ['ref', text],
    ]
  const attributes = readAttributes(text)
  const type = attributeOf(attributes ?? [], 'type')
  const wrong = (expected: string) => report({ input, given: hideSecrets(shorten(text)), expected })
  if (!attributes) wrong('is no cache: write `type=registry,ref=ghcr.io/acme/app:cache`')
  else if (type === undefined)
    wrong(`has no type: write \`type=registry,ref=…\`; ${cacheTypes.join(', ')} are the types`)
  else if (!cacheTypes.includes(type))
    wrong(`has an unknown type: ${cacheTypes.join(', ')} are known${didYouMean(type, cacheTypes)}`)
  else return attributes
  return undefined
}

const secretAttribute =
  /\b(access_key_id|secret_access_key|session_token|token|ghtoken|sas_token|account_key)=([^,"]+)/gi

function hideSecrets(text: string): string {
  return text.replace(secretAttribute, '$1=***')
}

/** The keys to somebody's storage that a text holds. */
export function cacheSecrets(text: string): readonly string[] {
  return [...text.matchAll(secretAttribute)].map((match) => match[2] ?? '')
}

/**
 * The keys that buildx finds in the job's environment; where a forge's runner serves the cache itself, its address is
 * one.
 */
export function serviceSecrets(env: Env): readonly string[] {
  const keys = ['AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN', 'ACTIONS_RUNTIME_TOKEN'].map((name) => env[name] ?? '')
  const paths = (env['ACTIONS_CACHE_URL'] ?? '').replace(/^\w+:\/\/[^/]*/, '').split(/[/?]/)
  return [...keys, ...paths.filter((part) => part.length > 15)]
}
