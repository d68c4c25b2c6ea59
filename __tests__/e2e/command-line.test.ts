import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isolatedEnv, run } from '../farm/exec.ts'
import { projectRoot } from '../farm/paths.ts'
import { makeKey } from '../farm/ssh.ts'
import { TestTerminal } from '../unit/cli/terminal.ts'
import { appFiles, freshImage, processesMentioning, storedIndex, storedTags, type Farm } from './harness.ts'
import { useFarm } from './setup.ts'

// The packed program on a laptop with a home of its own: no CI platform, aliases in ~/.ssh/config, a key without agent.
const setup = useFarm()
let farm: Farm
let dir: string
let program: string
let env: Record<string, string>
let home: string
let work: string
let image: string

const defaults = () => [
  'nodes:',
  '  - linux/amd64 = ssh://amd',
  '  - linux/arm64 = ssh://arm',
  `driver-opts: ["image=${farm.images.buildkit}", "network=host"]`,
  'fallback: fail',
  '',
]

beforeAll(async () => {
  farm = setup.farm
  image = freshImage(farm)
  dir = mkdtempSync(join(tmpdir(), 'laptop-'))
  const [bin, temp] = ['bin', 'temp'].map((name) => join(dir, name)) as [string, string]
  ;[home, work] = ['home', 'work'].map((name) => join(dir, name)) as [string, string]
  for (const path of [bin, temp, join(home, '.ssh'), work]) mkdirSync(path, { recursive: true })
  await run('npm', ['pack', '--silent', '--pack-destination', dir], { cwd: projectRoot })
  const [archive = ''] = readdirSync(dir).filter((name) => name.endsWith('.tgz'))
  await run('tar', ['-xzf', join(dir, archive), '-C', dir])
  program = join(dir, 'package/dist/cli/index.js')
  const write = (path: string, lines: readonly string[]) => writeFileSync(path, lines.join('\n'), { mode: 0o600 })
  write(join(home, '.ssh/id'), [farm.privateKey])
  write(join(home, '.ssh/known_hosts'), [farm.knownHosts])
  write(join(home, '.ssh/config'), [
    ...(['amd', 'arm'] as const).flatMap((name) => [
      `Host ${name}`,
      `  HostName ${farm.nodes[name].host}`,
      '  User ci',
    ]),
    'Host *',
    `  IdentityFile ${join(home, '.ssh/id')}`,
    `  UserKnownHostsFile ${join(home, '.ssh/known_hosts')}`,
    '  ForwardAgent yes',
    '',
  ])
  // ssh finds the home of its user in the passwd file, and not by HOME.
  writeFileSync(
    join(bin, 'ssh'),
    [
      '#!/bin/sh',
      'PATH=${PATH#*:}',
      `[ "$1" != -G ] || { shift; set -- -G -F '${home}/.ssh/config' "$@"; }`,
      'exec ssh "$@"',
      '',
    ].join('\n'),
  )
  chmodSync(join(bin, 'ssh'), 0o755)
  for (const [name, text] of Object.entries(appFiles(farm))) writeFileSync(join(work, name), text)
  write(join(work, 'multiarch-build.yml'), defaults())
  writeFileSync(join(work, 'slow.Dockerfile'), `FROM ${farm.images.base}\nRUN echo is-running && sleep 300\n`)
  env = isolatedEnv(home, {
    PATH: `${bin}:${farm.tools.bin}:${process.env['PATH'] ?? ''}`,
    TMPDIR: temp,
    // A shell inside of another job's environment.
    GITHUB_TOKEN: 'none',
    INPUT_IMAGE: 'never/used',
  })
})
afterAll(() => rmSync(dir, { recursive: true }))

const start = (...args: string[]) => startWith({}, ...args)

function startWith(variables: Record<string, string>, ...args: string[]) {
  const child = spawn(process.execPath, [program, ...args], {
    cwd: work,
    env: { ...env, ...variables },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text))
  const ended = once(child, 'close').then(([code]: (number | null)[]) => ({ code, output }))
  return { child, ended, output: () => output }
}

const terminalColumns = 100

