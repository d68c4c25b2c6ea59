import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { readInputs } from '../../../src/inputs/inputs.ts'
import { secretsToMask } from '../../../src/inputs/secrets-to-mask.ts'
import { commandLineVariable } from '../../../src/lib/command-line.ts'
import { InputError } from '../../../src/lib/issues.ts'
import { plainSettings } from '../../../src/inputs/settings/settings.ts'
import { knownHost, otherKey, plainKey } from '../fixtures/keys.ts'
import { event, jobWith, type Given } from '../fixtures/job.ts'

const oci = 'org.opencontainers.image'
/** Of the event of the fixtures. */
const said = {
  [`${oci}.revision`]: event.sha,
  [`${oci}.source`]: 'https://github.com/acme/app',
  [`${oci}.title`]: 'app',
  [`${oci}.url`]: 'https://github.com/acme/app',
}
const read = (given: Given = {}) => readInputs(...jobWith(given))

test('the README example', async () => {
  const inputs = await read({
    nodes: 'linux/amd64 = local\nlinux/arm64 = ssh://ci@arm.example.com',
    'ssh-private-key': plainKey,
    'ssh-known-hosts': knownHost,
    'github-token': 'ghs_1',
    cache: 'registry',
    push: 'true',
    context: '.',
    cleanup: 'auto',
  })
  const common = { driverOpts: {}, buildkitdFlags: [], buildkitdConfig: '' }
  expect(inputs).toEqual({
    nodes: [
      { name: 'local', endpoint: { kind: 'local' }, platforms: ['linux/amd64'], ...common },
      {
        name: 'arm.example.com',
        endpoint: { kind: 'ssh', user: 'ci', host: 'arm.example.com', port: 22 },
        platforms: ['linux/arm64'],
        ...common,
      },
    ],
    fallback: ['node', 'local'],
    localFallback: { name: 'local', endpoint: { kind: 'local' }, platforms: [], ...common },
    sshKeys: [
      expect.stringMatching(/^-----BEGIN OPENSSH PRIVATE KEY-----\n[^]+\n-----END OPENSSH PRIVATE KEY-----\n$/),
    ],
    knownHosts: `${knownHost}\n`,
    keepBuilder: false,
    use: false,
    buildx: { kind: 'any' },
    install: false,
    cacheBinary: true,
    checkAnnotations: true,
    tagsGiven: false,
    variants: [
      {
        name: '',
        images: [{ registry: 'ghcr.io', path: 'acme/app' }],
        tags: [{ registry: 'ghcr.io', path: 'acme/app', tag: 'main' }],
        platforms: [],
        context: '/w',
        buildArgs: {},
        labels: { ...said, [`${oci}.version`]: 'main' },
        annotations: Object.entries({ ...said, [`${oci}.version`]: 'main' }).map(([key, value]) => ({
          level: 'manifest',
          key,
          value,
        })),
        version: 'main',
      },
    ],
    cache: { kind: 'registry', registry: 'ghcr.io' },
    push: true,
    settings: {
      ...plainSettings,
      provenance: 'mode=max,builder-id=https://github.com/acme/app/actions/runs/4711/attempts/1',
    },
    logins: [{ registry: 'ghcr.io', username: 'octo', password: 'ghs_1', isPlatformToken: true }],
    registries: {},
    summary: true,
    telemetry: { resource: { 'service.name': 'multiarch-build' }, traceState: '' },
    token: 'ghs_1',
    cleanup: 'auto',
    packagesApi: 'auto',
    partial: false,
    dryRun: false,
    warnings: [],
    notes: [],
    localPaths: ['/w'],
    failFast: true,
    login: 'step',
    trust: 'trusted',
  })
})

test('nothing but an image: the local engine, its own platform', async () => {
  const { nodes } = await read({ nodes: '' })
  expect(nodes).toEqual([
    {
      name: 'local',
      endpoint: { kind: 'local' },
      platforms: [],
      driverOpts: {},
      buildkitdFlags: [],
      buildkitdConfig: '',
    },
  ])
})

