import { createPrivateKey } from 'node:crypto'
import { detectPlatform, isForgejoRunner } from '../forge/platform.ts'
import type { Trust } from '../forge/trust.ts'
import { asRecord, asText, tryParseJson } from '../lib/json.ts'
import { pemBlock, restorePem } from '../lib/pem.ts'
import { isOlder } from '../lib/versions.ts'
import { failFor, passes, type Fail, type Problem } from './diagnostics.ts'
import type { PushMode } from './partial.ts'
import type { InputSource } from './source.ts'
import { boolean, choice, parseTable } from './table.ts'

/** How images are signed. */
export interface SignSettings {
  /** Undefined: keyless. */
  readonly key?: SignKey
  /** Whether signatures get an entry in a transparency log. */
  readonly log: boolean
  /** JSON of the services to sign with; empty: those of the public Sigstore. */
  readonly config: string
  /** JSON of what signatures are verified with; empty: that of the public Sigstore. */
  readonly root: string
  /** Undefined: the cosign of the runner. */
  readonly release?: CosignRelease
}

/** A cosign to download. */
export interface CosignRelease {
  readonly version: string
  /** The SHA-256 of the binary, in hexadecimal. */
  readonly digest: string
}

/** The first version that verifies with a key and without network access, and whose verification is not flawed. */
export const oldestCosign = '3.0.4'

export interface SignKey {
  /** A key in cosign's format, a private key without encryption, or one in a key management service. */
  readonly kind: 'cosign' | 'plain' | 'kms'
  /** PEM, or a URI. */
  readonly text: string
  /** Of a key in cosign's format. */
  readonly password: string
}

const keyForm =
  'write the text of `cosign.key`, of a private key in PEM format, or the URI of a key management service, such as ' +
  '`awskms:///alias/name`'
const messages = {
  empty: `is empty, and \`sign: key\` needs it: ${keyForm}`,
  keyless: 'has no effect with `sign: keyless`: remove it, or write `sign: key`',
  unused: 'is set, but nothing is signed: write `sign: key`, or remove it',
  scheme: 'is not a key management service of cosign: write `awskms://`, `gcpkms://`, `azurekms://` or `hashivault://`',
  form: `is not a private key: ${keyForm}`,
  publicKey: 'is a public key or a certificate: write the private key',
  damaged: 'is damaged or cut off: write the whole text of the key file, from its BEGIN to its END line',
  password: 'does not decrypt the key in `sign-key`, or the key is damaged',
  partial:
    'has no effect with `partial: true`, which pushes parts: write it in the merge action, which signs the image',
  fork: 'would sign the code of a fork, since this run has the level `fork`: set `push: false` there, or do not sign',
  oidc: 'needs the OIDC token of the job: give the job `permissions: id-token: write`. Forks get none',
  forgejo:
    'needs a Sigstore of your own on Forgejo and Gitea, since the public one does not accept their tokens: write ' +
    '`sign: key`, or set `sign-config` and `sign-root`',
  forgejoToken: 'needs the OIDC token of the job: write `enable-openid-connect: true` in the workflow (Forgejo only)',
  keylessLog:
    'must be `true` with `sign: keyless`: its certificates are valid for minutes, and the log proves the time',
  publicNames:
    'must be `true` here: a keyless signature writes the names of this repository and of its workflow to the public ' +
    'log, for everyone and permanently, and this repository may be private. Write it if you agree, or use `sign: key`',
  config: 'is not a signing configuration: write the path or the text of the JSON of `cosign signing-config create`',
  release: 'is not a version with a digest: write `v3.1.3@sha256:…`',
  noDigest:
    'has no digest: write `v3.1.3@sha256:…` with the SHA-256 of the binary for this runner. A checksum from the ' +
    'same release would prove nothing',
  root: 'is not a trusted root: write the path or the text of the JSON of `cosign trusted-root create`',
  rootNeeded:
    'is empty, and signatures with `sign-config` are verified with it: write the trusted root of your Sigstore',
  rootAlone: 'has no effect without `sign-config`: write both, or remove it',
  logOfConfig: 'contradicts `sign-config`, which determines whether there is a log: remove it',
}

