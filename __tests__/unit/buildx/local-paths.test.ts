import { expect, test } from '@jest/globals'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  createDestinations,
  fileAccessFlags,
  findEscape,
  findUnusable,
  localPathsOf,
} from '../../../src/buildx/local-paths.ts'
import { cacheOf } from '../../../src/inputs/cache/cache.ts'
import { readInputs } from '../../../src/inputs/inputs.ts'
import type { Target } from '../../../src/plan/target.ts'
import { checkout, jobWith, type Given } from '../fixtures/job.ts'

const files = [...checkout, '/w/key', '/elsewhere/key', '/w/layout/.', '/elsewhere/agent']

async function paths(given: Given) {
  const { variants, settings, cache, push } = await readInputs(...jobWith({ files, cache: 'off', ...given }))
  const targets = variants.flatMap((variant) =>
    variant.platforms.map((platform) => {
      const targetCache = cacheOf(cache, variant, platform)
      return { id: platform, variant, platform, ...(targetCache && { cache: targetCache }) } as unknown as Target
    }),
  )
  const options = { settings, push, several: targets.length > 1, nonce: '', ephemeral: false }
  return localPathsOf(targets, { ...options, dir: undefined as never })
}

test('every path that a build reads or writes, with the input that names it', async () => {
  const found = await paths({
    platforms: 'linux/amd64,linux/arm64',
    variants: 'slim: {file: app/Dockerfile}',
    'build-contexts': 'a=app\nb=docker-image://alpine\nc=oci-layout://layout\nd=https://example.com/x.git',
    'secret-files': 'a=key',
    ssh: 'a=/elsewhere/agent,default',
    SSH_AUTH_SOCK: '/agent',
    outputs: 'out',
    'cache-from': 'type=local,src=/c/from\nacme/app:cache',
    cache: 'type=local,dest=kept',
  })
  const lines = [...new Set(found.map(({ input, path, access }) => `${input} ${access} ${path}`))]
  expect(lines).toEqual([
    'build-contexts read /w/app',
    'build-contexts read /w/layout',
    'secret-files read /w/key',
    'ssh read /elsewhere/agent',
    'cache-from read /c/from',
    'context read /w',
    'file read /w/app/Dockerfile',
    'outputs write /w/out/slim/linux_amd64',
    'cache read /w/kept/slim-linux-amd64',
    'cache read /w/kept/linux-amd64',
    'cache read /w/kept',
    'cache write /w/kept/slim-linux-amd64',
    'outputs write /w/out/slim/linux_arm64',
    'cache read /w/kept/slim-linux-arm64',
    'cache read /w/kept/linux-arm64',
    'cache write /w/kept/slim-linux-arm64',
  ])
})

test('bake may use the secrets of the run and what lies outside the workspace by name, and nothing else', async () => {
  const found = await paths({
    platforms: 'linux/arm64',
    context: '/elsewhere',
    'secret-files': 'a=/elsewhere/key\nb=key',
    outputs: '/out\nout',
  })
  expect(fileAccessFlags(found, { workspace: '/w', secrets: '/run/secrets' })).toEqual(
    ['fs.read=/run/secrets', 'fs.read=/elsewhere/key', 'fs.read=/elsewhere', 'fs.read=/elsewhere/Dockerfile']
      .concat('fs.write=/out')
      .flatMap((entry) => ['--allow', entry]),
  )
})

test.each<[given: Given, link: string, input: string]>([
  [{ outputs: 'out', platforms: 'linux/amd64,linux/arm64' }, '/w/out/linux_arm64', 'outputs'],
  [{ outputs: 'out', platforms: 'linux/arm64' }, '/w/out', 'outputs'],
  [{ cache: 'type=local,dest=kept', platforms: 'linux/arm64' }, '/w/kept/linux-arm64', 'cache'],
  [{ 'cache-to': 'type=local,dest=c', platforms: 'linux/arm64' }, '/w/c', 'cache-to'],
  [{ 'cache-to': 'type=local,dest=/w/c', platforms: 'linux/arm64' }, '/w/c', 'cache-to'],
  [{ context: 'app', platforms: 'linux/arm64' }, '/w/app', 'context'],
  [{ 'build-contexts': 'a=app', platforms: 'linux/arm64' }, '/w/app', 'build-contexts'],
  [{ 'build-contexts': 'a=oci-layout://layout:1', platforms: 'linux/arm64' }, '/w/layout', 'build-contexts'],
  [{ 'secret-files': 'a=key', platforms: 'linux/arm64' }, '/w/key', 'secret-files'],
  [{ ssh: 'a=keys/id', platforms: 'linux/arm64' }, '/w/keys/id', 'ssh'],
  [{ 'cache-from': 'type=local,src=c', platforms: 'linux/arm64' }, '/w/c', 'cache-from'],
  [{ platforms: 'linux/arm64' }, '/w/Dockerfile', 'file'],
  [{ platforms: 'linux/arm64' }, '/w/Dockerfile.rego', 'file'],
  [{ file: 'app/prod.Dockerfile', platforms: 'linux/arm64' }, '/w/app/prod.Dockerfile.rego', 'file'],
])('%j: a link at %s that was made since the inputs were parsed is found', async (given, link, input) => {
  const found = await paths(given)
  expect(findEscape(found, '/w', () => undefined)).toBeUndefined()
  expect(findEscape(found, '/w', (path) => (path === link ? '/actions' : undefined))).toMatchObject({
    code: 'inputs',
    message: `\`${input}\`: a path leaves the workspace through a symbolic link`,
    hint: expect.stringContaining('which leads to /actions'),
  })
  expect(findEscape(found, '/w', (path) => (path === link ? '/w/empty' : undefined))).toBeUndefined()
})

