import { spawn } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { isolatedEnv, run } from '../farm/exec.ts'
import { ensureAct } from '../farm/optional-tools.ts'
import {
  appFiles,
  attachFarm,
  farmInputs,
  freshImage,
  storedIndex,
  storedTags,
  processesMentioning,
  type Farm,
} from './harness.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

let farm: Farm
let act: string
let dir: string

beforeAll(async () => {
  ;[farm, act] = await Promise.all([attachFarm(), ensureAct()])
  dir = mkdtempSync(join(tmpdir(), 'workflow-'))
}, 1_200_000)
afterAll(() => rmSync(dir, { recursive: true, force: true }))

/** A step of a workflow, its inputs as block scalars. */
function uses(action: string, id: string, inputs: Readonly<Record<string, string>>, more = ''): string {
  const lines = Object.entries(inputs).flatMap(([name, value]) => [
    `          ${name}: |`,
    ...value
      .trim()
      .split('\n')
      .map((line) => `            ${line}`),
  ])
  return [
    `      - uses: ${action}`,
    `        id: ${id}`,
    ...(more === '' ? [] : [`        ${more}`]),
    '        with:',
    ...lines,
    '',
  ].join('\n')
}

/** Runs a workflow with one job in a repository that holds this action, as a self-hosted runner would. */
async function runWorkflow(
  steps: string,
  secrets: Readonly<Record<string, string>>,
): Promise<{ code: number; log: string; home: string }> {
  const [repository, home] = [mkdtempSync(join(dir, 'repository-')), mkdtempSync(join(dir, 'home-'))]
  for (const path of ['action.yml', 'cleanup', 'dist'])
    cpSync(join(root, path), join(repository, path), { recursive: true })
  const files = {
    ...appFiles(farm),
    '.github/workflows/image.yml': [
      'on: push',
      'jobs:',
      '  image:',
      '    runs-on: ubuntu-latest',
      '    steps:',
      '      - uses: actions/checkout@v5',
      steps,
    ].join('\n'),
  }
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(repository, name)), { recursive: true })
    writeFileSync(join(repository, name), text)
  }
  const git = (...args: string[]) =>
    run('git', ['-c', 'user.name=ci', '-c', 'user.email=ci@example.com', ...args], {
      cwd: repository,
      env: isolatedEnv(home, { GIT_CONFIG_NOSYSTEM: '1' }),
    })
  await git('init', '-q', '-b', 'main')
  await git('remote', 'add', 'origin', 'https://github.com/acme/app')
  await git('add', '-A')
  await git('commit', '-qm', 'app')
  // act itself sends a payload without the repository, which GitHub and Forgejo always describe.
  const payload = join(home, 'payload.json')
  writeFileSync(payload, JSON.stringify({ repository: { full_name: 'acme/app', default_branch: 'main' } }))
  const platform = ['-P', 'ubuntu-latest=-self-hosted']
  // By name only: act reads the values from its environment, so that none is in its arguments.
  const args = ['push', '-e', payload, ...platform, ...Object.keys(secrets).flatMap((name) => ['-s', name])]
  const env = {
    PATH: `${farm.tools.bin}:${process.env['PATH'] ?? ''}`,
    HOME: home,
    DOCKER_HOST: farm.local.dockerHost,
    GITHUB_TOKEN: 'none',
    ...secrets,
  }
  const child = spawn(act, args, { cwd: repository, env, stdio: ['ignore', 'pipe', 'pipe'] })
  let log = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (log += text))
  const code = await new Promise<number>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (status) => resolve(status ?? -1))
  })
  return { code, log, home }
}

describe('a workflow on a runner', () => {
  test('builds, passes its outputs on, keeps its secrets, and leaves nothing behind', async () => {
    const image = freshImage(farm)
    const steps = [
      uses('./', 'build', farmInputs(farm, { image, 'ssh-private-key': '${{ secrets.KEY }}' })),
      [
        '      - run: |',
        '          echo "outputs: digest ${{ steps.build.outputs.digest }}, tags ${{ steps.build.outputs.tags }}"',
        '          echo "$KEY"',
        '        env: { KEY: "${{ secrets.KEY }}" }\n',
      ].join('\n'),
      uses('./cleanup', 'cleanup', { image, 'dry-run': 'true' }, 'if: always()'),
      '      - run: echo "deleted=${{ steps.cleanup.outputs.deleted }}"\n',
    ].join('')
    const { code, log, home } = await runWorkflow(steps, { KEY: farm.privateKey })
    if (code !== 0) throw new Error(log)
    const index = await storedIndex(farm, image, 'main')
    expect(log).toContain(`outputs: digest ${index?.digest}, tags ${image}:main`)
    expect(log).toMatch(/deleted=\[\]/)
    expect(log).toMatch(/Success - Post \.\//)
    // The PEM header and footer are not secret; every other line is.
    const secret = farm.privateKey
      .trim()
      .split('\n')
      .filter((line) => !line.startsWith('-----'))
    expect(secret.length).toBeGreaterThan(3)
    expect(secret.filter((line) => log.includes(line))).toEqual([])
    expect(await leftOver(home)).toEqual([])
    expect((await storedTags(farm, image)).sort()).toEqual(['buildcache-linux-amd64', 'buildcache-linux-arm64', 'main'])
  })

  test('a step with input errors fails, reports them as annotations, and its post step has nothing to do', async () => {
    const steps = [
      uses(
        './',
        'build',
        { nodes: 'linux/amd64 = ftp://nowhere', image: 'example.com/acme app' },
        'continue-on-error: true',
      ),
      '      - run: echo "outcome=${{ steps.build.outcome }}"\n',
    ].join('')
    const { code, log, home } = await runWorkflow(steps, {})
    expect({ code, outcome: /outcome=(failure)/.exec(log)?.[1] }).toEqual({ code: 0, outcome: 'failure' })
    expect(log).toMatch(/nodes: .*ftp:\/\/nowhere/)
    expect(log).toMatch(/image: .*example\.com\/acme app/)
    expect(await leftOver(home)).toEqual([])
  })
})

/** Leftovers on the nodes and on the runner, whose own cache is in HOME. */
async function leftOver(home: string): Promise<string[]> {
  const engines = [farm.nodes.amd, farm.nodes.arm, farm.local]
  const containers = (await Promise.all(engines.map((engine) => engine.containers()))).flat().map(({ name }) => name)
  const files = readdirSync(home, { recursive: true, encoding: 'utf8' }).filter((path) => /(^|\/)mab-[^/]*$/.test(path))
  const logins = readdirSync(home)
    .filter((name) => name === '.docker' || name === '.ssh')
    .map((name) => `${name}: ${readdirSync(join(home, name)).join(' ')}`)
  return [...containers, ...files, ...logins, ...processesMentioning(home)]
}
