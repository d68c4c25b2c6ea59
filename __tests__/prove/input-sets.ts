import fc from 'fast-check'
import { cleanupInputs, mainInputs } from '../../src/inputs/input-names.ts'
import type { Event } from '../../src/forge/event.ts'
import type { Given } from '../unit/fixtures/job.ts'

/** Values that workflows have, valid and invalid, by input; every other input gets any of all values. */
const values: Readonly<Record<string, readonly string[]>> = {
  nodes: [
    'linux/amd64 = local',
    'linux/amd64,linux/arm64 = local',
    'linux/amd64 = local\nlinux/arm64 = unix:///run/b.sock',
    '- endpoint: local\n  platforms: linux/amd64\n  driver-opts: network=host',
    'linux/arm64 = tcp://arm:1234',
    'linux/arm64 = ssh://ci@[fd00::1]:2222',
    'linux/amd64 = kubernetes://',
  ],
  append: ['- endpoint: unix:///run/b.sock\n  platforms: linux/arm64', '- endpoint: local', '- 1'],
  driver: ['docker-container', 'docker', 'remote', 'kubernetes'],
  endpoint: ['local', 'unix:///run/b.sock', 'tcp://h:1'],
  image: ['ghcr.io/Acme/App', 'acme/app', 'ghcr.io/acme/app\nquay.io/acme/app', 'localhost:5000/a/b', 'a b'],
  tags: [
    'latest',
    'a,b',
    'type=semver,pattern={{version}}',
    'type=raw,value=v${1}%{x}',
    'type=sha,format=long',
    'type=ref,event=branch\ntype=ref,event=pr',
    'ghcr.io/acme/other:x',
    "type=schedule,pattern={{date 'YYYYMMDD'}}",
  ],
  flavor: ['latest=true', 'suffix=-slim,onlatest=true', 'prefix={{branch}}-'],
  platforms: ['linux/amd64', 'linux/amd64,linux/arm64', 'linux/arm64', 'linux/arm/v7'],
  context: [
    '.',
    'app',
    'https://github.com/acme/app.git#main',
    '{{defaultContext}}:app',
    'git',
    'git@github.com:a/b.git',
  ],
  file: ['Dockerfile', 'app/prod.Dockerfile', 'https://example.com/Dockerfile'],
  target: ['slim', '${x}', 'a b'],
  'build-args': ['A=1', 'A=${B}', 'A=%{if x}', '"A=1\n2"', 'A', 'A=1 B=2', 'SOURCE_DATE_EPOCH=0'],
  labels: ['a=b', 'a="b,c"', 'a=${b}', 'org.opencontainers.image.title=', 'name=a,value=b,enable=true'],
  annotations: ['a=b', 'index:a=b', 'manifest[linux/amd64]:a=${b}', 'a=b,c', '"a=b\nc"'],
  provenance: ['true', 'false', 'mode=max', 'mode=min,inline-only=true', 'mode=max,builder-id=a"b', 'version=v1'],
  sbom: ['true', 'false', 'generator=image', 'generator="a,b"'],
  attests: ['type=sbom', 'type=provenance,mode=max', 'type=sbom,disabled=true'],
  'add-hosts': ['a:10.0.0.1', 'a=fd00::1', 'a:host-gateway'],
  allow: ['network.host', 'security.insecure', 'device=x', 'device'],
  'build-contexts': ['a=app', 'a=docker-image://alpine', 'a=https://github.com/a/b.git', 'a=oci-layout:///x'],
  network: ['none', 'host', 'default'],
  'no-cache-filters': ['a,b', 'a\nb'],
  secrets: ['a=b', '"a=b\nc"', 'GIT_AUTH_TOKEN=x', 'a=', 'a b=c', 'a,b=c'],
  'secret-envs': ['a=TOKEN', 'a=NONE'],
  'secret-files': ['a=README.md', 'a=none', 'a=/w/x,y'],
  'shm-size': ['128m', '1.5g', '2 gb', '1b', '10'],
  ssh: ['default', 'id=README.md', 'a=/x,/y', 'a=', 'a=app', 'a=README.md,/agent'],
  'cgroup-parent': ['/builds', 'a.slice:b:c'],
  ulimit: ['nofile=1024:2048', 'nofile=-1', 'core=0'],
  call: ['check', 'outline', 'targets', 'check,format=json', 'build'],
  variant: ['slim', 'a/b'],
  variants: ['slim: {target: slim}\nfull: {build-args: "A=${1}"}', '"a": {}', '[1]', 'x: {platforms: linux/amd64}'],
  cache: [
    'registry',
    'off',
    'type=gha',
    'type=s3,region=r,bucket=b',
    'type=local,dest=cache',
    'type=registry,ref=ghcr.io/Acme/App:${c}',
    'type=registry,ref="a,b"',
  ],
  outputs: [
    'type=local,dest=out',
    'type=tar,dest=a.tar',
    'type=oci,dest=a,b',
    'type=docker',
    '"type=oci","dest=a,b"',
    'type=image,push=true',
    'type=image,compression=zstd,annotation.a=${b}',
    'type=registry',
    'type=cacheonly',
    'out',
  ],
  'cache-from': ['ghcr.io/acme/app:cache', 'type=gha,scope=a', 'type=local,src=cache', 'type=registry,ref=${a}'],
  'cache-to': ['type=inline', 'type=registry,ref=ghcr.io/acme/app:c,mode=max', 'type=local,dest=cache'],
  'registry-auth': ['- {registry: ghcr.io, username: a, password: b}', '- username: a', '- 1'],
  registries: ['a.example.com: {http: true}', 'a: {ca: ca.pem}', 'a: 1'],
  'driver-opts': ['network=host', 'image=a,network=host', 'env.A=1', 'cacert=a\ncert=b\nkey=c', 'memory=1g'],
  'buildkitd-config-inline': ['debug = true', '[registry."a"]\nca=["ca.pem"]', '[worker.oci]\ngc = true'],
  'buildkitd-config': ['buildkitd.toml', 'none.toml', 'workers.toml'],
  version: ['v0.30.1', 'latest', '0.30.1@sha256:1'],
  'ssh-known-hosts': ['[fd00:0::1]:2222 ssh-ed25519 AAAA', 'a b c'],
}

