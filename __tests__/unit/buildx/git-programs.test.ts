import { execFileSync, spawnSync } from 'node:child_process'
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { writeGitConfig } from '../../../src/buildx/git-config.ts'
import { RunDir } from '../../../src/run/run-dir.ts'

// A checkout whose .git directory names a program wherever Git's documentation has a setting for one: an earlier step
// has unpacked it. None of them runs on the runner.
let home: string
let context: string
let dir: RunDir

const environment = () => ({ PATH: process.env['PATH'], HOME: home })
const git = (...args: readonly string[]) =>
  execFileSync('git', ['-C', context, '-c', 'protocol.file.allow=always', ...args], {
    env: environment(),
    stdio: 'pipe',
  })

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'git-programs-'))
  context = join(home, 'context')
  dir = new RunDir(join(home, 'mab-0123456789'))
  dir.create()
  writeFileSync(join(home, '.gitconfig'), '[user]\n\tname = A\n\temail = a@example.org\n')
  createRepository(context)
})
afterEach(() => rmSync(home, { recursive: true }))

function createRepository(path: string): void {
  mkdirSync(path, { recursive: true })
  const env = environment()
  writeFileSync(join(path, 'a.txt'), 'one\n')
  for (const args of [
    ['init', '-q', '-b', 'main'],
    ['add', '.'],
    ['commit', '-qm', 'one'],
  ])
    execFileSync('git', ['-C', path, ...args], { env })
}

/** A program that notes its name, and passes on what it reads. */
function program(name: string): string {
  const path = join(home, name.replaceAll(' ', '-'))
  writeFileSync(path, `#!/bin/sh\necho "${name}" >>"${home}/ran"\ncat\n`, { mode: 0o755 })
  return path
}
const ran = () =>
  existsSync(join(home, 'ran')) ? [...new Set(readFileSync(join(home, 'ran'), 'utf8').split('\n'))] : []

/** Git must compare a file with its commit: its time differs, its size does not. */
const touch = (path: string, time = 0) => utimesSync(path, time, time)

/** What buildx runs (build/git.go, util/gitutil). */
const commands = [
  ['rev-parse', '--is-inside-work-tree'],
  ['rev-parse', '--show-toplevel'],
  ['show', '--format=%H', 'HEAD', '--quiet', '--'],
  ['status', '--porcelain', '--ignored'],
  ['symbolic-ref', '-q', 'HEAD'],
  ['for-each-ref', '--format=%(upstream:remotename)', 'refs/heads/main'],
  ['remote', 'get-url', 'origin'],
]
function runAll(env: Readonly<Record<string, string>>): readonly string[] {
  const all = { ...environment(), ...env }
  return commands.map(
    (args) =>
      spawnSync('env', [`PATH=${all.PATH ?? ''}`, 'git', '-c', 'protocol.file.allow=user', ...args], {
        cwd: context,
        env: all,
        encoding: 'utf8',
      }).stdout,
  )
}

/** The programs that run without the settings of the action must be `expected`; with them none does. */
function expectNothing(expected: readonly string[]): void {
  runAll(writeGitConfig(dir, environment()))
  expect(ran()).toEqual([])
  runAll({})
  expect(ran()).toEqual(expect.arrayContaining([...expected]))
}

const filters: Readonly<Record<string, string>> = {
  clean: 'filter.f.clean',
  process: 'filter.f.process',
  'clean of a name with =': 'filter.a=b.clean',
  'clean of a name with spaces and quotes': `filter.a "'b.clean`,
}

test.each(Object.entries(filters))('a filter: %s', (_, setting) => {
  const name = setting.replace(/^filter\.|\.\w+$/g, '')
  git('config', setting, program('filter'))
  git('config', `filter.${name}.required`, 'true')
  // An attribute cannot contain a space: the name then has no effect.
  appendFileSync(join(context, '.git/info/attributes'), `*.txt filter=${name}\n`)
  touch(join(context, 'a.txt'))
  const isUsable = !name.includes(' ')
  expectNothing(isUsable ? ['filter'] : [])
})