/** What the step would sign. */
export interface SignedRun extends PushMode {
  /** Of the code that the image is built from. */
  readonly trust: Trust
}

/**
 * Parses `sign` and the inputs that belong to it.
 *
 * @returns undefined if nothing is signed
 */
export function parseSignInputs(source: InputSource, { push, partial, trust }: SignedRun): SignSettings | undefined {
  const { text, report, note } = source
  const methods = { keyless: 'keyless', key: 'key', false: 'false' } as const
  const { sign } = parseTable({ sign: ['sign', choice<string>(methods, 'false')] }, source)
  const fail = failFor(report, 'sign', sign)
  passes(failFor(report, 'sign-key'), undefined, [[text('sign') === '' && text('sign-key') !== '', messages.unused]])
  if (sign === 'false' || !passes(fail, sign, [[partial, messages.partial]])) return undefined
  if (!push) {
    note('Nothing is pushed, so nothing is signed.')
    return undefined
  }
  if (!passes(fail, sign, [[trust === 'fork', messages.fork]])) return undefined
  const release = parseRelease(source)
  const settings = sign === 'key' ? parseKeyInputs(source) : parseKeyless(source, fail)
  return { ...settings, ...(release && { release }) }
}

function parseRelease({ text, report }: InputSource): CosignRelease | undefined {
  const given = text('cosign-release')
  if (given === '') return undefined
  const [, version = '', digest] = /^v?(\d+\.\d+\.\d+)(?:@sha256:([0-9a-f]{64}))?$/.exec(given) ?? []
  const isValid = passes(failFor(report, 'cosign-release'), given, [
    [version === '', messages.release],
    [digest === undefined, messages.noDigest],
    [isOlder(version, oldestCosign), `is too old: ${oldestCosign} or newer is needed`],
  ])
  return isValid && digest !== undefined ? { version, digest } : undefined
}

function parseKeyInputs(source: InputSource): SignSettings {
  const { text, report, event } = source
  const key = parseKey(text('sign-key'), text('sign-password'), source)
  const services = parseServices(source, false)
  const isPublic = event.isPrivate === false
  const { log } = parseTable({ log: ['sign-log', boolean(isPublic)] }, source)
  passes(failFor(report, 'sign-log'), text('sign-log'), [
    [services.config !== '' && text('sign-log') !== '' && log !== hasLog(services.config), messages.logOfConfig],
  ])
  return { ...services, log: services.config === '' ? log : hasLog(services.config), ...(key && { key }) }
}

function parseKeyless(source: InputSource, fail: Fail): SignSettings {
  const { text, report, event, env } = source
  const services = parseServices(source, true)
  const isOwn = text('sign-config') !== ''
  const isForgejo = isForgejoRunner(env) || detectPlatform(event) === 'forgejo'
  const hasToken = ['URL', 'TOKEN'].every((name) => (env[`ACTIONS_ID_TOKEN_REQUEST_${name}`] ?? '') !== '')
  passes(fail, 'keyless', [
    [isForgejo && !isOwn, messages.forgejo],
    [!hasToken, isForgejo ? messages.forgejoToken : messages.oidc],
  ])
  for (const name of ['sign-key', 'sign-password'])
    passes(failFor(report, name), undefined, [[text(name) !== '', messages.keyless]])
  const { log } = parseTable({ log: ['sign-log', boolean(true)] }, source)
  const isUnsaid = text('sign-log') === '' && event.isPrivate !== false
  passes(failFor(report, 'sign-log'), undefined, [
    [!isOwn && !log, messages.keylessLog],
    [!isOwn && isUnsaid, messages.publicNames],
    [isOwn && text('sign-log') !== '', messages.logOfConfig],
  ])
  return { ...services, log: !isOwn || hasLog(services.config) }
}

