import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { renderBake, writesForJob, type BakeOptions } from '../../../src/buildx/bake-definition.ts'
import type { ImageTests } from '../../../src/inputs/image-tests.ts'
import { plainSettings, type BuildSettings } from '../../../src/inputs/settings/settings.ts'
import { parsePlatform } from '../../../src/lib/platform.ts'
import type { VariantSpec } from '../../../src/inputs/variants.ts'
import type { Target } from '../../../src/plan/target.ts'
import { nodeSpec, testNode } from '../fixtures/nodes.ts'
import { RunDir } from '../../../src/run/run-dir.ts'

const settings: BuildSettings = { ...plainSettings, provenance: 'mode=max' }
const options: BakeOptions = {
  push: true,
  settings,
  dir: new RunDir('/d'),
  several: false,
  nonce: '1-1-x',
  ephemeral: false,
}
const platform = parsePlatform('linux/arm64')!
const variant: VariantSpec = {
  name: 'slim',
  images: [
    { registry: 'ghcr.io', path: 'acme/app' },
    { registry: 'docker.io', path: 'acme/app' },
  ],
  tags: [],
  platforms: [],
  context: '/w',
  file: '/w/Dockerfile',
  target: 'final',
  buildArgs: { A: '${B} %{C} $D' },
  labels: { l: 'x' },
  annotations: [],
  version: '',
}
const node = testNode('n', ['linux/arm64'], { spec: nodeSpec('n', [], 'unix:///s') })
const target = (fields: Partial<VariantSpec> = {}): Target => ({
  id: 'slim-linux-arm64',
  variant: { ...variant, ...fields },
  platform,
  node,
  cache: { name: 'a', from: ['type=registry,ref=a'], to: 'type=registry,ref=b' },
})

const bake = (given: Partial<BakeOptions> = {}, fields: Partial<VariantSpec> = {}) => {
  const parsed: unknown = JSON.parse(renderBake([target(fields)], { ...options, ...given }))
  return parsed as { group: unknown; target: Record<string, Record<string, unknown>> }
}

