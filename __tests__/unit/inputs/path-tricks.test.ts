import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { execFileSync } from 'node:child_process'
import { linkSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { findEscape, localPathsOf } from '../../../src/buildx/local-paths.ts'
import { cacheOf } from '../../../src/inputs/cache/cache.ts'
import { readInputs } from '../../../src/inputs/inputs.ts'
import { hostFiles, type Files } from '../../../src/inputs/local-paths.ts'
import { specialKind } from '../../../src/lib/files.ts'
import { InputError } from '../../../src/lib/issues.ts'
import type { Target } from '../../../src/plan/target.ts'
import { certificate, event, jobWith } from '../fixtures/job.ts'
import { opensshKey } from '../fixtures/keys.ts'

// Every kind of path in the inputs, and every trick with it. The end-to-end tests of links and special files show what
// buildx and BuildKit do with the paths that are allowed.

type Texts = Readonly<Record<string, string>>
type Role = 'context' | 'dockerfile' | 'text' | 'secret' | 'ssh' | 'socket' | 'layout' | 'archive' | 'directory'

const signing = { sign: 'key', 'sign-key': 'awskms://a/b' }
const mediaType = (name: string) => JSON.stringify({ mediaType: `application/vnd.dev.sigstore.${name}+json` })

/** `%` stands for the path; for a file, with the content that the input expects. */
const inputs: readonly (readonly [input: string, role: Role, given: Texts, content?: string])[] = [
  ['context', 'context', { context: '%', file: 'Dockerfile' }],
  ['build-contexts', 'context', { 'build-contexts': 'more=%' }],
  ['file', 'dockerfile', { file: '%' }],
  ['variants', 'dockerfile', { variants: 'slim: {file: "%"}' }],
  ['buildkitd-config', 'text', { 'buildkitd-config': '%' }, 'debug = true\n'],
  ['buildkitd-config-inline', 'text', { 'buildkitd-config-inline': '[registry."a.b"]\nca = ["%"]' }],
  ['registries', 'text', { registries: 'a.example.com: {ca: "%"}' }],
  ['nodes', 'text', { nodes: 'linux/arm64 = tcp://b:1', 'driver-opts': 'cacert=%\ncert=%\nkey=%' }],
  ['ssh-config', 'text', { nodes: 'linux/arm64 = ssh://a@b', 'ssh-config': 'Host b\nCertificateFile %' }],
  ['sign-config', 'text', { ...signing, 'sign-config': '%' }, mediaType('signingconfig')],
  [
    'sign-root',
    'text',
    { ...signing, 'sign-config': mediaType('signingconfig'), 'sign-root': '%' },
    mediaType('trustedroot'),
  ],
  ['secret-files', 'secret', { 'secret-files': 'one=%' }],
  ['ssh', 'ssh', { ssh: 'default=%' }, opensshKey()],
  ['nodes', 'socket', { nodes: 'linux/arm64 = unix://%' }],
  ['build-contexts', 'layout', { 'build-contexts': 'more=oci-layout://%' }],
  ['cache-from', 'layout', { 'cache-from': 'type=local,src=%' }],
  ['cache-to', 'layout', { 'cache-to': 'type=local,dest=%' }],
  ['cache', 'layout', { cache: 'type=local,src=%' }],
  ['outputs', 'layout', { outputs: 'type=oci,tar=0,dest=%' }],
  ['outputs', 'archive', { outputs: 'type=tar,dest=%' }],
  ['outputs', 'archive', { outputs: 'type=oci,dest=%' }],
  ['outputs', 'archive', { outputs: 'type=docker,dest=%' }],
  ['outputs', 'directory', { outputs: '%' }],
]

const isDirectory = (role: Role) => ['context', 'layout', 'directory'].includes(role)

let root: string
let w: string
let close: () => void
/** Only root can create one. */
let device: string

beforeEach(() => {
  root = mkdtempSync(join(realpathSync(tmpdir()), 'tricks-'))
  w = join(root, 'w')
  mkdirSync(join(w, '.git/d'), { recursive: true })
  writeFileSync(join(w, 'Dockerfile'), 'FROM scratch\n')
  close = () => undefined
  device = ''
})
afterEach(() => {
  close()
  rmSync(root, { recursive: true })
})

/** What an input expects, at a path. */
function create(path: string, role: Role, content = certificate): void {
  mkdirSync(isDirectory(role) ? path : dirname(path), { recursive: true })
  if (!isDirectory(role)) writeFileSync(path, content)
  else if (role === 'layout') writeFileSync(join(path, 'index.json'), '{}')
  else writeFileSync(join(path, 'Dockerfile'), '')
}

type Plant = (role: Role, content?: string) => string | Promise<string>

/** A link of the workspace to something outside that the input expects. */
const linkTo =
  (name: string, target: (role: Role) => string): Plant =>
  (role, content) => {
    create(join(root, 'outside/x'), role, content)
    mkdirSync(dirname(join(w, name)), { recursive: true })
    symlinkSync(target(role), join(w, name))
    return 't'
  }
const below = (role: Role) => (role === 'layout' ? 'index.json' : 'Dockerfile')
const special =
  (plant: (path: string) => unknown): Plant =>
  async () => {
    await plant(join(w, 't'))
    return 't'
  }

const tricks = {
  'a link': linkTo('t', () => '../outside/x'),
  'a link as parent': (role, content) => {
    create(join(root, 'outside/x'), role, content)
    symlinkSync('../outside', join(w, 'p'))
    return 'p/x'
  },
  'a link in the directory': (role, content) => {
    create(join(root, 'outside/x'), role, content)
    create(join(w, 't'), role, content)
    rmSync(join(w, 't', below(role)))
    symlinkSync(join(root, 'outside/x', below(role)), join(w, 't', below(role)))
    return 't'
  },
  'a dangling link': linkTo('t', () => '../outside/none'),
  'a loop': linkTo('t', () => 't'),
  'a link to .git': linkTo('t', (role) => (isDirectory(role) ? '.git/d' : '.git/config')),
  'a link in /proc': linkTo('t', () => `/proc/self/root${root}/outside/x`),
  'a link before ..': (role, content) => {
    create(join(w, 't'), role, content)
    symlinkSync(tmpdir(), join(w, 'p'))
    return 'p/../t'
  },
  '..': (role, content) => {
    create(join(root, 'outside/x'), role, content)
    return '../outside/x'
  },
  'an absolute path': (role, content) => {
    create(join(root, 'outside/x'), role, content)
    return join(root, 'outside/x')
  },
  'a path in /proc': (role, content) => {
    create(join(root, 'outside/x'), role, content)
    return `/proc/self/root${root}/outside/x`
  },
  'a hard link': (role, content) => {
    create(join(root, 'outside/x'), role, content)
    create(join(w, 't'), role, content)
    const name = isDirectory(role) ? below(role) : ''
    rmSync(join(w, 't', name))
    linkSync(join(root, 'outside/x', name), join(w, 't', name))
    return 't'
  },
  'a named pipe': special((path) => execFileSync('mkfifo', [path])),
  'a socket': special(async (path) => {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(path, resolve))
    close = () => server.close()
  }),
  'a device': special((path) => {
    writeFileSync(path, '')
    device = path
  }),
  'the wrong kind': (role, content) => {
    create(join(w, 't'), isDirectory(role) ? 'text' : 'directory', content)
    return 't'
  },
} satisfies Record<string, Plant>
type Trick = keyof typeof tricks

