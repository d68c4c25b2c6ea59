import { isTrue } from '../../lib/choice.ts'
import type { Platform } from '../../lib/platform.ts'
import type { NodeDraft } from '../node-spec.ts'
import { managedBy, managedByLabel } from '../../run/names.ts'

/**
 * What every kubelet says of its machine:
 * https://kubernetes.io/docs/reference/labels-annotations-taints/#kubernetes-io-arch
 */
const label = 'kubernetes.io/arch'
/** Where programs of another architecture run natively too. */
const hosts: Readonly<Record<string, string>> = { 386: 'amd64', arm: 'arm64' }

/**
 * PURE: the pods that an entry means, each on machines of one architecture, so that nothing is emulated unless
 * `qemu.install` asks for it; `replicas` of each, as nodes of their own: buildx would lead every target of a builder to
 * the same pod.
 */
export function arrangePods(draft: NodeDraft): readonly (NodeDraft & { readonly base: string })[] {
  const { replicas = '1', ...others } = draft.driverOpts
  const options = Object.fromEntries(Object.entries(others).filter(([option]) => option !== 'loadbalance'))
  const { name, ...rest } = draft
  const selector = plainPairs(options['nodeselector'])
  const free = !isTrue(options['qemu.install']) && selectedArchitecture(options) === undefined
  const machines = free ? [...new Set(draft.platforms.map(machineOf))] : []
  const base = name ?? 'kubernetes'
  const pods =
    machines.length === 0
      ? [{ ...rest, base, driverOpts: options }]
      : machines.map((machine) => ({
          ...rest,
          base: machines.length > 1 || name === undefined ? `${base}-${machine}` : base,
          platforms: draft.platforms.filter((platform) => machineOf(platform) === machine),
          driverOpts: {
            ...options,
            nodeselector: [...(selector === '' ? [] : [selector]), `${label}=${machine}`].join(','),
          },
        }))
  // A list that is too long is told as a mistake.
  const times = Number(replicas) > 1 && Number(replicas) <= 20 ? Number(replicas) : 1
  return pods.flatMap((pod) =>
    Array.from({ length: times }, (_, turn) =>
      name !== undefined && pods.length === 1 && turn === 0 ? { ...pod, name } : pod,
    ),
  )
}

/**
 * PURE: of the platforms of a pod those that its machine runs without emulation; empty where nobody says what machine
 * that is.
 */
export function nativeInCluster(platforms: readonly Platform[], options: NodeDraft['driverOpts']): readonly Platform[] {
  const machine = selectedArchitecture(options)
  return machine === undefined ? [] : platforms.filter((platform) => machineOf(platform) === machine)
}

function selectedArchitecture(options: NodeDraft['driverOpts']): string | undefined {
  return plainPairs(options['nodeselector'])
    .split(',')
    .find((pair) => pair.startsWith(`${label}=`))
    ?.slice(label.length + 1)
}

function machineOf(platform: Platform): string {
  const [, architecture = ''] = platform.split('/')
  return hosts[architecture] ?? architecture
}

/** Buildx takes them with quotes around them all, too. */
function plainPairs(text = ''): string {
  return text.replace(/^"|"$/g, '')
}

/**
 * PURE: a cluster as buildx writes it. Of all that it puts there it reads the kubeconfig alone, and without one looks
 * where everybody does, in all files of KUBECONFIG:
 * https://github.com/docker/buildx/blob/v0.38.2/driver/kubernetes/context/load.go
 */
export function clusterEndpoint(kubeconfig: string | undefined): string {
  return `kubernetes:///${kubeconfig === undefined ? '' : `?${String(new URLSearchParams({ kubeconfig }))}`}`
}

/**
 * PURE: the options of a pod with one more label, which shows in the cluster whose it is. Buildx looks for pods by all
 * their labels: not for those that are there already.
 */
export function withOwnLabel(options: NodeDraft['driverOpts']): NodeDraft['driverOpts'] {
  const labels = plainPairs(options['labels'])
    .split(',')
    .filter((pair) => pair !== '')
  return {
    ...options,
    labels: [...labels.filter((pair) => !pair.startsWith(`${managedByLabel}=`)), `${managedByLabel}=${managedBy}`].join(
      ',',
    ),
  }
}