test('a filter of a configuration that another one includes, and of the attributes of the checkout', () => {
  const included = join(context, 'included')
  writeFileSync(included, `[Filter "F"]\n\tClean = ${program('filter')}\n`)
  git('config', 'include.path', included)
  writeFileSync(join(context, '.gitattributes'), '*.txt filter=F\n')
  touch(join(context, 'a.txt'))
  expectNothing(['filter'])
})

test('filters of a submodule', () => {
  createRepository(join(home, 'sub'))
  git('submodule', '--quiet', 'add', join(home, 'sub'), 'sub')
  git('commit', '-qm', 'two')
  const sub = (...args: readonly string[]) => git('-C', 'sub', ...args)
  sub('config', 'filter.f.clean', program('filter of the submodule'))
  sub('config', 'core.fsmonitor', program('monitor'))
  appendFileSync(join(context, '.git/modules/sub/info/attributes'), '*.txt filter=f\n')
  touch(join(context, 'sub/a.txt'))
  expectNothing(['filter of the submodule', 'monitor'])
  // The submodule itself as the context.
  rmSync(join(home, 'ran'))
  context = join(context, 'sub')
  touch(join(context, 'a.txt'), 1)
  expectNothing(['filter of the submodule', 'monitor'])
})

test('a signature that Git would verify', () => {
  const tree = git('rev-parse', 'HEAD^{tree}').toString().trim()
  const signed = [`tree ${tree}`, 'author A <a@example.org> 0 +0000', 'committer A <a@example.org> 0 +0000']
    .concat('gpgsig -----BEGIN PGP SIGNATURE-----', ' ', ' AAAA', ' -----END PGP SIGNATURE-----', '', 'signed', '')
    .join('\n')
  writeFileSync(join(home, 'commit'), signed)
  const commit = git('hash-object', '-t', 'commit', '-w', join(home, 'commit')).toString().trim()
  git('update-ref', 'refs/heads/main', commit)
  git('config', 'log.showSignature', 'true')
  git('config', 'gpg.program', program('gpg'))
  expectNothing(['gpg'])
})

test('every other setting that names a program', () => {
  const settings = ['core.fsmonitor', 'core.sshCommand', 'core.pager', 'core.editor', 'core.askPass', 'core.gitProxy']
    .concat('core.alternateRefsCommand', 'diff.external', 'diff.d.command', 'diff.d.textconv', 'merge.m.driver')
    .concat('pager.show', 'pager.status', 'alias.show', 'alias.status', 'credential.helper', 'sequence.editor')
    .concat('gpg.ssh.defaultKeyCommand', 'interactive.diffFilter', 'uploadpack.packObjectsHook', 'trailer.t.command')
  for (const name of settings) git('config', name, name.startsWith('alias.') ? `!${program(name)}` : program(name))
  for (const hook of ['post-index-change', 'reference-transaction', 'fsmonitor-watchman', 'post-checkout'])
    writeFileSync(join(context, '.git/hooks', hook), `#!/bin/sh\necho hook >>"${home}/ran"\n`, { mode: 0o755 })
  appendFileSync(join(context, '.git/info/attributes'), '*.txt diff=d merge=m\n')
  git('config', 'remote.origin.url', 'ext::sh -c true')
  touch(join(context, 'a.txt'))
  expectNothing(['core.fsmonitor', 'hook'])
})

test('a change is seen, and an unchanged checkout is clean', () => {
  const status = () => runAll(writeGitConfig(dir, environment()))[commands.findIndex(([name]) => name === 'status')]
  git('config', 'filter.f.clean', program('filter'))
  touch(join(context, 'a.txt'))
  expect(status()).toBe('')
  writeFileSync(join(context, 'a.txt'), 'two\n')
  expect(status()).toBe(' M a.txt\n')
})
