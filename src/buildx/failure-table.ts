import { cacheErrorPattern } from '../inputs/cache/backends.ts'
import { sessionLimit } from '../nodes/ssh/sessions.ts'
import { silence } from '../nodes/watch.ts'
import { clusterRows } from './cluster-failures.ts'
import { dockerfileRows, stepRows, testRows, type FailureRow } from './dockerfile-failures.ts'

/** What buildx or BuildKit was doing when it failed. */
export type Phase =
  | 'lost'
  | 'sessions'
  | 'helper'
  | 'disk'
  | 'step'
  | 'test'
  | 'cache'
  | 'cluster'
  | 'boot'
  | 'frontend'
  | 'pull'
  | 'download'
  | 'push'
  | 'node'
  | 'other'

const any = /^/
const rateLimited = /\b429\b|too ?many ?requests|rate limit/i
const denied = /\b40[13]\b|denied|unauthorized|insufficient_scope|authoriz/i
const notFound = /not found|\b404\b/i
/** The registry answered: its status, not the network, is the cause. */
const serverError = /unexpected status from [^\n]*: 50[0-4]\b/
/** What a registry, or the network on the way to it, reports and a later attempt may not. */
const transient = new RegExp(
  [
    '\\b(?:429|50[0234])\\b|too ?many ?requests|\\bunavailable: |connection reset by peer|broken pipe|unexpected EOF',
    '\\bEOF$|i/o timeout|TLS handshake timeout|connection refused|server misbehaving|no route to host',
    'temporary failure in name resolution',
  ].join('|'),
  'i',
)

const bootHint =
  'Check that the Docker Engine of {machine} can pull the BuildKit image and run privileged containers. To use ' +
  'another image, set `driver-opts: image=…`.'
const diskHint =
  'On {machine}, `docker system df` shows what uses the disk; `docker builder prune` and `docker image prune` free it.'
const pullLoginHint = 'Check the image name. If the image is private, add a login for its registry to `registry-auth`.'
const rateLimitHint =
  'Add a login for that registry to `registry-auth`, which raises the limit, or set a mirror in `registries`.'
const reachHint = 'Check that {machine} can reach its registry; then run the job again.'
const frontendHint =
  'The image {image} is named by the line `# syntax=` of the Dockerfile, by the build argument `BUILDKIT_SYNTAX`, or ' +
  'by `sbom: generator=…`; `sbom: true` uses docker/buildkit-syft-scanner.'
const registryHint = 'Run the job again; if the error persists, check the registry’s status.'
const lookupHint =
  'Check the host name in `image` ({registry}). If it is correct, check the name server that {machine} uses.'
const quotaHint = 'The line above is the registry’s own answer: delete images there, or raise the quota of the account.'
const sizeHint =
  'Raise the limit of the registry or of the proxy before it (nginx: `client_max_body_size`), or split the layer.'
const httpHint = 'If the registry has no TLS, add the line `<host>: {http: true}` to `registries`.'
const certificateHint =
  'Add the line `<host>: {ca: /path/to/ca.pem}` to `registries`, with the certificate authority of the registry; ' +
  '`insecure: true` accepts any certificate.'

/** What a connection to any registry can fail with; `message` says what was attempted. */
const connectionRows = (message: string): FailureRow[] => [
  {
    pattern: /server gave HTTP response to HTTPS client/i,
    code: 'registry',
    message: `${message}: the registry uses plain http`,
    hint: httpHint,
  },
  {
    pattern: /x509:|failed to verify certificate|certificate signed by unknown authority/i,
    code: 'registry',
    message: `${message}: the certificate is not trusted`,
    hint: certificateHint,
  },
]

/** The rows for an image that is pulled. */
const pullRows = (image: string): FailureRow[] => [
  ...connectionRows(`${image} could not be pulled for {target}`),
  {
    pattern: rateLimited,
    code: 'busy',
    message: `${image} could not be pulled for {target}: pull rate limit exceeded`,
    hint: rateLimitHint,
  },
  {
    pattern: denied,
    code: 'registry',
    message: `${image} is not accessible for {target}`,
    hint: pullLoginHint,
  },
  {
    pattern: notFound,
    code: 'build',
    message: `${image} does not exist for {target}`,
    hint: 'Check its name and tag, and that it has this platform.',
  },
  { pattern: serverError, code: 'busy', message: `${image} could not be pulled for {target}`, hint: registryHint },
  { pattern: transient, code: 'busy', message: `${image} could not be pulled for {target}`, hint: reachHint },
  { pattern: any, code: 'node', message: `${image} could not be pulled for {target}`, hint: reachHint },
]

const pushFailed = 'The registry failed during the push of {target}'
const pushRefused = 'The registry refuses the push of {target}'

