import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { writeGitConfig } from '../../../src/buildx/git-config.ts'
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

/** A directory of a checkout that is a repository, as a pull request can contain it: its commit must be fetched. */
function plant(): void {
  git('init', '-q', '-b', 'main', '--bare', context)
  writeFileSync(join(context, 'refs/heads/main'), `${'12'.repeat(20)}\n`)
  writeFileSync(join(context, 'attack.sh'), `#!/bin/sh\ntouch '${home}/attacked'\n`)
  chmodSync(join(context, 'attack.sh'), 0o755)
  const settings = {
    'core.repositoryFormatVersion': '1',
    'core.bare': 'false',
    'core.worktree': '.',
    'extensions.partialClone': 'origin',
    'remote.origin.url': 'ext::sh -c ./attack.sh',
    'remote.origin.promisor': 'true',
    'protocol.ext.allow': 'always',
  }
  for (const [name, value] of Object.entries(settings)) git('-C', context, '--git-dir=.', 'config', name, value)
}

const environment = () => ({ PATH: process.env['PATH'], HOME: home })
const git = (...args: readonly string[]) => execFileSync('git', args, { env: environment(), encoding: 'utf8' })
/** As buildx reads the commit. */
const readCommit = (env: Readonly<Record<string, string>>) =>
  spawnSync('git', ['show', '--format=%H', 'HEAD', '--quiet', '--'], {
    cwd: context,
    env: { ...environment(), ...env },
    encoding: 'utf8',
  })

test('a repository that a checkout contains as files runs nothing', () => {
  plant()
  expect(readCommit(writeGitConfig(dir, { HOME: home })).status).not.toBe(0)
  expect(existsSync(join(home, 'attacked'))).toBe(false)
  readCommit({})
  expect(existsSync(join(home, 'attacked'))).toBe(true)
})

test('the commit of a checkout is read, with the configuration of the user', () => {
  writeFileSync(join(home, '.gitconfig'), '[user]\n\tname = A\n\temail = a@example.org\n')
  git('init', '-q', context)
  git('-C', context, 'commit', '-q', '--allow-empty', '-m', 'one')
  const env = writeGitConfig(dir, { HOME: home })
  expect(readCommit(env).stdout).toMatch(/^[0-9a-f]{40}\n$/)
  const options = { cwd: home, env: { ...environment(), ...env }, encoding: 'utf8' } as const
  expect(spawnSync('git', ['config', 'user.name'], options).stdout).toBe('A\n')
})
