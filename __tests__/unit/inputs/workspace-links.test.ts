import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readInputs } from '../../../src/inputs/inputs.ts'
import { findLeavingLink } from '../../../src/inputs/workspace-links.ts'
import { InputError } from '../../../src/lib/issues.ts'
import { event, jobWith, type Given } from '../fixtures/job.ts'

// A runner's directories, with a checkout whose links a pull request has added.
let runner = ''
let workspace = ''

beforeAll(() => {
  runner = mkdtempSync(join(realpathSync(tmpdir()), 'links-'))
  workspace = join(runner, 'work')
  for (const name of [
    'work/app',
    'work/out',
    'work/out/linux_arm64',
    'work/.git/hooks',
    'work/.git/modules/lib',
    'temp/docker',
    'actions',
    'other',
  ])
    mkdirSync(join(runner, name), { recursive: true })
  const files = [
    'work/Dockerfile',
    'work/app/Dockerfile',
    'temp/Dockerfile',
    'temp/key',
    'temp/a.toml',
    'actions/post.js',
    'work/.git/config',
    'work/.git/modules/lib/config',
  ]
  for (const name of files) writeFileSync(join(runner, name), '')
  const links: Readonly<Record<string, string>> = {
    temp: '../temp',
    deep: 'app/../deeper',
    deeper: `${runner}/temp`,
    'app/up': '../..',
    'out/linux_amd64': '../../actions',
    dangling: '../nothing/yet',
    'key.txt': '../temp/key',
    'a.toml': '../temp/a.toml',
    'Linked.Dockerfile': '../temp/Dockerfile',
    loop: 'loop',
    inside: 'app',
    'app/back': '../../work/app',
    git: '.git',
    hooks: 'app/../git/hooks',
    'app/of-submodule': '../.git/modules/lib',
  }
  for (const [name, target] of Object.entries(links)) symlinkSync(target, join(workspace, name))
})
afterAll(() => {
  rmSync(runner, { recursive: true })
})

async function reported(given: Given): Promise<readonly string[]> {
  const [env] = jobWith({ 'ssh-known-hosts': '', cache: 'off', platforms: 'linux/arm64', ...given })
  const error: unknown = await readInputs(env, { ...event, workspace }).catch((thrown: unknown) => thrown)
  if (error instanceof InputError)
    return error.issues.map(({ input, given = '', expected }) => `${input} ${given} ${expected}`)
  if (error instanceof Error) throw error
  return []
}

