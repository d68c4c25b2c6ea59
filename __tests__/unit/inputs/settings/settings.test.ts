import { describe, expect, test } from '@jest/globals'
import { readInputs } from '../../../../src/inputs/inputs.ts'
import { secretsToMask } from '../../../../src/inputs/secrets-to-mask.ts'
import { entitlementFlags } from '../../../../src/buildx/bake-fields.ts'
import { InputError } from '../../../../src/lib/issues.ts'
import { bakeTargets } from '../../fixtures/bake.ts'
import { checkout, jobWith, type Given } from '../../fixtures/job.ts'

const files = [...checkout, '/w/token.txt']

/** The bake targets that these inputs give, two platforms on two nodes unless said. */
async function targets(given: Given): Promise<Record<string, Record<string, unknown>>> {
  const nodes = 'linux/amd64 = local\nlinux/arm64 = unix:///run/b.sock'
  return bakeTargets(await readInputs(...jobWith({ nodes, files, cache: 'off', ...given })))
}

const commit = '0123456789abcdef0123456789abcdef01234567'
const image = 'type=image,"name=ghcr.io/acme/app",push-by-digest=true,name-canonical=true,push=true,oci-mediatypes=true'
const provenance = 'type=provenance,mode=max,builder-id=https://github.com/acme/app/actions/runs/4711/attempts/1'

