import { accessSync, constants, existsSync } from 'node:fs'
import { delimiter, join, resolve } from 'node:path'
import { homeDir } from '../../lib/files.ts'

/** The token of a pod's account: https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/ */
const podToken = '/var/run/secrets/kubernetes.io/serviceaccount/token'

/** The files of the job's KUBECONFIG with absolute paths, in the form of that variable; empty if it names none. */
export function namedKubeconfig(workspace: string): string {
  return kubeconfigFiles(workspace).join(delimiter)
}

/**
 * Why there is no kubeconfig; undefined if there is one. Buildx would not report it: it goes on with an empty one, or
 * with the account of the pod that the job runs in.
 *
 * @param named the path of one; empty: the job's
 */
export function kubeconfigProblem(named: string, workspace: string): string | undefined {
  const files = named === '' ? kubeconfigFiles(workspace) : [named]
  if (files.length === 0) return defaultProblem(join(homeDir(), '.kube/config'))
  if (files.some(isReadable)) return undefined
  const absent = files.length > 1 ? 'do not exist' : 'does not exist'
  const problem = files.some(existsSync) ? 'cannot be read by this job' : absent
  const source = named === '' ? 'KUBECONFIG' : 'the path in `nodes`'
  return `${files.join(' and ')} ${problem}: check ${source}, and the step that should have written it.`
}

function defaultProblem(path: string): string | undefined {
  const { KUBERNETES_SERVICE_HOST: host = '' } = process.env
  if (isReadable(path) || (host !== '' && isReadable(podToken))) return undefined
  return (
    `There is no kubeconfig: neither in KUBECONFIG nor in ${path}, and the job does not run in a pod. ` +
    'Create it in an earlier step, or write `kubernetes:///path/to/kubeconfig` into `nodes`.'
  )
}

function kubeconfigFiles(workspace: string): readonly string[] {
  const { KUBECONFIG: list = '' } = process.env
  return list
    .split(delimiter)
    .filter((path) => path !== '')
    .map((path) => resolve(workspace, path))
}

function isReadable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK)
    return true
  } catch {
    return false
  }
}
