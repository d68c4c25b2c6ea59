import type { FailureRow } from './dockerfile-failures.ts'

const clusterRoomHint =
  'Run the job again. While the pod is pending, run `kubectl describe pods -n <namespace> -l ' +
  'app.kubernetes.io/managed-by=multiarch-build` to see the reason: no machine of this architecture has room ' +
  '(check `nodeselector` and `tolerations`), the image cannot be pulled (`driver-opts: image=…`), or privileged pods ' +
  'are not allowed. To wait longer, set `driver-opts: timeout=5m`.'
const clusterRightsHint =
  'In the namespace, the account needs `get`, `create` and `delete` of deployments, `create`, `update` and `delete` ' +
  'of configmaps, `list` of pods and `create` of pods/exec. `driver-opts: namespace=…` selects another namespace.'
const clusterLoginHint =
  'The login of the kubeconfig may have expired, or its certificate may belong to another cluster: write a new ' +
  'kubeconfig in a step before this one.'

/** How starting BuildKit pods in a Kubernetes cluster fails. */
export const clusterRows: readonly FailureRow[] = [
  {
    pattern: /replicas to be ready|no running buildkit pods/,
    code: 'node',
    message: 'No BuildKit pod of {node} was ready in time',
    hint: clusterRoomHint,
  },
  {
    pattern: /forbidden/i,
    code: 'node',
    message: 'The account of the kubeconfig has no permission to build on {node}',
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
    pattern: /^/,
    code: 'node',
    message: 'The cluster of {node} cannot be reached',
    hint: 'Check the server in the kubeconfig, and that this runner can reach it.',
  },
]
