import { randomBytes } from 'node:crypto'
import { rmSync } from 'node:fs'
import type { SignKey, SignSettings } from '../../inputs/sign.ts'
import { UserError } from '../../lib/errors.ts'
import { tryRead } from '../../lib/files.ts'
import { asRecord, asText, tryParseJson } from '../../lib/json.ts'
import type { Env } from '../../lib/lists.ts'
import { fetchIdToken, NoToken, type TokenAccess } from '../../registry/credentials/id-token.ts'
import { outputOf, type Cosign } from './cosign.ts'
import type { Verification } from './verification.ts'

/** Arguments of cosign, and variables for that process only. */
interface Call {
  readonly args: readonly string[]
  readonly env: Env
}

/** How cosign signs, and how it verifies what was signed. */
export interface SignMethod extends Verification {
  /** New for every call, since tokens expire. */
  readonly signing: () => Promise<Call>
  readonly verifying: readonly string[]
}

export interface MethodOptions extends TokenAccess {
  readonly settings: SignSettings
  readonly cosign: Cosign
  readonly serverUrl: string
  readonly mask: (secrets: readonly string[]) => void
}

/** https://github.com/sigstore/protobuf-specs/blob/main/protos/sigstore_trustroot.proto: no services at all */
const noServices = JSON.stringify({
  mediaType: 'application/vnd.dev.sigstore.signingconfig.v0.2+json',
  rekorTlogConfig: {},
  tsaConfig: {},
})

/** Prepares the key or the identity. @throws UserError */
export async function createMethod(options: MethodOptions): Promise<SignMethod> {
  const { settings, cosign } = options
  const { key, config, root, log } = settings
  const json = config === '' && !log ? noServices : config
  const services = json === '' ? [] : ['--signing-config', cosign.write('signing-config.json', json)]
  const trust = root === '' ? [] : ['--trusted-root', cosign.write('trusted-root.json', root)]
  return key
    ? await createKeyMethod(key, { services, trust }, options)
    : await createKeyless({ services, trust }, options)
}

interface ServiceArgs {
  readonly services: readonly string[]
  readonly trust: readonly string[]
}

/** The variable that contains the private key, for one process. */
const keyVariable = 'MAB_SIGN_KEY'

async function createKeyMethod(
  key: SignKey,
  { services, trust }: ServiceArgs,
  { cosign, settings, mask }: MethodOptions,
): Promise<SignMethod> {
  const { text, password } = key.kind === 'plain' ? await importKey(key.text, { cosign, mask }) : key
  const reference = key.kind === 'kms' ? text : `env://${keyVariable}`
  const env = { COSIGN_PASSWORD: password, ...(key.kind !== 'kms' && { [keyVariable]: text }) }
  const exported = await cosign.run(['public-key', '--key', reference], env)
  const publicKey = /-----BEGIN PUBLIC KEY-----[\s\S]*?-----END PUBLIC KEY-----\n/.exec(exported.stdout)?.[0]
  if (exported.code !== 0 || publicKey === undefined) throw unusableKey(key, outputOf(exported))
  const noLog = settings.log ? [] : ['--insecure-ignore-tlog=true']
  return {
    signing: () => Promise.resolve({ args: ['--key', reference, ...services, ...trust], env }),
    verifying: ['--key', cosign.write('cosign.pub', publicKey), ...noLog, ...trust],
    command: formatCommand(['--key', 'cosign.pub', ...noLog, ...shortTrust(trust)]),
    publicKey,
  }
}

/** Converts a private key to cosign's format. The file with the key exists only while cosign reads it. */
async function importKey(
  text: string,
  { cosign, mask }: Pick<MethodOptions, 'cosign' | 'mask'>,
): Promise<Pick<SignKey, 'text' | 'password'>> {
  const password = randomBytes(24).toString('base64url')
  mask([password])
  const prefix = cosign.path('imported')
  const plain = cosign.path('plain.pem')
  try {
    cosign.write('plain.pem', text)
    const args = ['import-key-pair', '--yes', '--key', plain, '--output-key-prefix', prefix]
    const result = await cosign.run(args, { COSIGN_PASSWORD: password })
    const imported = tryRead(`${prefix}.key`)
    if (result.code !== 0 || imported === '') throw unusableKey({ kind: 'plain' }, outputOf(result))
    return { text: imported, password }
  } finally {
    for (const path of [plain, `${prefix}.key`, `${prefix}.pub`]) rmSync(path, { force: true })
  }
}

