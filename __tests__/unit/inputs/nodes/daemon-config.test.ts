import { afterAll, describe, expect, test } from '@jest/globals'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readInputs } from '../../../../src/inputs/inputs.ts'
import { hostFiles } from '../../../../src/inputs/local-paths.ts'
import { withRegistryConfig } from '../../../../src/nodes/registry-config.ts'
import { InputError } from '../../../../src/lib/issues.ts'
import { formatInputIssues } from '../../../../src/report/input-issues.ts'
import { event, jobWith, type Given } from '../../fixtures/job.ts'

const workspace = mkdtempSync(join(tmpdir(), 'config-'))
mkdirSync(join(workspace, 'certs'))
for (const name of ['ca.pem', 'other.pem', 'key.pem', 'cert.pem'])
  writeFileSync(join(workspace, 'certs', name), `PEM of ${name}\n`)
writeFileSync(join(workspace, 'Dockerfile'), 'FROM scratch\n')
writeFileSync(`${workspace}-outside.pem`, 'secret')
symlinkSync(`${workspace}-outside.pem`, join(workspace, 'link.pem'))
afterAll(() => [workspace, `${workspace}-outside.pem`].forEach((path) => rmSync(path, { recursive: true })))

function store(text: string) {
  return {
    list: () => [],
    read: () => undefined,
    contextHost: () => undefined,
    defaultConfig: () => ({ file: '/home/ci/.docker/buildx/buildkitd.default.toml', text }),
  }
}

async function read(given: Given, byDefault = '') {
  const [env] = jobWith({ context: '.', ...given })
  return await readInputs(env, { ...event, workspace }, hostFiles, store(byDefault))
}

async function issuesOf(given: Given, byDefault = ''): Promise<string> {
  const error: unknown = await read(given, byDefault).catch((thrown: unknown) => thrown)
  return error instanceof InputError ? formatInputIssues(error.issues).replaceAll(workspace, '/w') : 'no issue'
}

const config = `debug = true
[registry."base.example.com:5000"]
  # ca = ["not/this.pem"]
  http = false
  ca = [
    "certs/ca.pem",
    'certs/other.pem'
  ]
  [[registry."base.example.com:5000".keypair]]
    key = "${workspace}/certs/key.pem"
    cert = "certs/cert.pem"
[registry.inline]
  keypair = [{ key = "certs/key.pem", cert = "certs/cert.pem" }]
[grpc.tls]
  ca = "/etc/own.pem"
`