/** The rows of each phase: the first that matches is used, and the last of each phase matches every text. */
export const failureTable: Readonly<Record<Phase, readonly FailureRow[]>> = {
  lost: [
    {
      pattern: new RegExp(`^${silence}`),
      code: 'node',
      message: '{Machine} stopped answering during the build of {target}',
      hint:
        'The Docker Engine, BuildKit or the machine does not respond: check load, memory and disk space of the ' +
        'machine, then run the job again.',
    },
    {
      pattern: any,
      code: 'node',
      message: 'The connection to {machine} ended during the build of {target}',
      hint: 'Check that the machine is running, and check its memory and disk; then run the job again.',
    },
  ],
  sessions: [{ pattern: any, ...sessionLimit('{node}') }],
  helper: [
    {
      pattern: any,
      code: 'runner',
      message: '{helper} is not installed',
      hint: 'Install it on this runner, or remove it from `credsStore` and `credHelpers` in {config}.',
    },
  ],
  disk: [{ pattern: any, code: 'node', message: '{Machine} is out of disk space ({target})', hint: diskHint }],
  step: stepRows,
  test: testRows,
  cache: [
    {
      pattern: cacheErrorPattern('createdMeanwhile'),
      code: 'busy',
      message: 'Another node is creating the storage container for the cache of {target}',
      hint: 'Run the job again.',
    },
    {
      pattern: any,
      code: 'cache',
      message: 'The cache of {target} cannot be written',
      hint: 'Check the address and the credentials of the storage in `cache` or `cache-to`.',
    },
  ],
  cluster: clusterRows,
  boot: [
    // Two calls that start one daemon at the same time; it is there the next time.
    {
      pattern: /container name .* is already in use/i,
      code: 'busy',
      message: 'Another build is starting BuildKit on {machine}',
      hint: 'Run the job again.',
    },
    {
      pattern: rateLimited,
      code: 'busy',
      message: 'BuildKit does not start on {machine}: pull rate limit exceeded',
      hint: bootHint,
    },
    { pattern: any, code: 'node', message: 'BuildKit does not start on {machine}', hint: bootHint },
  ],
  // The image of `# syntax=…` or BUILDKIT_SYNTAX, or the scanner of `sbom`.
  frontend: pullRows('Frontend or scanner image {image}').map((row) => ({
    ...row,
    hint: `${row.hint} ${frontendHint}`,
  })),
  pull: pullRows('{image}'),
  download: [
    {
      pattern: transient,
      code: 'busy',
      message: '{target}: {step} could not be downloaded',
      hint: 'Check the URL, and that {machine} can reach it; then run the job again.',
    },
    {
      pattern: any,
      code: 'build',
      message: '{target}: {step} could not be downloaded',
      hint: 'Check the URL, and that {machine} can reach it.',
    },
  ],
  push: [
    ...connectionRows(pushFailed),
    { pattern: /quota|storage limit/i, code: 'registry', message: `${pushRefused}: quota exceeded`, hint: quotaHint },
    {
      pattern: /\b413\b|too large/i,
      code: 'registry',
      message: `${pushRefused}: a layer is too large`,
      hint: sizeHint,
    },
    { pattern: denied, code: 'registry', message: pushRefused, hint: '{pushHint}' },
    // A resolver may refuse the connection too, which says nothing about the registry.
    {
      pattern: /dial tcp \S+: connect: connection refused/,
      code: 'busy',
      message: 'No registry listens at {registry}, where {target} is pushed',
      hint:
        'Check the host and the port in `image`. If they are correct, check that the registry runs and that no ' +
        'firewall rejects connections of {machine} to it.',
    },
    { pattern: /\blookup [^\n]*no such host/, code: 'registry', message: pushFailed, hint: lookupHint },
    { pattern: /\bdial tcp: lookup /, code: 'busy', message: pushFailed, hint: `${lookupHint} Run the job again.` },
    { pattern: transient, code: 'busy', message: pushFailed, hint: registryHint },
    // Two nodes push the same layer: distribution 2.8 does not find it for a moment.
    {
      pattern: /blob unknown to registry|provided digest did not match uploaded content/,
      code: 'busy',
      message: pushFailed,
      hint: registryHint,
    },
    { pattern: any, code: 'registry', message: pushFailed, hint: registryHint },
  ],
  node: [
    {
      pattern: any,
      code: 'node',
      message: '{Machine} was lost during the build of {target}',
      hint: 'BuildKit exited or cannot be reached: check the machine, its memory and disk; then run the job again.',
    },
  ],
  other: [
    ...dockerfileRows,
    { pattern: any, code: 'build', message: '{target}: {cause}', hint: 'The lines above are BuildKit’s own output.' },
  ],
}
