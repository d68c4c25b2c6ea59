import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readCheckout, stepEnvironment } from '../../../src/cli/environment.ts'
import { readEvent } from '../../../src/forge/event.ts'
import { metadataContext } from '../../../src/metadata/context.ts'
import { generateLabels } from '../../../src/metadata/labels.ts'

let dir: string
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'environment-'))
})
afterAll(() => rmSync(dir, { recursive: true }))

const checkout = {
  name: 'app',
  branch: 'main',
  sha: '0123',
  isDirty: false,
  url: 'https://github.example.com/acme/app',
}

test.each([
  ['a build', {}, 'local/app'],
  ['a cleanup', { forRemote: true }, 'acme/app'],
  ['a cleanup outside of a clone', { forRemote: true, checkout: { ...checkout, url: '' } }, 'local/app'],
])('the repository of %s', (_, options, repository) => {
  const env = stepEnvironment({}, dir, { checkout, cwd: dir, trusted: false, ...options })
  expect(env['GITHUB_REPOSITORY']).toBe(repository)
})

test('variables of another job are left out', () => {
  const outer = { GITHUB_TOKEN: 'none', INPUT_IMAGE: 'never/used', HOME: '/home/me' }
  const env = stepEnvironment(outer, dir, { checkout, cwd: dir, trusted: false })
  expect([env['GITHUB_TOKEN'], env['INPUT_IMAGE'], env['HOME']]).toEqual([undefined, undefined, '/home/me'])
})

describe('a hostile repository runs no program', () => {
  /** A repository in `cwd` whose status is asked for; the settings of `config` name a program that creates `ran`. */
  async function attack(name: string, build: (cwd: string, program: string) => string) {
    const [cwd, ran] = [join(dir, name), join(dir, `${name}.ran`)]
    mkdirSync(cwd)
    execFileSync('git', ['init', '--quiet', cwd])
    const checkout = await readCheckout(build(cwd, `touch ${ran}; cat`))
    return { checkout, ran }
  }

  test('a directory of the checkout that is a bare repository', async () => {
    const { ran } = await attack('bare', (cwd, program) => {
      const sub = join(cwd, 'sub')
      mkdirSync(join(sub, 'tree'), { recursive: true })
      writeFileSync(join(sub, 'tree/file'), '')
      execFileSync('git', ['init', '--quiet', '--bare', sub])
      execFileSync('git', ['--git-dir', sub, '--work-tree', join(sub, 'tree'), 'add', '.'])
      const settings = ['repositoryformatversion = 0', 'bare = false', 'worktree = tree', `fsmonitor = "${program}"`]
      writeFileSync(join(sub, 'config'), `[core]\n${settings.join('\n')}\n`)
      return sub
    })
    expect(existsSync(ran)).toBe(false)
  })

  test.each([
    ['monitor', 'core.fsmonitor'],
    ['filter', 'filter.hostile.clean'],
  ])('an unpacked .git directory with a %s', async (name, setting) => {
    const { ran, checkout } = await attack(name, (cwd, program) => {
      const git = (...args: string[]) =>
        execFileSync('git', ['-C', cwd, '-c', 'user.name=a', '-c', 'user.email=a@b', ...args])
      writeFileSync(join(cwd, '.gitattributes'), '*.txt filter=hostile\n')
      writeFileSync(join(cwd, 'a.txt'), 'before')
      git('add', '.')
      git('commit', '--quiet', '--message', 'x')
      writeFileSync(join(cwd, 'a.txt'), 'beyond')
      git('config', setting, program)
      return cwd
    })
    expect([existsSync(ran), checkout.isDirty]).toEqual([false, true])
  })
})

describe('the labels that a working directory gives', () => {
  async function labels(cwd: string): Promise<Record<string, string>> {
    const event = readEvent(stepEnvironment({}, dir, { checkout: await readCheckout(cwd), cwd, trusted: false }))
    const all = generateLabels(event, metadataContext(event, {}, fail), 'test', {})
    return Object.fromEntries(Object.entries(all).map(([name, value]) => [name.replace(/^.*\./, ''), value]))
  }
  const fail = (problem: string) => {
    throw new Error(problem)
  }
  const repository = (name: string, remote: string) => {
    const cwd = join(dir, name)
    const git = (...args: string[]) =>
      execFileSync('git', ['-C', cwd, '-c', 'user.name=a', '-c', 'user.email=a@b', ...args], {
        encoding: 'utf8',
      }).trim()
    mkdirSync(cwd)
    git('init', '--quiet')
    git('commit', '--quiet', '--allow-empty', '--message', 'x')
    git('remote', 'add', 'origin', remote)
    return { cwd, sha: git('rev-parse', 'HEAD') }
  }

  test('without Git there is no source, url or revision', async () => {
    const cwd = join(dir, 'plain')
    mkdirSync(cwd)
    expect(await labels(cwd)).toEqual({ title: 'plain', version: 'test' })
  })

  test('a remote that has no page is no source', async () => {
    const { cwd, sha } = repository('shop', '/srv/git/shop.git')
    expect(await labels(cwd)).toEqual({ title: 'shop', version: 'test', revision: sha })
  })

  test('changes that are not committed mark the revision', async () => {
    const { cwd, sha } = repository('app', 'git@git.example.com:acme/app.git')
    const source = 'https://git.example.com/acme/app'
    expect(await labels(cwd)).toMatchObject({ source, url: source, revision: sha })
    writeFileSync(join(cwd, 'new.txt'), '')
    expect(await labels(cwd)).toMatchObject({ revision: `${sha}-dirty` })
  })
})