const anyValue = [...new Set([...Object.values(values).flat(), 'true', 'false', '', '__proto__', 'constructor'])]
const pieces = ['=', ':', ',', '\n', '"', "'", '{', '}', '[', ']', '${', '%{', '{{', '}}', '#', '\\', 'é', ' ', '-']

/** One value, mostly of those that the input has in workflows. */
function valueOf(input: string): fc.Arbitrary<string> {
  const known = values[input] ?? ['true', 'false']
  const garbage = fc
    .array(fc.oneof(fc.constantFrom(...pieces), fc.constantFrom(...anyValue)), { maxLength: 6 })
    .map((parts) => parts.join(''))
  return fc.oneof(
    { weight: 12, arbitrary: fc.constantFrom(...known) },
    {
      weight: 2,
      arbitrary: fc.tuple(fc.constantFrom(...known), fc.constantFrom(...known)).map((two) => two.join('\n')),
    },
    { weight: 1, arbitrary: fc.constantFrom(...anyValue) },
    { weight: 1, arbitrary: garbage },
    { weight: 1, arbitrary: fc.string({ maxLength: 30 }) },
  )
}

const events: readonly Partial<Event>[] = [
  {},
  { ref: 'refs/tags/v1.2.3' },
  { ref: 'refs/heads/feature/${x}', trust: 'pr', defaultBranch: 'main' },
  { name: 'pull_request', ref: 'refs/pull/7/merge', number: '7', trust: 'pr' },
  { name: 'pull_request', ref: 'refs/pull/7/merge', number: '7', trust: 'fork', readOnlyTrigger: 'fork' },
  { name: 'schedule', isPrivate: true },
  { name: 'workflow_dispatch', ref: '', repository: '', sha: '' },
]

/** What the runner hands to the main action: an event, a few inputs, and variables of the job. */
export const inputSets: fc.Arbitrary<Given> = fc
  .record({
    event: fc.constantFrom(...events),
    inputs: fc.uniqueArray(
      fc.constantFrom(...mainInputs).chain((name) => valueOf(name).map((value) => [name, value] as const)),
      { maxLength: 7, selector: ([name]) => name },
    ),
    variables: fc.subarray([
      ['TOKEN', 't'],
      ['SSH_AUTH_SOCK', '/agent'],
      ['SSH_AUTH_SOCK', '/stale'],
      ['SOURCE_DATE_EPOCH', '0'],
      ['BUILDX_SEND_GIT_QUERY_AS_INPUT', 'true'],
      ['ACTIONS_RUNTIME_TOKEN', 'r'],
      ['ACTIONS_CACHE_URL', 'http://127.0.0.1:1/'],
    ] as const),
  })
  .map(({ event, inputs, variables }) => ({ event, ...Object.fromEntries([...variables, ...inputs]) }))

/** The same for the cleanup action. */
export const cleanupSets: fc.Arbitrary<Given> = fc
  .uniqueArray(
    fc.constantFrom(...cleanupInputs).chain((name) => valueOf(name).map((value) => [name, value] as const)),
    { maxLength: 5, selector: ([name]) => name },
  )
  .map((inputs) => Object.fromEntries(inputs))