test('variants keep their order, also where their names are numbers', async () => {
  const { variants } = await read({ variants: '22: {}\n20: {}\nslim: {}\n"18": {}' })
  expect(variants.map(({ name }) => name)).toEqual(['22', '20', 'slim', '18'])
})

test('variants are laid over the step', async () => {
  const { variants } = await read({
    variants:
      'slim: {build-args: EXTRAS=, platforms: linux/amd64, file: app/prod.Dockerfile}\n' +
      'full:\n  build-args: {EXTRAS: all, PYTHON: 3.10}\n  labels:\n    - a=2\n  tag-suffix: ""\n  target: full',
    'build-args': 'BASE=1\nTOKEN\nUNSET',
    labels: 'a=1',
    platforms: 'linux/arm64',
    target: 'base',
    tags: 'latest, ghcr.io/acme/other:x',
    TOKEN: 'from env',
  })
  expect(variants).toEqual([
    expect.objectContaining({
      name: 'slim',
      tags: [
        { registry: 'ghcr.io', path: 'acme/app', tag: 'latest-slim' },
        { registry: 'ghcr.io', path: 'acme/other', tag: 'x-slim' },
      ],
      images: [
        { registry: 'ghcr.io', path: 'acme/app' },
        { registry: 'ghcr.io', path: 'acme/other' },
      ],
      platforms: ['linux/amd64'],
      file: '/w/app/prod.Dockerfile',
      target: 'base',
      buildArgs: { BASE: '1', TOKEN: 'from env', EXTRAS: '' },
      labels: expect.objectContaining({ a: '1' }),
    }),
    expect.objectContaining({
      name: 'full',
      platforms: ['linux/arm64'],
      target: 'full',
      buildArgs: { BASE: '1', TOKEN: 'from env', EXTRAS: 'all', PYTHON: '3.10' },
      labels: expect.objectContaining({ a: '2' }),
    }),
  ])
})

test('variant names the cache only', async () => {
  const { variants } = await read({ variant: 'slim' })
  expect(variants[0]).toMatchObject({ name: 'slim', tags: [{ tag: 'main' }] })
})

describe('image and tags', () => {
  test.each<[string, Given, string[]]>([
    [
      'all images',
      { image: 'ghcr.io/acme/app, acme/app\nnginx', tags: '1' },
      ['ghcr.io/acme/app:1', 'docker.io/acme/app:1', 'docker.io/library/nginx:1'],
    ],
    [
      'references without image',
      { image: '', tags: 'ghcr.io/acme/app:1\nlocalhost:5000/x:2' },
      ['ghcr.io/acme/app:1', 'localhost:5000/x:2'],
    ],
    ['push: false without image', { image: '', push: 'false' }, []],
    ['push: false without tags', { push: 'false' }, []],
    ['dry-run: nodes without image', { image: '', 'dry-run': 'nodes' }, []],
    ['push: false with tags', { push: 'False', tags: 'a' }, ['ghcr.io/acme/app:a']],
    ['duplicates', { tags: 'a,a\na\nghcr.io/acme/app:a' }, ['ghcr.io/acme/app:a']],
    ['comments', { tags: '# nightly\n\na, b\r\n# c' }, ['ghcr.io/acme/app:a', 'ghcr.io/acme/app:b']],
    ['a pull request', { event: { name: 'pull_request', ref: 'refs/pull/7/merge' } }, ['ghcr.io/acme/app:pr-4711']],
  ])('%s', async (_, given, expected) => {
    const { variants } = await read(given)
    expect(variants[0]?.tags.map(({ registry, path, tag }) => `${registry}/${path}:${tag}`)).toEqual(expected)
  })
})

