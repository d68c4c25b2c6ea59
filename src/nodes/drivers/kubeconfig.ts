import { accessSync, constants, existsSync } from 'node:fs'
import { delimiter, join, resolve } from 'node:path'
import { home } from '../../registry/credentials/docker-home.ts'

/** What a pod finds of its own account: https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/ */
const account = '/var/run/secrets/kubernetes.io/serviceaccount/token'

/** The files of the job's kubeconfig with whole paths, as KUBECONFIG takes them; empty where it names none. */
export function namedKubeconfig(workspace: string): string {
  return kubeconfigFiles(workspace).join(delimiter)
}

/**
 * Why there is no kubeconfig; empty where there is one. Buildx would not say so: it goes on with an empty one, or with
 * the account of the pod that the job runs in.
 *
 * @param named the path of one; empty: the job's
 */
export function findKubeconfig(named: string, workspace: string): string {
  const files = named === '' ? kubeconfigFiles(workspace) : [named]
  if (files.length === 0) {
    const usual = join(home(), '.kube/config')
    const { KUBERNETES_SERVICE_HOST: inCluster = '' } = process.env
    if (isReadable(usual) || (inCluster !== '' && isReadable(account))) return ''
    return `There is no kubeconfig: neither in KUBECONFIG nor in ${usual}, and the job runs in no pod. Set it up in a step before this one, or write \`kubernetes:///path/to/kubeconfig\` into \`nodes\`.`
  }
  if (files.some(isReadable)) return ''
  return `${files.join(' and ')} ${files.some(existsSync) ? 'may not be read by this job' : files.length > 1 ? 'do not exist' : 'does not exist'}: check ${named === '' ? 'KUBECONFIG' : 'the path in `nodes`'}, and the step that should have written it.`
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