describe('on every target', () => {
  test.each<[string, Given, Record<string, unknown>]>([
    [
      'add-hosts',
      { 'add-hosts': 'a:10.0.0.1, b=fd00::1\nc:[fd00::2]\nd:host-gateway' },
      { 'extra-hosts': { a: '10.0.0.1', b: 'fd00::1', c: '[fd00::2]', d: 'host-gateway' } },
    ],
    [
      'allow',
      { allow: 'network.host,security.insecure\ndevice=x/y' },
      { entitlements: ['network.host', 'security.insecure', 'device=x/y'] },
    ],
    ['sbom', { sbom: 'true' }, { attest: [provenance, 'type=sbom'] }],
    [
      'sbom with a generator',
      { sbom: 'generator=acme/scan' },
      { attest: [provenance, 'type=sbom,generator=acme/scan'] },
    ],
    [
      'attests beside provenance and sbom, which win',
      { attests: 'type=provenance,mode=min\ntype=sbom,generator=a', provenance: 'true', sbom: 'false' },
      { attest: [provenance] },
    ],
    ['quoted entries between commas', { 'no-cache-filters': '"a","b"' }, { 'no-cache-filter': ['a', 'b'] }],
    ['sbom false', { sbom: 'false' }, { attest: [provenance] }],
    [
      'attests',
      { attests: 'type=sbom,generator=a\ntype=provenance,mode=min,builder-id=b' },
      { attest: ['type=provenance,mode=min,builder-id=b', 'type=sbom,generator=a'] },
    ],
    [
      'attests that disable',
      { attests: 'type=sbom,disabled=true\ntype=provenance,disabled=true' },
      { attest: ['type=provenance,disabled=true'] },
    ],
    [
      'build-contexts',
      {
        'build-contexts':
          'a=app\nb=docker-image://alpine:3\nc=https://github.com/acme/c.git#main\nd=oci-layout://images/d',
      },
      {
        contexts: {
          a: '/w/app',
          b: 'docker-image://alpine:3',
          c: 'https://github.com/acme/c.git#main',
          d: 'oci-layout:///w/images/d',
        },
      },
    ],
    [
      'cache-from',
      { 'cache-from': 'acme/app:cache\ntype=local,src=/c' },
      { 'cache-from': ['type=registry,ref=acme/app:cache', 'type=local,src=/c'] },
    ],
    ['cache-to inline', { 'cache-to': 'type=inline' }, { 'cache-to': ['type=inline'] }],
    ['network', { network: 'none' }, { network: 'none' }],
    ['no-cache', { 'no-cache': 'true' }, { 'no-cache': true }],
    ['no-cache-filters', { 'no-cache-filters': 'one, two' }, { 'no-cache-filter': ['one', 'two'] }],
    ['pull', { pull: 'true' }, { pull: true }],
    ['secrets', { secrets: 'one=v1\n"two=a\nb"' }, { secret: ['id=one,src=/d/secrets/0', 'id=two,src=/d/secrets/1'] }],
    ['secret-envs', { 'secret-envs': 'one=TOKEN', TOKEN: '' }, { secret: ['id=one,env=TOKEN'] }],
    ['secret-files', { 'secret-files': 'one=token.txt' }, { secret: ['id=one,src=/w/token.txt'] }],
    ['shm-size', { 'shm-size': '128m' }, { 'shm-size': '128m' }],
    ['ssh', { ssh: 'default,key=keys/id', SSH_AUTH_SOCK: '/agent' }, { ssh: ['default', 'key=/w/keys/id'] }],
    ['ssh: a socket by its path', { ssh: 'key=/agent' }, { ssh: ['key=/agent'] }],
    ['ssh: an id without a path', { ssh: 'key=', SSH_AUTH_SOCK: '/agent' }, { ssh: ['key'] }],
    ['ssh: Git over SSH', { context: 'git@github.com:a/b.git', SSH_AUTH_SOCK: '/agent' }, { ssh: ['default'] }],
    ['ssh with two keys', { ssh: 'key=keys/id,./keys/other' }, { ssh: ['key=/w/keys/id,/w/keys/other'] }],
    ['ulimit', { ulimit: 'nofile=1024:2048, core=0' }, { ulimits: ['nofile=1024:2048', 'core=0'] }],
    [
      'outputs: attributes of the image',
      { outputs: 'type=registry,compression=zstd,compression-level=3' },
      { output: [`${image},compression=zstd,compression-level=3`] },
    ],
    [
      'outputs: what others write for the image of `tags`',
      {
        outputs:
          'type=image,name=target,push=true,oci-mediatypes=true\n' +
          'type=image,"name=ghcr.io/acme/app",name-canonical=true,push=true',
      },
      { output: [image] },
    ],
    ['outputs: nothing pushed, as it says', { outputs: 'type=image,push=false' }, { output: ['type=cacheonly'] }],
    [
      'outputs: of an image that is not pushed this time',
      { outputs: 'type=image,compression=zstd', push: 'false' },
      { output: ['type=cacheonly'] },
    ],
    [
      'outputs: of an image that `push` is about',
      { outputs: 'type=image,compression=zstd', push: 'true' },
      { output: [`${image},compression=zstd`] },
    ],
    [
      'outputs: annotations',
      {
        outputs: 'type=image,annotation.a=1,annotation-manifest[linux/arm64].b=2,annotation-index.c=x y',
        push: 'true',
      },
      { output: [image] },
    ],
    [
      'BUILDX_NO_DEFAULT_ATTESTATIONS',
      { BUILDX_NO_DEFAULT_ATTESTATIONS: '1' },
      { attest: ['type=provenance,disabled=true'] },
    ],
    [
      'BUILDX_NO_DEFAULT_ATTESTATIONS, and a word',
      { BUILDX_NO_DEFAULT_ATTESTATIONS: 'true', provenance: 'true' },
      { attest: [provenance] },
    ],
    ['BUILDX_NO_DEFAULT_ATTESTATIONS: no', { BUILDX_NO_DEFAULT_ATTESTATIONS: '0' }, { attest: [provenance] }],
    [
      'build-contexts: the default',
      { 'build-contexts': 'a={{defaultContext}}:lib' },
      { contexts: { a: 'https://github.com/acme/app.git#0123456789abcdef0123456789abcdef01234567:lib' } },
    ],
    [
      'secret-envs, with commas',
      { 'secret-envs': 'one=A,two=B\n"three=C"', A: '1', B: '2', C: '3' },
      { secret: ['id=one,env=A', 'id=two,env=B', 'id=three,env=C'] },
    ],
    ['secrets without a value are none', { secrets: 'one=\ntwo=2' }, { secret: ['id=two,src=/d/secrets/0'] }],
    ['SOURCE_DATE_EPOCH', { SOURCE_DATE_EPOCH: '0' }, { output: [`${image},rewrite-timestamp=true`] }],
    [
      'SOURCE_DATE_EPOCH in build-args',
      { 'build-args': 'SOURCE_DATE_EPOCH=0' },
      { output: [`${image},rewrite-timestamp=true`] },
    ],
    ['SOURCE_DATE_EPOCH in build-args, without a time', { 'build-args': 'SOURCE_DATE_EPOCH=' }, { output: [image] }],
    [
      'SOURCE_DATE_EPOCH, but as it was',
      { SOURCE_DATE_EPOCH: '0', outputs: 'type=image,push=true,rewrite-timestamp=false' },
      { output: [`${image},rewrite-timestamp=false`] },
    ],
    ['outputs: nothing', { outputs: 'type=cacheonly' }, { output: ['type=cacheonly'] }],
    [
      'context: no checkout',
      { files: [], 'github-token': 't' },
      {
        context: 'https://github.com/acme/app.git#0123456789abcdef0123456789abcdef01234567',
        secret: ['id=GIT_AUTH_TOKEN.github.com,src=/d/secrets/0'],
      },
    ],
    [
      'context: a pull request without a checkout, which may move on',
      { files: [], event: { ref: 'refs/pull/7/merge', name: 'pull_request' } },
      { context: 'https://github.com/acme/app.git#0123456789abcdef0123456789abcdef01234567' },
    ],
    [
      'context: the head of a pull request',
      {
        files: [],
        DOCKER_DEFAULT_GIT_CONTEXT_PR_HEAD_REF: 'true',
        event: { ref: 'refs/pull/7/merge', name: 'pull_request', headSha: 'f11797113e5a9b86bd976329c5dbb8a8bfdfadfa' },
      },
      { context: 'https://github.com/acme/app.git#f11797113e5a9b86bd976329c5dbb8a8bfdfadfa' },
    ],
    [
      'context: as query parameters',
      { files: [], BUILDX_SEND_GIT_QUERY_AS_INPUT: '1' },
      { context: `https://github.com/acme/app.git?ref=refs/heads/main&checksum=${commit}` },
    ],
    [
      'context: as query parameters, a directory',
      { context: '{{defaultContext}}:app', BUILDX_SEND_GIT_QUERY_AS_INPUT: 'true' },
      { context: `https://github.com/acme/app.git?ref=refs/heads/main&checksum=${commit}&subdir=app` },
    ],
    [
      'context: as query parameters, of a pull request',
      {
        files: [],
        BUILDX_SEND_GIT_QUERY_AS_INPUT: 'true',
        event: { ref: 'refs/pull/7/merge', name: 'pull_request' },
      },
      { context: `https://github.com/acme/app.git?ref=${commit}` },
    ],
    [
      'context: the default and a directory',
      { context: '{{defaultContext}}:app', file: 'prod.Dockerfile' },
      {
        context: 'https://github.com/acme/app.git#0123456789abcdef0123456789abcdef01234567:app',
        dockerfile: 'prod.Dockerfile',
      },
    ],
    [
      'context: of another repository, without the token',
      { context: 'https://github.com/acme/other.git', 'github-token': 't' },
      { context: 'https://github.com/acme/other.git' },
    ],
    [
      'context: a token of one’s own',
      { files: [], secrets: 'GIT_AUTH_TOKEN=x', 'github-token': 't' },
      { secret: ['id=GIT_AUTH_TOKEN,src=/d/secrets/0'] },
    ],
  ])('%s', async (_, given, expected) => {
    const made = await targets(given)
    expect(Object.keys(made)).toEqual(['linux-amd64', 'linux-arm64'])
    for (const target of Object.values(made)) expect(target).toMatchObject(expected)
    if (!('secret' in expected))
      expect(Object.values(made).flatMap((target) => Object.keys(target))).not.toContain('secret')
  })

  test('without any of them a target holds none of their fields', async () => {
    const [target = {}] = Object.values(await targets({}))
    expect(Object.keys(target).sort()).toEqual([
      'annotations',
      'args',
      'attest',
      'cache-from',
      'cache-to',
      'context',
      'labels',
      'output',
      'platforms',
    ])
  })
})