/** With a terminal of its own: `script` is a part of every Debian (`bsdutils` is essential), which the farm needs. */
function startOnTerminal(...args: string[]) {
  const command = [process.execPath, program, ...args].map((part) => `'${part}'`).join(' ')
  const shell = `stty cols ${terminalColumns} rows 30; exec ${command}`
  const child = spawn('script', ['-qec', shell, '/dev/null'], {
    cwd: work,
    env: { ...env, TERM: 'xterm', CI: '', SHELL: '/bin/sh' },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
  const ended = once(child, 'close').then(([code]: (number | null)[]) => ({ code, output }))
  return { child, ended, output: () => output }
}

const onTerminal = async (...args: string[]) => await startOnTerminal(...args).ended

const run1 = async (...args: string[]) => await start(...args).ended

/** The processes of a command on this machine, but for those that it has detached. */
function childrenOf({ pid = 0 }: ChildProcess): number[] {
  const list = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
  return list.split(' ').flatMap((id) => (id === '' ? [] : [Number(id)]))
}

async function nothingIsLeft(): Promise<void> {
  const resources = await Promise.all(
    [farm.nodes.amd, farm.nodes.arm].map(async (node) => [...(await node.containers()), ...(await node.volumes())]),
  )
  expect(resources.flat()).toEqual([])
  expect(readdirSync(join(dir, 'temp'))).toEqual([])
  expect(readdirSync(home)).toEqual(['.ssh'])
  expect(processesMentioning(join(dir, 'temp'))).toEqual([])
}

describe('multiarch-build on a laptop', () => {
  test('builds for two platforms on the nodes of its SSH configuration, and leaves nothing behind', async () => {
    const { code, output } = await run1('build', '--image', image, '--tags', 'test')
    expect(code === 0 ? '' : output).toBe('')
    const index = await storedIndex(farm, image, 'test')
    const platforms = index?.manifests.map(({ platform }) => platform.architecture)
    expect(platforms).toEqual(expect.arrayContaining(['amd64', 'arm64']))
    expect(output).not.toMatch(/^::|PRIVATE KEY|pr-\d/m)
    await nothingIsLeft()
  })

  test('plan and nodes say what is there, and create nothing', async () => {
    const plan = await run1('plan', '--image', image, '--tags', 'planned')
    expect({ code: plan.code, output: plan.output }).toEqual({ code: 0, output: expect.stringContaining('planned') })
    expect(plan.output).not.toMatch(/post step|runner/)
    const nodes = await run1('nodes')
    expect({ code: nodes.code, output: nodes.output }).toEqual({ code: 0, output: expect.stringContaining('amd') })
    expect(await storedTags(farm, image)).not.toContain('planned')
    await nothingIsLeft()
  })

  test('Ctrl-C during a build ends with 130 and leaves nothing behind', async () => {
    const { child, ended, output } = start('build', '--image', image, '--tags', 'slow', '--file', 'slow.Dockerfile')
    while (!/is-running$/m.test(output()) && child.exitCode === null)
      await new Promise((resolve) => setTimeout(resolve, 50))
    child.kill('SIGINT')
    const { code } = await ended
    expect(code === 130 ? '' : output()).toBe('')
    expect(output()).toMatch(/^error: Stopped by a signal/m)
    expect(output()).not.toMatch(/page of the run|timeout-minutes/)
    expect(await storedTags(farm, image)).not.toContain('slow')
    await nothingIsLeft()
  })

  test('a build whose output nobody reads any more, as after `| head`, leaves nothing behind', async () => {
    const step = 'echo is-running && while sleep 1; do date; done'
    writeFileSync(join(work, 'unread.Dockerfile'), `FROM ${farm.images.base}\nRUN ${step}\n`)
    const { child, output } = start('build', '--image', image, '--tags', 'unread', '--file', 'unread.Dockerfile')
    const ended = once(child, 'exit')
    while (!/is-running$/m.test(output()) && child.exitCode === null)
      await new Promise((resolve) => setTimeout(resolve, 50))
    child.stdout.destroy()
    child.stderr.destroy()
    expect(await ended).toEqual([1, null])
    expect(await storedTags(farm, image)).not.toContain('unread')
    await nothingIsLeft()
  })

  const startSlow = async (tag: string) => {
    const started = start('build', '--image', image, '--tags', tag, '--file', 'slow.Dockerfile')
    while (!/is-running$/m.test(started.output()) && started.child.exitCode === null)
      await new Promise((resolve) => setTimeout(resolve, 50))
    return started
  }
  const builders = async () =>
    (await Promise.all([farm.nodes.amd.containers(), farm.nodes.arm.containers()])).map(({ length }) => length)
  const endSlow = async ({ child, ended }: Awaited<ReturnType<typeof startSlow>>) => {
    expect(child.exitCode).toBe(null)
    child.kill('SIGINT')
    await ended
    await nothingIsLeft()
  }

  test('a command that is killed is undone, and nothing of a build that runs', async () => {
    const [killed, running] = await Promise.all([startSlow('killed'), startSlow('running')])
    const directories = () => readdirSync(join(dir, 'temp')).length
    expect([await builders(), directories()]).toEqual([[2, 2], 2])
    killed.child.kill('SIGKILL')
    await once(killed.child, 'exit')
    while (directories() > 1) await new Promise((resolve) => setTimeout(resolve, 50))
    expect(await builders()).toEqual([1, 1])
    await endSlow(running)
  })

  test('the next command undoes what is left if all processes are killed, but no running build', async () => {
    const [killed, running] = await Promise.all([startSlow('killed'), startSlow('running')])
    for (const pid of [...childrenOf(killed.child), killed.child.pid ?? 0]) process.kill(pid, 'SIGKILL')
    await once(killed.child, 'exit')
    expect(await builders()).toEqual([2, 2])
    const { code, output } = await run1('nodes')
    expect({ code, output }).toEqual({ code: 0, output: expect.stringContaining('A command was killed and left mab-') })
    expect(await builders()).toEqual([1, 1])
    expect(readdirSync(join(dir, 'temp'))).toHaveLength(1)
    await endSlow(running)
  })

  test('on a terminal it shows each target while it is built, and leaves the log and the results', async () => {
    // A step that lasts for many pictures.
    writeFileSync(join(work, 'viewed.Dockerfile'), `FROM ${farm.images.base}\nRUN echo shown\nRUN sleep 3\n`)
    const options = ['--image', image, '--tags', 'viewed', '--no-cache', '--file', 'viewed.Dockerfile']
    const { code, output } = await onTerminal('build', ...options)
    expect(code === 0 ? '' : output).toBe('')
    for (const platform of ['amd64', 'arm64'])
      expect(output).toMatch(new RegExp(`linux/${platform} +(?:amd|arm) +\\[\\d/\\d\\] RUN .* s +\\d/\\d cached`))
    const terminal = new TestTerminal(terminalColumns)
    terminal.write(output)
    const screen = terminal.lines.join('\n')
    expect(screen).not.toMatch(/\d cached/)
    expect(screen).toMatch(/linux\/arm64: arm, .* steps from cache[^]*:viewed\nTook .* s[^]*$/)
    expect(screen).toMatch(/^linux\/arm64 │ \[\d\/\d\] RUN /m)
    await nothingIsLeft()
  })

  test('Ctrl-C on a terminal ends the build, and the view is gone', async () => {
    const running = startOnTerminal('build', '--image', image, '--tags', 'slow', '--file', 'slow.Dockerfile')
    while (!/is-running[^]*\d cached/.test(running.output()) && running.child.exitCode === null)
      await new Promise((resolve) => setTimeout(resolve, 50))
    running.child.stdin.write('\x03')
    const { code, output } = await running.ended
    expect(code === 130 ? '' : output).toBe('')
    const terminal = new TestTerminal(terminalColumns)
    terminal.write(output)
    expect(terminal.lines.join('\n')).not.toMatch(/\d cached/)
    expect(output).not.toMatch(/\x1b\[\?/)
    await nothingIsLeft()
  })

  test('copy promotes an image', async () => {
    const { code, output } = await run1('copy', `${image}:test`, `${image}:release`)
    expect(code === 0 ? '' : output).toBe('')
    expect((await storedIndex(farm, image, 'release'))?.digest).toBe((await storedIndex(farm, image, 'test'))?.digest)
  })

  test('takes the inputs of a workflow, and options win', async () => {
    const lines = [
      'jobs:',
      '  image:',
      '    steps:',
      '      - uses: org/multiarch-build@v1',
      '        with:',
      `          image: ${image}`,
      '          tags: of-workflow',
      '          build-args: EXTRAS=${{ vars.EXTRAS }}',
      '          push: ${{ github.event_name == 1 }}',
      '          labels: team=${{ vars.TEAM_OF_CI }}',
      '          annotations: of=${{ github.repository }}',
    ]
    writeFileSync(join(work, 'ci.yml'), lines.join('\n'))
    const { code, output } = await run1('build', '--workflow', 'ci.yml', '--build-args', 'EXTRAS=own')
    expect(code === 0 ? '' : output).toBe('')
    expect(output).toContain('the input `push` is left out: only the CI platform can evaluate')
    expect(output).toContain('the input `labels` is left out: to use it, set TEAM_OF_CI in the environment')
    expect(output).toContain('the input `annotations` is left out: the working directory has no Git remote `origin`')
    expect(await storedTags(farm, image)).toContain('of-workflow')
  })

  test('--version prints the version of the package', async () => {
    const { version } = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')) as { version: string }
    expect(await run1('--version')).toEqual({ code: 0, output: `${version}\n` })
  })

  test.each([
    ['does not exist', () => `${farm.registry.host}/farm/buildkit:none`, /: The BuildKit image \S+ does not exist/],
    ['cannot be pulled', () => 'unknown.invalid/buildkit:v1', /: (?:amd|arm) cannot pull the BuildKit image /],
  ])('nodes fails if the BuildKit image %s', async (_, name, message) => {
    const { code, output } = await run1('nodes', '--driver-opts', `image=${name()}`)
    expect({ code, output }).toEqual({ code: 1, output: expect.stringMatching(message) })
    expect(output).not.toMatch(/Targets|Permissions|post step/)
    await nothingIsLeft()
  })

  test.each([
    { args: ['build', '--image', 'x'], message: '`--tags` is needed' },
    { args: ['build', '--tag', 'x'], message: 'did you mean `--tags`?' },
    {
      args: ['build', '--image', 'x', '--tags', 'v1', '--nodes', 'linux/amd64 = ssh://unknown'],
      message: 'ssh-known-hosts',
    },
  ])('$args is rejected', async ({ args, message }) => {
    const { code, output } = await run1(...args)
    expect(code).toBe(args.includes('--nodes') ? 1 : 2)
    expect(output).toContain(message)
    expect(output).not.toContain('Nothing to clean up')
    await nothingIsLeft()
  })
})

describe('keys', () => {
  let agent: ChildProcess
  const socket = () => join(dir, 'agent.sock')

  beforeAll(async () => {
    await makeKey(join(home, '.ssh/other'), 'other@laptop')
    agent = spawn('ssh-agent', ['-D', '-a', socket()], { stdio: ['ignore', 'pipe', 'ignore'] })
    if (agent.stdout) await once(agent.stdout, 'data')
    await run('ssh-add', ['-q', join(home, '.ssh/other')], { env: { ...env, SSH_AUTH_SOCK: socket() } })
  })
  afterAll(() => void agent.kill())

  test('identity files are offered beside an agent with an unrelated key', async () => {
    const { code, output } = await startWith({ SSH_AUTH_SOCK: socket() }, 'nodes').ended
    expect(code === 0 ? '' : output).toBe('')
  })

  test('a key with a passphrase is named, with the remedy', async () => {
    const [config, key] = [join(home, '.ssh/config'), join(home, '.ssh/locked')]
    const before = readFileSync(config, 'utf8')
    await makeKey(key, 'locked@laptop')
    await run('ssh-keygen', ['-q', '-p', '-N', 'a passphrase', '-f', key])
    writeFileSync(config, before.replace(/^ {2}IdentityFile .*$/m, `  IdentityFile ${key}`))
    const { code, output } = await run1('nodes')
    writeFileSync(config, before)
    expect(code).toBe(1)
    expect(output).toContain(`\`ssh-add ${key}\``)
    expect(output).toMatch(/locked key: 256 SHA256:\S+ locked@laptop/)
    expect(output).not.toMatch(/Dependabot|secrets\./)
  })

  test('the key of one host is not offered to another', async () => {
    const config = join(home, '.ssh/config')
    const before = readFileSync(config, 'utf8')
    const own = (name: string, key: string) => [
      `Host ${name}`,
      `  IdentityFile ${join(home, '.ssh', key)}`,
      '  IdentitiesOnly yes',
    ]
    const others = before.replace(/^ {2}IdentityFile .*\n/m, '')
    writeFileSync(config, [...own('amd', 'id'), ...own('arm', 'other'), others].join('\n'))
    const { code, output } = await startWith({ SSH_AUTH_SOCK: socket() }, 'nodes').ended
    writeFileSync(config, before)
    expect(code).toBe(1)
    expect(output).toMatch(/ci@arm accepts none of the keys/)
    expect(output).not.toMatch(/ci@amd accepts none of the keys/)
  })
})
