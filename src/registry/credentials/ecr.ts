import { UserError } from '../../lib/errors.ts'
import { readChunks, type Fetch } from '../../lib/http.ts'
import { asList, asRecord, asText, tryParseJson } from '../../lib/json.ts'
import type { Env } from '../../lib/lists.ts'
import { signAws, type AwsKey } from './aws-sign.ts'
import type { Login } from '../auth.ts'
import { ecrRegion, publicEcr } from './exchanged-logins.ts'

/** The partitions of AWS, by the end of the names of their registries. */
const ecrDomains = [
  [/\.cn$/, 'amazonaws.com.cn'],
  [/\.amazonaws\.eu$/, 'amazonaws.eu'],
] as const

/** How AWS is called. */
interface AwsAccess {
  /** The job's: `AWS_ACCESS_KEY_ID` and others are used if a login has no key of its own. */
  readonly env: Env
  readonly fetch: Fetch
}

/**
 * Exchanges AWS keys for passwords of their registries, which are valid for twelve hours; other logins do not change.
 *
 * @throws UserError of kind `registry` if AWS returns no password
 */
export async function exchangeEcrKeys(logins: readonly Login[], access: AwsAccess): Promise<readonly Login[]> {
  const exchanged = await Promise.all(
    logins.map(async (login) => (login.ecr ? await exchange(login, access) : [login])),
  )
  return exchanged.flat()
}

/** The login, and those of further accounts that the key may use. */
async function exchange(login: Login, { env, fetch }: AwsAccess): Promise<readonly Login[]> {
  const { registry } = login
  const key = findKey(login, env)
  if (!key) throw loginError(registry, problems.noKey)
  const region = ecrRegion(registry) ?? env['AWS_REGION'] ?? env['AWS_DEFAULT_REGION'] ?? ''
  if (region === '') throw loginError(registry, problems.noRegion)
  const { status, body } = await fetchToken({ registry, region, key, env }, fetch).catch((error: unknown) => {
    throw loginError(registry, problems.noAnswer, error)
  })
  if (status !== 200) throw loginError(registry, refusal(status, body))
  const account = accountOf(registry)
  const tokens = parseTokens(body)
  const own = tokens.find(({ host }) => accountOf(host) === account) ?? tokens[0]
  if (!own) throw loginError(registry, problems.noPassword)
  const logins = [own, ...tokens.filter((token) => token !== own && token.host !== '')]
  return logins.map(({ username, password, host }, index) => ({
    ...login,
    registry: index === 0 ? registry : host,
    username,
    password,
    ecr: false,
  }))
}

function accountOf(registry: string): string | undefined {
  return /^\d{12}(?=\.)/.exec(registry)?.[0]
}

/** The accounts of a registry, and as in login-action those of AWS_ACCOUNT_IDS; empty: that of the key. */
function accountsOf(registry: string, { AWS_ACCOUNT_IDS: more = '' }: Env): readonly string[] {
  const account = accountOf(registry)
  return account === undefined ? [] : [...new Set([account, ...more.split(',').map((id) => id.trim())])].filter(Boolean)
}

/** What prevents a login, and what to do about it. */
type Problem = readonly [reason: string, hint: string]

const problems = {
  noKey: [
    'there is no AWS key',
    'Give the key in `username` and `password`, or run aws-actions/configure-aws-credentials before this step, which ' +
      'sets AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.',
  ],
  noRegion: ['its name contains no AWS region', 'Set AWS_REGION.'],
  noAnswer: ['AWS does not answer', 'Check the network, and the region in the registry’s name.'],
  noPassword: ['AWS returned no password', 'Check that the key has permission to call ecr:GetAuthorizationToken.'],
} satisfies Record<string, Problem>