test.each<[given: Given, link: string, input: string]>([
  [{ cache: 'type=local,dest=kept', platforms: 'linux/arm64' }, 'kept/linux-arm64/index.json', 'cache'],
  [{ cache: 'type=local,dest=kept', platforms: 'linux/arm64' }, 'kept/linux-arm64/blobs/sha256', 'cache'],
  [{ 'cache-to': 'type=local,dest=kept', platforms: 'linux/arm64' }, 'kept/ingest/0123/data', 'cache-to'],
  [{ 'cache-from': 'type=local,src=kept', platforms: 'linux/arm64' }, 'kept/blobs', 'cache-from'],
  [{ outputs: 'type=oci,tar=false,dest=out', platforms: 'linux/arm64' }, 'out/oci-layout', 'outputs'],
  [{ 'build-contexts': 'a=oci-layout://out', platforms: 'linux/arm64' }, 'out/index.json', 'build-contexts'],
])('%j: buildx would follow the link %s in a directory of blobs', async (given, link, input) => {
  const root = mkdtempSync(join(realpathSync(tmpdir()), 'layouts-'))
  const workspace = join(root, 'w')
  try {
    mkdirSync(join(workspace, link, '..'), { recursive: true })
    const found = (await paths({ ...given, files: [...checkout, '/w/out/.'] })).map((one) => ({
      ...one,
      path: one.path.replace(/^\/w(?=\/|$)/, workspace),
    }))
    symlinkSync('inside', join(workspace, link))
    expect(findEscape(found, workspace)).toBeUndefined()
    rmSync(join(workspace, link))
    symlinkSync(join(root, 'actions'), join(workspace, link))
    expect(findEscape(found, workspace)).toMatchObject({
      code: 'inputs',
      message: `\`${input}\`: a path leaves the workspace through a symbolic link`,
      hint: expect.stringContaining(`${join(workspace, link)} leaves the workspace`),
    })
  } finally {
    rmSync(root, { recursive: true })
  }
})

test('a link in a directory of blobs may lead to a directory of the workspace that has no link out of it', async () => {
  const root = mkdtempSync(join(realpathSync(tmpdir()), 'chains-'))
  const workspace = join(root, 'w')
  try {
    for (const name of ['kept', 'other/more']) mkdirSync(join(workspace, name), { recursive: true })
    symlinkSync('../other', join(workspace, 'kept/blobs'))
    symlinkSync('..', join(workspace, 'other/more/loop'))
    const found = await paths({ 'cache-to': 'type=local,dest=kept', platforms: 'linux/arm64' })
    const here = found.map((one) => ({ ...one, path: one.path.replace(/^\/w(?=\/|$)/, workspace) }))
    expect(findEscape(here, workspace)).toBeUndefined()
    symlinkSync(root, join(workspace, 'other/more/sha256'))
    expect(findEscape(here, workspace)).toMatchObject({
      code: 'inputs',
      message: '`cache-to`: a path leaves the workspace through a symbolic link',
      hint: expect.stringContaining('blobs/more/sha256'),
    })
  } finally {
    rmSync(root, { recursive: true })
  }
})