describe('partial', () => {
  test('takes the labels from the tags, and has no tag', async () => {
    const { partial, push, variants } = await read({ partial: 'true', tags: '1.2.3' })
    expect([partial, push, variants[0]?.tags, variants[0]?.version]).toEqual([true, true, [], '1.2.3'])
    expect(variants[0]?.labels).toMatchObject({ 'org.opencontainers.image.version': '1.2.3' })
  })

  test('needs no tag, as the merge action has them', async () => {
    const { variants } = await read({ partial: 'true', event: { name: 'release', ref: '' } })
    expect(variants[0]?.images).toEqual([{ registry: 'ghcr.io', path: 'acme/app' }])
  })

  test('only builds at the level `fork`', async () => {
    const { push, notes } = await read({ partial: 'true', event: { trust: 'fork' } })
    expect([push, notes]).toEqual([false, ['This run has the level `fork`: with `partial: true` nothing is pushed.']])
  })

  test('warns about annotations of the index', async () => {
    const { warnings } = await read({ partial: 'true', annotations: 'index:a=b\nmanifest-descriptor:c=d\ne=f' })
    expect(warnings).toEqual([expect.stringContaining('of the level index, manifest-descriptor have no effect')])
  })
})

describe('context and file', () => {
  test.each<[string, Given, string, string | undefined]>([
    ['a directory', { context: 'app' }, '/w/app', undefined],
    ['outside of the workspace', { context: '/elsewhere' }, '/elsewhere', undefined],
    [
      'a Dockerfile elsewhere',
      { context: 'empty', file: './app/prod.Dockerfile' },
      '/w/empty',
      '/w/app/prod.Dockerfile',
    ],
    ['a lower-case dockerfile', { context: 'lower' }, '/w/lower', '/w/lower/dockerfile'],
    [
      'Git over HTTPS',
      { context: 'https://github.com/acme/app.git#main:docker', file: 'x/Dockerfile' },
      'https://github.com/acme/app.git#main:docker',
      'x/Dockerfile',
    ],
    [
      'Git over SSH',
      { context: 'git@github.com:acme/app.git', SSH_AUTH_SOCK: '/agent' },
      'git@github.com:acme/app.git',
      undefined,
    ],
    ['Git without scheme', { context: 'github.com/acme/app' }, 'github.com/acme/app', undefined],
    ['a tarball', { context: 'http://example.com/app.tar.gz' }, 'http://example.com/app.tar.gz', undefined],
    ['a Dockerfile from the web', { file: 'https://example.com/Dockerfile' }, '/w', 'https://example.com/Dockerfile'],
  ])('%s', async (_, given, context, file) => {
    const { variants } = await read(given)
    expect([variants[0]?.context, variants[0]?.file]).toEqual([context, file])
  })
})

test('capitals become lower case, also in names of other owners', async () => {
  const { variants } = await read({
    image: 'ghcr.io/Acme/App\nghcr.io/Acme/other',
    tags: 'ghcr.io/Acme/App-x:1, 2',
    event: { repository: 'Acme/App' },
  })
  expect(variants[0]?.images.map(({ path }) => path)).toEqual(['acme/app', 'acme/other', 'acme/app-x'])
  const { variants: others } = await read({ image: 'ghcr.io/Else/App', event: { repository: 'Acme/App' } })
  expect(others[0]?.images).toEqual([{ registry: 'ghcr.io', path: 'else/app' }])
})

describe('logins', () => {
  const own = { registry: 'ghcr.io', username: 'octo', password: 't', isPlatformToken: true }
  const bot = { username: 'bot', password: 'p' }
  test.each<[string, Given, unknown[]]>([
    ["the forge's own", { 'github-token': 't' }, [own]],
    ['no token', {}, []],
    ['another registry', { 'github-token': 't', image: 'quay.io/acme/app' }, []],
    ['given for the own', { 'github-token': 't', ...bot }, [{ registry: 'ghcr.io', ...bot }]],
    [
      'given for the other',
      { 'github-token': 't', image: 'ghcr.io/acme/app\nacme/app', ...bot },
      [{ registry: 'docker.io', ...bot }, own],
    ],
    [
      'Forgejo',
      {
        'github-token': 't',
        image: 'git.example.com:3000/acme/app',
        event: { serverUrl: 'https://git.example.com:3000', apiUrl: 'https://git.example.com:3000/api/v1' },
      },
      [{ ...own, registry: 'git.example.com:3000' }],
    ],
    [
      'GHES',
      {
        'github-token': 't',
        image: 'containers.ghe.corp/acme/app',
        event: { serverUrl: 'https://ghe.corp', apiUrl: 'https://ghe.corp/api/v3' },
      },
      [{ ...own, registry: 'containers.ghe.corp' }],
    ],
  ])('%s', async (_, given, expected) => {
    expect((await read(given)).logins).toEqual(expected)
  })
})

