import { describe, expect, test } from '@jest/globals'
import { readFileSync } from 'node:fs'
import { readInputs } from '../../../src/inputs/inputs.ts'
import { InputError } from '../../../src/lib/issues.ts'
import { formatInputIssues } from '../../../src/report/input-issues.ts'
import { knownHost, publicKey, withPassphrase } from '../fixtures/keys.ts'
import { jobWith, type Given } from '../fixtures/job.ts'

/** A runner that serves artifacts, and caches only by version 1 of the cache service. */
const forgejo = {
  FORGEJO_ACTIONS: 'true',
  ACTIONS_RUNTIME_TOKEN: 't',
  ACTIONS_CACHE_URL: 'http://runner:4000/',
  ACTIONS_RESULTS_URL: 'https://forge.example.com',
}

const cases: readonly (readonly [title: string, given: Given])[] = [
  ['platforms: typo', { platforms: 'linux/arm65' }],
  ['platforms: bare typo', { platforms: 'arm46' }],
  ['platforms: only a system', { platforms: 'linux' }],
  ['platforms: JSON list', { platforms: '["linux/amd64"]' }],
  ['platforms: nonsense', { platforms: 'foo/bar/baz/qux' }],
  ['platforms: unknown variant', { platforms: 'linux/arm/v9' }],
  ['platforms: without a node', { platforms: 'linux/amd64,linux/riscv64' }],
  ['nodes: no endpoint', { nodes: 'linux/arm64' }],
  ['nodes: no platform', { nodes: 'ssh://ci@arm.example.com' }],
  ['nodes: empty platform', { nodes: '= local' }],
  ['nodes: colon for equals', { nodes: 'linux/arm64: ssh://ci@arm.example.com' }],
  ['nodes: wrong platform', { nodes: 'linux/amd46 = local' }],
  ['nodes: one of several platforms', { nodes: 'linux/amd64,linux/arm65 = local' }],
  ['nodes: empty endpoint', { nodes: 'linux/amd64 =' }],
  ['nodes: misspelled local', { nodes: 'linux/amd64 = locla' }],
  ['nodes: host without scheme', { nodes: 'linux/arm64 = arm.example.com' }],
  ['nodes: host and port without scheme', { nodes: 'linux/arm64 = arm.example.com:2222' }],
  ['nodes: a path', { nodes: 'linux/amd64 = /run/buildkit/buildkitd.sock' }],
  ['nodes: scp form', { nodes: 'linux/arm64 = ci@arm:/run/buildkit/buildkitd.sock' }],
  ['nodes: unknown scheme', { nodes: 'linux/arm64 = shh://ci@arm' }],
  ['nodes: context of docker', { nodes: 'linux/arm64 = docker-container://buildkitd' }],
  ['nodes: password', { nodes: 'linux/arm64 = ssh://ci:hunter2@arm.example.com' }],
  ['nodes: password with odd characters', { nodes: 'linux/arm64 = ssh://ci:hun@ter/2:x@arm.example.com' }],
  ['nodes: password without scheme', { nodes: 'linux/arm64 = ci:hunter2@arm.example.com' }],
  ['nodes: host as option', { nodes: 'linux/arm64 = ssh://-oProxyCommand=touch${IFS}x' }],
  ['nodes: host as option, plain', { nodes: 'linux/arm64 = -oProxyCommand=id' }],
  ['nodes: host as option behind a user', { nodes: 'linux/arm64 = ssh://ci@-oProxyCommand' }],
  ['nodes: user as option', { nodes: 'linux/arm64 = ssh://-l@arm' }],
  ['nodes: space', { nodes: 'linux/arm64 = ssh://ci@arm -o ProxyCommand=id' }],
  ['nodes: control character', { nodes: 'linux/arm64 = ssh://ci@a\u0007rm' }],
  ['nodes: percent', { nodes: 'linux/arm64 = ssh://%r@arm' }],
  ['nodes: shell characters', { nodes: 'linux/arm64 = ssh://ci@arm;id' }],
  ['nodes: two users', { nodes: 'linux/arm64 = ssh://ci@corp@arm' }],
  ['nodes: port 0', { nodes: 'linux/arm64 = ssh://ci@arm:0' }],
  ['nodes: port too large', { nodes: 'linux/arm64 = ci@arm:65536' }],
  ['nodes: IPv6 without brackets', { nodes: 'linux/arm64 = ssh://ci@fd00::1' }],
  ['nodes: broken IPv6', { nodes: 'linux/arm64 = ssh://ci@[fd00::1::2]:22' }],
  ['nodes: socket of an engine behind SSH', { nodes: 'linux/arm64 = ssh://ci@arm/var/run/docker.sock' }],
  ['nodes: path out of the way', { nodes: 'linux/arm64 = ssh://ci@arm/run/../x.sock' }],
  ['nodes: tcp without port', { nodes: 'linux/arm64 = tcp://arm.example.com' }],
  ['nodes: relative socket', { nodes: 'linux/amd64 = unix://buildkitd.sock' }],
  ['nodes: YAML that is none', { nodes: '- endpoint: [ssh://ci@arm' }],
  ['nodes: YAML, unknown key', { nodes: '- endpoint: local\n  platform: linux/amd64\n  platforms: linux/amd64' }],
  ['nodes: YAML, no endpoint', { nodes: '- platforms: linux/amd64' }],
  ['nodes: YAML, an entry that is a text', { nodes: '- ssh://ci@arm' }],
  ['nodes: YAML, unknown driver', { nodes: '- endpoint: local\n  driver: kubernets\n  platforms: linux/amd64' }],
  [
    'nodes: YAML, two drivers for one engine',
    { driver: 'docker', nodes: '- endpoint: local\n  driver: docker-container\n  platforms: linux/amd64' },
  ],
  [
    'nodes: YAML, a machine for a cluster',
    { nodes: '- endpoint: local\n  driver: kubernetes\n  platforms: linux/amd64' },
  ],
  [
    'nodes: YAML, a cluster for an engine',
    { nodes: '- endpoint: kubernetes://\n  driver: docker-container\n  platforms: linux/amd64' },
  ],
  [
    'nodes: YAML, a cluster without platforms, and options that its driver does not take',
    { nodes: '- driver: kubernetes\n  driver-opts: "network=host"' },
  ],
  ['nodes: a cluster by a name', { nodes: 'linux/amd64 = kubernetes://production' }],
  [
    'nodes: YAML, driver that does not fit',
    { nodes: '- endpoint: tcp://arm:2376\n  driver: docker-container\n  platforms: linux/arm64' },
  ],
  [
    'nodes: YAML, remote without platforms',
    { nodes: '- endpoint: unix:///run/buildkit/buildkitd.sock\n  driver: remote' },
  ],
  ['nodes: YAML, remote local', { nodes: '- endpoint: local\n  driver: remote\n  platforms: linux/amd64' }],
  [
    'nodes: YAML, options for a remote',
    {
      nodes:
        '- endpoint: unix:///run/b.sock\n  driver: remote\n' +
        '  platforms: linux/arm64\n  driver-opts: network=host\n  buildkitd-flags: --debug',
    },
  ],
  ['nodes: YAML, bad name', { nodes: '- endpoint: local\n  name: "-x"' }],
  [
    'nodes: YAML, same names',
    { nodes: '- endpoint: local\n  name: a\n- endpoint: unix:///var/run/docker.sock\n  name: A' },
  ],
  [
    'nodes: YAML, one endpoint with two sets of options',
    {
      nodes:
        '- endpoint: local\n  platforms: linux/amd64\n' +
        '- endpoint: local\n  platforms: linux/386\n  driver-opts: network=host',
    },
  ],
  ['nodes: YAML, nested endpoint', { nodes: '- endpoint: {host: arm}\n  platforms: linux/arm64' }],
  ['ssh-known-hosts: missing', { nodes: 'linux/arm64 = ssh://ci@arm.example.com', SSH_AUTH_SOCK: '/a' }],
  [
    'ssh-known-hosts: other port',
    { nodes: 'linux/arm64 = ssh://ci@other:2222', SSH_AUTH_SOCK: '/a', 'ssh-known-hosts': knownHost },
  ],
  ['ssh-known-hosts: key alone', { 'ssh-known-hosts': knownHost.split(' ').slice(1).join(' ') }],
  [
    'ssh-known-hosts: fingerprint',
    { 'ssh-known-hosts': '256 SHA256:mVPwvezndPv/ARoIadVY98vAC0g+P/5633yTC4d/wXE root@arm (ED25519)' },
  ],
  ['ssh-known-hosts: cut off', { 'ssh-known-hosts': '# arm\n' + knownHost.slice(0, -12) }],
  ['ssh-known-hosts: host alone', { 'ssh-known-hosts': 'arm.example.com' }],
  [
    'ssh-known-hosts: port without brackets',
    { 'ssh-known-hosts': knownHost.replace('arm.example.com', 'arm.example.com:2222') },
  ],
  ['ssh-known-hosts: unknown type', { 'ssh-known-hosts': 'arm ssh-foo AAAA' }],
  ['ssh-known-hosts: unknown marker', { 'ssh-known-hosts': '@trusted ' + knownHost }],
  ['ssh-known-hosts: damaged hash', { 'ssh-known-hosts': knownHost.replace('arm.example.com', '|1|abc') }],
  ['ssh-private-key: passphrase', { 'ssh-private-key': withPassphrase }],
  ['ssh-private-key: public key', { 'ssh-private-key': publicKey }],
  ['ssh-private-key: file name', { 'ssh-private-key': '~/.ssh/id_ed25519' }],
  ['driver-opts: unknown', { 'driver-opts': 'networks=host' }],
  ['driver-opts: gpus', { 'driver-opts': 'gpus=all' }],
  ['driver-opts: no value', { 'driver-opts': 'network' }],
  ['driver-opts: no number', { 'driver-opts': 'cpu-quota=lots' }],
  ['driver-opts: no size', { 'driver-opts': 'memory=big' }],
  ['driver-opts: env without name', { 'driver-opts': 'env.=1' }],
  ['driver-opts: nowhere to go', { nodes: 'linux/amd64 = unix:///run/b.sock', 'driver-opts': 'network=host' }],
  [
    'buildkitd-config-inline: a registry that only the daemons would reach',
    {
      image: 'reg.example.com/acme/app',
      'buildkitd-config-inline':
        '[registry."docker.io"]\n  mirrors = ["m.example.com"]\n[registry."reg.example.com"]\n' +
        '  mirrors = []\n  http = true\n[registry."other.example.com"]\n  insecure = true',
    },
  ],
  [
    'buildkitd-config-inline: list of workers',
    { 'buildkitd-config-inline': 'debug = true\n[[worker.oci]]\n  enabled = true' },
  ],
  ['buildkitd-config-inline: remote worker', { 'buildkitd-config-inline': '[worker.oci.ssh]\n  host = "arm"' }],
  [
    'buildkitd-config-inline: address',
    { 'buildkitd-config-inline': 'address = "ssh://arm"\n[grpc]\n  address = ["x"]' },
  ],
  ['buildkitd-config-inline: dotted key', { 'buildkitd-config-inline': '[worker."oci"]\nidentity = "x"' }],
  ['driver: the engine’s own, and a buildkitd', { driver: 'docker', nodes: 'linux/arm64 = unix:///run/b.sock' }],
  [
    'driver: the engine’s own, and what only ours take',
    {
      driver: 'docker',
      'driver-opts': 'network=host',
      'buildkitd-config-inline': 'debug = true',
      'keep-builder': 'true',
    },
  ],
  ['driver: a cluster, and an engine', { driver: 'kubernetes' }],
  ['driver: a cluster, and nobody says for which platforms', { driver: 'kubernetes', nodes: '' }],
  ['driver: docker, and a cluster', { driver: 'docker', nodes: 'linux/amd64 = kubernetes://' }],
  [
    'driver: a cluster whose pods should stay',
    {
      driver: 'kubernetes',
      nodes: '',
      platforms: 'linux/amd64',
      'keep-builder': 'true',
      'driver-opts': 'persistent-volume-claim.requests.storage=4Gi',
    },
  ],
  [
    'driver: a cluster, and configuration that its pods would not read',
    {
      driver: 'kubernetes',
      nodes: '',
      platforms: 'linux/amd64',
      'driver-opts': 'rootless=true',
      'buildkitd-config-inline': 'debug = true',
      registries: '{r.example.com: {http: true}}',
    },
  ],
  [
    'driver-opts: of a cluster, in no form',
    {
      driver: 'kubernetes',
      nodes: '',
      platforms: 'linux/amd64',
      'driver-opts':
        'namespace=My_Builds\nreplicas=0\nrequests.cpu=lots\n' +
        'loadbalance=fair\nnodeselector=fast\ntolerations=arm\ntimeout=long',
    },
  ],
  ['driver-opts: one that only a cluster takes, beside engines', { 'driver-opts': 'namespace=builds' }],
  ['use: engines and a cluster', { use: 'true', nodes: 'linux/amd64 = local\nlinux/arm64 = kubernetes://' }],
  ['driver: typo', { driver: 'docker-conatiner' }],
  ['driver: remote, and an engine', { driver: 'remote' }],
  ['driver: remote, and no node', { driver: 'remote', nodes: '' }],
  [
    'driver: docker-container, and a buildkitd',
    { driver: 'docker-container', nodes: 'linux/amd64 = local\nlinux/arm64 = unix:///run/b.sock' },
  ],
  ['endpoint: beside nodes', { endpoint: 'ssh://ci:hunter2@arm' }],
  ['endpoint: none', { nodes: '', endpoint: 'arm.example.com' }],
  ['endpoint: a buildkitd without platforms', { nodes: '', driver: 'remote', endpoint: 'unix:///run/b.sock' }],
  ['append: beside nodes', { append: '- endpoint: ssh://ci@arm' }],
  ['append: no list', { nodes: '', append: 'ssh://ci:hunter2@arm' }],
  ['append: an entry that is wrong', { nodes: '', append: '- endpoint: local2\n  platforms: linux/arm64' }],
  ['append: its second entry', { nodes: '', append: '- endpoint: local\n- platforms: linux/arm64' }],
  ['append: beside an endpoint that is none', { nodes: '', endpoint: 'arm.example.com', append: '- endpoint: local' }],
  [
    'cgroup-parent: an inline table',
    { 'cgroup-parent': '/builds', 'buildkitd-config-inline': 'worker = { oci = { gc = true } }' },
  ],
  [
    'driver: the engine’s own, and options of one node',
    {
      driver: 'docker',
      nodes:
        '- endpoint: local\n  driver-opts: network=host\n- endpoint: unix:///run/docker.sock\n  platforms: linux/386',
    },
  ],
  ['cgroup-parent: no path', { 'cgroup-parent': '../up' }],
  [
    'cgroup-parent: a buildkitd that runs already',
    { 'cgroup-parent': '/builds', nodes: 'linux/amd64 = unix:///run/b.sock' },
  ],
  [
    'cgroup-parent: twice',
    { 'cgroup-parent': '/builds', 'buildkitd-config-inline': '[worker.oci]\ndefaultCgroupParent = "/other"' },
  ],
  [
    'cgroup-parent: keys that cannot be added to',
    { 'cgroup-parent': '/builds', 'buildkitd-config-inline': 'worker.oci.gc = true' },
  ],
  ['keep-state: beside its opposite', { 'keep-state': 'false', 'keep-builder': 'true' }],
  ['keep-state: neither', { 'keep-state': 'yes' }],
  [
    'version: https://github.com/docker/buildx.git#v0.30.1',
    { version: 'https://github.com/docker/buildx.git#v0.30.1' },
  ],
  ['version: v0.30', { version: 'v0.30' }],
  ['version: newest', { version: 'newest' }],
  ['version: v0.30.1@sha256:abc', { version: 'v0.30.1@sha256:abc' }],
  ['buildkitd-config: not there', { 'buildkitd-config': 'etc/buildkitd.toml' }],
  ['buildkitd-config: a text', { 'buildkitd-config': 'debug = true' }],
  ['buildkitd-config: a directory', { 'buildkitd-config': 'app' }],
  ['buildkitd-config: not readable', { 'buildkitd-config': 'secret.toml' }],
  [
    'buildkitd-config: beside its text',
    { 'buildkitd-config': 'buildkitd.toml', 'buildkitd-config-inline': 'debug = true' },
  ],
  ['buildkitd-config: what its file holds', { 'buildkitd-config': 'workers.toml' }],
  [
    'buildkitd-config: nowhere to go',
    { nodes: 'linux/amd64 = unix:///run/b.sock', 'buildkitd-config': '/w/buildkitd.toml' },
  ],
  ['image: tag', { image: 'ghcr.io/acme/app:1.2' }],
  ['image: digest', { image: 'ghcr.io/acme/app@sha256:' + 'a'.repeat(64) }],
  ['image: scheme', { image: 'https://ghcr.io/acme/app' }],
  ['image: registry alone', { image: 'ghcr.io' }],
  ['image: a comment behind it', { image: 'ghcr.io/acme/app # the app' }],
  ['image: no owner', { image: 'ghcr.io/app' }],
  ['image: odd characters', { image: 'ghcr.io/acme/my app' }],
  ['image: trailing slash', { image: 'ghcr.io/acme/' }],
  ['image: port', { image: 'localhost:99999/app' }],
  ['image: missing', { image: '' }],
  ['image: never tagged', { image: 'ghcr.io/acme/app', tags: 'docker.io/acme/app:1' }],
  ['tags: a name of no repository', { image: '', tags: 'ghcr.io/acme/app:1\nlatest' }],
  ['tags: no rule for the event', { tags: 'type=semver,pattern={{version}}' }],
  ['tags: no rule for the tag', { tags: 'type=semver,pattern={{version}}', event: { ref: 'refs/tags/v1.2' } }],
  ['tags: rule', { tags: 'type=smever,pattern={{version}}' }],
  ['tags: length of the commit', { tags: 'type=sha', DOCKER_METADATA_SHORT_SHA_LENGTH: 'long' }],
  ['flavor: typo', { flavor: 'lastest=true' }],
  ['annotations: unknown place', { annotations: 'manfiest:a=1' }],
  ['annotations: unknown platform', { annotations: 'manifest[linux/arm65]:a=1' }],
  ['annotations: a platform that is not built', { annotations: 'manifest[linux/s390x]:a=1' }],
  ['annotations: a platform of an index', { annotations: 'index[linux/amd64]:a=1' }],
  ['annotations: no value', { annotations: 'title' }],
  ['annotations: no key', { annotations: 'index:=x' }],
  ['annotations: ours', { annotations: 'io.github.multiarch-build.run=x' }],
  ['annotations: places of metadata-action', { DOCKER_METADATA_ANNOTATIONS_LEVELS: 'manifest,indx' }],
  ['labels: long form', { labels: 'name=a,value=b,enabled=true' }],
  ['tags: leading dot', { tags: '.hidden' }],
  ['tags: too long', { tags: 'a'.repeat(129) }],
  ['tags: too long with a suffix', { tags: 'a'.repeat(126), variants: 'slim: {}' }],
  ['tags: digest', { tags: 'ghcr.io/acme/app@sha256:abc' }],
  ['tags: reference without tag', { tags: 'localhost:5000/acme/app' }],
  ['tags: reference with a bad tag', { tags: 'ghcr.io/acme/app:-x' }],
  ['tags: capital letters', { tags: 'ghcr.io/Acme/app:1' }],
  ['tags: cache', { tags: 'buildcache-linux-amd64' }],
  ['tags: none by event', { event: { name: 'schedule', ref: '' } }],
  ['tags: branch named like the cache', { event: { name: 'push', ref: 'refs/heads/buildcache-x' } }],
  ['context: missing', { context: 'app2' }],
  ['context: file', { context: 'app/Dockerfile' }],
  ['context: template', { context: '{{github.ref}}' }],
  ['context: scheme', { context: 'ftp://example.com/x.tar' }],
  ['context: empty workspace', { context: './app', files: [] }],
  ['file: no Dockerfile', { context: 'empty' }],
  ['file: Containerfile', { context: 'podman' }],
  ['file: relative to the context', { context: 'app', file: 'prod.Dockerfile' }],
  ['file: missing', { file: 'nope.Dockerfile' }],
  ['file: directory', { file: 'app' }],
  ['file: empty workspace', { files: ['/w/.'], context: '.' }],
  ['build-args: no equals', { 'build-args': 'NODE: 20' }],
  ['build-args: no name', { 'build-args': '=20' }],
  ['build-args: space', { 'build-args': 'NODE = 20' }],
  ['build-args: quote', { 'build-args': '"NODE=20' }],
  ['labels: no equals', { labels: 'maintainer' }],
  ['provenance: word', { provenance: 'max' }],
  ['provenance: mode', { provenance: 'mode=medium' }],
  ['provenance: attribute', { provenance: 'mod=max' }],
  ['variant: bad name', { variant: 'slim image' }],
  ['variant: beside variants', { variant: 'slim', variants: 'full: {}' }],
  ['variants: list', { variants: '- slim\n- full' }],
  ['variants: text', { variants: 'slim' }],
  ['variants: broken YAML', { variants: 'slim: {target: slim' }],
  ['variants: same key twice', { variants: 'slim: {}\nslim: {}' }],
  ['variants: unknown setting', { variants: 'slim: {build-arg: A=1}' }],
  ['variants: merge key', { variants: 'slim: {"<<": {target: a}}' }],
  ['variants: setting that is a list', { variants: 'slim: {target: [a]}' }],
  ['variants: text for a map', { variants: 'slim: alpine' }],
  ['variants: bad name', { variants: '"a b": {}' }],
  ['partial: nothing is pushed', { partial: 'true', push: 'false' }],
  ['partial: call', { partial: 'true', call: 'check' }],
  ['variants: names that differ by case', { variants: 'slim: {}\nSlim: {}' }],
  ['variants: same tag', { variants: 'slim: {tag-suffix: ""}\nfull: {tag-suffix: ""}' }],
  ['variants: bad suffix', { variants: 'slim: {tag-suffix: "/x"}' }],
  ['variants: platform without a node', { variants: 'slim: {platforms: linux/s390x}' }],
  ['variants: wrong platform', { variants: 'slim: {platforms: [linux/x390]}' }],
  ['variants: missing file', { variants: 'slim: {file: slim.Dockerfile}' }],
  ['variants: build-args', { variants: 'slim: {build-args: {A: {b: c}}}' }],
  ['variants: labels', { variants: 'slim:\n  labels:\n    - a' }],
  ['cache: unknown', { cache: 'gha' }],
  ['push: no boolean', { push: 'yes' }],
  ['username alone', { username: 'bot' }],
  ['password alone', { password: 'hunter2' }],
  [
    'username for two registries',
    { image: 'docker.io/acme/app\nquay.io/acme/app', username: 'bot', password: 'hunter2' },
  ],
  ['cleanup: unknown', { cleanup: 'Auto' }],
  ['several at once', { platforms: 'linux/arm65', push: 'nope', cleanup: 'sometimes', username: 'bot' }],
  ['add-hosts', { 'add-hosts': 'a' }],
  ['add-hosts: no address', { 'add-hosts': 'a:b' }],
  ['add-hosts: twice', { 'add-hosts': 'a:10.0.0.1,a:10.0.0.2' }],
  ['allow', { allow: 'network.hots' }],
  ['attests', { attests: 'type=sbon' }],
  ['attests: no type', { attests: 'sbom' }],
  ['attests: mode', { attests: 'type=provenance,mode=mix' }],
  ['sbom', { sbom: 'yes' }],
  ['build-contexts', { 'build-contexts': 'a=nowhere' }],
  ['build-contexts: a target', { 'build-contexts': 'a=target:b' }],
  ['cache-from', { 'cache-from': 'type=regisrty,ref=a' }],
  ['cache-to: two builds, one reference', { 'cache-to': 'type=registry,ref=acme/app:cache' }],
  ['cache-to: two builds, one scope', { 'cache-to': 'type=gha,scope=a' }],
  ['call', { call: 'chekc' }],
  ['provenance: a quote', { provenance: 'mode=max,builder-id=a"b' }],
  ['context: of metadata-action', { context: 'git' }],
  ['call and push', { call: 'check', push: 'true' }],
  ['call and load', { call: 'check', load: 'true', platforms: 'linux/amd64' }],
  ['load of two platforms', { load: 'true' }],
  ['load', { load: 'yes' }],
  ['network', { network: 'bridge' }],
  ['no-cache', { 'no-cache': '1' }],
  ['pull', { pull: 'always' }],
  ['outputs', { outputs: 'type=locla,dest=out' }],
  ['outputs: no dest', { outputs: 'type=local' }],
  ['outputs: into the log', { outputs: '-' }],
  ['outputs: two builds, one file', { outputs: 'type=oci,dest=out.tar' }],
  ['outputs: another repository', { outputs: 'type=registry,name=acme/other' }],
  ['outputs: by digest', { outputs: 'type=image,push-by-digest=true,name-canonical=true,push=true' }],
  ['outputs: an image, and no word of a push', { outputs: 'type=image,compression=zstd' }],
  ['outputs: annotation of no platform', { outputs: 'type=registry,annotation-index[linux/arm64].a=1' }],
  ['outputs that push nothing, and push: true', { outputs: 'type=image,push=false', push: 'true' }],
  ['outputs that push, and push: false', { outputs: 'type=registry', push: 'false' }],
  ['secret-envs', { 'secret-envs': 'a=NOT_SET' }],
  ['secrets: one id twice', { secrets: 'a=1', 'secret-files': 'a=README.md' }],
  ['shm-size', { 'shm-size': 'big' }],
  ['ssh without an agent', { ssh: 'default' }],
  ['ssh: no key', { ssh: 'a=none' }],
  ['ulimit', { ulimit: 'nofiles=1' }],
  ['ulimit: turned round', { ulimit: 'nofile=2:1' }],
  ['SOURCE_DATE_EPOCH', { SOURCE_DATE_EPOCH: 'now' }],
  ['cache: a word', { cache: 'gha' }],
  ['cache: a type', { cache: 'type=regitry,ref=a' }],
  ['cache: inline', { cache: 'type=inline' }],
  ['cache: no ref', { cache: 'type=registry' }],
  ['cache: no service', { cache: 'type=gha' }],
  ['cache: no service, only artifacts', { ...forgejo, ACTIONS_CACHE_URL: '', cache: 'type=gha' }],
  ['cache: the other service', { ...forgejo, cache: 'type=gha,version=2' }],
  ['cache: no region', { cache: 'type=s3', AWS_BUCKET: 'b' }],
  ['cache: no account', { cache: 'type=azblob,container=c' }],
  ['cache: no bucket', { cache: 'type=s3,region=r' }],
  ['cache: no directory', { cache: 'type=local,mode=max' }],
  ['registry-auth: no list', { 'registry-auth': 'username: S3CRET' }],
  ['registry-auth: no YAML', { 'registry-auth': '- {password: S3CRET' }],
  ['registry-auth: a word', { 'registry-auth': '- S3CRET' }],
  ['registry-auth: key', { 'registry-auth': '- {username: a, password: S3CRET, regsitry: b}' }],
  ['registry-auth: no password', { 'registry-auth': '- {registry: quay.io, username: a, password: }' }],
  ['registry-auth: scope', { 'registry-auth': '- {username: a, password: S3CRET, scope: ../../x}' }],
  [
    'registry-auth and username',
    { 'registry-auth': '- {username: a, password: S3CRET}', username: 'a', password: 'b' },
  ],
  ['registry alone', { registry: 'quay.io' }],
  ['ecr', { ecr: 'maybe' }],
  ['registries: no map', { registries: 'ghcr.io' }],
  ['registries: a scheme', { registries: '"http://a.example.com": {http: true}' }],
  ['registries: setting', { registries: 'a.example.com: {mirror: b}' }],
  ['registries: ca', { registries: 'a.example.com: {ca: none.pem}' }],
  ['registries: both', { registries: 'a.example.com: {ca: ca.pem, http: true}' }],
  ['registries: http', { registries: 'a.example.com: {http: yes}' }],
  ['registries: mirror', { registries: 'a.example.com: {mirrors: https://b}' }],
  [
    'registries: twice',
    {
      registries: 'a.example.com: {http: true}',
      'buildkitd-config-inline': '[registry."a.example.com"]\n  http = true',
    },
  ],
]

/** Title → the lines that are reported for it. */
const expected = new Map(
  readFileSync(new URL('./input-issues.txt', import.meta.url), 'utf8')
    .trimEnd()
    .split('\n\n')
    .map((section) => section.split('\n'))
    .map(([title = '', ...lines]) => [title.replace(/^# /, ''), lines]),
)

describe('an invalid input is reported in one exact line, which input-issues.txt holds', () => {
  test.each(cases)('%s', async (title, given) => {
    const reported = await reportedFor(given)
    expect(reported).toEqual(expected.get(title))
    expect(reported.join()).not.toContain('S3CRET')
  })
})

test('no two cases share a title, and input-issues.txt holds no other case', () => {
  expect(cases.map(([title]) => title)).toEqual([...expected.keys()])
})

async function reportedFor(given: Given): Promise<readonly string[]> {
  try {
    await readInputs(...jobWith(given))
  } catch (error) {
    if (error instanceof InputError) return formatInputIssues(error.issues).split('\n').slice(1)
    throw error
  }
  return []
}
