import { UserError } from '../lib/errors.ts'
import { silence } from '../nodes/watch.ts'
import { isCancel, type Failed } from './progress.ts'

export interface LaneEnd {
  /** `linux/arm64 slim`, or the node's name where no target can be named. */
  readonly what: string
  readonly node: string
  readonly code: number
  readonly failed: readonly Failed[]
  /** buildx's own last lines. */
  readonly words: readonly string[]
  /** Where the node can no longer be counted on: ssh's last words, or that it was silent. */
  readonly lost: string | undefined
}

const lostNode =
  /error reading from server|transport is closing|connection reset by peer|broken pipe|code = Unavailable|no such container|is not running|keepalive ping failed|\bEOF$/i
const noBoot = /booting buildkit|failed to find driver|error during connect|failed to initialize builder|pulling image/i
const pull = /failed to resolve source metadata|pull access denied|httpReadSeeker|failed to load cache key/i
/** What a registry, or the way to it, says when a while later it may work. */
const passing =
  /\b(?:429|50[0234])\b|too many requests|connection reset by peer|broken pipe|unexpected EOF|\bEOF$|i\/o timeout|TLS handshake timeout|connection refused/i
/**
 * Before it builds anything; what goes wrong later, `ignore-error` makes a vertex that failed. The BuildKit of an
 * engine knows no S3 and no Azure.
 */
const unfitCache = /failed to configure \S+ cache exporter|unknown cache exporter/i
/**
 * BuildKit makes the container of an Azure cache that is not there yet: of two nodes that do so at once, one is told
 * this, in a line below its error.
 */
const madeMeanwhile = /\bContainerAlreadyExists\b/
/** Two calls that start one daemon at the same moment; it is there the next time. */
const boots = /container name .* is already in use/i
const pullStep = /\bload metadata for |^\[.*\] FROM /
const registry =
  /failed to push|unexpected status from (?:PUT|POST|HEAD|PATCH|GET) request|failed to (?:authorize|fetch (?:anonymous|oauth) token)|insufficient_scope|push access denied|error writing manifest|failed commit on ref/i

/** What gives a login the right to push. */
export const pushHint =
  'Check `username` and `password`; on GHCR the job needs `permissions: packages: write` and the package must grant this repository the Write role.'

/** PURE: why a lane failed, told as what is wrong and what to do: node, registry or Dockerfile. */
export function explainLane(end: LaneEnd): UserError {
  const { what, node, words } = end
  const cause = [...end.failed].reverse().find((failed) => !isCancel(failed.error)) ?? end.failed[0]
  const error =
    cause?.error ??
    words.findLast((line) => /^error: /i.test(line)) ??
    words.at(-1) ??
    `buildx ended with code ${end.code}`
  const brief = trimError(error)
  if (end.lost?.startsWith(silence) === true) {
    return new UserError({
      code: 'node',
      message: `Node ${node} stopped answering during the build of ${what}`,
      hint: 'Its engine, its BuildKit or the whole machine hangs: check its load, memory and disk; then run the job again.',
      details: tail([end.lost]),
    })
  }
  if (end.lost !== undefined) {
    return new UserError({
      code: 'node',
      message: `The connection to node ${node} ended during the build of ${what}`,
      hint: 'Check that the machine is up, and its memory and disk; then run the job again.',
      details: tail([end.lost, brief]),
    })
  }
  const ofStep = cause !== undefined && /^process ".*" did not complete successfully|exit code: \d+/s.test(brief)
  // What the command of a step says in its own text is no word of the system's; the last words of what it called are.
  if (
    (!ofStep && /no space left on device/i.test(error)) ||
    cause?.output.some((line) => /no space left on device$/i.test(line))
  ) {
    return new UserError({
      code: 'node',
      message: `Node ${node} is out of disk space (${what})`,
      hint: 'On the node, `docker system df` shows what takes it, `docker builder prune` and `docker image prune` free it.',
      details: tail([...(cause?.output ?? []), brief]),
    })
  }
  if (ofStep) {
    return new UserError({
      code: 'build',
      message: `${what}: ${firstLine(cause.name)} failed: ${firstLine(brief)}`,
      hint: 'The lines above are the last that the step printed; the whole log has the rest.',
      details: tail(cause.output),
    })
  }
  if (unfitCache.test(error) && words.some((line) => madeMeanwhile.test(line)))
    return new UserError({
      code: 'busy',
      message: `The cache of ${what} is being made by another node`,
      hint: 'Run the job again.',
      details: tail([brief]),
    })
  if (unfitCache.test(error))
    return new UserError({
      code: 'cache',
      message: `The cache of ${what} cannot be written`,
      hint: 'Check the service that `cache` or `cache-to` names, and its keys.',
      details: tail([brief]),
    })
  if (boots.test(error))
    return new UserError({
      code: 'busy',
      message: `BuildKit is being started on node ${node} by another call`,
      hint: 'Run the job again.',
      details: tail([brief]),
    })
  const cluster = explainCluster(what, node, error)
  if (cluster) return cluster
  if (noBoot.test(cause?.name ?? '') || noBoot.test(error)) {
    return new UserError({
      code: 'node',
      message: `BuildKit does not start on node ${node}`,
      hint: 'Its engine must be able to pull the BuildKit image (`driver-opts: image=…` names another one) and to run privileged containers.',
      details: tail([...words.slice(-5), brief]),
    })
  }
  if (pull.test(error) || pullStep.test(cause?.name ?? '')) return explainPull(what, node, cause?.name ?? '', brief)
  if (registry.test(error)) return explainRegistry(what, brief)
  if (lostNode.test(error)) {
    return new UserError({
      code: 'node',
      message: `Node ${node} was lost during the build of ${what}`,
      hint: 'Its BuildKit ended or cannot be reached any more: check the machine, its memory and disk; then run the job again.',
      details: tail([brief]),
    })
  }
  return new UserError({
    code: 'build',
    message: `${what}: ${firstLine(brief)}`,
    hint: 'The lines above are what BuildKit said.',
    details: tail([...(cause?.output ?? []), ...words]),
  })
}