test.each<[string, Given, object]>([
  ['cleanup true', { cleanup: 'true' }, { cleanup: 'auto' }],
  ['packages-api gitea', { 'packages-api': 'gitea' }, { packagesApi: 'gitea' }],
  ['cleanup False', { cleanup: 'False' }, { cleanup: 'never' }],
  ['cleanup always', { cleanup: 'always' }, { cleanup: 'always' }],
  ['cache off', { cache: 'off' }, { cache: { kind: 'off' } }],
  ['cache false, as YAML 1.1 reads off', { cache: 'false' }, { cache: { kind: 'off' } }],
  [
    'provenance of a private repository',
    { event: { isPrivate: true } },
    {
      settings: {
        provenance: 'mode=min,inline-only=true,builder-id=https://github.com/acme/app/actions/runs/4711/attempts/1',
      },
    },
  ],
  [
    'provenance true',
    { provenance: 'True', event: { isPrivate: true } },
    { settings: { provenance: 'mode=max,builder-id=https://github.com/acme/app/actions/runs/4711/attempts/1' } },
  ],
  ['provenance false', { provenance: 'false' }, { settings: { provenance: '' } }],
  [
    'provenance with a builder of its own',
    { provenance: 'builder-id=https://b' },
    { settings: { provenance: 'builder-id=https://b' } },
  ],
  [
    'provenance attributes',
    { provenance: 'mode=min,version=v1' },
    {
      settings: {
        provenance: 'mode=min,version=v1,builder-id=https://github.com/acme/app/actions/runs/4711/attempts/1',
      },
    },
  ],
  [
    'keys of an agent',
    { nodes: 'linux/arm64 = ci@arm.example.com', 'ssh-known-hosts': knownHost, SSH_AUTH_SOCK: '/agent' },
    { sshKeys: [] },
  ],
  [
    'several keys',
    { 'ssh-private-key': plainKey + otherKey + plainKey },
    { sshKeys: [expect.anything(), expect.anything()] },
  ],
])('%s', async (_, given, expected) => {
  expect(await read(given)).toMatchObject(expected)
})