type Services = Pick<SignSettings, 'config' | 'root'>

function parseServices(source: InputSource, needsRoot: boolean): Services {
  const config = parseJson(source, 'sign-config', [/signingconfig/, messages.config])
  const root = parseJson(source, 'sign-root', [/trustedroot/, messages.root])
  const given = (name: string) => source.text(name) !== ''
  passes(failFor(source.report, 'sign-root'), undefined, [
    [given('sign-config') && !given('sign-root') && (needsRoot || hasLog(config)), messages.rootNeeded],
    [given('sign-root') && !given('sign-config'), messages.rootAlone],
  ])
  return { config, root }
}

/** A path, or the JSON itself. */
function parseJson(
  { text, paths, report }: InputSource,
  name: string,
  [type, form]: readonly [RegExp, string],
): string {
  const given = text(name)
  const fail = failFor(report, name, given)
  if (given === '') return ''
  const json = given.startsWith('{') ? given : paths.readFile(given, fail)
  if (json === '') return ''
  passes(fail, given, [[!type.test(asText(asRecord(tryParseJson(json))['mediaType'])), form]])
  return json
}

/** https://github.com/sigstore/protobuf-specs/blob/main/protos/sigstore_trustroot.proto */
function hasLog(config: string): boolean {
  const urls = asRecord(tryParseJson(config))['rekorTlogUrls']
  return Array.isArray(urls) && urls.length > 0
}

function parseKey(given: string, password: string, { report }: Pick<InputSource, 'report'>): SignKey | undefined {
  // No issue quotes any part of a key.
  const fail = failFor(report, 'sign-key')
  if (!passes(fail, undefined, [[given === '', messages.empty]])) return undefined
  const [, scheme] = /^(\w+):\/\/\S+$/.exec(given) ?? []
  if (scheme !== undefined) {
    const isKnown = scheme === 'hashivault' || scheme.endsWith('kms')
    return passes(fail, `${scheme}://`, [[!isKnown, messages.scheme]])
      ? { kind: 'kms', text: given, password }
      : undefined
  }
  return parsePem(given, password, report)
}

function parsePem(given: string, password: string, report: InputSource['report']): SignKey | undefined {
  const fail = failFor(report, 'sign-key')
  const blocks = [...restorePem(given).matchAll(pemBlock)].filter(([, label = '']) => label !== 'EC PARAMETERS')
  const [[block, label = '', body = ''] = [''], ...others] = blocks
  const problems: readonly Problem[] = [
    [block === '' && given.includes('-----BEGIN'), messages.damaged],
    [block === '' || others.length > 0, messages.form],
    [!label.endsWith('PRIVATE KEY'), messages.publicKey],
  ]
  if (!passes(fail, undefined, problems)) return undefined
  if (/^ENCRYPTED (SIGSTORE|COSIGN) /.test(label)) return parseCosignKey(`${block}\n`, body, password, fail)
  return decryptKey(block, password, report)
}

function parseCosignKey(text: string, body: string, password: string, fail: Fail): SignKey | undefined {
  const content = asRecord(tryParseJson(Buffer.from(body, 'base64').toString('utf8')))
  return passes(fail, undefined, [[asText(content['ciphertext']) === '', messages.damaged]])
    ? { kind: 'cosign', text, password }
    : undefined
}

/** A plain key, or one that is encrypted as OpenSSL does it, without its encryption: cosign imports no other. */
function decryptKey(block: string, passphrase: string, report: InputSource['report']): SignKey | undefined {
  try {
    const key = createPrivateKey({ key: block, format: 'pem', ...(passphrase !== '' && { passphrase }) })
    return { kind: 'plain', text: key.export({ type: 'pkcs8', format: 'pem' }).toString(), password: '' }
  } catch {
    const isEncrypted = block.includes('ENCRYPTED')
    failFor(report, isEncrypted ? 'sign-password' : 'sign-key')(isEncrypted ? messages.password : messages.damaged)
    return undefined
  }
}