const keyHints: Readonly<Record<SignKey['kind'], string>> = {
  cosign: 'Nothing was built. Check `sign-key`, and that `sign-password` is the password of this key.',
  plain: 'Nothing was built. cosign imports RSA keys of 2048 bits and more, ECDSA keys of P-256 to P-521, and Ed25519.',
  kms: 'Nothing was built. Check the URI, and that the job has credentials for this service in its environment.',
}

function unusableKey({ kind }: Pick<SignKey, 'kind'>, details: readonly string[]): UserError {
  return new UserError({ code: 'inputs', message: '`sign-key` cannot be used', hint: keyHints[kind], details })
}

async function createKeyless({ services, trust }: ServiceArgs, options: MethodOptions): Promise<SignMethod> {
  const { identity, issuer, caller } = identityOf(await fetchToken(options), options)
  const timestamps = options.settings.log ? [] : ['--insecure-ignore-tlog=true', '--use-signed-timestamps']
  const repository = caller === '' ? [] : ['--certificate-github-workflow-repository', caller]
  const workflow = ['--certificate-identity', identity, '--certificate-oidc-issuer', issuer]
  const expected = [...workflow, ...repository, ...timestamps]
  return {
    signing: async () => ({ args: [...services, ...trust], env: { SIGSTORE_ID_TOKEN: await fetchToken(options) } }),
    verifying: [...expected, ...trust],
    command: formatCommand([...expected, ...shortTrust(trust)]),
  }
}

async function fetchToken({ mask, ...access }: MethodOptions): Promise<string> {
  try {
    const token = await fetchIdToken(access, 'sigstore')
    mask([token])
    return token
  } catch (error) {
    if (!(error instanceof NoToken)) throw error
    const { message, hint, cause } = error
    throw new UserError({ code: 'runner', message: `\`sign: keyless\`: ${message}`, hint, cause })
  }
}

interface Identity {
  readonly identity: string
  readonly issuer: string
  /** The repository that calls a reusable workflow of another repository, which every repository may call; or empty. */
  readonly caller: string
}

/**
 * What Fulcio writes into a certificate for the workflow of a job, by the claims of the job's token:
 * https://github.com/sigstore/fulcio/blob/main/docs/oidc.md#github. For a reusable workflow it is that workflow.
 */
function identityOf(token: string, { serverUrl }: MethodOptions): Identity {
  const claims = asRecord(tryParseJson(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8')))
  const claim = (name: string) => asText(claims[name])
  const [workflow, issuer, repository] = [claim('job_workflow_ref'), claim('iss'), claim('repository')]
  const identity = workflow === '' ? claim('sub') : `${serverUrl}/${workflow}`
  const isOfRepository = workflow === '' || workflow.startsWith(`${repository}/`)
  if (identity !== '' && issuer !== '') return { identity, issuer, caller: isOfRepository ? '' : repository }
  throw new UserError({
    code: 'runner',
    message: '`sign: keyless`: the OIDC token of the job names no workflow',
    hint: 'Use `sign: key` on this CI platform.',
  })
}

function shortTrust(trust: readonly string[]): readonly string[] {
  return trust.length === 0 ? [] : ['--trusted-root', 'trusted-root.json']
}

function formatCommand(args: readonly string[]): string {
  const quoted = args.map((arg) => (/^[\w@%+=:,./-]+$/.test(arg) ? arg : `'${arg.replaceAll("'", "'\\''")}'`))
  return ['cosign verify', ...quoted].join(' ')
}