test.each<[string, Given, readonly string[]]>([
  [
    'unknown inputs, where those of an enclosing composite action look the same',
    { ACT: 'true', tag: 'x', environment: 'production', platfroms: 'linux/amd64', 'sep-tags': ',' },
    [
      '`tag` is not an input of this action: use `tags`.',
      '`environment` is not an input of this action; the README lists all inputs.',
      '`platfroms` is not an input of this action; did you mean `platforms`?',
      '`sep-tags` is not an input of this action: outputs have one entry per line, and `json` has them as lists.',
    ],
  ],
  [
    'an unknown input without a value',
    { push_: '', platform: ' ' },
    [
      '`push_` is not an input of this action; did you mean `push`?',
      '`platform` is not an input of this action: use `platforms`.',
    ],
  ],
  [
    'entries on one line, as `>` folds them, and comments',
    {
      'build-args': 'A=1 B=2 C=3\nD=1 # one\nLDFLAGS=-X main.v=1\nE=a#b',
      variants: 'slim: {build-args: "V=1.0, W=2"}',
    },
    ['`A` contains `B=`', '`D` contains a comment', '`V` contains `W=`'].map(
      (what) =>
        `\`build-args\`: the value of ${what}. Entries and comments need a line of their own: ` +
        'use `|`, not `>`, for lists of several lines.',
    ),
  ],
  [
    'entries on one line, in the other lists',
    {
      labels: 'org.acme.a=1 org.acme.b=2\ndescription=Runs a=b\n"quoted=x org.acme.c=3"',
      annotations: 'index:org.acme.a=1 manifest[linux/amd64]:org.acme.b=2',
      secrets: 'one=S3CRET TWO=S3CRET2\nthree=a=b',
      'build-contexts': 'a=docker-image://x b=docker-image://y',
    },
    [
      ['labels', '`org.acme.a` contains `org.acme.b=`'],
      ['annotations', '`index:org.acme.a` contains `manifest[linux/amd64]:org.acme.b=`'],
      ['secrets', '`one` contains another entry'],
      ['build-contexts', '`a` contains `b=`'],
    ].map(
      ([input, what]) =>
        `\`${input}\`: the value of ${what}. Entries and comments need a line of their own: ` +
        'use `|`, not `>`, for lists of several lines.',
    ),
  ],
  [
    'a secret file that is missing',
    { 'secret-files': 'a=none.txt' },
    ['The build does not get the secret `a`: `secret-files` names /w/none.txt, which is not a file.'],
  ],
  [
    'rules without a tag',
    { tags: 'type=semver,pattern={{version}}\ntype=sha', event: { ref: 'refs/tags/x' } },
    ['x is not a valid semantic version (https://semver.org): `type=semver,pattern={{version}}` gives no tag'],
  ],
])('warnings: %s', async (_, given, warnings) => {
  expect((await read(given)).warnings).toEqual(warnings)
})

test('build arguments may name what docker/metadata-action would have set', async () => {
  const { variants } = await read({
    'build-args': 'DOCKER_METADATA_OUTPUT_VERSION\nDOCKER_METADATA_OUTPUT_TAGS',
    tags: 'type=semver,pattern={{version}}',
    event: { ref: 'refs/tags/v1.2.3' },
  })
  expect(variants[0]?.buildArgs).toEqual({
    DOCKER_METADATA_OUTPUT_VERSION: '1.2.3',
    DOCKER_METADATA_OUTPUT_TAGS: 'ghcr.io/acme/app:1.2.3\nghcr.io/acme/app:latest',
  })
})

test.each([
  ['fork', {}, 1],
  ['fork', { 'ssh-private-key': plainKey }, 0],
  ['pr', {}, 0],
  ['trusted', {}, 0],
] as const)(
  'known hosts may be missing only if a run of a fork has no key either: %s %j',
  async (trust, key, nodes) => {
    const given = { nodes: 'linux/arm64 = ci@arm.example.com', push: 'false', event: { trust }, ...key }
    const found = await read(given).then(
      (inputs) => inputs.nodes.length,
      (error: unknown) => (error instanceof InputError ? 0 : error),
    )
    expect(found).toBe(nodes)
  },
)

test.each([
  ['without an agent', {}, ['ssh-known-hosts', 'ssh-private-key']],
  ['with an agent', { SSH_AUTH_SOCK: '/agent' }, ['ssh-known-hosts']],
  ['on the command line, where keys are files', { [commandLineVariable]: 'true' }, ['ssh-known-hosts']],
  ['with a key', { 'ssh-private-key': plainKey }, ['ssh-known-hosts']],
  ['with known hosts, as for Tailscale SSH', { 'ssh-known-hosts': knownHost }, []],
])('known hosts and key that are both empty are both reported: %s', async (_, given, expected) => {
  const inputs = await read({ nodes: 'linux/arm64 = ci@arm.example.com', push: 'false', ...given }).then(
    () => [],
    (error: unknown) => (error instanceof InputError ? error.issues.map(({ input }) => input) : [error]),
  )
  expect(inputs).toEqual(expected)
})

test('a private key pasted as known_hosts is not printed', async () => {
  const told = await read({ 'ssh-known-hosts': plainKey }).catch((error: unknown) =>
    JSON.stringify(error instanceof InputError && error.issues),
  )
  expect(told).toContain('holds a private key')
  expect(told).not.toContain('b3BlbnNz')
})