test('a named pipe that was made since the inputs were parsed is found', async () => {
  const workspace = mkdtempSync(join(realpathSync(tmpdir()), 'pipes-'))
  try {
    for (const name of ['key', 'Dockerfile.rego']) execFileSync('mkfifo', [join(workspace, name)])
    const found = await paths({ 'secret-files': 'a=key', platforms: 'linux/arm64' })
    const here = found.map((one) => ({ ...one, path: one.path.replace(/^\/w/, workspace) }))
    const error = (input: string) => ({ message: `\`${input}\`: a path is a named pipe`, code: 'inputs' })
    expect(findEscape(here, workspace)).toMatchObject(error('secret-files'))
    // buildx would wait for a policy.
    rmSync(join(workspace, 'key'))
    expect(findEscape(here, workspace)).toMatchObject(error('file'))
  } finally {
    rmSync(workspace, { recursive: true })
  }
})

test.each<[given: Given, input: string]>([
  [{ context: '/parent' }, 'context'],
  [{ context: '/parent/link' }, 'context'],
  [{ 'build-contexts': 'a=/parent' }, 'build-contexts'],
  [{ file: '/parent/Dockerfile' }, 'file'],
  [{ variants: 'slim: {file: /parent/Dockerfile}' }, 'file'],
  [{ outputs: 'type=local,dest=/parent' }, 'outputs'],
  [{ 'cache-from': 'type=local,src=/parent' }, 'cache-from'],
])('%j: a directory that contains the private directory of the run is refused', async (given, input) => {
  const root = mkdtempSync(join(realpathSync(tmpdir()), 'private-'))
  try {
    for (const name of ['parent/run', 'w/app']) mkdirSync(join(root, name), { recursive: true })
    symlinkSync('.', join(root, 'parent/link'))
    const exists = ['/parent/.', '/parent/link/.', '/parent/Dockerfile', '/parent/link/Dockerfile']
    const found = await paths({ platforms: 'linux/arm64', ...given, files: [...checkout, ...exists] })
    const here = found.map((one) => ({ ...one, path: `${root}${one.path}` }))
    const dir = (path: string) => ({ workspace: join(root, 'w'), dir: { path: join(root, path) } })
    expect(findUnusable(here, dir('parent/run'))).toMatchObject({
      code: 'inputs',
      message: `\`${input}\`: a directory contains the private directory of this run`,
      hint: expect.stringContaining(`${join(root, 'parent/run')}, which has logins and secrets`),
    })
    expect(findUnusable(here, dir('parent-2/run'))).toBeUndefined()
  } finally {
    rmSync(root, { recursive: true })
  }
})

test('the code of a fork does not replace the Git repository of a checkout by its export', async () => {
  const workspace = mkdtempSync(join(realpathSync(tmpdir()), 'checkout-'))
  try {
    mkdirSync(join(workspace, '.git'))
    const dir = { path: '/elsewhere/run' }
    const findIn = async (outputs: string, platforms: string, fork: boolean) => {
      const found = await paths({ outputs, platforms })
      const here = found.map((one) => ({ ...one, path: one.path.replace(/^\/w(?=\/|$)/, workspace) }))
      return findUnusable(here, { workspace, dir, fork })?.message
    }
    const message = '`outputs`: the destination is the directory of a Git repository'
    expect(await findIn('type=local,dest=.', 'linux/arm64', true)).toBe(message)
    expect(await findIn('type=local,dest=.,platform-split=false', 'linux/arm64,linux/amd64', true)).toBe(message)
    expect(await findIn('type=local,dest=.', 'linux/arm64', false)).toBeUndefined()
    expect(await findIn('type=local,dest=.', 'linux/arm64,linux/amd64', true)).toBeUndefined()
    expect(await findIn('type=tar,dest=out.tar', 'linux/arm64', true)).toBeUndefined()
    expect(await findIn('type=oci,tar=false,dest=.', 'linux/arm64', true)).toBeUndefined()
  } finally {
    rmSync(workspace, { recursive: true })
  }
})

test('destinations outside the workspace exist before bake starts; those in it are left to BuildKit', () => {
  const dir = mkdtempSync(join(tmpdir(), 'destinations-'))
  const write = (path: string, isFile = false) => ({
    input: 'outputs',
    path: join(dir, path),
    access: 'write' as const,
    isFile,
  })
  try {
    const paths = [
      write('out/a'),
      write('archives/b.tar', true),
      write('w/c'),
      { ...write('read'), access: 'read' as const },
    ]
    expect(createDestinations(paths, join(dir, 'w'))).toBeUndefined()
    expect(statSync(join(dir, 'out/a')).isDirectory()).toBe(true)
    expect(statSync(join(dir, 'archives/b.tar')).isFile()).toBe(true)
    expect([existsSync(join(dir, 'w')), existsSync(join(dir, 'read'))]).toEqual([false, false])
    expect(createDestinations([write('archives/b.tar/c')], join(dir, 'w'))).toMatchObject({ code: 'inputs' })
  } finally {
    rmSync(dir, { recursive: true })
  }
})
