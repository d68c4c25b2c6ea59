// A Sigstore of its own on loopback: Fulcio, Rekor and the CI platform's server for OIDC tokens. It prints its settings
// as one line of JSON, and ends when its standard input is closed.
import { Buffer } from 'node:buffer'
import { createHash, generateKeyPairSync } from 'node:crypto'
import { createServer } from 'node:http'
import process from 'node:process'
import { text } from 'node:stream/consumers'
import { URL } from 'node:url'
import { fulcioHandler, initializeCA, initializeCTLog, initializeTLog, rekorHandler } from '@sigstore/mock'

const newKeys = () => generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
const keys = { ct: newKeys(), ca: newKeys(), log: newKeys() }
const server = createServer((request, response) => void answer(request, response))
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
const url = `http://127.0.0.1:${server.address().port}`
const issuer = `${url}/issuer`
const ctLog = await initializeCTLog(keys.ct)
const authority = await initializeCA(keys.ca, ctLog)
const log = await initializeTLog(url, keys.log)
const [fulcio, rekor] = [fulcioHandler(authority), rekorHandler(log)]

const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')
const decode = (token) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url'))
const now = () => Math.floor(Date.now() / 1000)

/** The workflow of the repository, and one of another repository that it calls. */
const workflows = {
  own: 'acme/app/.github/workflows/release.yml@refs/heads/main',
  reusable: 'org/multiarch-build/.github/workflows/image.yml@refs/tags/v1',
}

/** As GitHub's; its signature is not checked here. `/token/expired` is valid no longer. */
function createToken(kind, audience) {
  const claims = {
    iss: issuer,
    sub: 'repo:acme/app:ref:refs/heads/main',
    aud: audience,
    exp: now() + (kind === 'expired' ? -60 : 300),
    repository: 'acme/app',
    job_workflow_ref: workflows[kind] ?? workflows.own,
  }
  return `${encode({ alg: 'RS256', typ: 'JWT' })}.${encode(claims)}.${encode('signature')}`
}

/** Fulcio takes the token from the header, and writes the workflow into the certificate. */
async function certify(request) {
  const token = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1]
  const body = JSON.parse(await text(request))
  const claims = decode(token ?? body.credentials.oidcIdentityToken)
  if (claims.aud !== 'sigstore' || claims.exp < now()) return { statusCode: 401, response: 'the token is not valid' }
  const sub = `https://github.com/${claims.job_workflow_ref}`
  body.credentials = { oidcIdentityToken: `e30.${encode({ ...claims, sub })}.e30` }
  const result = await fulcio.fn(JSON.stringify(body))
  return { ...result, statusCode: result.statusCode === 201 ? 200 : result.statusCode }
}

async function record(request) {
  const result = await rekor.fn(await text(request))
  return { ...result, headers: { etag: Object.keys(JSON.parse(result.response))[0] } }
}

function issueToken(request, { pathname, searchParams }) {
  const isAllowed = request.headers.authorization === 'Bearer request-token'
  const value = createToken(pathname.split('/')[2], searchParams.get('audience'))
  return isAllowed ? { statusCode: 200, response: JSON.stringify({ value }) } : { statusCode: 401, response: '{}' }
}

async function answer(request, response) {
  const target = new URL(request.url, url)
  const routes = { [fulcio.path]: certify, [rekor.path]: record }
  const handle = target.pathname.startsWith('/token/') ? issueToken : routes[target.pathname]
  const { statusCode, response: body, headers } = (await handle?.(request, target)) ?? { statusCode: 404, response: '' }
  response.writeHead(statusCode, { 'content-type': 'application/json', ...headers }).end(body)
}

const validFor = { start: '2020-01-01T00:00:00Z' }
const service = { url, majorApiVersion: 1, validFor, operator: 'farm' }
const describeLog = ({ publicKey }) => {
  const rawBytes = publicKey.export({ format: 'der', type: 'spki' })
  return {
    baseUrl: url,
    hashAlgorithm: 'SHA2_256',
    publicKey: { rawBytes: rawBytes.toString('base64'), keyDetails: 'PKIX_ECDSA_P256_SHA_256', validFor },
    logId: { keyId: createHash('sha256').update(rawBytes).digest('base64') },
  }
}
const config = {
  mediaType: 'application/vnd.dev.sigstore.signingconfig.v0.2+json',
  caUrls: [service],
  oidcUrls: [{ ...service, url: issuer }],
  rekorTlogUrls: [service],
  rekorTlogConfig: { selector: 'ANY' },
  tsaConfig: {},
}
const root = {
  mediaType: 'application/vnd.dev.sigstore.trustedroot+json;version=0.1',
  tlogs: [describeLog(keys.log)],
  ctlogs: [describeLog(keys.ct)],
  certificateAuthorities: [
    {
      subject: { organization: 'sigstore.mock', commonName: 'sigstore' },
      uri: url,
      certChain: { certificates: [{ rawBytes: authority.rootCertificate.toString('base64') }] },
      validFor,
    },
  ],
  timestampAuthorities: [],
}
process.stdout.write(`${JSON.stringify({ url, issuer, config: JSON.stringify(config), root: JSON.stringify(root) })}\n`)
process.stdin.resume().once('end', () => process.exit())