/**
 * PURE: BuildKit's words for a cache that could not be kept, and what they mean where they tell only where it looked
 * for keys.
 */
export function explainLostCache(error: string): string {
  const noKeys = /get credentials:|no EC2 IMDS role found/i.test(error)
  return noKeys
    ? `there are no keys to it, neither in \`cache\` (\`access_key_id\`, \`secret_access_key\`) nor in the job’s environment, and the node has no role of its own: ${error}`
    : error
}

/** What buildx's kubernetes driver says: https://github.com/docker/buildx/blob/v0.38.2/driver/kubernetes/driver.go */
function explainCluster(what: string, node: string, error: string): UserError | undefined {
  const words =
    /error for bootstrap "|error while calling \S*(?:Create|Update)\b|expected \d+ replicas to be ready|no running buildkit pods|failed to connect to pod|pods(?: "[^"]*")? is forbidden|cannot (?:create|list) resource "pods/.test(
      error,
    )
  if (!words) return undefined
  const failed = (message: string, hint: string) =>
    new UserError({ code: 'node', message, hint, details: tail([trimError(error)]) })
  if (/replicas to be ready|no running buildkit pods/.test(error)) {
    return failed(
      `No BuildKit pod of ${node} was ready in time`,
      'While it waits, `kubectl describe pods -l app.kubernetes.io/managed-by=multiarch-build` in its namespace tells why: no machine of this architecture has room (see `nodeselector` and `tolerations`), the image cannot be pulled (`driver-opts: image=…`), or privileged pods are not allowed. `driver-opts: timeout=5m` waits longer.',
    )
  }
  if (/forbidden/i.test(error)) {
    return failed(
      `The account of the kubeconfig may not build on ${node}`,
      'In its namespace it needs `get`, `create` and `delete` of deployments, `create`, `update` and `delete` of configmaps, `list` of pods and `create` of pods/exec. Another namespace is `driver-opts: namespace=…`.',
    )
  }
  if (/unauthorized|provide credentials|x509|certificate|getting credentials/i.test(error)) {
    return failed(
      `The cluster of ${node} and the kubeconfig do not accept each other`,
      'Its login may have run out, or its certificate be of another cluster: write the kubeconfig anew in a step before this one.',
    )
  }
  if (/\bnot found\b|invalid/i.test(error))
    return failed(
      `The cluster of ${node} does not take the pod of ${what}`,
      'Check the namespace, and what `driver-opts` asks for.',
    )
  return failed(
    `The cluster of ${node} cannot be reached`,
    'Check the server in the kubeconfig, and that this runner may reach it.',
  )
}

function explainPull(what: string, node: string, step: string, error: string): UserError {
  const image = /(?:load metadata for|FROM) (\S+)/.exec(step)?.[1] ?? 'An image'
  if (/\b429\b|too many requests|rate limit/i.test(error)) {
    return new UserError({
      code: 'busy',
      message: `${image} could not be pulled for ${what}: its registry allows no more pulls for now`,
      hint: 'Log in to that registry before this step (docker/login-action), which allows more, or use a mirror.',
      details: tail([error]),
    })
  }
  if (/\b40[13]\b|denied|unauthorized|insufficient_scope|authoriz/i.test(error)) {
    return new UserError({
      code: 'registry',
      message: `${image} may not be pulled for ${what}`,
      hint: 'Check its name; if it is private, log in to its registry before this step (docker/login-action).',
      details: tail([error]),
    })
  }
  if (/not found|\b404\b/i.test(error)) {
    return new UserError({
      code: 'build',
      message: `${image} does not exist for ${what}`,
      hint: 'Check its name and tag, and that it has this platform.',
      details: tail([error]),
    })
  }
  return new UserError({
    code: passing.test(error) ? 'busy' : 'node',
    message: `${image} could not be pulled for ${what}`,
    hint: `Check that node ${node} reaches its registry; then run the job again.`,
    details: tail([error]),
  })
}

function explainRegistry(what: string, error: string): UserError {
  const denied = /\b40[13]\b|denied|unauthorized|insufficient_scope|authoriz/i.test(error)
  return new UserError({
    code: !denied && passing.test(error) ? 'busy' : 'registry',
    message: denied ? `The registry refuses the push of ${what}` : `The registry failed during the push of ${what}`,
    hint: denied ? pushHint : 'Run the job again; if it stays, the registry’s own log or status page says more.',
    details: tail([error]),
  })
}

/** BuildKit wraps its errors in words that help nobody here. */
function trimError(error: string): string {
  return error
    .replace(
      /^(?:ERROR: |error: |failed to solve: |target \S+: |rpc error: code = \w+ desc = |failed to compute cache key: |failed to calculate checksum of ref \S+: )+/i,
      '',
    )
    .trim()
}

function tail(lines: readonly string[]): string[] {
  return lines
    .flatMap((line) => line.split('\n'))
    .filter((line) => line.trim() !== '')
    .slice(-12)
}

function firstLine(text: string): string {
  return text.split('\n')[0] ?? ''
}
