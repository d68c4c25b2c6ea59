import { isTrue } from '../../lib/choice.ts'
import { UserError } from '../../lib/errors.ts'
import type { Platform } from '../../lib/platform.ts'
import { managedByLabel } from '../../run/names.ts'
import type { Endpoint, NamedDraft, NodeDraft } from '../node-spec.ts'
import type { Driver } from '../node.ts'
import { pathPattern } from './address.ts'
import { kubeconfigProblem } from './kubeconfig.ts'
import { boolean, pairs, quantity, text } from './options.ts'

export interface ClusterEndpoint extends Endpoint {
  /** Path of a kubeconfig; undefined: the job's. */
  readonly kubeconfig?: string
}

type Options = NodeDraft['driverOpts']

/**
 * The label by which every kubelet names the architecture of its machine:
 * https://kubernetes.io/docs/reference/labels-annotations-taints/#kubernetes-io-arch
 */
const archLabel = 'kubernetes.io/arch'

/** Architectures whose programs run natively on another one. */
const hosts: Readonly<Record<string, string>> = { 386: 'amd64', arm: 'arm64' }

/** As many as the option `replicas` allows. */
const mostReplicas = 20

const toleration = '(key|operator|value|effect|tolerationSeconds)=[^=,;]*'
const tolerations = new RegExp(`^"?${toleration}([,;]${toleration})*"?$`)

const volumeClaims =
  'would leave its volume claims in the cluster after the run: remove it; ' +
  'the cache in the registry outlives the pods'

/** `kubernetes://[/path/to/kubeconfig]`: a pod that buildx creates in a cluster. */
export const kubernetes: Driver = {
  name: 'kubernetes',
  target: 'cluster',
  startsDaemon: true,
  canPersist: false,
  canEmulate: false,
  onDemand: true,
  collector: 'cluster',
  // https://github.com/docker/buildx/blob/v0.38.2/driver/kubernetes/factory.go
  options: {
    annotations: pairs,
    'buildkit-root-volume-memory': quantity,
    'default-load': boolean,
    image: text,
    labels: pairs,
    'limits.cpu': quantity,
    'limits.ephemeral-storage': quantity,
    'limits.memory': quantity,
    loadbalance: { pattern: /^(sticky|random)$/, expected: '`sticky` or `random`', example: 'sticky' },
    namespace: {
      pattern: /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/,
      expected: 'the name of a namespace',
      example: 'buildkit',
    },
    nodeselector: pairs,
    'qemu.image': text,
    'qemu.install': boolean,
    replicas: { pattern: /^([1-9]|1\d|20)$/, expected: `a number from 1 to ${mostReplicas}`, example: '2' },
    'requests.cpu': quantity,
    'requests.ephemeral-storage': quantity,
    'requests.memory': quantity,
    rootless: boolean,
    schedulername: text,
    serviceaccount: text,
    timeout: { pattern: /^(\d+(\.\d+)?(ms|s|m|h))+$/, expected: 'a time', example: '5m' },
    tolerations: {
      pattern: tolerations,
      expected: 'tolerations',
      example: 'key=build,operator=Exists,effect=NoSchedule',
    },
  },
  missingPlatforms: 'must be given for a cluster: write `platforms: linux/arm64` for this node',
  refusedOptions: { 'persistent-volume-claim.requests.storage': volumeClaims },
  scheme: 'kubernetes',
  parse(path, reject) {
    if (path === '' || path === '/') return { kind: 'kubernetes' }
    if (pathPattern.test(path) && !path.endsWith('/')) return clusterAt(path)
    reject(invalidPath)
    return undefined
  },
  format: ({ kubeconfig }: ClusterEndpoint) => `kubernetes://${kubeconfig ?? ''}`,
  baseName: () => 'kubernetes',
  withDriver: (endpoint, driver) => (driver === '' || driver === 'kubernetes' ? endpoint : undefined),
  // A cluster has room for many nodes.
  mergeKey: ({ kubeconfig }: ClusterEndpoint, options) => JSON.stringify([kubeconfig, options]),
  expand: expandNode,
  open({ kubeconfig }: ClusterEndpoint, { spec, workspace }) {
    const problem = kubeconfigProblem(kubeconfig ?? '', workspace)
    if (problem !== undefined) return Promise.reject(unreachable(spec.name, problem))
    return Promise.resolve({
      spec,
      driver: kubernetes,
      socket: '',
      platforms: spec.platforms,
      native: nativeInCluster(spec.platforms, spec.driverOpts),
      remote: {
        endpoint: clusterEndpoint(kubeconfig),
        driverOpts: spec.existingNodeName === undefined ? withManagedByLabel(spec.driverOpts) : spec.driverOpts,
      },
      took: 0,
    })
  },
  builderEntry: ({ spec }, name, undo) => ({ kind: 'pod', node: spec.name, name, ...undo }),
  description: 'Kubernetes pod, created on demand',
  builder: 'a BuildKit pod for this run',
  describeLeftovers: (node, name) => `in the cluster of ${node} the deployment ${name} and its configmaps`,
}

