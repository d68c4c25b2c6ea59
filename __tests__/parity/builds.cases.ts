import { expect } from '@jest/globals'
import type { Given } from '../unit/fixtures/job.ts'

const commit = '0123456789abcdef0123456789abcdef01234567'
const url = 'https://github.com/acme/app.git'
const builder = 'builder-id=https://github.com/acme/app/actions/runs/4711/attempts/1'
const max = `type=provenance,mode=max,${builder}`
const min = `type=provenance,mode=min,inline-only=true,${builder}`
const none = 'type=provenance,disabled=true'

/** Inputs of docker/build-push-action for one platform → the fields of the build, in the form of bake. */
export const builds: readonly (readonly [given: Given, expected: Readonly<Record<string, unknown>>])[] = [
  // Context and Dockerfile
  [{ context: '.' }, { context: '/w' }],
  [{ context: './app' }, { context: '/w/app' }],
  [{ context: '/elsewhere' }, { context: '/elsewhere' }],
  [{ files: [] }, { context: `${url}#${commit}` }],
  [{ files: [], event: { ref: 'refs/tags/v1.0.0' } }, { context: `${url}#${commit}` }],
  [{ files: [], event: { ref: 'refs/pull/15/merge' } }, { context: `${url}#${commit}` }],
  [{ files: [], event: { sha: '' } }, { context: `${url}#refs/heads/main` }],
  [
    {
      files: [],
      DOCKER_DEFAULT_GIT_CONTEXT_PR_HEAD_REF: 'true',
      event: { ref: 'refs/pull/15/merge', headSha: 'f11797113e5a9b86bd976329c5dbb8a8bfdfadfa' },
    },
    { context: `${url}#f11797113e5a9b86bd976329c5dbb8a8bfdfadfa` },
  ],
  [{ files: [], BUILDX_SEND_GIT_QUERY_AS_INPUT: 'true' }, { context: `${url}?ref=refs/heads/main&checksum=${commit}` }],
  [
    { files: [], BUILDX_SEND_GIT_QUERY_AS_INPUT: 'true', event: { ref: 'refs/pull/15/merge' } },
    { context: `${url}?ref=${commit}` },
  ],
  [{ context: '{{defaultContext}}' }, { context: `${url}#${commit}` }],
  [{ context: '{{defaultContext}}:subdir' }, { context: `${url}#${commit}:subdir` }],
  [
    { context: 'https://github.com/docker/build-push-action.git#refs/heads/master' },
    {
      context: 'https://github.com/docker/build-push-action.git#refs/heads/master',
    },
  ],
  [{ context: 'https://github.com/acme/other.git', file: 'a/Dockerfile' }, { dockerfile: 'a/Dockerfile' }],
  [{ file: './app/prod.Dockerfile' }, { dockerfile: '/w/app/prod.Dockerfile' }],
  [{ file: 'https://example.com/Dockerfile' }, { dockerfile: 'https://example.com/Dockerfile' }],
  [{ target: 'prod' }, { target: 'prod' }],
  // Build arguments, labels and annotations
  [{ 'build-args': 'A=1\nB=2' }, { args: { A: '1', B: '2' } }],
  [{ 'build-args': 'A=1,2' }, { args: { A: '1,2' } }],
  [{ 'build-args': '"A=first\nsecond"' }, { args: { A: 'first\nsecond' } }],
  [{ 'build-args': '"A=a ""quoted"" word"' }, { args: { A: 'a "quoted" word' } }],
  [{ 'build-args': 'A=b=c' }, { args: { A: 'b=c' } }],
  [{ 'build-args': 'A=' }, { args: { A: '' } }],
  [{ 'build-args': '# a comment\nA=1\n\n' }, { args: { A: '1' } }],
  [{ 'build-args': 'TOKEN', TOKEN: 'x' }, { args: { TOKEN: 'x' } }],
  [{ 'build-args': 'A=${B}' }, { args: { A: '$${B}' } }],
  [{ annotations: 'a=b' }, { annotations: expect.arrayContaining(['manifest:a=b']) }],
  [{ annotations: 'manifest[linux/amd64]:a=b' }, { annotations: expect.arrayContaining(['manifest:a=b']) }],
  [{ labels: 'a=b' }, { labels: expect.objectContaining({ a: 'b' }) }],
  // Attestations
  [{}, { attest: [max] }],
  [{ event: { isPrivate: true } }, { attest: [min] }],
  [{ provenance: 'true', event: { isPrivate: true } }, { attest: [max] }],
  [{ provenance: 'mode=max', event: { isPrivate: true } }, { attest: [max] }],
  [{ provenance: 'false' }, { attest: [none] }],
  [{ provenance: 'mode=min' }, { attest: [`type=provenance,mode=min,${builder}`] }],
  [{ provenance: 'builder-id=x' }, { attest: ['type=provenance,builder-id=x'] }],
  [
    { provenance: 'mode=max,capture-usage=true' },
    { attest: [`type=provenance,mode=max,capture-usage=true,${builder}`] },
  ],
  [{ sbom: 'true' }, { attest: [max, 'type=sbom'] }],
  [{ sbom: 'false' }, { attest: [max] }],
  [{ sbom: 'generator=acme/scanner' }, { attest: [max, 'type=sbom,generator=acme/scanner'] }],
  [{ attests: 'type=sbom' }, { attest: [max, 'type=sbom'] }],
  [{ attests: 'type=provenance,mode=min' }, { attest: [`type=provenance,mode=min,${builder}`] }],
  [{ attests: 'type=provenance,mode=min', provenance: 'true' }, { attest: [max] }],
  [{ BUILDX_NO_DEFAULT_ATTESTATIONS: '1' }, { attest: [none] }],
  [{ load: 'true' }, { attest: [none] }],
  [{ load: 'true', provenance: 'true' }, { attest: [max] }],
  [{ outputs: 'type=docker,dest=a.tar' }, { attest: [none] }],
  // Everything else
  [{ 'add-hosts': 'docker:10.180.0.1' }, { 'extra-hosts': { docker: '10.180.0.1' } }],
  [{ 'add-hosts': 'a:10.0.0.1,b:10.0.0.2' }, { 'extra-hosts': { a: '10.0.0.1', b: '10.0.0.2' } }],
  [{ allow: 'network.host' }, { entitlements: ['network.host'] }],
  [{ allow: 'network.host,security.insecure' }, { entitlements: ['network.host', 'security.insecure'] }],
  [{ network: 'host' }, { network: 'host' }],
  [{ 'no-cache': 'true' }, { 'no-cache': true }],
  [{ 'no-cache-filters': 'base,prod' }, { 'no-cache-filter': ['base', 'prod'] }],
  [{ pull: 'true' }, { pull: true }],
  [{ 'shm-size': '2gb' }, { 'shm-size': '2gb' }],
  [{ ulimit: 'nofile=1024:1024\nnproc=3' }, { ulimits: ['nofile=1024:1024', 'nproc=3'] }],
  [{ ssh: 'default', SSH_AUTH_SOCK: '/agent' }, { ssh: ['default'] }],
  [{ secrets: 'one=1\ntwo=2' }, { secret: ['id=one,src=/d/secrets/0', 'id=two,src=/d/secrets/1'] }],
  [{ 'secret-envs': 'one=TOKEN', TOKEN: 'x' }, { secret: ['id=one,env=TOKEN'] }],
  [{ 'secret-files': 'one=README.md' }, { secret: ['id=one,src=/w/README.md'] }],
  [{ 'cache-from': 'type=gha,scope=a' }, { 'cache-from': ['type=gha,scope=a'] }],
  [{ 'cache-from': 'acme/app:cache' }, { 'cache-from': ['type=registry,ref=acme/app:cache'] }],
  [{ 'cache-to': 'type=inline' }, { 'cache-to': ['type=inline'] }],
  [{ 'cache-to': 'type=registry,ref=acme/app:c,mode=max' }, { 'cache-to': ['type=registry,ref=acme/app:c,mode=max'] }],
  [{ outputs: 'type=local,dest=out' }, { output: ['type=local,dest=/w/out'] }],
  [{ outputs: 'out' }, { output: ['type=local,dest=/w/out'] }],
  [{ outputs: 'type=tar,dest=out.tar' }, { output: ['type=tar,dest=/w/out.tar'] }],
  [{ outputs: 'type=cacheonly' }, { output: ['type=cacheonly'] }],
  [{ platforms: 'linux/amd64' }, { platforms: ['linux/amd64'] }],
  [{ 'build-contexts': 'alpine=docker-image://alpine:3' }, { contexts: { alpine: 'docker-image://alpine:3' } }],
  [{ 'build-contexts': 'src=app' }, { contexts: { src: '/w/app' } }],
]