describe('files of registries in the configuration of buildkitd', () => {
  test('travel to the daemon of every node, under the paths that the configuration then has', async () => {
    const { nodes, localFallback } = await read({
      nodes: 'linux/amd64 = local\nlinux/arm64 = unix:///run/b.sock',
      'buildkitd-config-inline': config,
    })
    const [local, remote] = nodes
    const { buildkitdConfig = '', daemonFiles = {} } = local ?? {}
    expect(localFallback).toMatchObject({ buildkitdConfig, daemonFiles })
    expect([remote?.buildkitdConfig, remote?.daemonFiles]).toEqual(['', undefined])
    const named = (text: string) => text.replace(/-[0-9a-f]{8}\.pem/g, '-#.pem')
    const dir = '/etc/buildkit/certs/base.example.com_5000'
    expect(named(buildkitdConfig)).toBe(
      config
        .trim()
        .replace('"certs/ca.pem"', `"${dir}/ca-#.pem"`)
        .replace("'certs/other.pem'", `"${dir}/ca-#.pem"`)
        .replace(`"${workspace}/certs/key.pem"`, `"${dir}/key-#.pem"`)
        .replace('"certs/cert.pem"', `"${dir}/cert-#.pem"`)
        .replace('"certs/key.pem"', '"/etc/buildkit/certs/inline/key-#.pem"')
        .replace('"certs/cert.pem"', '"/etc/buildkit/certs/inline/cert-#.pem"'),
    )
    expect(Object.entries(daemonFiles).map(([path, text]) => [named(path), text])).toEqual([
      ['certs/base.example.com_5000/ca-#.pem', 'PEM of ca.pem\n'],
      ['certs/base.example.com_5000/ca-#.pem', 'PEM of other.pem\n'],
      ['certs/base.example.com_5000/key-#.pem', 'PEM of key.pem\n'],
      ['certs/base.example.com_5000/cert-#.pem', 'PEM of cert.pem\n'],
      ['certs/inline/key-#.pem', 'PEM of key.pem\n'],
      ['certs/inline/cert-#.pem', 'PEM of cert.pem\n'],
    ])
    for (const path of Object.keys(daemonFiles)) expect(buildkitdConfig).toContain(`"/etc/buildkit/${path}"`)
  })

  test('beside those of `registries`', async () => {
    const { nodes, localFallback } = await read({ 'buildkitd-config-inline': '[registry.a]\nca = ["certs/ca.pem"]' })
    const hosts = { b: { ca: 'PEM', http: false, insecure: false, mirrors: [] } }
    const [node] = withRegistryConfig({ nodes, localFallback }, hosts).nodes
    expect(Object.values(node?.daemonFiles ?? {})).toEqual(['PEM of ca.pem\n', 'PEM'])
  })

  test.each([
    ['a file that does not exist', 'certs/none.pem', '"certs/none.pem" was not found: /w/certs/none.pem'],
    ['a directory', 'certs', '"certs" is a directory: write the path of a file'],
    [
      'a link that leaves the workspace',
      'link.pem',
      `"link.pem" leaves the workspace through the symbolic link \`link.pem\`, which leads to /w-outside.pem`,
    ],
  ])('%s is an input error', async (_, path, expected) => {
    const text = `[registry."r.example.com"]\n  ca = ["${path}"]`
    expect(await issuesOf({ 'buildkitd-config-inline': text })).toContain(`buildkitd-config-inline: ${expected}`)
  })
})

describe('the default configuration of buildx', () => {
  const byDefault =
    '[registry."r.example.com"]\n  ca = ["certs/ca.pem"]\n  mirrors = ["m"]\n[worker.oci]\n  gc = false\n'

  test('applies without an input, with a note', async () => {
    const { nodes, localFallback, notes } = await read({}, byDefault)
    expect(nodes[0]?.buildkitdConfig).toContain('ca = ["/etc/buildkit/certs/r.example.com/ca-')
    expect(nodes[0]?.daemonFiles).toEqual(localFallback.daemonFiles)
    expect(notes).toEqual([
      'The daemons that this step starts have the configuration /home/ci/.docker/buildx/buildkitd.default.toml, as ' +
        'with `buildx create`.',
    ])
  })

  test.each<[string, Given, string]>([
    ['an input replaces it', { 'buildkitd-config-inline': 'debug = true' }, 'debug = true'],
    ['no daemon starts with `driver: docker`', { driver: 'docker' }, ''],
    ['a buildkitd that runs already', { nodes: 'linux/amd64,linux/arm64 = unix:///run/b.sock' }, ''],
  ])('%s', async (_, given, expected) => {
    expect((await read(given, byDefault)).nodes[0]?.buildkitdConfig).toBe(expected)
  })

  test('gives way to `registries`', async () => {
    const { nodes, localFallback } = await read({}, byDefault)
    const hosts = { 'r.example.com': { ca: '', http: true, insecure: false, mirrors: [] } }
    expect(withRegistryConfig({ nodes, localFallback }, hosts).nodes[0]?.buildkitdConfig).toBe(
      '[worker.oci]\n  gc = false\n\n[registry."r.example.com"]\n  http = true\n',
    )
  })

  test('an issue names its file', async () => {
    expect(await issuesOf({}, '[[worker.oci]]')).toContain(
      'this is in /home/ci/.docker/buildx/buildkitd.default.toml, buildx’s default configuration',
    )
  })
})