const invalidPath =
  'has more than the absolute path of a kubeconfig: write `kubernetes://` for the kubeconfig of the job, or ' +
  '`kubernetes:///path/to/kubeconfig` for another one, and the namespace in `driver-opts`'

/** The cluster of a kubeconfig; empty: of the job's. */
export function clusterAt(kubeconfig: string): ClusterEndpoint {
  return { kind: 'kubernetes', ...(kubeconfig !== '' && { kubeconfig }) }
}

function unreachable(name: string, hint: string): UserError {
  return new UserError({ code: 'runner', message: `The cluster of ${name} cannot be reached from this job`, hint })
}

/**
 * PURE: the pods of an entry, each on machines of one architecture, so that nothing is emulated unless `qemu.install`
 * asks for it. Each of `replicas` is a node of its own: buildx would send every target of a builder to the same pod.
 */
export function expandNode(draft: NodeDraft): readonly NamedDraft[] {
  const { replicas = '1', ...others } = draft.driverOpts
  const options = Object.fromEntries(Object.entries(others).filter(([option]) => option !== 'loadbalance'))
  const pods = podPerArchitecture(draft, options)
  // An invalid number has been reported.
  const count = Number(replicas) > 1 && Number(replicas) <= mostReplicas ? Number(replicas) : 1
  const { name } = draft
  return pods.flatMap((pod) =>
    Array.from({ length: count }, (_, index) =>
      name !== undefined && pods.length === 1 && index === 0 ? { ...pod, name } : pod,
    ),
  )
}

function podPerArchitecture({ name, ...draft }: NodeDraft, options: Options): readonly NamedDraft[] {
  const base = name ?? 'kubernetes'
  if (isTrue(options['qemu.install']) || selectedArchitecture(options) !== undefined || draft.platforms.length === 0)
    return [{ ...draft, base, driverOpts: options }]
  const selector = unquotePairs(options['nodeselector'])
  const architectures = [...new Set(draft.platforms.map(hostArchitecture))]
  return architectures.map((architecture) => ({
    ...draft,
    base: architectures.length > 1 || name === undefined ? `${base}-${architecture}` : base,
    platforms: draft.platforms.filter((platform) => hostArchitecture(platform) === architecture),
    driverOpts: {
      ...options,
      nodeselector: [...(selector === '' ? [] : [selector]), `${archLabel}=${architecture}`].join(','),
    },
  }))
}

/** PURE: the platforms of a pod that its machine runs without emulation; empty if its architecture is unknown. */
export function nativeInCluster(platforms: readonly Platform[], options: Options): readonly Platform[] {
  const architecture = selectedArchitecture(options)
  return architecture === undefined ? [] : platforms.filter((platform) => hostArchitecture(platform) === architecture)
}

function selectedArchitecture(options: Options): string | undefined {
  return unquotePairs(options['nodeselector'])
    .split(',')
    .find((pair) => pair.startsWith(`${archLabel}=`))
    ?.slice(archLabel.length + 1)
}

function hostArchitecture(platform: Platform): string {
  const [, architecture = ''] = platform.split('/')
  return hosts[architecture] ?? architecture
}

/** Buildx also accepts pairs with quotes around all of them. */
function unquotePairs(text = ''): string {
  return text.replace(/^"|"$/g, '')
}

/**
 * PURE: a cluster as buildx writes it. Buildx reads only the kubeconfig from it; without one it looks at the usual
 * paths, in all files of KUBECONFIG:
 * https://github.com/docker/buildx/blob/v0.38.2/driver/kubernetes/context/load.go
 */
export function clusterEndpoint(kubeconfig: string | undefined): string {
  return `kubernetes:///${kubeconfig === undefined ? '' : `?${String(new URLSearchParams({ kubeconfig }))}`}`
}

/**
 * PURE: the options of a pod with the label that names its owner. Buildx looks for pods by all of their labels, so the
 * pods of an existing builder must not get it.
 */
export function withManagedByLabel(options: Options): Options {
  const labels = unquotePairs(options['labels'])
    .split(',')
    .filter((pair) => pair !== '' && !pair.startsWith(`${managedByLabel}=`))
  return { ...options, labels: [...labels, `${managedByLabel}=multiarch-build`].join(',') }
}
