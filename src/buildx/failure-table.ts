import { cacheErrorPattern } from '../inputs/cache/backends.ts'
import { silence } from '../nodes/watch.ts'
import { dockerfileRows, type FailureRow } from './dockerfile-failures.ts'

/** What buildx or BuildKit was doing when it failed. */
export type Phase =
  'lost' | 'disk' | 'step' | 'cache' | 'cluster' | 'boot' | 'frontend' | 'pull' | 'download' | 'push' | 'node' | 'other'

const any = /^/
const rateLimited = /\b429\b|too ?many ?requests|rate limit/i
const denied = /\b40[13]\b|denied|unauthorized|insufficient_scope|authoriz/i
const notFound = /not found|\b404\b/i
/** What a registry, or the network on the way to it, reports and a later attempt may not. */
const transient = new RegExp(
  [
    '\\b(?:429|50[0234])\\b|too ?many ?requests|\\bunavailable: |connection reset by peer|broken pipe|unexpected EOF',
    '\\bEOF$|i/o timeout|TLS handshake timeout|connection refused|server misbehaving|no route to host',
    'temporary failure in name resolution',
  ].join('|'),
  'i',
)

/** Grants a login the right to push. */
export const pushHint =
  'Check `username` and `password`; on GHCR the job needs `permissions: packages: write` and the package must grant ' +
  'this repository the Write role.'
const clusterRoomHint =
  'While it waits, `kubectl describe pods -l app.kubernetes.io/managed-by=multiarch-build` in its namespace shows ' +
  'the reason: no machine of this architecture has room (see `nodeselector` and `tolerations`), the image cannot be ' +
  'pulled (`driver-opts: image=…`), or privileged pods are not allowed. `driver-opts: timeout=5m` waits longer.'
const clusterRightsHint =
  'In its namespace the account needs `get`, `create` and `delete` of deployments, `create`, `update` and `delete` ' +
  'of configmaps, `list` of pods and `create` of pods/exec. `driver-opts: namespace=…` selects another namespace.'
const clusterLoginHint =
  'The login of the kubeconfig may have expired, or its certificate may belong to another cluster: write a new ' +
  'kubeconfig in a step before this one.'
const bootHint =
  'Its engine must be able to pull the BuildKit image (`driver-opts: image=…` names another one) and to run ' +
  'privileged containers.'
const diskHint =
  'On the node, `docker system df` shows what uses the disk; `docker builder prune` and `docker image prune` free it.'
const pullLoginHint = 'Check its name; if it is private, log in to its registry before this step (docker/login-action).'
const rateLimitHint =
  'Log in to that registry before this step (docker/login-action), which raises the limit, or use a mirror.'
const reachHint = 'Check that node {node} can reach its registry; then run the job again.'
const registryHint = 'Run the job again; if the error persists, check the registry’s status.'
const sizeHint =
  'Raise the limit of the registry or of the proxy before it (nginx: `client_max_body_size`), or split the layer.'