describe('where they go', () => {
  test('files of several platforms lie beside each other', async () => {
    const made = await targets({ outputs: 'out\ntype=local,dest=flat,platform-split=false' })
    expect(made['linux-amd64']?.['output']).toEqual([
      'type=local,dest=/w/out/linux_amd64',
      'type=local,dest=/w/flat,platform-split=false',
    ])
    expect(made['linux-arm64']?.['output']).toEqual([
      'type=local,dest=/w/out/linux_arm64',
      'type=local,dest=/w/flat,platform-split=false',
    ])
  })

  test('files of one build are at their destination, with any push', async () => {
    const one = { platforms: 'linux/arm64' }
    expect((await targets({ ...one, outputs: 'type=local,dest=out' }))['linux-arm64']?.['output']).toEqual([
      'type=local,dest=/w/out',
    ])
    expect(
      (await targets({ ...one, outputs: 'type=tar,dest=out.tar', push: 'true' }))['linux-arm64']?.['output'],
    ).toEqual([image, 'type=tar,dest=/w/out.tar'])
    expect((await targets({ ...one, 'cache-to': 'type=local,dest=/c' }))['linux-arm64']?.['cache-to']).toEqual([
      'type=local,dest=/c',
    ])
  })

  test('load alone pushes nothing, and adds attestations only on request', async () => {
    const [loaded] = Object.values(await targets({ load: 'true', platforms: 'linux/amd64', tags: 'a\nb' }))
    expect(loaded).toMatchObject({
      output: ['type=docker,"name=ghcr.io/acme/app:a,ghcr.io/acme/app:b"'],
      attest: ['type=provenance,disabled=true'],
    })
    const [both] = Object.values(
      await targets({
        outputs: 'type=docker',
        push: 'true',
        platforms: 'linux/amd64',
        tags: 'a',
        provenance: 'mode=min,builder-id=b',
      }),
    )
    expect(both).toMatchObject({
      output: [image, 'type=docker,name=ghcr.io/acme/app:a'],
      attest: ['type=provenance,mode=min,builder-id=b'],
    })
  })

  test('a call builds nothing', async () => {
    expect((await targets({ call: 'check' }))['linux-amd64']).toMatchObject({ output: ['type=cacheonly'] })
  })
})

