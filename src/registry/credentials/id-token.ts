import { readChunks, type Fetch } from '../../lib/http.ts'
import { asRecord, asText, tryParseJson } from '../../lib/json.ts'
import type { Env } from '../../lib/lists.ts'

export interface TokenAccess {
  readonly env: Env
  readonly fetch: Fetch
}

/** Why a server gave no token, and what to do. */
export class NoToken extends Error {
  readonly hint: string

  constructor(reason: string, hint: string, cause?: unknown) {
    super(reason, { cause })
    this.name = 'NoToken'
    this.hint = hint
  }
}

/**
 * The OIDC token of the job for an audience: https://docs.github.com/en/actions/reference/security/oidc
 *
 * @throws NoToken
 */
export async function fetchIdToken({ env, fetch }: TokenAccess, audience: string): Promise<string> {
  const { ACTIONS_ID_TOKEN_REQUEST_URL: address = '', ACTIONS_ID_TOKEN_REQUEST_TOKEN: secret = '' } = env
  if (!URL.canParse(address)) throw new NoToken('the job has no OIDC token', permissionHint)
  const url = new URL(address)
  url.searchParams.set('audience', audience)
  const { status, body } = await fetchJson(fetch, url, { headers: { authorization: `Bearer ${secret}` } })
  const token = asText(body['value'])
  if (token === '') throw new NoToken(`the CI platform answers ${status} without an OIDC token`, permissionHint)
  return token
}

const permissionHint = 'Give the job `permissions: id-token: write`.'
const responseLimit = 1024 * 1024

/**
 * Follows no redirect, which would send the token in the body to another server.
 *
 * @throws NoToken if the server does not answer
 */
export async function fetchJson(
  fetch: Fetch,
  url: URL,
  init: RequestInit,
): Promise<{ readonly status: number; readonly body: Readonly<Record<string, unknown>> }> {
  try {
    const response = await fetch(url, { ...init, redirect: 'manual', signal: AbortSignal.timeout(30_000) })
    const chunks: Uint8Array[] = []
    for await (const chunk of readChunks(response, responseLimit)) chunks.push(chunk)
    return { status: response.status, body: asRecord(tryParseJson(Buffer.concat(chunks).toString('utf8'))) }
  } catch (error) {
    throw new NoToken(`${url.host} does not answer`, 'Check the network.', error)
  }
}