/** Why a path is refused, or the reason for which it is allowed. */
type Outcome = { readonly refused: RegExp } | { readonly allowed: string }

const refused = (pattern: RegExp): Outcome => ({ refused: pattern })
const allowed = (reason: string): Outcome => ({ allowed: reason })
const leaves = refused(/leaves the workspace through the symbolic link `[tp]/)
const named = allowed('the workflow names it')
const readsFile = allowed('it is a file like any other: no commit contains one, and its content was readable before')
const connects = allowed('nothing is read: to connect fails')
const inFile = allowed('a file contains no link')

const all: Readonly<Record<Trick, Outcome>> = {
  'a link': leaves,
  'a link as parent': leaves,
  'a link in the directory': inFile,
  'a dangling link': refused(/leaves the workspace|was not found/),
  'a loop': refused(/loop of symbolic links|was not found/),
  'a link to .git': refused(/enters a Git repository|was not found/),
  'a link in /proc': leaves,
  'a link before ..': allowed('`..` is resolved by name, so the link is not used'),
  '..': named,
  'an absolute path': named,
  'a path in /proc': named,
  'a hard link': readsFile,
  'a named pipe': refused(/is a named pipe|cannot be read|is a file/),
  'a socket': refused(/is a socket|cannot be read|is a file/),
  'a device': refused(/is a device|cannot be read|is a file/),
  'the wrong kind': refused(/is a (file|directory)/),
}
const hardLink = refused(/is also a file elsewhere/)
const differences: Readonly<Record<Role, Partial<Record<Trick, Outcome>>>> = {
  context: { 'a link in the directory': allowed('BuildKit receives the link, and not what it leads to') },
  dockerfile: {},
  text: {},
  secret: { 'the wrong kind': allowed('the build does not get it, with a warning, as in build-push-action') },
  ssh: { 'a socket': allowed('an agent') },
  socket: { 'a hard link': connects, 'the wrong kind': connects, 'a socket': allowed('a daemon') },
  layout: { 'a link in the directory': leaves, 'a hard link': hardLink },
  archive: { 'a hard link': hardLink },
  directory: {
    'a link in the directory': allowed('an export replaces the link'),
    'a hard link': allowed('an export replaces the file'),
  },
}

/** What the inputs say about a path, or the check before the build. */
async function problemsOf(input: string, given: Texts): Promise<readonly string[]> {
  const [env] = jobWith({ platforms: 'linux/arm64', nodes: 'linux/arm64 = local', cache: 'off', ...given })
  const files: Files = {
    ...hostFiles,
    specialKind: (path) => (path === device ? 'a device' : specialKind(path)),
    read: (path) => hostFiles.read(path === device ? '/dev/null' : path),
  }
  try {
    const read = await readInputs(env, { ...event, workspace: w }, files)
    const targets = read.variants.flatMap((variant) =>
      variant.platforms.map((platform) => {
        const cache = cacheOf(read.cache, variant, platform)
        return { id: 'a', variant, platform, ...(cache && { cache }) } as unknown as Target
      }),
    )
    const paths = localPathsOf(targets, { settings: read.settings, several: false } as never)
    const error = findEscape(paths, w)
    return error ? [`${error.message} ${error.hint}`] : []
  } catch (error) {
    if (!(error instanceof InputError)) throw error
    return error.issues.filter((issue) => issue.input === input).map(({ expected }) => expected)
  }
}

const fill = (given: Texts, path: string): Texts =>
  Object.fromEntries(Object.entries(given).map(([name, value]) => [name, value.replaceAll('%', path)] as const))

describe.each(inputs)('`%s` (%s, %j)', (input, role, given, content) => {
  test.each(Object.entries(tricks) as [Trick, Plant][])('%s', async (trick, plant) => {
    if (trick === 'a link in the directory' && !isDirectory(role)) return
    const text = await plant(role, content)
    const path = role === 'socket' && !text.startsWith('/') ? join(w, text) : text
    const problems = await problemsOf(input, fill(given, path))
    const outcome = differences[role][trick] ?? all[trick]
    if ('allowed' in outcome) expect([outcome.allowed, problems]).toEqual([outcome.allowed, []])
    else expect(problems).toContainEqual(expect.stringMatching(outcome.refused))
  })
})