test('secrets are masked in any form they were pasted in', () => {
  const lines = plainKey.split('\n').slice(1, -2)
  for (const text of [
    plainKey,
    plainKey.replaceAll('\n', '\\n'),
    plainKey.replaceAll('\n', ' '),
    plainKey.replaceAll('\n', '\r\n  '),
  ]) {
    expect(secretsToMask({ 'INPUT_SSH-PRIVATE-KEY': text })).toEqual(
      expect.arrayContaining(lines.filter((line) => line.length > 7)),
    )
  }
  expect(secretsToMask({ INPUT_PASSWORD: 'abc', 'INPUT_GITHUB-TOKEN': ' ghs_1\n' })).toEqual(['abc', 'ghs_1'])
  expect(secretsToMask({})).toEqual([])
})

test('buildkitd-config is a file with the text of buildkitd-config-inline', async () => {
  const [byPath, byText] = await Promise.all([
    read({ 'buildkitd-config': 'buildkitd.toml' }),
    read({ 'buildkitd-config-inline': 'debug = true' }),
  ])
  expect(byPath.nodes.map(({ buildkitdConfig }) => buildkitdConfig)).toEqual(['debug = true'])
  expect(byPath).toEqual(byText)
})

test.each([
  ['an engine here', { endpoint: 'local', driver: 'docker-container' }, { kind: 'local' }, []],
  [
    'an engine by its socket',
    { endpoint: 'unix:///run/podman.sock', platforms: 'linux/amd64' },
    { kind: 'engine', path: '/run/podman.sock' },
    [],
  ],
  [
    'a buildkitd by its socket',
    { endpoint: 'unix:///run/b.sock', driver: 'remote', platforms: 'linux/arm64,linux/amd64' },
    { kind: 'unix', path: '/run/b.sock' },
    ['linux/arm64', 'linux/amd64'],
  ],
])('endpoint is the one node: %s', async (_, given, endpoint, platforms) => {
  const { nodes } = await read({ nodes: '', ...given })
  expect(nodes).toMatchObject([{ endpoint, platforms }])
  expect(nodes).toHaveLength(1)
})

test.each([
  ['beside the local engine', {}, [{ kind: 'local' }, { kind: 'ssh', host: 'arm' }]],
  [
    'beside an endpoint',
    { endpoint: 'ssh://ci@amd' },
    [
      { kind: 'ssh', host: 'amd' },
      { kind: 'ssh', host: 'arm' },
    ],
  ],
])('append: more nodes %s', async (_, given, endpoints) => {
  const { nodes } = await read({
    nodes: '',
    SSH_AUTH_SOCK: '/agent',
    'ssh-known-hosts': knownHost.replace(/^\S+/, 'amd,arm'),
    append: '- endpoint: ssh://ci@arm\n  platforms: linux/arm64\n  driver-opts:\n    - env.A=1\n',
    ...given,
  })
  expect(nodes).toMatchObject([
    { endpoint: endpoints[1], platforms: ['linux/arm64'], driverOpts: { 'env.A': '1' } },
    { endpoint: endpoints[0], platforms: [] },
  ])
})

test.each([
  '# two more\n---\n- endpoint: unix:///run/a.sock\n  platforms: linux/arm64',
  '[{endpoint: unix:///run/a.sock, platforms: linux/arm64}]',
])('append: in any form of a list: %j', async (append) => {
  const { nodes } = await read({ nodes: '', append, driver: 'remote' })
  expect(nodes).toMatchObject([{ endpoint: { kind: 'unix', path: '/run/a.sock' } }])
})