const httpHint = 'If that is intended, declare it: `registries: |` with the line `<host>: {http: true}`.'
const certificateHint =
  'Give its certificate authority: `registries: |` with the line `<host>: {ca: /path/to/ca.pem}`; `insecure: true` ' +
  'accepts any certificate.'

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
  { pattern: denied, code: 'registry', message: `${image} may not be pulled for {target}`, hint: pullLoginHint },
  {
    pattern: notFound,
    code: 'build',
    message: `${image} does not exist for {target}`,
    hint: 'Check its name and tag, and that it has this platform.',
  },
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
      message: 'Node {node} stopped answering during the build of {target}',
      hint: 'The engine, BuildKit or the machine is hung: check its load, memory and disk; then run the job again.',
    },
    {
      pattern: any,
      code: 'node',
      message: 'The connection to node {node} ended during the build of {target}',
      hint: 'Check that the machine is running, and check its memory and disk; then run the job again.',
    },
  ],
  disk: [{ pattern: any, code: 'node', message: 'Node {node} is out of disk space ({target})', hint: diskHint }],
  step: [
    {
      pattern: /exit code: 137$/,
      code: 'build',
      message: '{target}: {step} failed: {cause}',
      hint: 'The process was killed, often because node {node} ran out of memory. See the full log for its output.',
    },
    {
      pattern: any,
      code: 'build',
      message: '{target}: {step} failed: {cause}',
      hint: 'The lines above are from the output of the step. See the full log for the complete output.',
    },
  ],
  cache: [
    {
      pattern: cacheErrorPattern('createdMeanwhile'),
      code: 'busy',
      message: 'The cache container for {target} is being created by another node',
      hint: 'Run the job again.',
    },
    {
      pattern: any,
      code: 'cache',
      message: 'The cache of {target} cannot be written',
      hint: 'Check the service that `cache` or `cache-to` names, and its keys.',
    },
  ],
  cluster: [
    {
      pattern: /replicas to be ready|no running buildkit pods/,
      code: 'node',
      message: 'No BuildKit pod of {node} was ready in time',
      hint: clusterRoomHint,
    },
    {
      pattern: /forbidden/i,
      code: 'node',
      message: 'The account of the kubeconfig may not build on {node}',
      hint: clusterRightsHint,
    },
    {
      pattern: /unauthorized|provide credentials|x509|certificate|getting credentials/i,
      code: 'node',
      message: 'Authentication to the cluster of {node} failed',
      hint: clusterLoginHint,
    },
    {
      pattern: /\bnot found\b|invalid/i,
      code: 'node',
      message: 'The cluster of {node} rejected the BuildKit pod for {target}',
      hint: 'Check the namespace and the values in `driver-opts`.',
    },
    {
      pattern: any,
      code: 'node',
      message: 'The cluster of {node} cannot be reached',
      hint: 'Check the server in the kubeconfig, and that this runner can reach it.',
    },
  ],
  boot: [
    // Two calls that start one daemon at the same time; it is there the next time.
    {
      pattern: /container name .* is already in use/i,
      code: 'busy',
      message: 'BuildKit is being started on node {node} by another call',
      hint: 'Run the job again.',
    },
    {
      pattern: rateLimited,
      code: 'busy',
      message: 'BuildKit does not start on node {node}: pull rate limit exceeded',
      hint: bootHint,
    },
    { pattern: any, code: 'node', message: 'BuildKit does not start on node {node}', hint: bootHint },
  ],
  // The image of `# syntax=…` or BUILDKIT_SYNTAX, or the scanner of `sbom`.
  frontend: pullRows('Frontend or scanner image {image}'),
  pull: pullRows('{image}'),
  download: [
    { pattern: transient, code: 'busy', message: '{target}: {step} could not be downloaded', hint: 'Check the URL.' },
    {
      pattern: any,
      code: 'build',
      message: '{target}: {step} could not be downloaded',
      hint: 'Check the URL, and that node {node} can reach it.',
    },
  ],
  push: [
    ...connectionRows(pushFailed),
    { pattern: /quota|storage limit/i, code: 'registry', message: `${pushRefused}: quota exceeded`, hint: pushHint },
    {
      pattern: /\b413\b|too large/i,
      code: 'registry',
      message: `${pushRefused}: a layer is too large`,
      hint: sizeHint,
    },
    { pattern: denied, code: 'registry', message: pushRefused, hint: pushHint },
    { pattern: transient, code: 'busy', message: pushFailed, hint: registryHint },
    { pattern: any, code: 'registry', message: pushFailed, hint: registryHint },
  ],
  node: [
    {
      pattern: any,
      code: 'node',
      message: 'Node {node} was lost during the build of {target}',
      hint: 'BuildKit exited or cannot be reached: check the machine, its memory and disk; then run the job again.',
    },
  ],
  other: [
    ...dockerfileRows,
    { pattern: any, code: 'build', message: '{target}: {cause}', hint: 'The lines above are BuildKit’s own output.' },
  ],
}