test('bake is allowed the requested paths', async () => {
  const { settings } = await readInputs(
    ...jobWith({ allow: 'security.insecure', network: 'host', ssh: 'default', SSH_AUTH_SOCK: '/agent' }),
  )
  expect(entitlementFlags(settings)).toEqual([
    '--allow',
    'security.insecure',
    '--allow',
    'network.host',
    '--allow',
    'ssh',
  ])
})

test('secrets are masked line by line and printed nowhere', async () => {
  expect(
    secretsToMask({
      INPUT_SECRETS: 'one=first"secret\n"two=line one ""x""\nline two"',
      'INPUT_CACHE-TO': 'type=s3,name=x,secret_access_key=verysecret',
    }),
  ).toEqual(expect.arrayContaining(['first"secret', 'line one "x"', 'verysecret']))
  const service = {
    AWS_SECRET_ACCESS_KEY: 'aws-secret',
    AWS_SESSION_TOKEN: 'aws-session',
    ACTIONS_RUNTIME_TOKEN: 'a.runtime.token',
    ACTIONS_CACHE_URL: 'http://10.0.0.1:4000/0123456789abcdef0123/_apis/',
  }
  expect(secretsToMask(service)).toEqual(['a.runtime.token', '0123456789abcdef0123', 'aws-secret', 'aws-session'])
  const told = await readInputs(
    ...jobWith({ secrets: 'S3CRET\n=S3CRET\n"S3CRET', 'cache-to': 'type=s4,secret_access_key=S3CRET' }),
  ).catch((error: unknown) => JSON.stringify(error instanceof InputError && error.issues))
  expect(told).toContain('secrets')
  expect(told).not.toContain('S3CRET')
})