test.each([
  ['', '[worker.oci]\ndefaultCgroupParent = "/builds/ci"\n'],
  ['debug = true', 'debug = true\n[worker.oci]\ndefaultCgroupParent = "/builds/ci"\n'],
  [
    `["worker".'oci']\nmax-parallelism = 1`,
    `["worker".'oci']\ndefaultCgroupParent = "/builds/ci"\nmax-parallelism = 1`,
  ],
  ['[worker.oci]\nmax-parallelism = 1', '[worker.oci]\ndefaultCgroupParent = "/builds/ci"\nmax-parallelism = 1'],
])('cgroup-parent goes into the configuration of every daemon: %j', async (config, expected) => {
  const { nodes, localFallback } = await read({ 'cgroup-parent': '/builds/ci', 'buildkitd-config-inline': config })
  expect([...nodes, localFallback].map(({ buildkitdConfig }) => buildkitdConfig)).toEqual(
    [...nodes, localFallback].map(() => expected),
  )
})

test('driver: docker is the BuildKit inside every engine of the list, not of what stands in for them', async () => {
  const { nodes, localFallback } = await read({
    driver: 'docker',
    SSH_AUTH_SOCK: '/agent',
    'ssh-known-hosts': knownHost,
    nodes: '- endpoint: local\n- endpoint: ssh://ci@arm.example.com\n  platforms: linux/arm64',
  })
  expect([nodes.map(({ builtIn: embedded }) => embedded), localFallback.builtIn]).toEqual([[true, true], undefined])
})

test('driver is that of listed nodes without their own', async () => {
  const { nodes } = await read({
    driver: 'remote',
    nodes: '- { endpoint: unix:///run/b.sock, platforms: linux/amd64 }',
  })
  expect(nodes).toMatchObject([{ endpoint: { kind: 'unix', path: '/run/b.sock' } }])
})

test.each([
  [{ 'keep-state': 'true' }, true],
  // As the runner gives its default.
  [{ 'keep-state': 'true', 'keep-builder': 'false' }, true],
  [{ 'keep-state': 'true', 'keep-builder': 'true' }, true],
  [{ 'keep-state': 'false', 'keep-builder': 'false' }, false],
])('keep-state is keep-builder: %j', async (given, kept) => {
  expect((await read(given)).keepBuilder).toBe(kept)
})

test('version is a release of buildx', async () => {
  const digest = '0a'.repeat(32)
  expect((await read({ version: 'v0.30.1' })).buildx).toEqual({ kind: 'exact', version: '0.30.1' })
  expect((await read({ version: '0.31.0-rc1' })).buildx).toEqual({ kind: 'exact', version: '0.31.0-rc1' })
  expect((await read({ version: `v0.30.1@sha256:${digest}` })).buildx).toEqual({
    kind: 'exact',
    version: '0.30.1',
    digest,
  })
  expect((await read({ version: 'latest' })).buildx).toEqual({ kind: 'latest' })
})

test('use: later steps get the builder', async () => {
  expect((await read({ use: 'true' })).use).toBe(true)
  const nodes = 'linux/amd64 = local\nlinux/arm64 = unix:///run/b.sock'
  expect((await read({ use: 'true', nodes })).use).toBe(true)
})

test('any text in any input gives inputs or an InputError without secrets', async () => {
  const names = [
    'nodes',
    'ssh-known-hosts',
    'driver-opts',
    'driver',
    'endpoint',
    'append',
    'cgroup-parent',
    'keep-state',
    'use',
    'version',
    'buildkitd-config',
    'buildkitd-config-inline',
    'image',
    'tags',
    'flavor',
    'annotations',
    'platforms',
    'context',
    'file',
    'target',
    'build-args',
    'labels',
    'provenance',
    'variant',
    'variants',
    'cache',
    'push',
    'username',
    'cleanup',
    'add-hosts',
    'allow',
    'attests',
    'build-contexts',
    'cache-from',
    'cache-to',
    'call',
    'load',
    'network',
    'no-cache',
    'no-cache-filters',
    'outputs',
    'sbom',
    'pull',
    'secrets',
    'secret-envs',
    'secret-files',
    'shm-size',
    'ssh',
    'ulimit',
    'registry',
    'registry-auth',
    'registries',
    'ecr',
  ]
  const pieces = fc.constantFrom(
    '- ',
    '=',
    ':',
    '/',
    '@',
    '\n',
    '"',
    '[',
    '{',
    '}',
    '#',
    ',',
    'linux/arm64',
    'local',
    'ssh://',
    'ghcr.io/',
    'endpoint: ',
    '%',
    '__proto__',
    '|1|',
    '*',
    'type=',
    'raw',
    'match',
    'pattern=(',
    'enable={{',
    '}}',
    'latest=',
    'index:',
    'name=a,value=',
  )
  const text = fc.oneof(
    fc.string(),
    fc.string({ unit: 'binary' }),
    fc.array(fc.oneof(pieces, fc.string({ maxLength: 4 })), { maxLength: 12 }).map((parts) => parts.join('')),
  )
  const secret = 'S3CR3T-VALUE-THAT-MUST-NOT-BE-TOLD'
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...names), text, async (name, value) => {
      const error: unknown = await read({
        [name]: value,
        password: secret,
        'github-token': secret,
        'ssh-private-key': secret,
      }).then(
        () => undefined,
        (thrown: unknown) => thrown,
      )
      expect(error).toBeInstanceOf(InputError)
      expect(JSON.stringify(error instanceof InputError && error.issues)).not.toContain(secret)
    }),
    { numRuns: 1500 },
  )
})

