import { describe, expect, test } from '@jest/globals'
import { explainFailure, explainLostCache, type GroupFailure } from '../../../src/buildx/errors.ts'

const end = (fields: Partial<GroupFailure>): GroupFailure => ({
  target: 'linux/arm64 slim',
  node: 'arm',
  exitCode: 1,
  failed: [],
  output: [],
  lost: undefined,
  ...fields,
})
const step = (error: string, name = '[2/3] RUN make', output: readonly string[] = []) => ({
  target: 'arm',
  name,
  error,
  output,
})

describe('explainFailure', () => {
  test.each([
    [
      'a step of the Dockerfile',
      end({
        failed: [
          step('process "/bin/sh -c make" did not complete successfully: exit code: 2', undefined, ['cc: not found']),
        ],
      }),
      'build',
      /^linux\/arm64 slim: \[2\/3\] RUN make failed: exit code: 2$/,
    ],
    [
      'a connection that ended',
      end({
        lost: 'Timeout, server arm not responding.',
        failed: [step('rpc error: code = Unavailable desc = error reading from server: EOF')],
      }),
      'node',
      /connection to node arm ended/,
    ],
    [
      'a BuildKit that went away',
      end({ failed: [step('rpc error: code = Unavailable desc = error reading from server: EOF')] }),
      'node',
      /Node arm was lost/,
    ],
    [
      'a full disk',
      end({ failed: [step('failed to copy: write /x: no space left on device')] }),
      'node',
      /out of disk space/,
    ],
    [
      'a step that only speaks of a full disk',
      end({
        failed: [
          step('process "/bin/sh -c echo no space left on device; false" did not complete successfully: exit code: 1'),
        ],
      }),
      'build',
      /RUN make failed/,
    ],
    [
      'a cache that cannot be tried',
      end({
        output: [
          'ERROR: failed to solve: failed to configure gha cache exporter: invalid token without expiration time',
        ],
      }),
      'cache',
      /^The cache of .* cannot be written$/,
    ],
    [
      'a cache of several words',
      end({
        output: [
          'ERROR: failed to solve: failed to configure azblob cache exporter: failed to create container client: failed to get properties of cache container caches: HEAD https://a.example/caches',
          '----',
          'RESPONSE 403: 403 Server failed to authenticate the request.',
          'ERROR CODE: AuthenticationFailed',
          '----',
        ],
      }),
      'cache',
      /^The cache of .* cannot be written$/,
    ],
    [
      'a cache that two nodes make at once',
      end({
        output: [
          'ERROR: failed to solve: failed to configure azblob cache exporter: failed to create container client: failed to create cache container caches: PUT https://a.example/caches',
          '----',
          'RESPONSE 409: 409 The specified container already exists.',
          'ERROR CODE: ContainerAlreadyExists',
          '----',
        ],
      }),
      'busy',
      /^The cache container for .* is being created by another node$/,
    ],
    [
      'a cache that this BuildKit does not know',
      end({ output: ['ERROR: failed to solve: rpc error: code = Unknown desc = unknown cache exporter: "s3"'] }),
      'cache',
      /^The cache of .* cannot be written$/,
    ],
    [
      'a push that is refused',
      end({
        failed: [
          step(
            'failed to push r/a: unexpected status from POST request to http://r/v2/a/blobs/uploads/: 401 Unauthorized',
            'exporting to image',
          ),
        ],
      }),
      'registry',
      /refuses the push/,
    ],
    [
      'a registry that is down',
      end({
        failed: [
          step(
            'failed to push r/a: unexpected status from HEAD request to http://r/v2/a: 503 Service Unavailable',
            'exporting to image',
          ),
        ],
      }),
      'busy',
      /failed during the push/,
    ],
    [
      'a base image that is private',
      end({
        failed: [
          step(
            'docker.io/acme/private: failed to resolve source metadata for docker.io/acme/private: pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed',
            '[internal] load metadata for docker.io/acme/private:1',
          ),
        ],
      }),
      'registry',
      /docker\.io\/acme\/private:1 may not be pulled for linux\/arm64 slim/,
    ],
    [
      'a registry that limits pulls',
      end({
        failed: [
          step(
            'failed to resolve source metadata: unexpected status from HEAD request to https://registry-1.docker.io/v2/library/alpine/manifests/3: 429 Too Many Requests',
            '[internal] load metadata for docker.io/library/alpine:3',
          ),
        ],
      }),
      'busy',
      /pull rate limit exceeded$/,
    ],
    [
      'a base image that is not there',
      end({ failed: [step('docker.io/library/alpin:3: not found', '[1/3] FROM docker.io/library/alpin:3')] }),
      'build',
      /alpin:3 does not exist/,
    ],
    [
      'a base image that breaks off',
      end({
        failed: [
          step(
            'failed to copy: httpReadSeeker: failed open: read tcp: connection reset by peer',
            '[1/3] FROM docker.io/library/alpine:3',
          ),
        ],
      }),
      'busy',
      /could not be pulled/,
    ],
    [
      'a BuildKit that cannot start',
      end({ output: ['ERROR: failed to initialize builder n (n): Error response from daemon: pull access denied'] }),
      'node',
      /does not start on node arm/,
    ],
    [
      'a cluster that lets nobody in',
      end({ failed: [step('error for bootstrap "mab-1": Unauthorized', '[internal] booting buildkit')] }),
      'node',
      /^Authentication to the cluster of arm failed$/,
    ],
    [
      'a cluster that is not there',
      end({
        failed: [
          step(
            'error for bootstrap "mab-1": Get "https://k/apis/apps/v1/namespaces/default/deployments/mab-1": dial tcp: lookup k: no such host',
            '[internal] booting buildkit',
          ),
        ],
      }),
      'node',
      /^The cluster of arm cannot be reached$/,
    ],
    [
      'a cluster that lets nobody in by its certificate',
      end({
        failed: [
          step(
            'error for bootstrap "mab-1": Get "https://k/": tls: failed to verify certificate: x509: certificate signed by unknown authority',
            '[internal] booting buildkit',
          ),
        ],
      }),
      'node',
      /^Authentication to the cluster of arm failed$/,
    ],
    [
      'a cluster that allows no deployments',
      end({
        failed: [
          step(
            'error while calling Create for "mab-1": deployments.apps is forbidden: User "ci" cannot create resource "deployments"',
            '[internal] booting buildkit',
          ),
        ],
      }),
      'node',
      /account of the kubeconfig may not build on arm/,
    ],
    [
      'a cluster that allows no lists of pods',
      end({
        output: [
          'ERROR: pods is forbidden: User "ci" cannot list resource "pods" in API group "" in the namespace "default"',
        ],
      }),
      'node',
      /account of the kubeconfig may not build on arm/,
    ],
    [
      'a cluster that allows no commands in pods',
      end({
        output: [
          'ERROR: pods "mab-1-5d4f8" is forbidden: User "ci" cannot create resource "pods/exec" in API group "" in the namespace "default"',
        ],
      }),
      'node',
      /account of the kubeconfig may not build on arm/,
    ],
    [
      'a cluster with no room',
      end({ failed: [step('expected 1 replicas to be ready, got 0', '[internal] booting buildkit')] }),
      'node',
      /No BuildKit pod of arm was ready in time/,
    ],
    [
      'a cluster that does not take the pod',
      end({
        failed: [
          step(
            'error while calling Create for "mab-1": Deployment.apps "mab-1" is invalid: spec.template.spec.nodeSelector: Invalid value: "-"',
            '[internal] booting buildkit',
          ),
        ],
      }),
      'node',
      /^The cluster of arm rejected the BuildKit pod for linux\/arm64 slim$/,
    ],
    [
      'a Dockerfile that cannot be read',
      end({
        output: ['ERROR: target arm: failed to solve: dockerfile parse error on line 3: unknown instruction: RUNN'],
      }),
      'build',
      /linux\/arm64 slim: dockerfile parse error on line 3/,
    ],
    ['nothing said at all', end({ exitCode: 137 }), 'build', /buildx exited with code 137/],
  ])('%s', (_, given, kind, headline) => {
    const failure = explainFailure(given)
    expect(failure.code).toBe(kind)
    expect(failure.message).toMatch(headline)
    expect(failure.hint).not.toBe('')
  })

  test('a sibling that was cancelled is not the cause', () => {
    const failure = explainFailure(
      end({
        failed: [
          step('process "/bin/sh -c make" did not complete successfully: exit code: 2'),
          step('context canceled', '[3/3] RUN other'),
        ],
      }),
    )
    expect(failure.message).toContain('[2/3] RUN make')
  })

  test('the last lines of the step are kept', () => {
    const failure = explainFailure(
      end({
        failed: [
          step(
            'process "x" did not complete successfully: exit code: 1',
            undefined,
            Array.from({ length: 20 }, (_, i) => `line ${i}`),
          ),
        ],
      }),
    )
    expect(failure.details).toHaveLength(12)
    expect(failure.details.at(-1)).toBe('line 19')
  })
})

test('a cache without keys is told as that; anything else in BuildKit’s own words', () => {
  const error =
    'operation error S3: HeadObject, exceeded maximum number of attempts, 3, get identity: get credentials: failed to refresh cached credentials, no EC2 IMDS role found'
  expect(explainLostCache(error)).toMatch(/^no credentials found in .*: operation error S3/)
  expect(explainLostCache('operation error S3: HeadObject, https response error StatusCode: 403')).toBe(
    'operation error S3: HeadObject, https response error StatusCode: 403',
  )
})
