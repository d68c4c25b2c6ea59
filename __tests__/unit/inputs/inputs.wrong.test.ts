import { describe, expect, test } from '@jest/globals'
import { readInputs } from '../../../src/inputs/inputs.ts'
import { InputError } from '../../../src/lib/issues.ts'
import { describeMistakes } from '../../../src/report/input-issues.ts'
import { knownHost, publicKey, withPassphrase } from '../fixtures/keys.ts'
import { world, type Given } from '../fixtures/world.ts'

/** What is given, and all that the author is told of it. */
const cases: readonly (readonly [title: string, given: Given, ...told: readonly string[]])[] = [
  [
    'an unknown input: typo',
    { platfroms: 'linux/amd64' },
    'platfroms: is no input of this action; did you mean `platforms`?',
  ],
  [
    'an unknown input: what another action calls it',
    { images: 'ghcr.io/acme/app', name: 'mine' },
    'images: is no input of this action: it is called `image` here',
    'name: is no input of this action: the step makes one that is unique on every node; the output `name` tells it',
  ],
  [
    'an unknown input: nothing like it',
    { colour: 'blue' },
    'colour: is no input of this action; the README lists them all',
  ],
  [
    'platforms: typo',
    { platforms: 'linux/arm65' },
    'platforms: "linux/arm65" is not a platform: write `os/architecture` such as `linux/arm64`; did you mean `linux/arm64`?',
  ],
  [
    'platforms: bare typo',
    { platforms: 'arm46' },
    'platforms: "arm46" is not a platform: write `os/architecture` such as `linux/arm64`; did you mean `arm64`?',
  ],
  [
    'platforms: only a system',
    { platforms: 'linux' },
    'platforms: "linux" names no architecture: write `linux/amd64`, for example',
  ],
  [
    'platforms: JSON list',
    { platforms: '["linux/amd64"]' },
    'platforms: "["linux/amd64"]" is not a platform: write plain `os/architecture`, one a line, without quotes or brackets',
  ],
  [
    'platforms: nonsense',
    { platforms: 'foo/bar/baz/qux' },
    'platforms: "foo/bar/baz/qux" is not a platform: write `os/architecture` such as `linux/arm64`',
  ],
  [
    'platforms: unknown variant',
    { platforms: 'linux/arm/v9' },
    'platforms: "linux/arm/v9" is not a platform: write `os/architecture` such as `linux/arm64`; did you mean `linux/arm/v7`?',
  ],
  [
    'platforms: without a node',
    { platforms: 'linux/amd64,linux/riscv64' },
    'platforms: "linux/riscv64" has no node (local builds linux/amd64, linux/arm64): add a line to `nodes`, such as `linux/riscv64 = ssh://user@host`',
  ],
  [
    'nodes: no endpoint',
    { nodes: 'linux/arm64' },
    'nodes: "linux/arm64" names no endpoint: write `linux/arm64 = ssh://user@host` or `linux/arm64 = local`',
  ],
  [
    'nodes: no platform',
    { nodes: 'ssh://ci@arm.example.com' },
    'nodes: "ssh://ci@arm.example.com" names no platform: write `linux/arm64 = ssh://ci@arm.example.com`',
  ],
  [
    'nodes: empty platform',
    { nodes: '= local' },
    'nodes: "= local" names no platform: write `platform = endpoint`, for example `linux/arm64 = ssh://user@host`',
  ],
  [
    'nodes: colon for equals',
    { nodes: 'linux/arm64: ssh://ci@arm.example.com' },
    'nodes: "linux/arm64: ssh://ci@arm.example.com" is not a node: write `platform = endpoint`, for example `linux/arm64 = ssh://user@host`',
  ],
  [
    'nodes: wrong platform',
    { nodes: 'linux/amd46 = local' },
    'nodes: "linux/amd46 = local" holds `linux/amd46`, which is not a platform: write `os/architecture` such as `linux/arm64`; did you mean `linux/amd64`?',
  ],
  [
    'nodes: one of several platforms',
    { nodes: 'linux/amd64,linux/arm65 = local' },
    'nodes: "linux/amd64,linux/arm65 = local" holds `linux/arm65`, which is not a platform: write `os/architecture` such as `linux/arm64`; did you mean `linux/arm64`?',
  ],
  [
    'nodes: empty endpoint',
    { nodes: 'linux/amd64 =' },
    'nodes: "linux/amd64 =" names no endpoint after `=`: write `local` or `ssh://user@host`',
  ],
  [
    'nodes: misspelled local',
    { nodes: 'linux/amd64 = locla' },
    'nodes: "linux/amd64 = locla" is not an endpoint: write `local`, `ssh://user@host` or `unix:///path/to/buildkitd.sock`; did you mean `local`?',
  ],
  [
    'nodes: host without scheme',
    { nodes: 'linux/arm64 = arm.example.com' },
    'nodes: "linux/arm64 = arm.example.com" has no scheme: write `ssh://arm.example.com`',
  ],
  [
    'nodes: host and port without scheme',
    { nodes: 'linux/arm64 = arm.example.com:2222' },
    'nodes: "linux/arm64 = arm.example.com:2222" has no scheme: write `ssh://arm.example.com:2222`',
  ],
  [
    'nodes: a path',
    { nodes: 'linux/amd64 = /run/buildkit/buildkitd.sock' },
    'nodes: "linux/amd64 = /run/buildkit/buildkitd.sock" is a path: write `unix:///run/buildkit/buildkitd.sock`',
  ],
  [
    'nodes: scp form',
    { nodes: 'linux/arm64 = ci@arm:/run/buildkit/buildkitd.sock' },
    'nodes: "linux/arm64 = ci@arm:/run/buildkit/buildkitd.sock" has a path but no scheme: write `ssh://ci@arm/run/buildkit/buildkitd.sock`',
  ],
  [
    'nodes: unknown scheme',
    { nodes: 'linux/arm64 = shh://ci@arm' },
    'nodes: "linux/arm64 = shh://ci@arm" has the unknown scheme `shh://`: write `local`, `ssh://user@host` or `unix:///path/to/buildkitd.sock`; did you mean `ssh`?',
  ],
  [
    'nodes: context of docker',
    { nodes: 'linux/arm64 = docker-container://buildkitd' },
    'nodes: "linux/arm64 = docker-container://buildkitd" has the unknown scheme `docker-container://`: write `local`, `ssh://user@host` or `unix:///path/to/buildkitd.sock`',
  ],
  [
    'nodes: password',
    { nodes: 'linux/arm64 = ssh://ci:hunter2@arm.example.com' },
    'nodes: "linux/arm64 = ssh://ci:***@arm.example.com" holds a password, which this action never uses: write `ssh://user@host` and give a key in `ssh-private-key`',
  ],
  [
    'nodes: password with odd characters',
    { nodes: 'linux/arm64 = ssh://ci:hun@ter/2:x@arm.example.com' },
    'nodes: "linux/arm64 = ssh://ci:***@arm.example.com" holds a password, which this action never uses: write `ssh://user@host` and give a key in `ssh-private-key`',
  ],
  [
    'nodes: password without scheme',
    { nodes: 'linux/arm64 = ci:hunter2@arm.example.com' },
    'nodes: "linux/arm64 = ci:***@arm.example.com" holds a password, which this action never uses: write `ssh://user@host` and give a key in `ssh-private-key`',
  ],
  [
    'nodes: host as option',
    { nodes: 'linux/arm64 = ssh://-oProxyCommand=touch${IFS}x' },
    'nodes: "linux/arm64 = ssh://-oProxyCommand=touch${IFS}x" has a host that begins with `-`, which ssh would take for an option: write `ssh://user@host`',
  ],
  [
    'nodes: host as option, plain',
    { nodes: 'linux/arm64 = -oProxyCommand=id' },
    'nodes: "linux/arm64 = -oProxyCommand=id" is not an endpoint: write `local`, `ssh://user@host` or `unix:///path/to/buildkitd.sock`',
  ],
  [
    'nodes: host as option behind a user',
    { nodes: 'linux/arm64 = ssh://ci@-oProxyCommand' },
    'nodes: "linux/arm64 = ssh://ci@-oProxyCommand" has a host that begins with `-`, which ssh would take for an option: write `ssh://user@host`',
  ],
  [
    'nodes: user as option',
    { nodes: 'linux/arm64 = ssh://-l@arm' },
    'nodes: "linux/arm64 = ssh://-l@arm" has no valid user before `@`: letters, digits, `.`, `_` and `-`, the first not `.` or `-`',
  ],
  [
    'nodes: space',
    { nodes: 'linux/arm64 = ssh://ci@arm -o ProxyCommand=id' },
    'nodes: "linux/arm64 = ssh://ci@arm -o ProxyCommand=id" holds a space or a control character: write `local`, `ssh://user@host` or `unix:///path/to/buildkitd.sock`',
  ],
  [
    'nodes: control character',
    { nodes: 'linux/arm64 = ssh://ci@a\u0007rm' },
    'nodes: "linux/arm64 = ssh://ci@a\\u0007rm" holds a space or a control character: write `local`, `ssh://user@host` or `unix:///path/to/buildkitd.sock`',
  ],
  [
    'nodes: percent',
    { nodes: 'linux/arm64 = ssh://%r@arm' },
    'nodes: "linux/arm64 = ssh://%r@arm" holds `%`, which ssh would expand: write the host and the user as they are',
  ],
  [
    'nodes: shell characters',
    { nodes: 'linux/arm64 = ssh://ci@arm;id' },
    'nodes: "linux/arm64 = ssh://ci@arm;id" has no valid host: write `ssh://user@host` or `ssh://user@host:port`',
  ],
  [
    'nodes: two users',
    { nodes: 'linux/arm64 = ssh://ci@corp@arm' },
    'nodes: "linux/arm64 = ssh://ci@corp@arm" has no valid user before `@`: letters, digits, `.`, `_` and `-`, the first not `.` or `-`',
  ],
  [
    'nodes: port 0',
    { nodes: 'linux/arm64 = ssh://ci@arm:0' },
    'nodes: "linux/arm64 = ssh://ci@arm:0" has no valid port: write a number from 1 to 65535 after `host:`',
  ],
  [
    'nodes: port too large',
    { nodes: 'linux/arm64 = ci@arm:65536' },
    'nodes: "linux/arm64 = ci@arm:65536" has no valid port: write a number from 1 to 65535 after `host:`',
  ],
  [
    'nodes: IPv6 without brackets',
    { nodes: 'linux/arm64 = ssh://ci@fd00::1' },
    'nodes: "linux/arm64 = ssh://ci@fd00::1" has an IPv6 address without brackets: write `ssh://user@[fd00::1]:22`',
  ],
  [
    'nodes: broken IPv6',
    { nodes: 'linux/arm64 = ssh://ci@[fd00::1::2]:22' },
    'nodes: "linux/arm64 = ssh://ci@[fd00::1::2]:22" has no valid host: write `ssh://user@host` or `ssh://user@host:port`',
  ],
  [
    'nodes: socket of an engine behind SSH',
    { nodes: 'linux/arm64 = ssh://ci@arm/var/run/docker.sock' },
    'nodes: "linux/arm64 = ssh://ci@arm/var/run/docker.sock" ends in the socket of a Docker Engine, which is found without it: leave the path out',
  ],
  [
    'nodes: path out of the way',
    { nodes: 'linux/arm64 = ssh://ci@arm/run/../x.sock' },
    'nodes: "linux/arm64 = ssh://ci@arm/run/../x.sock" ends in no usable path: write the absolute path of the socket, as in `ssh://ci@host/run/buildkit/buildkitd.sock`',
  ],
  [
    'nodes: tcp without port',
    { nodes: 'linux/arm64 = tcp://arm.example.com' },
    'nodes: "linux/arm64 = tcp://arm.example.com" names no port: write `tcp://host:1234`',
  ],
  [
    'nodes: relative socket',
    { nodes: 'linux/amd64 = unix://buildkitd.sock' },
    'nodes: "linux/amd64 = unix://buildkitd.sock" names no usable socket: write its absolute path after `unix://`, as in `unix:///run/buildkit/buildkitd.sock`',
  ],
  [
    'nodes: YAML that is none',
    { nodes: '- endpoint: [ssh://ci@arm' },
    'nodes: "- endpoint: [ssh://ci@arm" is not valid YAML in line 1: unexpected end of the stream within a flow collection',
  ],
  [
    'nodes: YAML, unknown key',
    { nodes: '- endpoint: local\n  platform: linux/amd64\n  platforms: linux/amd64' },
    'nodes: "platform" is no key of a node: endpoint, name, platforms, driver, driver-opts, buildkitd-flags are; did you mean `platforms`?',
  ],
  [
    'nodes: YAML, no endpoint',
    { nodes: '- platforms: linux/amd64' },
    'nodes: has no `endpoint` for node 1: write `- endpoint: ssh://user@host` and below it `platforms: linux/arm64`',
  ],
  [
    'nodes: YAML, an entry that is a text',
    { nodes: '- ssh://ci@arm' },
    'nodes: "ssh://ci@arm" is not a node (number 1 of the list): write `- endpoint: ssh://user@host` and below it `platforms: linux/arm64`',
  ],
  [
    'nodes: YAML, unknown driver',
    { nodes: '- endpoint: local\n  driver: kubernets\n  platforms: linux/amd64' },
    'nodes: "driver: kubernets" is not understood: a Docker Engine is `docker-container`, a buildkitd `remote`, a cluster `kubernetes`; did you mean `kubernetes`?',
  ],
  [
    'nodes: YAML, two drivers for one engine',
    { driver: 'docker', nodes: '- endpoint: local\n  driver: docker-container\n  platforms: linux/amd64' },
    'nodes: "driver: docker-container" is a BuildKit beside the engine, and the step says `driver: docker`, the one inside it, for all: leave one of the two out',
  ],
  [
    'nodes: YAML, a machine for a cluster',
    { nodes: '- endpoint: local\n  driver: kubernetes\n  platforms: linux/amd64' },
    'nodes: "local" is no cluster, and the driver `kubernetes` needs none to be named: leave `endpoint` out, or write `kubernetes:///path/to/kubeconfig`',
  ],
  [
    'nodes: YAML, a cluster for an engine',
    { nodes: '- endpoint: kubernetes://\n  driver: docker-container\n  platforms: linux/amd64' },
    'nodes: "kubernetes://" is a cluster, and the driver is `docker-container`: write `driver: kubernetes`',
  ],
  [
    'nodes: YAML, a cluster without platforms, and options that its driver does not take',
    { nodes: '- driver: kubernetes\n  driver-opts: "network=host"' },
    'nodes: "network=host" is no option of the kubernetes driver: annotations, buildkit-root-volume-memory, default-load, image, labels, limits.cpu, limits.ephemeral-storage, limits.memory, loadbalance, namespace, nodeselector, qemu.image, qemu.install, replicas, requests.cpu, requests.ephemeral-storage, requests.memory, rootless, schedulername, serviceaccount, timeout, tolerations and `env.NAME` are',
    'nodes: "platforms" must be given for a cluster: write `platforms: linux/arm64` beside its driver',
  ],
  [
    'nodes: a cluster by a name',
    { nodes: 'linux/amd64 = kubernetes://production' },
    'nodes: "linux/amd64 = kubernetes://production" names more than a cluster: write `kubernetes://` for that of the job’s kubeconfig, or the absolute path of another after it, as in `kubernetes:///path/to/kubeconfig`; the namespace is a driver option',
  ],
  [
    'nodes: YAML, driver that does not fit',
    { nodes: '- endpoint: tcp://arm:2376\n  driver: docker-container\n  platforms: linux/arm64' },
    'nodes: "tcp://arm:2376" is a buildkitd, and the driver `docker-container` needs a Docker Engine: write `driver: remote`, or reach the engine as `ssh://user@host`',
  ],
  [
    'nodes: YAML, remote without platforms',
    { nodes: '- endpoint: unix:///run/buildkit/buildkitd.sock\n  driver: remote' },
    'nodes: "platforms" must be given for a buildkitd: write `platforms: linux/arm64` below its endpoint',
  ],
  [
    'nodes: YAML, remote local',
    { nodes: '- endpoint: local\n  driver: remote\n  platforms: linux/amd64' },
    'nodes: "local" is a Docker Engine, and the driver `remote` needs a buildkitd: leave `driver` out, or write `unix:///run/buildkit/buildkitd.sock`',
  ],
  [
    'nodes: YAML, options for a remote',
    {
      nodes:
        '- endpoint: unix:///run/b.sock\n  driver: remote\n  platforms: linux/arm64\n  driver-opts: network=host\n  buildkitd-flags: --debug',
    },
    'nodes: "driver-opts" has no effect on a buildkitd that runs already: set it where that buildkitd is started',
    'nodes: "buildkitd-flags" has no effect on a buildkitd that runs already: set it where that buildkitd is started',
  ],
  [
    'nodes: YAML, bad name',
    { nodes: '- endpoint: local\n  name: "-x"' },
    'nodes: "-x" is not a valid name for a node: letters, digits, `.`, `_` and `-`, at most 63, the first a letter or digit',
  ],
  [
    'nodes: YAML, same names',
    { nodes: '- endpoint: local\n  name: a\n- endpoint: unix:///var/run/docker.sock\n  name: A' },
    'nodes: "A" is the name of two nodes: give each its own, or none',
  ],
  [
    'nodes: YAML, one endpoint with two sets of options',
    {
      nodes:
        '- endpoint: local\n  platforms: linux/amd64\n- endpoint: local\n  platforms: linux/386\n  driver-opts: network=host',
    },
    'nodes: "local" is listed twice with different names or options, or once without platforms: list it once, with all of its platforms',
  ],
  [
    'nodes: YAML, nested endpoint',
    { nodes: '- endpoint: {host: arm}\n  platforms: linux/arm64' },
    'nodes: "endpoint" must be one text: write `endpoint: …` in one line',
  ],
  [
    'ssh-private-key: missing',
    { nodes: 'linux/arm64 = ssh://ci@arm.example.com', 'ssh-known-hosts': knownHost },
    'ssh-private-key: is empty, and the node arm.example.com is reached over SSH: write `${{ secrets.NAME }}`; a secret is empty where its name is wrong, and in runs for forks',
  ],
  [
    'ssh-known-hosts: missing',
    { nodes: 'linux/arm64 = ssh://ci@arm.example.com', SSH_AUTH_SOCK: '/a' },
    'ssh-known-hosts: has no line for arm.example.com: run `ssh-keyscan arm.example.com` on a machine of yours, never in the job; compare `ssh-keyscan arm.example.com | ssh-keygen -lf -` with what `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` prints on the node itself; then store the lines in a variable and give it here',
  ],
  [
    'ssh-known-hosts: other port',
    { nodes: 'linux/arm64 = ssh://ci@other:2222', SSH_AUTH_SOCK: '/a', 'ssh-known-hosts': knownHost },
    'ssh-known-hosts: has no line for [other]:2222: run `ssh-keyscan -p 2222 other` on a machine of yours, never in the job; compare `ssh-keyscan -p 2222 other | ssh-keygen -lf -` with what `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` prints on the node itself; then store the lines in a variable and give it here',
  ],
  [
    'ssh-known-hosts: key alone',
    { 'ssh-known-hosts': knownHost.split(' ').slice(1).join(' ') },
    'ssh-known-hosts: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH" in line 1 lacks the host\'s name before its key: write `host ssh-ed25519 AAAA…`, as in a known_hosts file',
  ],
  [
    'ssh-known-hosts: fingerprint',
    { 'ssh-known-hosts': '256 SHA256:mVPwvezndPv/ARoIadVY98vAC0g+P/5633yTC4d/wXE root@arm (ED25519)' },
    'ssh-known-hosts: "256 SHA256:mVPwvezndPv/ARoIadVY98vAC0g+P/5633yTC4d/wXE root@arm (ED25519)" in line 1 is a fingerprint, and the key itself is needed: write `host ssh-ed25519 AAAA…`, as in a known_hosts file',
  ],
  [
    'ssh-known-hosts: cut off',
    { 'ssh-known-hosts': '# arm\n' + knownHost.slice(0, -12) },
    'ssh-known-hosts: "arm.example.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH" in line 2 has a damaged key, which was cut off or broken into several lines: copy the whole line once more',
  ],
  [
    'ssh-known-hosts: host alone',
    { 'ssh-known-hosts': 'arm.example.com' },
    'ssh-known-hosts: "arm.example.com" in line 1 is not complete: write `host ssh-ed25519 AAAA…`, as in a known_hosts file',
  ],
  [
    'ssh-known-hosts: port without brackets',
    { 'ssh-known-hosts': knownHost.replace('arm.example.com', 'arm.example.com:2222') },
    'ssh-known-hosts: "arm.example.com:2222 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBw…" in line 1 names a port without brackets: write `[arm.example.com]:2222`',
  ],
  [
    'ssh-known-hosts: unknown type',
    { 'ssh-known-hosts': 'arm ssh-foo AAAA' },
    'ssh-known-hosts: "arm ssh-foo AAAA" in line 1 has an unknown type of key, `ssh-foo`: write `host ssh-ed25519 AAAA…`, as in a known_hosts file',
  ],
  [
    'ssh-known-hosts: unknown marker',
    { 'ssh-known-hosts': '@trusted ' + knownHost },
    'ssh-known-hosts: "@trusted arm.example.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBw…" in line 1 begins with an unknown marker: `@cert-authority` and `@revoked` are known',
  ],
  [
    'ssh-known-hosts: damaged hash',
    { 'ssh-known-hosts': knownHost.replace('arm.example.com', '|1|abc') },
    'ssh-known-hosts: "|1|abc ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH" in line 1 has a damaged hashed name: copy the whole line once more',
  ],
  [
    'ssh-private-key: passphrase',
    { 'ssh-private-key': withPassphrase },
    "ssh-private-key: holds a key with a passphrase, and nobody can type it here: make a key for this purpose only, `ssh-keygen -t ed25519 -N '' -f deploy`, and add deploy.pub to the node's `~/.ssh/authorized_keys`; or remove the passphrase from a copy, `ssh-keygen -p -N '' -f copy`",
  ],
  [
    'ssh-private-key: public key',
    { 'ssh-private-key': publicKey },
    'ssh-private-key: holds a public key: give the private one, the file without `.pub`; the public one belongs in `~/.ssh/authorized_keys` on the node',
  ],
  [
    'ssh-private-key: file name',
    { 'ssh-private-key': '~/.ssh/id_ed25519' },
    'ssh-private-key: is a file name: give the whole text of a private key file, from its BEGIN to its END line',
  ],
  [
    'driver-opts: unknown',
    { 'driver-opts': 'networks=host' },
    'driver-opts: "networks=host" is no option of the docker-container driver: allow-untrusted-image, cgroup-parent, cpu-period, cpu-quota, cpu-shares, cpuset-cpus, cpuset-mems, default-load, image, memory, memory-swap, network, provenance-add-gha, restart-policy and `env.NAME` are; did you mean `network`?',
  ],
  [
    'driver-opts: gpus',
    { 'driver-opts': 'gpus=all' },
    'driver-opts: "gpus=all" is no option of the docker-container driver: allow-untrusted-image, cgroup-parent, cpu-period, cpu-quota, cpu-shares, cpuset-cpus, cpuset-mems, default-load, image, memory, memory-swap, network, provenance-add-gha, restart-policy and `env.NAME` are',
  ],
  [
    'driver-opts: no value',
    { 'driver-opts': 'network' },
    'driver-opts: "network" has no `=`: write `NAME=value`, one a line',
  ],
  [
    'driver-opts: no number',
    { 'driver-opts': 'cpu-quota=lots' },
    'driver-opts: "cpu-quota=lots" needs a whole number: write `cpu-quota=1000`',
  ],
  [
    'driver-opts: no size',
    { 'driver-opts': 'memory=big' },
    'driver-opts: "memory=big" needs a size such as `4g`: write `memory=4g`',
  ],
  [
    'driver-opts: env without name',
    { 'driver-opts': 'env.=1' },
    'driver-opts: "env.=1" names no variable: write `env.NAME=value`',
  ],
  [
    'driver-opts: nowhere to go',
    { nodes: 'linux/amd64 = unix:///run/b.sock', 'driver-opts': 'network=host' },
    'driver-opts: has no effect: every node is a buildkitd that runs already, and is configured where it runs',
  ],
  [
    'buildkitd-config-inline: a registry that only the daemons would reach',
    {
      image: 'reg.example.com/acme/app',
      'buildkitd-config-inline':
        '[registry."docker.io"]\n  mirrors = ["m.example.com"]\n[registry."reg.example.com"]\n  mirrors = []\n  http = true\n[registry."other.example.com"]\n  insecure = true',
    },
    'buildkitd-config-inline: "[registry."reg.example.com"] http" would be known to the daemons alone: write it as `registries: {reg.example.com: {http: …}}`, which the login and the checks read too',
  ],
  [
    'buildkitd-config-inline: list of workers',
    { 'buildkitd-config-inline': 'debug = true\n[[worker.oci]]\n  enabled = true' },
    'buildkitd-config-inline: "[[worker.oci]]" in line 2 keeps buildkitd from starting: a worker is written `[worker.oci]`, once; list other machines in `nodes` instead',
  ],
  [
    'buildkitd-config-inline: remote worker',
    { 'buildkitd-config-inline': '[worker.oci.ssh]\n  host = "arm"' },
    'buildkitd-config-inline: "[worker.oci.ssh]" in line 1 means nothing to buildkitd, which would build under emulation without a word: list other machines in `nodes` instead',
  ],
  [
    'buildkitd-config-inline: address',
    { 'buildkitd-config-inline': 'address = "ssh://arm"\n[grpc]\n  address = ["x"]' },
    'buildkitd-config-inline: "address = "ssh://arm"" in line 1 means nothing to buildkitd, which would build under emulation without a word: list other machines in `nodes` instead',
  ],
  [
    'buildkitd-config-inline: dotted key',
    { 'buildkitd-config-inline': '[worker."oci"]\nidentity = "x"' },
    'buildkitd-config-inline: "identity = "x"" in line 2 means nothing to buildkitd, which would build under emulation without a word: list other machines in `nodes` instead',
  ],
  [
    'driver: the engine’s own, and a buildkitd',
    { driver: 'docker', nodes: 'linux/arm64 = unix:///run/b.sock' },
    'nodes: "unix:///run/b.sock" is a buildkitd, and `driver: docker` needs a Docker Engine: leave `driver` out',
  ],
  [
    'driver: the engine’s own, and what only ours take',
    {
      driver: 'docker',
      'driver-opts': 'network=host',
      'buildkitd-config-inline': 'debug = true',
      'keep-builder': 'true',
    },
    'driver-opts: has no effect with `driver: docker`, whose BuildKit is configured with its engine: leave one of the two out',
    'buildkitd-config-inline: has no effect with `driver: docker`, whose BuildKit is configured with its engine: leave one of the two out',
    'keep-builder: "true" is true in any case with `driver: docker`: leave it out',
  ],
  [
    'driver: a cluster, and an engine',
    { driver: 'kubernetes' },
    'nodes: "local" is a Docker Engine, and `driver: kubernetes` needs a cluster: write `kubernetes://`, or leave `driver` out',
  ],
  [
    'driver: a cluster, and nobody says for which platforms',
    { driver: 'kubernetes', nodes: '' },
    'driver: "platforms" must be given for a cluster: write `platforms: linux/arm64` beside its driver',
  ],
  [
    'driver: docker, and a cluster',
    { driver: 'docker', nodes: 'linux/amd64 = kubernetes://' },
    'nodes: "kubernetes://" is a cluster, and `driver: docker` needs a Docker Engine: leave `driver` out',
  ],
  [
    'driver: a cluster whose pods should stay',
    {
      driver: 'kubernetes',
      nodes: '',
      platforms: 'linux/amd64',
      'keep-builder': 'true',
      'driver-opts': 'persistent-volume-claim.requests.storage=4Gi',
    },
    'driver-opts: "persistent-volume-claim.requests.storage=4Gi" would leave its volume claims in the cluster after the run: leave it out; the cache in the registry outlives the pods',
    'keep-builder: "true" does not hold in a cluster, whose pods go with the run: leave it out; the cache in the registry stays, and a buildkitd of the cluster’s own at `tcp://host:1234` keeps its own',
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
    'buildkitd-config-inline: has no effect with `rootless=true`, whose buildkitd does not read the configuration that buildx gives its pod: leave one of the two out',
    'registries: has no effect with `rootless=true`, whose buildkitd does not read the configuration that buildx gives its pod: leave one of the two out',
  ],
  [
    'driver-opts: of a cluster, in no form',
    {
      driver: 'kubernetes',
      nodes: '',
      platforms: 'linux/amd64',
      'driver-opts':
        'namespace=My_Builds\nreplicas=0\nrequests.cpu=lots\nloadbalance=fair\nnodeselector=fast\ntolerations=arm\ntimeout=long',
    },
    'driver-opts: "namespace=My_Builds" needs the name of a namespace: write `namespace=buildkit`',
    'driver-opts: "replicas=0" needs a number from 1 to 20: write `replicas=2`',
    'driver-opts: "requests.cpu=lots" needs an amount such as `500m` or `4Gi`: write `requests.cpu=4Gi`',
    'driver-opts: "loadbalance=fair" needs `sticky` or `random`: write `loadbalance=sticky`',
    'driver-opts: "nodeselector=fast" needs pairs: write `nodeselector=name=value,name=value`',
    'driver-opts: "tolerations=arm" needs tolerations: write `tolerations=key=build,operator=Exists,effect=NoSchedule`',
    'driver-opts: "timeout=long" needs a time: write `timeout=5m`',
  ],
  [
    'driver-opts: one that only a cluster takes, beside engines',
    { 'driver-opts': 'namespace=builds' },
    'driver-opts: "namespace=builds" is no option of the docker-container driver: allow-untrusted-image, cgroup-parent, cpu-period, cpu-quota, cpu-shares, cpuset-cpus, cpuset-mems, default-load, image, memory, memory-swap, network, provenance-add-gha, restart-policy and `env.NAME` are',
  ],
  [
    'use: engines and a cluster',
    { use: 'true', nodes: 'linux/amd64 = local\nlinux/arm64 = kubernetes://' },
    'use: "true" needs nodes of one kind, since buildx has one driver a builder, and local is a Docker Engine, kubernetes-arm64 a cluster: leave it out',
  ],
  [
    'driver: typo',
    { driver: 'docker-conatiner' },
    'driver: "docker-conatiner" is no driver: `docker-container` (Docker Engines), `docker` (the BuildKit inside them), `remote` (buildkitd) and `kubernetes` are; did you mean `docker-container`?',
  ],
  [
    'driver: remote, and an engine',
    { driver: 'remote' },
    'nodes: "local" is a Docker Engine, and `driver: remote` needs a buildkitd: write `unix:///run/buildkit/buildkitd.sock`, `ssh://user@host/run/buildkit/buildkitd.sock` or `tcp://host:1234`, or leave `driver` out',
  ],
  [
    'driver: remote, and no node',
    { driver: 'remote', nodes: '' },
    'driver: "remote" needs a buildkitd, and none is named: write it into `endpoint` or `nodes`, as in `linux/arm64 = tcp://host:1234`',
  ],
  [
    'driver: docker-container, and a buildkitd',
    { driver: 'docker-container', nodes: 'linux/amd64 = local\nlinux/arm64 = unix:///run/b.sock' },
    'nodes: "unix:///run/b.sock" is a buildkitd, and `driver: docker-container` needs a Docker Engine: leave `driver` out',
  ],
  [
    'endpoint: beside nodes',
    { endpoint: 'ssh://ci:hunter2@arm' },
    'endpoint: "ssh://ci:***@arm" is given beside `nodes`: write it there, as in `linux/arm64 = ssh://user@host`, or leave `nodes` out',
  ],
  [
    'endpoint: none',
    { nodes: '', endpoint: 'arm.example.com' },
    'endpoint: "arm.example.com" has no scheme: write `ssh://arm.example.com`',
  ],
  [
    'endpoint: a buildkitd without platforms',
    { nodes: '', driver: 'remote', endpoint: 'unix:///run/b.sock' },
    'endpoint: "platforms" must be given for a buildkitd: write `platforms: linux/arm64` below its endpoint',
  ],
  [
    'append: beside nodes',
    { append: '- endpoint: ssh://ci@arm' },
    'append: is given beside `nodes`: write all nodes there, as in `linux/arm64 = ssh://user@host`, or leave `nodes` out',
  ],
  [
    'append: no list',
    { nodes: '', append: 'ssh://ci:hunter2@arm' },
    'append: "ssh://ci:***@arm" is not a YAML list of nodes: write `- endpoint: ssh://user@host` and below it `platforms: linux/arm64`',
  ],
  [
    'append: an entry that is wrong',
    { nodes: '', append: '- endpoint: local2\n  platforms: linux/arm64' },
    'append: "local2" is not an endpoint: write `local`, `ssh://user@host` or `unix:///path/to/buildkitd.sock`; did you mean `local`?',
  ],
  [
    'append: its second entry',
    { nodes: '', append: '- endpoint: local\n- platforms: linux/arm64' },
    'append: has no `endpoint` for node 2: write `- endpoint: ssh://user@host` and below it `platforms: linux/arm64`',
  ],
  [
    'append: beside an endpoint that is none',
    { nodes: '', endpoint: 'arm.example.com', append: '- endpoint: local' },
    'endpoint: "arm.example.com" has no scheme: write `ssh://arm.example.com`',
  ],
  [
    'cgroup-parent: an inline table',
    { 'cgroup-parent': '/builds', 'buildkitd-config-inline': 'worker = { oci = { gc = true } }' },
    'cgroup-parent: "/builds" cannot be added to the configuration of buildkitd as it is written: write its worker’s keys below `[worker.oci]`',
  ],
  [
    'driver: the engine’s own, and options of one node',
    {
      driver: 'docker',
      nodes:
        '- endpoint: local\n  driver-opts: network=host\n- endpoint: unix:///run/docker.sock\n  platforms: linux/386',
    },
    'nodes: "local" has options or flags of its own, which have no effect with `driver: docker`, whose BuildKit is configured with its engine: leave them out',
  ],
  [
    'driver: the engine’s own, and registries',
    { driver: 'docker', registries: 'r.example.com: {http: true}' },
    'registries: has no effect with `driver: docker`, whose BuildKit is configured with its engine: leave one of the two out',
  ],
  [
    'cgroup-parent: no path',
    { 'cgroup-parent': '../up' },
    'cgroup-parent: "../up" is no control group: write its path, such as `/builds`, or `builds.slice:run:` where systemd has them',
  ],
  [
    'cgroup-parent: a buildkitd that runs already',
    { 'cgroup-parent': '/builds', nodes: 'linux/amd64 = unix:///run/b.sock' },
    'cgroup-parent: "/builds" has no effect on b, a buildkitd that runs already: write `defaultCgroupParent` into its own configuration, below `[worker.oci]`',
  ],
  [
    'cgroup-parent: twice',
    { 'cgroup-parent': '/builds', 'buildkitd-config-inline': '[worker.oci]\ndefaultCgroupParent = "/other"' },
    'cgroup-parent: "/builds" is contradicted by `defaultCgroupParent` in the configuration of buildkitd: leave one of the two out',
  ],
  [
    'cgroup-parent: keys that cannot be added to',
    { 'cgroup-parent': '/builds', 'buildkitd-config-inline': 'worker.oci.gc = true' },
    'cgroup-parent: "/builds" cannot be added to the configuration of buildkitd as it is written: write its worker’s keys below `[worker.oci]`',
  ],
  [
    'keep-state: beside its opposite',
    { 'keep-state': 'false', 'keep-builder': 'true' },
    'keep-state: "false" is contradicted by `keep-builder: true`, which means the same here: leave one of the two out',
  ],
  ['keep-state: neither', { 'keep-state': 'yes' }, 'keep-state: "yes" is neither `true` nor `false`'],
  ...['https://github.com/docker/buildx.git#v0.30.1', 'v0.30', 'newest', 'v0.30.1@sha256:abc'].map(
    (version) =>
      [
        `version: ${version}`,
        { version },
        `version: "${version}" is no release of buildx: write \`v0.30.1\`, for example, \`v0.30.1@sha256:…\` with the digest of its binary, or \`latest\`; or leave it out`,
      ] as const,
  ),
  [
    'use: nodes of two kinds',
    { use: 'true', nodes: 'linux/amd64 = local\nlinux/arm64 = unix:///run/b.sock' },
    'use: "true" needs nodes of one kind, since buildx has one driver a builder, and local is a Docker Engine, b a buildkitd: leave it out',
  ],
  [
    'buildkitd-config: not there',
    { 'buildkitd-config': 'etc/buildkitd.toml' },
    'buildkitd-config: "etc/buildkitd.toml" does not exist: /w/etc/buildkitd.toml was looked for',
  ],
  [
    'buildkitd-config: a text',
    { 'buildkitd-config': 'debug = true' },
    'buildkitd-config: "debug = true" is no path: write text into `buildkitd-config-inline`, or the path of a file here',
  ],
  [
    'buildkitd-config: a directory',
    { 'buildkitd-config': 'app' },
    'buildkitd-config: "app" is a directory: write the path of the file in it, such as `buildkitd.toml`',
  ],
  [
    'buildkitd-config: not readable',
    { 'buildkitd-config': 'secret.toml' },
    'buildkitd-config: "secret.toml" cannot be read: /w/secret.toml must be a file that the job\'s user may read',
  ],
  [
    'buildkitd-config: beside its text',
    { 'buildkitd-config': 'buildkitd.toml', 'buildkitd-config-inline': 'debug = true' },
    'buildkitd-config: "buildkitd.toml" is given beside `buildkitd-config-inline`: give one of the two',
  ],
  [
    'buildkitd-config: what its file holds',
    { 'buildkitd-config': 'workers.toml' },
    'buildkitd-config: "[[worker.oci]]" in line 1 keeps buildkitd from starting: a worker is written `[worker.oci]`, once; list other machines in `nodes` instead',
  ],
  [
    'buildkitd-config: nowhere to go',
    { nodes: 'linux/amd64 = unix:///run/b.sock', 'buildkitd-config': '/w/buildkitd.toml' },
    'buildkitd-config: has no effect: every node is a buildkitd that runs already, and is configured where it runs',
  ],
  [
    'image: tag',
    { image: 'ghcr.io/acme/app:1.2' },
    'image: "ghcr.io/acme/app:1.2" has a tag: write `ghcr.io/acme/app` here and `1.2` in `tags`',
  ],
  [
    'image: digest',
    { image: 'ghcr.io/acme/app@sha256:' + 'a'.repeat(64) },
    'image: "ghcr.io/acme/app@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" has a digest: write the repository alone, `ghcr.io/acme/app`',
  ],
  [
    'image: capital letters',
    { image: 'ghcr.io/Acme/App' },
    'image: "ghcr.io/Acme/App" has capital letters, which registries refuse: write `ghcr.io/acme/app`',
  ],
  [
    'image: scheme',
    { image: 'https://ghcr.io/acme/app' },
    'image: "https://ghcr.io/acme/app" begins with `https://`: write the registry\'s host alone, as in `ghcr.io/acme/app`',
  ],
  [
    'image: registry alone',
    { image: 'ghcr.io' },
    'image: "ghcr.io" is a registry without a repository: write `ghcr.io/acme/app`',
  ],
  ['image: no owner', { image: 'ghcr.io/app' }, 'image: "ghcr.io/app" names no owner: write `ghcr.io/acme/app`'],
  [
    'image: odd characters',
    { image: 'ghcr.io/acme/my app' },
    'image: "ghcr.io/acme/my app" is not a repository: write `registry/owner/name`, lower case, as in `ghcr.io/acme/app`',
  ],
  [
    'image: trailing slash',
    { image: 'ghcr.io/acme/' },
    'image: "ghcr.io/acme/" is not a repository: write `registry/owner/name`, lower case, as in `ghcr.io/acme/app`',
  ],
  [
    'image: port',
    { image: 'localhost:99999/app' },
    'image: "localhost:99999/app" is not a repository: write `registry/owner/name`, lower case, as in `ghcr.io/acme/app`',
  ],
  [
    'image: missing',
    { image: '' },
    'image: is empty: write the repository to push to, such as `ghcr.io/acme/app`, or full references in `tags`, or `push: false`',
  ],
  [
    'image: never tagged',
    { image: 'ghcr.io/acme/app', tags: 'docker.io/acme/app:1' },
    'image: "ghcr.io/acme/app" gets no tag, since `tags` holds full references to other repositories only: add one to `tags`, or leave it out here',
  ],
  [
    'tags: a name of no repository',
    { image: '', tags: 'ghcr.io/acme/app:1\nlatest' },
    'image: is empty, and `tags` has names of no repository (latest): write the repository here, or full references there',
  ],
  [
    'tags: branch name',
    { tags: 'feature/x' },
    'tags: "feature/x" is neither a tag nor a full reference: write `feature/x:latest` for a repository, or `feature-x` for a tag',
  ],
  [
    'tags: no rule for the event',
    { tags: 'type=semver,pattern={{version}}' },
    'tags: has no rule that gives a tag for the event `push` of `refs/heads/main`: add one, such as `type=ref,event=branch` or `type=ref,event=pr`, or push nothing with `push: false`',
  ],
  [
    'tags: no rule for the tag',
    { tags: 'type=semver,pattern={{version}}', event: { ref: 'refs/tags/v1.2' } },
    'tags: has no rule that gives a tag for the event `push` of `refs/tags/v1.2` (v1.2 is not a valid semantic version (https://semver.org): `type=semver,pattern={{version}}` gives no tag): add one, such as `type=ref,event=branch` or `type=ref,event=pr`, or push nothing with `push: false`',
  ],
  [
    'tags: rule',
    { tags: 'type=smever,pattern={{version}}' },
    'tags: "type=smever,pattern={{version}}" has the unknown type `smever`: schedule, semver, pep440, match, edge, ref, raw, sha are; did you mean `semver`?',
  ],
  [
    'tags: length of the commit',
    { tags: 'type=sha', DOCKER_METADATA_SHORT_SHA_LENGTH: 'long' },
    'tags: cannot be evaluated: the variable DOCKER_METADATA_SHORT_SHA_LENGTH is `long`, and a number is expected',
  ],
  [
    'flavor: typo',
    { flavor: 'lastest=true' },
    'flavor: "lastest=true" is not understood: write `latest=auto`, `prefix=…` or `suffix=…`, these two also with `,onlatest=true`; did you mean `latest`?',
  ],
  [
    'annotations: unknown place',
    { annotations: 'manfiest:a=1' },
    'annotations: "manfiest:a=1" has the unknown place `manfiest`: manifest, index, manifest-descriptor, index-descriptor are, the first and the third also for one platform as in `manifest[linux/amd64]`; did you mean `manifest`?',
  ],
  [
    'annotations: unknown platform',
    { annotations: 'manifest[linux/arm65]:a=1' },
    'annotations: "manifest[linux/arm65]:a=1" has `linux/arm65` in brackets, which is not a platform: write `os/architecture` such as `linux/arm64`; did you mean `linux/arm64`?',
  ],
  [
    'annotations: a platform that is not built',
    { annotations: 'manifest[linux/s390x]:a=1' },
    'annotations: "manifest[linux/s390x]:a=1" is for linux/s390x, which is not built here: linux/amd64, linux/arm64 are',
  ],
  [
    'annotations: a platform of an index',
    { annotations: 'index[linux/amd64]:a=1' },
    'annotations: "index[linux/amd64]:a=1" names a platform for `index`, and an index has all: write `index:key=value`',
  ],
  [
    'annotations: no value',
    { annotations: 'title' },
    'annotations: "title" has no `=`: write `key=value`, or with its place `index:key=value`, `manifest[linux/amd64]:key=value`',
  ],
  [
    'annotations: no key',
    { annotations: 'index:=x' },
    'annotations: "index:=x" has no key before `=`: write `key=value`, or with its place `index:key=value`, `manifest[linux/amd64]:key=value`',
  ],
  [
    'annotations: ours',
    { annotations: 'io.github.multiarch-build.run=x' },
    'annotations: "io.github.multiarch-build.run=x" has a key that the build itself needs: choose another one',
  ],
  [
    'annotations: places of metadata-action',
    { DOCKER_METADATA_ANNOTATIONS_LEVELS: 'manifest,indx' },
    'annotations: "manifest,indx" in the variable DOCKER_METADATA_ANNOTATIONS_LEVELS has the unknown place `indx`: manifest, index, manifest-descriptor, index-descriptor are, the first and the third also for one platform as in `manifest[linux/amd64]`; did you mean `index`?',
  ],
  [
    'labels: long form',
    { labels: 'name=a,value=b,enabled=true' },
    'labels: "name=a,value=b,enabled=true" is not understood: write `name=…,value=…,enable=true` or `enable=false`, or plainly `NAME=value`',
  ],
  [
    'tags: plus',
    { tags: '1.2.3+build' },
    'tags: "1.2.3+build" is not a valid tag: write `1.2.3-build`, or other letters, digits, `.`, `_` and `-`, the first a letter, digit or `_`',
  ],
  [
    'tags: leading dot',
    { tags: '.hidden' },
    'tags: ".hidden" is not a valid tag: write `hidden`, or other letters, digits, `.`, `_` and `-`, the first a letter, digit or `_`',
  ],
  [
    'tags: too long',
    { tags: 'a'.repeat(129) },
    'tags: "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa…" has 129 characters, and a tag has 128 at most',
  ],
  [
    'tags: too long with a suffix',
    { tags: 'a'.repeat(126), variants: 'slim: {}' },
    'tags: "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa…" has 131 characters with its suffix `-slim`, and a tag has 128 at most',
  ],
  [
    'tags: digest',
    { tags: 'ghcr.io/acme/app@sha256:abc' },
    'tags: "ghcr.io/acme/app@sha256:abc" has a digest, and only a tag can be moved: write `ghcr.io/acme/app:1.2`',
  ],
  [
    'tags: reference without tag',
    { tags: 'localhost:5000/acme/app' },
    'tags: "localhost:5000/acme/app" has no tag: write `localhost:5000/acme/app:1.2`, or the tag alone',
  ],
  [
    'tags: reference with a bad tag',
    { tags: 'ghcr.io/acme/app:-x' },
    'tags: "ghcr.io/acme/app:-x" does not end in a valid tag: letters, digits, `.`, `_` and `-`, at most 128, the first a letter, digit or `_`',
  ],
  [
    'tags: capital letters',
    { tags: 'ghcr.io/Acme/app:1' },
    'tags: "ghcr.io/Acme/app:1" has capital letters in its repository, which registries refuse: write `ghcr.io/acme/app:1`',
  ],
  [
    'tags: cache',
    { tags: 'buildcache-linux-amd64' },
    'tags: "buildcache-linux-amd64" begins with `buildcache-`, which are the tags of the build cache: choose another name',
  ],
  [
    'tags: none by event',
    { event: { name: 'schedule', ref: '' } },
    'tags: is empty, and the event `schedule` names no branch or tag: write tag names such as `nightly`',
  ],
  [
    'tags: branch named like the cache',
    { event: { name: 'push', ref: 'refs/heads/buildcache-x' } },
    'tags: "buildcache-x" begins with `buildcache-`, which are the tags of the build cache: choose another name',
  ],
  ['context: missing', { context: 'app2' }, 'context: "app2" does not exist: /w/app2 was looked for'],
  [
    'context: file',
    { context: 'app/Dockerfile' },
    'context: "app/Dockerfile" is a file: write the directory that holds it, and the Dockerfile in `file`',
  ],
  [
    'context: template',
    { context: '{{github.ref}}' },
    'context: "{{github.ref}}" holds a template, and only `{{defaultContext}}` means something here: write a directory, or a Git URL such as `https://github.com/acme/app.git#main`',
  ],
  [
    'context: scheme',
    { context: 'ftp://example.com/x.tar' },
    'context: "ftp://example.com/x.tar" has an unknown scheme: write a directory, or a URL that begins with `https://`, `git://` or `ssh://`',
  ],
  [
    'context: empty workspace',
    { context: './app', files: [] },
    'context: "./app" does not exist: /w/app was looked for; is there a step with `actions/checkout` before this one?',
  ],
  [
    'file: no Dockerfile',
    { context: 'empty' },
    'file: is empty, and there is no Dockerfile in the context: /w/empty/Dockerfile was looked for; write its path in `file`',
  ],
  [
    'file: Containerfile',
    { context: 'podman' },
    'file: is empty, and there is no Dockerfile in the context: /w/podman/Dockerfile was looked for; write `file: podman/Containerfile`',
  ],
  [
    'file: relative to the context',
    { context: 'app', file: 'prod.Dockerfile' },
    'file: "prod.Dockerfile" does not exist; the path is relative to the workspace, not to the context: write `app/prod.Dockerfile`',
  ],
  [
    'file: missing',
    { file: 'nope.Dockerfile' },
    'file: "nope.Dockerfile" does not exist; the path is relative to the workspace: /w/nope.Dockerfile was looked for',
  ],
  [
    'file: directory',
    { file: 'app' },
    'file: "app" is a directory: write the Dockerfile in it, such as `app/Dockerfile`',
  ],
  [
    'file: empty workspace',
    { files: ['/w/.'], context: '.' },
    'file: is empty, and there is no Dockerfile in the context: /w/Dockerfile was looked for; is there a step with `actions/checkout` before this one?',
  ],
  [
    'build-args: no equals',
    { 'build-args': 'NODE: 20' },
    'build-args: "NODE: 20" has no `=`: write `NAME=value`, one a line',
  ],
  ['build-args: no name', { 'build-args': '=20' }, 'build-args: "=20" has no name before `=`: write `NAME=value`'],
  [
    'build-args: space',
    { 'build-args': 'NODE = 20' },
    'build-args: "NODE = 20" has a space before `=`: write `NAME=value`',
  ],
  [
    'build-args: quote',
    { 'build-args': '"NODE=20' },
    'build-args: ""NODE=20" is quoted wrongly in line 1: put the whole entry between double quotes, `"NAME=value"`, and write a quote in it twice',
  ],
  ['labels: no equals', { labels: 'maintainer' }, 'labels: "maintainer" has no `=`: write `NAME=value`, one a line'],
  [
    'provenance: word',
    { provenance: 'max' },
    'provenance: "max" is not understood: write `true`, `false`, `mode=min` or `mode=max`; did you mean `mode=max`?',
  ],
  [
    'provenance: mode',
    { provenance: 'mode=medium' },
    'provenance: "mode=medium" has an unknown mode: write `mode=min` or `mode=max`',
  ],
  [
    'provenance: attribute',
    { provenance: 'mod=max' },
    'provenance: "mod=max" has the unknown attribute `mod`: write `mode=min` or `mode=max`; did you mean `mode`?',
  ],
  [
    'variant: bad name',
    { variant: 'slim image' },
    'variant: "slim image" is no valid name, since it becomes a part of tags: letters, digits, `.`, `_` and `-`, at most 63, the first a letter, digit or `_`',
  ],
  [
    'variant: beside variants',
    { variant: 'slim', variants: 'full: {}' },
    'variant: "slim" is given beside `variants`: a step builds one named variant or several, so give one of the two',
  ],
  [
    'variants: list',
    { variants: '- slim\n- full' },
    'variants: "- slim\\n- full" is not a map of variants: write `slim: {target: slim}`, one variant a line',
  ],
  [
    'variants: text',
    { variants: 'slim' },
    'variants: "slim" is not a map of variants: write `slim: {target: slim}`, one variant a line',
  ],
  [
    'variants: broken YAML',
    { variants: 'slim: {target: slim' },
    'variants: "slim: {target: slim" is not valid YAML in line 1: unexpected end of the stream within a flow collection',
  ],
  [
    'variants: same key twice',
    { variants: 'slim: {}\nslim: {}' },
    'variants: "slim: {}" is not valid YAML in line 2: duplicated mapping key',
  ],
  [
    'variants: unknown setting',
    { variants: 'slim: {build-arg: A=1}' },
    'variants: "build-arg" is no setting of a variant (in `slim`): target, file, build-args, labels, platforms, tag-suffix are; did you mean `build-args`?',
  ],
  [
    'variants: setting that is a list',
    { variants: 'slim: {target: [a]}' },
    'variants: "target" must be one text in `slim`: write `target: …`',
  ],
  [
    'variants: text for a map',
    { variants: 'slim: alpine' },
    'variants: "slim" has no map of settings: write `slim: {target: slim}`, one variant a line',
  ],
  [
    'variants: bad name',
    { variants: '"a b": {}' },
    'variants: "a b" is no valid name, since it becomes a part of tags: letters, digits, `.`, `_` and `-`, at most 63, the first a letter, digit or `_`',
  ],
  [
    'variants: names that differ by case',
    { variants: 'slim: {}\nSlim: {}' },
    'variants: "Slim" would share its cache tag with `slim` on registries that ignore case: choose another name',
  ],
  [
    'variants: same tag',
    { variants: 'slim: {tag-suffix: ""}\nfull: {tag-suffix: ""}' },
    'variants: "full" would move the same tag as `slim`, ghcr.io/acme/app:main: give each variant its own `tag-suffix`',
  ],
  [
    'variants: bad suffix',
    { variants: 'slim: {tag-suffix: "/x"}' },
    'variants: "/x" is no valid tag-suffix: letters, digits, `.`, `_` and `-`, as in `-slim`',
  ],
  [
    'variants: platform without a node',
    { variants: 'slim: {platforms: linux/s390x}' },
    'variants: "linux/s390x" has no node (local builds linux/amd64, linux/arm64): add a line to `nodes`, such as `linux/s390x = ssh://user@host`',
  ],
  [
    'variants: wrong platform',
    { variants: 'slim: {platforms: [linux/x390]}' },
    'variants: "linux/x390" is not a platform: write `os/architecture` such as `linux/arm64`; did you mean `linux/s390x`?',
  ],
  [
    'variants: missing file',
    { variants: 'slim: {file: slim.Dockerfile}' },
    'variants: "slim.Dockerfile" does not exist; the path is relative to the workspace: /w/slim.Dockerfile was looked for',
  ],
  [
    'variants: build-args',
    { variants: 'slim: {build-args: {A: {b: c}}}' },
    'variants: "build-args" must be lines of `NAME=value`, a list or a map of them in `slim`',
  ],
  [
    'variants: labels',
    { variants: 'slim:\n  labels:\n    - a' },
    'variants: "a" has no `=` in `slim`: write `NAME=value`, one a line',
  ],
  [
    'cache: unknown',
    { cache: 'gha' },
    'cache: "gha" is not one of `registry`, `off`, or a specification such as `type=gha`',
  ],
  ['push: no boolean', { push: 'yes' }, 'push: "yes" is neither `true` nor `false`'],
  [
    'username alone',
    { username: 'bot' },
    'password: is missing beside `username`: give both or neither; a secret is empty where its name is wrong, and in runs for forks',
  ],
  ['password alone', { password: 'hunter2' }, 'username: is missing beside `password`: give both or neither'],
  [
    'username for two registries',
    { image: 'docker.io/acme/app\nquay.io/acme/app', username: 'bot', password: 'hunter2' },
    'username: is for one registry, and the images are on docker.io and quay.io: log in to them with a step of docker/login-action each, and leave `username` and `password` out',
  ],
  ['cleanup: unknown', { cleanup: 'Auto' }, 'cleanup: "Auto" is not one of `auto`, `always`, `never`'],
  [
    'several at once',
    { platforms: 'linux/arm65', push: 'nope', cleanup: 'sometimes', username: 'bot' },
    'push: "nope" is neither `true` nor `false`',
    'platforms: "linux/arm65" is not a platform: write `os/architecture` such as `linux/arm64`; did you mean `linux/arm64`?',
    'password: is missing beside `username`: give both or neither; a secret is empty where its name is wrong, and in runs for forks',
    'cleanup: "sometimes" is not one of `auto`, `always`, `never`',
  ],
]

describe('a wrong input is told in one exact line', () => {
  test.each(cases.map(([title, given, ...told]) => ({ title, given, told })))('$title', async ({ given, told }) => {
    expect(await toldOf(given)).toEqual(told)
  })
})

test('no two cases have one title', () => {
  expect(new Set(cases.map(([title]) => title)).size).toBe(cases.length)
})

async function toldOf(given: Given): Promise<readonly string[]> {
  try {
    await readInputs(...world(given))
  } catch (error) {
    if (error instanceof InputError) return describeMistakes(error.issues).split('\n').slice(1)
    throw error
  }
  return []
}