describe('mirrors', () => {
  const image = 'ghcr.io/acme/app, quay.io/acme/app\nname=docker.io/Acme/app,required=false'
  const login = { username: 'ci', password: 'secret' }

  test('are apart from the images that nodes push, with their own tags', async () => {
    const { variants, cache } = await read({ image, tags: '1.2\ndocker.io/acme/app:edge' })
    const [hub, ghcr, quay] = ['docker.io', 'ghcr.io', 'quay.io'].map((registry) => ({ registry, path: 'acme/app' }))
    expect(variants[0]).toMatchObject({
      images: [ghcr, quay],
      tags: [
        { ...ghcr, tag: '1.2' },
        { ...quay, tag: '1.2' },
      ],
      mirrors: [
        {
          repository: hub,
          tags: [
            { ...hub, tag: '1.2' },
            { ...hub, tag: 'edge' },
          ],
        },
      ],
    })
    expect(cache).toMatchObject({ registry: 'ghcr.io' })
  })

  test('have logins like other registries', async () => {
    const { logins } = await read({
      image: 'ghcr.io/acme/app\nname=docker.io/acme/app,required=false',
      ...login,
      'github-token': 'token',
    })
    expect(logins.map(({ registry, username }) => [registry, username])).toEqual([
      ['docker.io', 'ci'],
      ['ghcr.io', event.actor],
    ])
  })

  test('are not there if nothing is pushed, or if they are required too', async () => {
    expect((await read({ image, tags: '1', push: 'false' })).variants[0]).not.toHaveProperty('mirrors')
    const both = 'docker.io/acme/app\nname=docker.io/acme/app,required=false\nname=quay.io/acme/app'
    const { variants } = await read({ image: both, tags: '1' })
    expect(variants[0]?.images.map(({ registry }) => registry)).toEqual(['docker.io', 'quay.io'])
    expect(variants[0]).not.toHaveProperty('mirrors')
  })

  test.each([
    ['name=docker.io/acme/app,required=false', /^lists only mirrors/],
    ['ghcr.io/acme/app\nname=docker.io/acme/app,optional=true', /^has an unknown attribute `optional`/],
    ['ghcr.io/acme/app\nrequired=false', /^has no name: write `name=/],
    ['ghcr.io/acme/app\nname=docker.io/acme/app,required=maybe', /^is neither `true` nor `false`/],
    ['ghcr.io/acme/app\nname=docker.io/acme/app:1,required=false', /^has a tag/],
  ])('%s is an issue of `image`', async (given, expected) => {
    const error = await read({ image: given, tags: '1' }).then(
      () => undefined,
      (thrown: unknown) => thrown,
    )
    const issues = error instanceof InputError ? error.issues : []
    expect(issues).toEqual([expect.objectContaining({ input: 'image', expected: expect.stringMatching(expected) })])
  })
})
