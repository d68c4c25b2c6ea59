import { UserError } from '../../lib/errors.ts'
import { asText } from '../../lib/json.ts'
import type { Login } from '../auth.ts'
import { connectionVariable } from './exchanged-logins.ts'
import { fetchIdToken, fetchJson, NoToken, type TokenAccess } from './id-token.ts'

const expiryVariable = 'DOCKERHUB_OIDC_EXPIREIN'
const identityServer = 'https://identity.docker.com'
/** In seconds, the most that is allowed: the image is pushed when it is built, which may take as long as a job. */
const longestLife = '21600'

/**
 * Exchanges the job's OIDC token for a token of Docker Hub, once for all logins by it; other logins do not change.
 *
 * @throws UserError of kind `registry` if there is no token
 */
export async function exchangeHubTokens(logins: readonly Login[], access: TokenAccess): Promise<readonly Login[]> {
  if (!logins.some(({ hubOidc }) => hubOidc)) return logins
  const password = await exchange(access).catch((error: unknown) => {
    if (!(error instanceof NoToken)) throw error
    const { message, hint, cause } = error
    throw new UserError({ code: 'registry', message: `No login at Docker Hub by OIDC: ${message}`, hint, cause })
  })
  return logins.map(({ hubOidc, ...login }) => (hubOidc ? { ...login, password } : login))
}

async function exchange({ env, fetch }: TokenAccess): Promise<string> {
  const parameters = new URLSearchParams({
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token_type: 'urn:ietf:params:oauth:token-type:id_token',
    subject_token: await fetchIdToken({ env, fetch }, identityServer),
    connection_id: (env[connectionVariable] ?? '').trim(),
    expires_in: (env[expiryVariable] ?? '').trim().replace(/^$/, longestLife),
  })
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }
  const url = new URL(`${identityServer}/oauth/token`)
  const { status, body } = await fetchJson(fetch, url, { method: 'POST', headers, body: parameters.toString() })
  const token = asText(body['access_token'])
  if (token === '') throw new NoToken(`Docker Hub answers ${status}`, `Check ${connectionVariable} and its rule set.`)
  return token
}
