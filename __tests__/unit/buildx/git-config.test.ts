import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { gitWarnings, writeGitConfig } from '../../../src/buildx/git-config.ts'
import { RunDir } from '../../../src/run/run-dir.ts'

let home: string
let context: string
let dir: RunDir

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'git-config-'))
  context = join(home, 'workspace/context')
  dir = new RunDir(join(home, 'mab-0123456789'))
  dir.create()
  mkdirSync(join(home, 'workspace'), { recursive: true })
})
afterEach(() => rmSync(home, { recursive: true }))

/** Settings with which Git runs the attacker's program to read a commit, or to compare files with it. */
const attacks: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'another transport': { 'remote.origin.url': 'ext::sh -c ./attack.sh', 'protocol.ext.allow': 'always' },
  'core.sshCommand': { 'remote.origin.url': 'ssh://a.example.com/b', 'core.sshCommand': './attack.sh' },
  'an upload pack': { 'remote.origin.url': '.', 'remote.origin.uploadpack': './attack.sh' },
}
const partialClone = {
  'core.repositoryFormatVersion': '1',
  'core.bare': 'false',
  'core.worktree': '.',
  'extensions.partialClone': 'origin',
  'remote.origin.promisor': 'true',
}

/** Makes the context a repository whose commit must be fetched, or that is watched by the attacker's program. */
function plant(settings: Readonly<Record<string, string>>, gitDir = '.'): void {
  const path = join(context, gitDir)
  mkdirSync(context, { recursive: true })
  git('init', '-q', '-b', 'main', '--bare', path)
  writeFileSync(join(path, 'refs/heads/main'), `${'12'.repeat(20)}\n`)
  writeFileSync(join(context, 'attack.sh'), `#!/bin/sh\ntouch '${home}/attacked'\n`)
  chmodSync(join(context, 'attack.sh'), 0o755)
  const worktree = { 'core.worktree': context }
  for (const [name, value] of Object.entries({ ...partialClone, ...settings, ...worktree }))
    git('--git-dir', path, 'config', name, value)
}

const environment = () => ({ PATH: process.env['PATH'], HOME: home })
const git = (...args: readonly string[]) => execFileSync('git', args, { env: environment(), encoding: 'utf8' })
/** As buildx runs it. */
const run = (env: Readonly<Record<string, string>>, ...args: readonly string[]) => {
  const all = { ...environment(), ...env }
  // The PATH of `env` would not count for Git itself.
  const [command, first] = all.PATH === undefined ? ['git', []] : ['env', [`PATH=${all.PATH}`, 'git']]
  return spawnSync(command, [...first, ...args], { cwd: context, env: all, encoding: 'utf8' })
}
const readCommit = (env: Readonly<Record<string, string>>) => run(env, 'show', '--format=%H', 'HEAD', '--quiet', '--')
const isAttacked = () => existsSync(join(home, 'attacked'))

describe.each(Object.entries(attacks))('%s', (_, settings) => {
  test('of a repository that a checkout contains as files', () => {
    plant(settings)
    expect(readCommit(writeGitConfig(dir, environment())).status).not.toBe(0)
    expect(isAttacked()).toBe(false)
    readCommit({})
    expect(isAttacked()).toBe(true)
  })

  test('of a .git directory in the context, which an earlier step has unpacked', () => {
    plant(settings, '.git')
    expect(readCommit(writeGitConfig(dir, environment())).status).not.toBe(0)
    expect(isAttacked()).toBe(false)
    readCommit({})
    expect(isAttacked()).toBe(true)
  })

  test('of a repository that a file .git names', () => {
    plant(settings, '../evil')
    writeFileSync(join(context, '.git'), 'gitdir: ../evil\n')
    expect(readCommit(writeGitConfig(dir, environment())).status).not.toBe(0)
    expect(isAttacked()).toBe(false)
    readCommit({})
    expect(isAttacked()).toBe(true)
  })

  test('of a repository that GIT_DIR names', () => {
    plant(settings, '../evil')
    const job = { GIT_DIR: join(context, '../evil') }
    expect(readCommit({ ...job, ...writeGitConfig(dir, environment()) }).status).not.toBe(0)
    expect(isAttacked()).toBe(false)
    readCommit(job)
    expect(isAttacked()).toBe(true)
  })
})

test.each(['.', '.git'])('a file system monitor of a repository in %s', (gitDir) => {
  plant({ 'core.fsmonitor': './attack.sh' }, gitDir)
  run(writeGitConfig(dir, environment()), 'status', '--porcelain', '--ignored')
  expect(isAttacked()).toBe(false)
  run({}, 'status', '--porcelain', '--ignored')
  expect(isAttacked()).toBe(true)
})

test('the commit of a checkout is read, with the configuration of the user', () => {
  writeFileSync(join(home, '.gitconfig'), '[user]\n\tname = A\n\temail = a@example.org\n')
  git('init', '-q', context)
  git('-C', context, 'commit', '-q', '--allow-empty', '-m', 'one')
  const env = writeGitConfig(dir, environment())
  expect(readCommit(env).stdout).toMatch(/^[0-9a-f]{40}\n$/)
  expect(run(env, 'config', 'user.name').stdout).toBe('A\n')
})

test('a Git whose path has a quote, and a runner without Git', () => {
  const programs = join(home, "it's")
  mkdirSync(programs)
  writeFileSync(join(programs, 'git'), '#!/bin/sh\necho "its: $*"\n', { mode: 0o755 })
  mkdirSync(context)
  const env = writeGitConfig(dir, { HOME: home, PATH: `:relative:${programs}:${process.env['PATH'] ?? ''}` })
  expect(run(env, 'version').stdout).toMatch(/^its: -c .* version\n$/)
  expect(writeGitConfig(dir, { HOME: home, PATH: '/nowhere' })).toEqual({ GIT_CONFIG_GLOBAL: dir.gitConfig })
})

test('a directory in PATH that cannot be read is skipped', () => {
  const loop = join(home, 'loop')
  symlinkSync('loop', loop)
  const path = `${loop}:${process.env['PATH'] ?? ''}`
  expect(writeGitConfig(dir, { HOME: home, PATH: path })).toMatchObject({ PATH: `${dir.programs}:${path}` })
})

test('where no program can run, as with `noexec`, buildx does not run Git either', () => {
  expect(gitWarnings(dir, environment())).toEqual([])
  chmodSync(join(dir.programs, 'git'), 0o600)
  expect(writeGitConfig(dir, environment())).toEqual({
    GIT_CONFIG_GLOBAL: dir.gitConfig,
    BUILDX_GIT_INFO: 'false',
    BUILDX_GIT_LABELS: 'false',
  })
  expect(gitWarnings(dir, environment())).toEqual([expect.stringContaining(`Programs cannot run in ${home}, `)])
  expect(gitWarnings(dir, { ...environment(), BUILDX_GIT_INFO: 'false' })).toEqual([])
})
