import { beforeAll, expect, test } from '@jest/globals'
import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isolatedEnv } from '../farm/exec.ts'
import { appFiles, leftovers, oneBuildkitdInputs, startBuildkitds, tryRead } from './harness.ts'
import type { Job } from './runner.ts'
import { useFarm } from './setup.ts'

// buildx runs Git in the context, to write the commit into the provenance. A repository there names the programs of an
// attacker in its configuration: none of them runs.
const setup = useFarm()
beforeAll(() => startBuildkitds(setup.farm))

/** The repository's commit must be fetched, with the attacker's program. */
const fetching = {
  'core.repositoryFormatVersion': '1',
  'extensions.partialClone': 'origin',
  'remote.origin.promisor': 'true',
  'remote.origin.url': 'ssh://git.example.com/app',
}
const attacks: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  sshCommand: { ...fetching, 'core.sshCommand': '../attack.sh' },
  transport: { ...fetching, 'remote.origin.url': 'ext::sh -c ../attack.sh', 'protocol.ext.allow': 'always' },
  'upload pack': { ...fetching, 'remote.origin.url': '.', 'remote.origin.uploadpack': '../attack.sh' },
  monitor: { 'core.fsmonitor': '../attack.sh', 'core.pager': '../attack.sh' },
}

/** Makes `context` in the workspace a directory of a repository that has an attacker's configuration. */
function plant(job: Job, gitDir: string, settings: Readonly<Record<string, string>>): void {
  const context = join(job.workspace, 'context')
  const path = join(context, gitDir)
  const git = (...args: readonly string[]) => execFileSync('git', args, { env: isolatedEnv(job.home) })
  mkdirSync(context, { recursive: true })
  git('init', '-q', '-b', 'main', '--bare', path)
  writeFileSync(join(path, 'refs/heads/main'), `${'12'.repeat(20)}\n`)
  for (const hook of ['post-index-change', 'fsmonitor-watchman', 'reference-transaction'])
    writeFileSync(join(path, 'hooks', hook), '#!/bin/sh\n../attack.sh\n', { mode: 0o755 })
  for (const [name, value] of Object.entries({ 'core.bare': 'false', 'core.worktree': context, ...settings }))
    git('--git-dir', path, 'config', name, value)
  writeFileSync(join(job.workspace, 'attack.sh'), `#!/bin/sh\ntouch '${job.dir}/attacked'\n`)
  chmodSync(join(job.workspace, 'attack.sh'), 0o755)
}

const places: Readonly<Record<string, string>> = {
  'the context itself': '.',
  'a .git directory of the context': '.git',
  'a directory that the file .git of the context names': '../evil',
}

test.each(
  Object.entries(places).flatMap(([place, gitDir]) =>
    Object.entries(attacks).map(([attack, settings]) => ({ place, gitDir, attack, settings })),
  ),
)('$attack in a repository in $place runs nothing', async ({ gitDir, settings }) => {
  const files = Object.fromEntries(
    Object.entries(appFiles(setup.farm)).map(([name, text]) => [`context/${name}`, text]),
  )
  const job = setup.job({ files, env: { BUILDX_GIT_CHECK_DIRTY: 'true' } })
  plant(job, gitDir, settings)
  if (gitDir === '../evil') writeFileSync(join(job.workspace, 'context/.git'), 'gitdir: ../evil\n')
  const main = await job.main(oneBuildkitdInputs(setup.farm, { context: 'context', cache: 'off', push: 'false' }))
  await job.post()
  expect([existsSync(join(job.dir, 'attacked')), main.code, main.log]).toEqual([false, 0, main.log])
  expect(await leftovers(setup.farm, job)).toEqual([])
})

test('filters of a checkout and of its submodule run nothing when buildx looks for changed files', async () => {
  const files = Object.fromEntries(
    Object.entries(appFiles(setup.farm)).map(([name, text]) => [`context/${name}`, text]),
  )
  const job = setup.job({ files: { ...files, 'sub/a.txt': 'a' }, env: { BUILDX_GIT_CHECK_DIRTY: '1' } })
  const context = join(job.workspace, 'context')
  writeFileSync(join(job.dir, 'attack'), `#!/bin/sh\ntouch '${job.dir}/attacked'\ncat\n`, { mode: 0o755 })
  const git = (directory: string, ...args: readonly string[]) =>
    execFileSync('git', ['-C', directory, '-c', 'protocol.file.allow=always', ...args], {
      env: isolatedEnv(job.home),
      stdio: 'pipe',
    })
  const commit = ['-c', 'user.name=A', '-c', 'user.email=a@example.org', 'commit', '-qm', 'one']
  for (const directory of [join(job.workspace, 'sub'), context]) {
    git(directory, 'init', '-q', '-b', 'main')
    if (directory === context) git(context, 'submodule', '--quiet', 'add', join(job.workspace, 'sub'), 'sub')
    git(directory, 'add', '.')
    git(directory, ...commit)
  }
  for (const directory of [context, join(context, 'sub')]) {
    for (const name of ['filter.f.clean', 'filter.g.process', 'core.fsmonitor', 'gpg.program', 'diff.external'])
      git(directory, 'config', name, join(job.dir, 'attack'))
    writeFileSync(join(job.workspace, 'attributes'), '* filter=f\n*file filter=g\n')
    git(directory, 'config', 'core.attributesFile', join(job.workspace, 'attributes'))
  }
  // Git must read the files to compare them.
  for (const name of ['Dockerfile', 'sub/a.txt']) utimesSync(join(context, name), 0, 0)
  const main = await job.main(oneBuildkitdInputs(setup.farm, { context: 'context', cache: 'off', push: 'false' }))
  await job.post()
  expect([existsSync(join(job.dir, 'attacked')), main.code, main.log]).toEqual([false, 0, main.log])
  git(context, 'status', '--porcelain')
  expect(existsSync(join(job.dir, 'attacked'))).toBe(true)
  expect(await leftovers(setup.farm, job)).toEqual([])
})

test('a Git context and its submodules are left to the node: no Git runs on the runner', async () => {
  const programs = mkdtempSync(join(tmpdir(), 'programs-'))
  writeFileSync(join(programs, 'git'), `#!/bin/sh\necho "$*" >>'${programs}/calls'\n`, { mode: 0o755 })
  try {
    const job = setup.job({ env: { PATH: `${programs}:${setup.farm.tools.bin}:${process.env['PATH'] ?? ''}` } })
    const context = 'https://127.0.0.1:1/acme/app.git#main'
    const main = await job.main(oneBuildkitdInputs(setup.farm, { context, cache: 'off', push: 'false' }))
    await job.post()
    expect([main.code, main.log]).toEqual([1, expect.stringContaining('127.0.0.1:1')])
    expect(tryRead(join(programs, 'calls'))).toBe('')
    expect(await leftovers(setup.farm, job)).toEqual([])
  } finally {
    rmSync(programs, { recursive: true })
  }
})