describe('a path that lies in the workspace by name must lie there in fact', () => {
  test.each<[input: string, link: string, given: Given]>([
    ['context', 'temp', { context: 'temp' }],
    ['context', 'temp', { context: 'temp/docker/..', file: 'Dockerfile' }],
    ['context', 'deep', { context: 'deep', file: 'Dockerfile' }],
    ['context', 'app/up', { context: 'app/up/temp', file: 'Dockerfile' }],
    ['file', 'Linked.Dockerfile', { file: 'Linked.Dockerfile' }],
    ['file', 'temp', { file: 'temp/Dockerfile' }],
    ['variants', 'temp', { variants: 'slim: {file: temp/Dockerfile}' }],
    ['outputs', 'temp', { outputs: 'type=local,dest=temp' }],
    ['outputs', 'temp', { outputs: 'temp/new/directory' }],
    ['outputs', 'dangling', { outputs: 'type=tar,dest=dangling' }],
    ['outputs', 'dangling', { outputs: 'type=oci,dest=dangling/image.tar' }],
    ['outputs', 'app/up', { outputs: 'type=docker,dest=app/up/actions/post.js' }],
    ['outputs', 'out/linux_amd64', { outputs: 'type=local,dest=out', platforms: 'linux/amd64,linux/arm64' }],
    ['cache', 'temp', { cache: 'type=local,dest=temp/cache' }],
    ['cache', 'temp', { cache: 'type=local,src=temp' }],
    ['cache-to', 'temp', { 'cache-to': 'type=local,dest=temp' }],
    ['cache-from', 'temp', { 'cache-from': 'type=local,src=temp' }],
    ['build-contexts', 'temp', { 'build-contexts': 'a=temp' }],
    ['build-contexts', 'temp', { 'build-contexts': 'a=oci-layout://temp/layout' }],
    ['build-contexts', 'temp', { 'build-contexts': 'a=oci-layout://temp:1.2' }],
    ['build-contexts', 'temp', { 'build-contexts': `a=oci-layout://temp@sha256:${'1'.repeat(64)}` }],
    ['secret-files', 'key.txt', { 'secret-files': 'a=key.txt' }],
    ['ssh', 'temp', { ssh: 'a=temp/key' }],
    ['buildkitd-config', 'a.toml', { 'buildkitd-config': 'a.toml' }],
    ['registries', 'key.txt', { registries: 'a.example.com: {ca: key.txt}' }],
    ['nodes', 'temp', { nodes: 'linux/arm64 = kubernetes:///W/temp/key' }],
    ['nodes', 'temp', { nodes: 'linux/arm64 = unix:///W/temp/key' }],
    [
      'nodes',
      'key.txt',
      { nodes: 'linux/arm64 = tcp://b:1', 'driver-opts': 'cacert=key.txt\ncert=app/Dockerfile\nkey=app/Dockerfile' },
    ],
  ])('%s through %s: %j', async (input, link, given) => {
    const inWorkspace = Object.fromEntries(
      Object.entries(given).map(([name, value]) => [
        name,
        typeof value === 'string' ? value.replace('/W', workspace) : value,
      ]),
    )
    const issues = await reported(inWorkspace)
    const message = `leaves the workspace through the symbolic link \`${link}\`, which leads to ${runner}`
    expect(issues.filter((issue) => issue.startsWith(`${input} `) && issue.includes(message))).toHaveLength(1)
  })

  // A process of another user or container names the directory of a link in /proc as it sees it.
  test.each(['/proc/7/cwd', '/proc/self/root', '/proc/self/fd/3', '/dev/fd/3'])('a link to %s', (target) => {
    const links: Readonly<Record<string, string>> = { '/w/ctx': target, '/dev/fd': '/proc/self/fd' }
    const read = (path: string) => links[path] ?? (path.startsWith('/proc/') ? '/w/app' : undefined)
    expect(findLeavingLink('/w/ctx/app', '/w', read)).toMatchObject({
      link: '/w/ctx',
      target: expect.stringMatching(/^\/proc\//),
    })
  })

  // An export would write Git's hooks, and a build would get the token of the checkout.
  test.each<[input: string, given: Given]>([
    ['outputs', { outputs: 'type=local,dest=hooks' }],
    ['outputs', { outputs: 'type=tar,dest=git/config' }],
    ['context', { context: 'git', file: 'Dockerfile' }],
    ['secret-files', { 'secret-files': 'a=git/config' }],
    ['secret-files', { 'secret-files': 'a=app/of-submodule/config' }],
    ['cache-to', { 'cache-to': 'type=local,dest=git' }],
  ])('%s in a .git directory through a link: %j', async (input, given) => {
    const issues = await reported(given)
    const found = issues.filter((issue) => issue.startsWith(`${input} `) && issue.includes('enters a Git repository'))
    expect(found).toHaveLength(1)
  })

  test('a .git directory by name', async () => {
    expect(await reported({ 'secret-files': 'a=.git/config' })).toEqual([])
  })

  test('links that stay there, and paths that lie outside by name', async () => {
    expect(
      await reported({
        context: 'inside',
        file: 'app/back/Dockerfile',
        outputs: `out\n${runner}/other/out`,
        'cache-to': `type=local,dest=${runner}/temp/cache`,
        'secret-files': `a=${runner}/temp/key`,
        'build-contexts': `a=app/back\nb=${runner}/other`,
      }),
    ).toEqual([])
  })

  test('a loop leads nowhere', () => {
    expect(findLeavingLink(join(workspace, 'loop/x'), workspace)).toEqual({
      link: join(workspace, 'loop'),
      target: undefined,
    })
  })

  test('a workspace that is a link itself', () => {
    const link = join(runner, 'linked')
    symlinkSync('work', link)
    expect(findLeavingLink(join(link, 'app'), link)).toBeUndefined()
    expect(findLeavingLink(join(link, 'temp'), link)).toMatchObject({ link: join(link, 'temp') })
    expect(findLeavingLink(join(workspace, 'temp'), link)).toMatchObject({ target: join(runner, 'temp') })
  })
})