function refusal(status: number, body: Readonly<Record<string, unknown>>): Problem {
  const type = asText(body['__type']).replace(/^.*#/, '')
  const hint = asText(body['message']) || 'Check the key, and that it has permission to call ecr:GetAuthorizationToken.'
  return [`AWS answers ${status} ${type}`.trim(), hint]
}

function loginError(registry: string, [reason, hint]: Problem, cause?: unknown): UserError {
  return new UserError({ code: 'registry', message: `No login at ${registry}: ${reason}`, hint, cause })
}

function findKey({ username, password }: Login, env: Env): AwsKey | undefined {
  const { AWS_ACCESS_KEY_ID: jobKeyId = '', AWS_SECRET_ACCESS_KEY: jobSecret = '', AWS_SESSION_TOKEN = '' } = env
  if (username !== '' && password !== '') {
    const sessionToken = username === jobKeyId ? AWS_SESSION_TOKEN : ''
    return { accessKeyId: username, secretAccessKey: password, sessionToken }
  }
  if (jobKeyId === '' || jobSecret === '') return undefined
  return { accessKeyId: jobKeyId, secretAccessKey: jobSecret, sessionToken: AWS_SESSION_TOKEN }
}

interface TokenOptions {
  readonly registry: string
  readonly region: string
  readonly key: AwsKey
  readonly env: Env
}

interface TokenRequest {
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

function signRequest({ registry, region, key, env }: TokenOptions): TokenRequest {
  const isPublic = publicEcr.includes(registry)
  const service = isPublic ? 'ecr-public' : 'ecr'
  const domain = ecrDomains.find(([pattern]) => pattern.test(registry))?.[1] ?? 'amazonaws.com'
  // The variables of AWS' own tools.
  const endpoint = env[isPublic ? 'AWS_ENDPOINT_URL_ECR_PUBLIC' : 'AWS_ENDPOINT_URL_ECR']
  const url = new URL(endpoint ?? `https://api.${service}.${region}.${domain}/`)
  const accounts = accountsOf(registry, env)
  const body = JSON.stringify(accounts.length === 0 ? {} : { registryIds: accounts })
  const target = isPublic ? 'SpencerFrontendService' : 'AmazonEC2ContainerRegistry_V20150921'
  const time = new Date().toISOString().replace(/[-:]|\.\d+/g, '')
  const headers = {
    'content-type': 'application/x-amz-json-1.1',
    'x-amz-target': `${target}.GetAuthorizationToken`,
    ...(key.sessionToken !== '' && { 'x-amz-security-token': key.sessionToken }),
  }
  const request = { method: 'POST', host: url.host, path: url.pathname, region, service, headers, body, time }
  return { url, headers: { ...headers, 'x-amz-date': time, authorization: signAws(request, key) }, body }
}

const responseLimit = 1024 * 1024

async function fetchToken(
  options: TokenOptions,
  fetch: Fetch,
): Promise<{ readonly status: number; readonly body: Readonly<Record<string, unknown>> }> {
  const { url, headers, body } = signRequest(options)
  // A redirect would send the session token, which is in a header of AWS' own, to another server.
  const init = { method: 'POST', headers, body, redirect: 'manual' } as const
  const response = await fetch(url, { ...init, signal: AbortSignal.timeout(30_000) })
  const chunks: Uint8Array[] = []
  for await (const chunk of readChunks(response, responseLimit)) chunks.push(chunk)
  return { status: response.status, body: asRecord(tryParseJson(Buffer.concat(chunks).toString('utf8'))) }
}

interface RegistryToken {
  /** Empty if AWS does not name it. */
  readonly host: string
  readonly username: string
  readonly password: string
}

function parseTokens({ authorizationData: data }: Readonly<Record<string, unknown>>): readonly RegistryToken[] {
  return (Array.isArray(data) ? asList(data) : [data])
    .map(asRecord)
    .flatMap(({ authorizationToken, proxyEndpoint }) => {
      const [username = '', ...rest] = Buffer.from(asText(authorizationToken), 'base64').toString('utf8').split(':')
      const host = asText(proxyEndpoint).replace(/^https:\/\//, '')
      return rest.length === 0 ? [] : [{ host, username, password: rest.join(':') }]
    })
}
