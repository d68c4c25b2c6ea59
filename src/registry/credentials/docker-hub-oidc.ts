import { UserError } from '../../lib/errors.ts'
import { readChunks, type Fetch } from '../../lib/http.ts'
import { asRecord, asText, tryParseJson } from '../../lib/json.ts'
import type { Env } from '../../lib/lists.ts'
import type { Login } from '../auth.ts'
import { dockerConfigKey } from './docker-config.ts'

const connectionVariable = 'DOCKERHUB_OIDC_CONNECTIONID'
const expiryVariable = 'DOCKERHUB_OIDC_EXPIREIN'
const identityServer = 'https://identity.docker.com'
/** In seconds, the most that is allowed: the image is pushed when it is built, which may take as long as a job. */
const longestLife = '21600'

/**
 * Whether a login without a password is one by the OIDC token of the job, as in login-action:
 * https://docs.docker.com/enterprise/security/oidc-connections/
 */
export function isHubOidc({ registry, username, password }: Login, env: Env): boolean {
  const isHub = dockerConfigKey(registry) === dockerConfigKey('docker.io') || registry === 'dhi.io'
  return isHub && username !== '' && password === '' && (env[connectionVariable] ?? '').trim() !== ''
}

interface HubAccess {
  readonly env: Env
  readonly fetch: Fetch
}

/**
 * Exchanges the job's OIDC token for a token of Docker Hub, once for all logins by it; other logins do not change.
 *
 * @throws UserError of kind `registry` if there is no token
 */
export async function exchangeHubTokens(logins: readonly Login[], access: HubAccess): Promise<readonly Login[]> {
  if (!logins.some(({ hubOidc }) => hubOidc)) return logins
  const password = await exchange(access)
  return logins.map(({ hubOidc, ...login }) => (hubOidc ? { ...login, password } : login))
}

async function exchange({ env, fetch }: HubAccess): Promise<string> {
  const parameters = new URLSearchParams({
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token_type: 'urn:ietf:params:oauth:token-type:id_token',
    subject_token: await fetchIdToken({ env, fetch }),
    connection_id: (env[connectionVariable] ?? '').trim(),
    expires_in: (env[expiryVariable] ?? '').trim().replace(/^$/, longestLife),
  })
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }
  const url = new URL(`${identityServer}/oauth/token`)
  const { status, body } = await fetchJson(fetch, url, { method: 'POST', headers, body: parameters.toString() })
  const token = asText(body['access_token'])
  if (token === '') throw loginError(`Docker Hub answers ${status}`, `Check ${connectionVariable} and its rule set.`)
  return token
}

/** https://docs.github.com/en/actions/reference/security/oidc */
async function fetchIdToken({ env, fetch }: HubAccess): Promise<string> {
  const { ACTIONS_ID_TOKEN_REQUEST_URL: address = '', ACTIONS_ID_TOKEN_REQUEST_TOKEN: secret = '' } = env
  if (!URL.canParse(address)) throw loginError('the job has no OIDC token', permissionHint)
  const url = new URL(address)
  url.searchParams.set('audience', identityServer)
  const { status, body } = await fetchJson(fetch, url, { headers: { authorization: `Bearer ${secret}` } })
  const token = asText(body['value'])
  if (token === '') throw loginError(`the CI platform answers ${status} without an OIDC token`, permissionHint)
  return token
}

const permissionHint = 'Give the job `permissions: id-token: write`.'
const responseLimit = 1024 * 1024

async function fetchJson(
  fetch: Fetch,
  url: URL,
  init: RequestInit,
): Promise<{ readonly status: number; readonly body: Readonly<Record<string, unknown>> }> {
  const response = await fetch(url, { ...init, signal: AbortSignal.timeout(30_000) }).catch((error: unknown) => {
    throw loginError(`${url.host} does not answer`, 'Check the network.', error)
  })
  const chunks: Uint8Array[] = []
  for await (const chunk of readChunks(response, responseLimit)) chunks.push(chunk)
  return { status: response.status, body: asRecord(tryParseJson(Buffer.concat(chunks).toString('utf8'))) }
}

function loginError(reason: string, hint: string, cause?: unknown): UserError {
  return new UserError({ code: 'registry', message: `No login at Docker Hub by OIDC: ${reason}`, hint, cause })
}
