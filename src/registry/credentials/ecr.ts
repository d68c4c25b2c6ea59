import { asList, asRecord, asText, tryParseJson } from '../../lib/json.ts'
import { UserError } from '../../lib/errors.ts'
import { signAws, type AwsKey } from './aws-sign.ts'
import type { Fetch } from '../transport.ts'
import type { Login } from './login-type.ts'

type Env = Readonly<Record<string, string | undefined>>

/**
 * Exchanges AWS keys for passwords of their registries, which last twelve hours; other logins stay as they are.
 *
 * @param env the job's: `AWS_ACCESS_KEY_ID` and its like serve where a login has no key of its own
 * @throws UserError of kind `registry` where AWS gives none
 */
export async function resolveLogins(
  logins: readonly Login[],
  env: Env,
  fetch: Fetch,
  now = new Date(),
): Promise<readonly Login[]> {
  return await Promise.all(
    logins.map((login) => (login.ecr ? exchange(login, env, fetch, now) : Promise.resolve(login))),
  )
}

async function exchange(login: Login, env: Env, fetch: Fetch, now: Date): Promise<Login> {
  const { registry } = login
  const region = ecrRegion(registry) ?? env['AWS_REGION'] ?? env['AWS_DEFAULT_REGION'] ?? ''
  const fail = (why: string, hint: string, cause?: unknown) =>
    new UserError({ code: 'registry', message: `No login at ${registry}: ${why}`, hint, cause })
  const key = keyOf(login, env)
  if (!key)
    throw fail(
      'there is no AWS key',
      'Give the key in `username` and `password`, or let a step with aws-actions/configure-aws-credentials set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY before.',
    )
  if (region === '') throw fail('its name tells no AWS region', 'Set AWS_REGION.')
  let text: string
  try {
    const answer = await ask(registry, region, key, env, fetch, now)
    text = await answer.text()
    if (!answer.ok)
      throw fail(
        `AWS answers ${answer.status} ${asText(asRecord(tryParseJson(text))['__type']).replace(/^.*#/, '')}`.trim(),
        asText(asRecord(tryParseJson(text))['message']) ||
          'Check the key, and that it may call ecr:GetAuthorizationToken.',
      )
  } catch (error) {
    throw error instanceof UserError
      ? error
      : fail('AWS does not answer', 'Check the network, and the region in the registry’s name.', error)
  }
  const data = asRecord(tryParseJson(text))['authorizationData']
  const token = asText(asRecord(Array.isArray(data) ? asList(data)[0] : data)['authorizationToken'])
  const [username = '', ...rest] = Buffer.from(token, 'base64').toString('utf8').split(':')
  if (rest.length === 0) throw fail('AWS gave no password', 'Check that the key may call ecr:GetAuthorizationToken.')
  return { ...login, username, password: rest.join(':'), ecr: false }
}

function keyOf({ username, password }: Login, env: Env): AwsKey | undefined {
  if (username !== '' && password !== '')
    return {
      accessKeyId: username,
      secretAccessKey: password,
      sessionToken: username === env['AWS_ACCESS_KEY_ID'] ? (env['AWS_SESSION_TOKEN'] ?? '') : '',
    }
  const {
    AWS_ACCESS_KEY_ID: accessKeyId = '',
    AWS_SECRET_ACCESS_KEY: secretAccessKey = '',
    AWS_SESSION_TOKEN: sessionToken = '',
  } = env
  return accessKeyId === '' || secretAccessKey === '' ? undefined : { accessKeyId, secretAccessKey, sessionToken }
}

async function ask(
  registry: string,
  region: string,
  key: AwsKey,
  env: Env,
  fetch: Fetch,
  now: Date,
): Promise<Response> {
  const isPublic = registry === 'public.ecr.aws'
  const service = isPublic ? 'ecr-public' : 'ecr'
  const domain = registry.endsWith('.cn') ? 'amazonaws.com.cn' : 'amazonaws.com'
  // As AWS' own tools are sent elsewhere.
  const url = new URL(
    env[isPublic ? 'AWS_ENDPOINT_URL_ECR_PUBLIC' : 'AWS_ENDPOINT_URL_ECR'] ??
      `https://api.${service}.${region}.${domain}/`,
  )
  const account = /^\d{12}(?=\.)/.exec(registry)?.[0]
  const body = JSON.stringify(account === undefined ? {} : { registryIds: [account] })
  const target = isPublic
    ? 'SpencerFrontendService.GetAuthorizationToken'
    : 'AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken'
  const time = now.toISOString().replace(/[-:]|\.\d+/g, '')
  const headers = {
    'content-type': 'application/x-amz-json-1.1',
    'x-amz-target': target,
    ...(key.sessionToken !== '' && { 'x-amz-security-token': key.sessionToken }),
  }
  const authorization = signAws(
    { method: 'POST', host: url.host, path: url.pathname, region, service, headers, body, time },
    key,
  )
  return await fetch(url, {
    method: 'POST',
    headers: { ...headers, 'x-amz-date': time, authorization },
    body,
    signal: AbortSignal.timeout(30_000),
  })
}

export type EcrChoice = 'auto' | 'true' | 'false'

// https://docs.aws.amazonaws.com/AmazonECR/latest/userguide/Registries.html
const privateEcr =
  /^\d{12}\.dkr[.-]ecr(?:-fips)?\.([a-z0-9-]+)\.(?:amazonaws\.com(?:\.cn)?|on\.aws|on\.amazonwebservices\.com\.cn)$/

/** The AWS region of an ECR registry; undefined for any other. */
export function ecrRegion(registry: string): string | undefined {
  return registry === 'public.ecr.aws' ? 'us-east-1' : privateEcr.exec(registry)?.[1]
}

/** Whether a login is an AWS key, to be exchanged for a password. */
export function isEcr(registry: string, choice: EcrChoice): boolean {
  return choice === 'true' || (choice === 'auto' && ecrRegion(registry) !== undefined)
}