describe('renderBake', () => {
  test('a fork build reads caches, writes none, and has separate cache mounts on a shared daemon', () => {
    const cacheTo = [
      'type=gha,scope=x',
      'type=registry,ref=ghcr.io/acme/app:cache',
      'mode=max,type=local,dest=/tmp/x',
      'type=inline',
    ]
    const target = bake({ fork: true, settings: { ...settings, cacheTo } }).target['slim-linux-arm64']
    expect([target?.['cache-from'], target?.['cache-to'], target?.['args']]).toEqual([
      [expect.any(String)],
      cacheTo.slice(2),
      { A: '$${B} %%{C} $D', BUILDKIT_CACHE_MOUNT_NS: '1-1-x' },
    ])
  })

  test.each<[string, string, Partial<BakeOptions>, boolean]>([
    ['a cache in the registry', 'type=registry,ref=a', {}, false],
    ['a cache in a directory', 'type=local,dest=/w/cache', {}, true],
    ['the same in a fork build', 'type=local,dest=/w/cache', { fork: true }, false],
    [
      'a cache-to in a directory',
      'type=gha',
      { settings: { ...settings, cacheTo: ['"type=local",dest=/w/cache'] } },
      true,
    ],
    [
      'files',
      'type=gha',
      { settings: { ...settings, exports: [{ type: 'local', dest: '/w/out', attributes: [] }] } },
      true,
    ],
  ])('writes files for the job: %s', (_, to, given, expected) => {
    expect(writesForJob([{ ...target(), cache: { name: 'a', from: [], to } }], { ...options, ...given })).toBe(expected)
  })

  test('a whole target', () => {
    expect(bake()).toEqual({
      group: { default: { targets: ['slim-linux-arm64'] } },
      target: {
        'slim-linux-arm64': {
          context: '/w',
          dockerfile: '/w/Dockerfile',
          target: 'final',
          platforms: ['linux/arm64'],
          args: { A: '$${B} %%{C} $D' },
          labels: { l: 'x' },
          attest: ['type=provenance,mode=max'],
          output: [
            'type=image,"name=ghcr.io/acme/app,docker.io/acme/app",' +
              'push-by-digest=true,name-canonical=true,push=true,oci-mediatypes=true',
          ],
          annotations: ['index:io.github.multiarch-build.run=1-1-x'],
          'cache-from': ['type=registry,ref=a'],
          'cache-to': ['type=registry,ref=b'],
        },
      },
    })
  })

  test('annotations of the platform’s manifest; those of other levels are added later', () => {
    const annotations: VariantSpec['annotations'] = [
      { level: 'manifest', key: 'a', value: '1' },
      { level: 'manifest', platform, key: 'a', value: '${2}' },
      { level: 'manifest', platform: parsePlatform('linux/amd64')!, key: 'b', value: '3' },
      { level: 'index', key: 'c', value: '4' },
      { level: 'manifest-descriptor', key: 'd', value: '5' },
    ]
    expect(bake({}, { annotations }).target['slim-linux-arm64']?.['annotations']).toEqual([
      'index:io.github.multiarch-build.run=1-1-x',
      'manifest:a=$${2}',
    ])
  })

  test('an ephemeral image: its manifest has the ownership annotation too', () => {
    expect(bake({ ephemeral: true }).target['slim-linux-arm64']?.['annotations']).toEqual([
      'index:io.github.multiarch-build.run=1-1-x',
      'manifest:io.github.multiarch-build.run=1-1-x',
    ])
  })

  test('of a pull request: every manifest names it beside the run', () => {
    const key = 'io.github.multiarch-build.pull-request'
    const annotationsOf = (ephemeral: boolean) =>
      bake({ ephemeral, pullRequest: '0123abcd-7' }).target['slim-linux-arm64']?.['annotations']
    expect(annotationsOf(true)).toEqual([
      'index:io.github.multiarch-build.run=1-1-x',
      `index:${key}=0123abcd-7`,
      'manifest:io.github.multiarch-build.run=1-1-x',
      `manifest:${key}=0123abcd-7`,
    ])
    expect(annotationsOf(false)).toEqual(['index:io.github.multiarch-build.run=1-1-x', `index:${key}=0123abcd-7`])
  })

  test('without provenance there is no index to annotate', () => {
    expect(bake({ settings: plainSettings }).target['slim-linux-arm64']).toMatchObject({
      attest: ['type=provenance,disabled=true'],
      annotations: [],
    })
  })

  test('inline provenance is in a pushed image, and not in an archive', () => {
    const inline = { ...settings, provenance: 'mode=min,inline-only=true' }
    const annotationsOf = (given: typeof settings) =>
      bake({ settings: given }).target['slim-linux-arm64']?.['annotations']
    expect(annotationsOf(inline)).toEqual(['index:io.github.multiarch-build.run=1-1-x'])
    expect(annotationsOf({ ...inline, exports: [{ type: 'oci', dest: '/w/a.tar', attributes: [] }] })).toEqual([])
  })

  test('Docker media types if `outputs` requests them', () => {
    const image = [['oci-mediatypes', 'false'] as const]
    const { output } = bake({ settings: { ...settings, image } }).target['slim-linux-arm64'] ?? {}
    expect(output).toEqual([expect.stringMatching(/push=true,oci-mediatypes=false$/)])
  })

  test('an image of one run has OCI media types all the same: its annotation proves who may delete it', () => {
    const image = [['oci-mediatypes', 'false'] as const]
    const built = bake({ ephemeral: true, settings: { ...settings, image } }).target['slim-linux-arm64']
    expect(built?.['output']).toEqual([expect.stringMatching(/push=true,oci-mediatypes=true$/)])
    expect(built?.['annotations']).toContainEqual(expect.stringMatching(/^manifest:io\.github\.multiarch-build\.run=/))
  })

  test('an archive of an image has its references, unless `outputs` names others', () => {
    const tags = ['1.0', 'latest'].map((tag) => ({ registry: 'ghcr.io', path: 'acme/app', tag }))
    const exports = [
      { type: 'docker' as const, dest: '/w/a.tar', attributes: [] },
      { type: 'oci' as const, dest: '/w/b.tar', attributes: [['name', 'x/y:1'] as const] },
      { type: 'local' as const, dest: '/w/out', attributes: [] },
    ]
    const built = bake({ push: false, settings: { ...settings, exports } }, { tags }).target['slim-linux-arm64']
    expect(built?.['output']).toEqual([
      'type=docker,dest=/w/a.tar,"name=ghcr.io/acme/app:1.0,ghcr.io/acme/app:latest"',
      'type=oci,dest=/w/b.tar,name=x/y:1',
      'type=local,dest=/w/out',
    ])
  })

  test('push: false reads the cache and writes nothing', () => {
    const built = bake({ push: false }).target['slim-linux-arm64']
    expect(built).toMatchObject({ output: ['type=cacheonly'], 'cache-from': [expect.any(String)], 'cache-to': [] })
    expect(built).not.toHaveProperty('annotations')
  })

  test('no text becomes a template, and no text is lost', () => {
    // How HCL reads the escapes (proved in e2e/special-characters.test.ts): `$$${` is `$` and the escape of `${`.
    const unescape = (text: string) => text.replace(/([$%])\1\{/g, '$1{')
    const texts = fc
      .array(fc.constantFrom('$', '%', '{', '}', 'a', '"', '\n'), { maxLength: 10 })
      .map((parts) => parts.join(''))
    fc.assert(
      fc.property(texts, texts, (name, value) => {
        const built = bake({}, { buildArgs: { [name]: value } }).target['slim-linux-arm64']
        const args = built?.['args'] as Record<string, string>
        const [[escapedName, escaped] = ['', '']] = Object.entries(args)
        expect(`${escapedName} ${escaped}`.replace(/([$%])\1\{/g, ' ')).not.toMatch(/[$%]\{/)
        expect([unescape(escapedName), unescape(escaped)]).toEqual([name, value])
      }),
    )
  })
})

describe('targets of one node with an upload of their own', () => {
  type Rendered = Readonly<Record<string, Record<string, unknown>>>
  const withoutFile = Object.fromEntries(Object.entries(variant).filter(([key]) => key !== 'file')) as typeof variant
  const render = (fields: Partial<VariantSpec>, given: Partial<BakeOptions> = { depth: 2 }, base = variant) => {
    const targets = ['a', 'b'].map((id) => ({ ...target(), id, variant: { ...base, ...fields } }))
    return (JSON.parse(renderBake(targets, { ...options, ...given })) as { target: Rendered }).target
  }
  const contexts = { lib: '/w/lib', base: 'docker-image://alpine', git: 'https://example.com/x.git' }

  test('each has its own spelling of every directory; they share the Dockerfile', () => {
    const { a, b, ...more } = render({}, { depth: 2, settings: { ...settings, contexts } })
    const spelled = { context: '../../../w', contexts: { ...contexts, lib: '../../../w/lib' } }
    expect([a?.['context'], a?.['contexts'], more]).toEqual(['/w', contexts, {}])
    expect(b).toEqual({ ...a, ...spelled })
  })

  test('the Dockerfile of the context keeps its path', () => {
    const { a, b } = render({}, { depth: 2 }, withoutFile)
    expect([a?.['dockerfile'], b?.['dockerfile']]).toEqual([undefined, '/w/Dockerfile'])
  })

  test('the test stage of an image has the upload of the image', () => {
    const { a, b, 'a--stage': first, 'b--stage': second } = render({ tests: { stage: 'unit', timeout: 1000 } })
    expect([first?.['context'], second?.['context']]).toEqual([a?.['context'], b?.['context']])
    expect(b?.['context']).toBe('../../../w')
  })

  test.each([
    ['with a Dockerfile', { file: 'Dockerfile' }],
    ['without one', {}],
  ])('BuildKit fetches a remote context itself: %s', (_, fields) => {
    const { a, b } = render({ context: 'https://example.com/x.git#main', ...fields }, { depth: 2 }, withoutFile)
    expect(b).toEqual(a)
  })

  test('without `depth` they share one', () => {
    const { a, b } = render({}, {})
    expect(b).toEqual(a)
  })
})

describe('the tests of an image', () => {
  const image = 'slim-linux-arm64'
  const tests = (tests?: ImageTests, given: Partial<BakeOptions> = {}) => bake(given, tests ? { tests } : {}).target
  const commandOf = (command: readonly string[]) =>
    String(tests({ command, timeout: 1000 })[`${image}--test`]?.['dockerfile-inline'])

  test('without any there is only the image', () => expect(Object.keys(tests())).toEqual([image]))

  test('they are targets of the same call, and export nothing', () => {
    const given = { settings: { ...settings, attests: ['type=sbom'], cacheTo: ['type=inline'] } }
    const { group, target: all } = bake(given, { tests: { command: ['/app'], stage: 'unit', timeout: 1000 } })
    expect(group).toEqual({ default: { targets: [image, `${image}--test`, `${image}--stage`] } })
    for (const name of [`${image}--test`, `${image}--stage`]) {
      expect(all[name]).toMatchObject({ output: ['type=cacheonly'], attest: ['type=provenance,disabled=true'] })
      expect(all[name]).toMatchObject({ platforms: ['linux/arm64'] })
      expect(all[name]?.['cache-to'] ?? []).toEqual([])
      expect(all[name]?.['annotations'] ?? []).toEqual([])
    }
    expect(all[image]).toEqual(bake(given).target[image])
  })

  test('the command runs anew on the built image, without its secrets, arguments and entitlements', () => {
    const given: BuildSettings = {
      ...settings,
      secrets: [{ kind: 'value', id: 's', value: 'x' }],
      ssh: ['default'],
      entitlements: ['security.insecure'],
      contexts: { other: '/w/other' },
      hosts: { db: '10.0.0.1' },
      network: 'none',
      ulimits: ['nofile=1024:1024'],
      shmSize: '64m',
    }
    expect(tests({ command: ['/app'], timeout: 1000 }, { settings: given })[`${image}--test`]).toEqual({
      context: '.',
      contexts: { image: `target:${image}` },
      'dockerfile-inline': 'FROM scratch AS unused\nFROM image AS test-of-image\nRUN ["/app"]\n',
      platforms: ['linux/arm64'],
      args: { BUILDKIT_SANDBOX_HOSTNAME: expect.stringMatching(/^test-[0-9a-f]{12}$/) as unknown },
      'no-cache': true,
      'extra-hosts': { db: '10.0.0.1' },
      network: 'none',
      ulimits: ['nofile=1024:1024'],
      'shm-size': '64m',
      output: ['type=cacheonly'],
      attest: ['type=provenance,disabled=true'],
    })
  })

  test('the step is not the same in two runs, nor for two targets', () => {
    const hostOf = (nonce: string) => tests({ command: ['/app'], timeout: 1000 }, { nonce })[`${image}--test`]?.['args']
    expect(hostOf('one')).toEqual(hostOf('one'))
    expect(hostOf('one')).not.toEqual(hostOf('two'))
  })

  test('a stage is built like the image, with its arguments, secrets and caches to read', () => {
    const { [image]: built, [`${image}--stage`]: stage } = tests({ stage: 'unit', timeout: 1000 })
    expect(stage).toEqual({
      ...built,
      target: 'unit',
      annotations: [],
      'cache-to': [],
      output: ['type=cacheonly'],
      attest: ['type=provenance,disabled=true'],
    })
  })

  test('no text can leave the line of the Dockerfile or become a heredoc', () => {
    const anything = fc.array(
      fc.string({ unit: fc.constantFrom('<', '"', '\\', '\n', '\r', "'", '#', ' ', 'E', '\u2028') }),
    )
    fc.assert(
      fc.property(anything, (command) => {
        const lines = commandOf(['/bin/sh', '-ec', ...command]).split('\n')
        expect([lines.length, lines[3]]).toEqual([4, ''])
        const [, json = ''] = /^RUN (\[.*\])$/s.exec(lines[2] ?? '') ?? []
        expect(json).not.toMatch(/[<\r]/)
        expect(JSON.parse(json)).toEqual(['/bin/sh', '-ec', ...command])
      }),
    )
  })

  test('bake does not expand a command', () => {
    expect(commandOf(['echo', '${A} %{B} $C'])).toContain('["echo","$${A} %%{B} $C"]')
  })
})
