import { afterAll, describe, expect, jest, test } from '@jest/globals'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { webAddress } from '../../../src/cli/environment.ts'
import { readConfigFile } from '../../../src/cli/config-file.ts'
import { completionScript, helpText } from '../../../src/cli/help.ts'
import { commands, parseArguments, switches } from '../../../src/cli/options.ts'
import { runCommandLine } from '../../../src/cli/run.ts'
import { formatLine, readPairs } from '../../../src/cli/step.ts'
import { checkDefaults, checkStep, readWorkflow } from '../../../src/cli/workflow.ts'
import { secretInputs } from '../../../src/inputs/secret-options.ts'

const every = new Set(Object.values(commands).flatMap(({ inputs }) => inputs))

describe('parseArguments', () => {
  test.each<[string, Record<string, string>]>([
    ['build --image a --tags=v1', { image: 'a', tags: 'v1' }],
    ['build --tags v1 --tags v2', { tags: 'v1\nv2' }],
    ['build --push . ', { push: 'true', context: '.' }],
    ['build --push app', { push: 'true', context: 'app' }],
    ['build --push ./flase', { push: 'true', context: './flase' }],
    ['build --push false app', { push: 'false', context: 'app' }],
    ['build --load --tags v1', { load: 'true', tags: 'v1' }],
    ['build --build-args=A=b=c', { 'build-args': 'A=b=c' }],
    ['copy a:1 b:1 c:1', { from: 'a:1', to: 'b:1\nc:1' }],
    ['nodes linux/arm64=ssh://arm linux/amd64=local', { nodes: 'linux/arm64=ssh://arm\nlinux/amd64=local' }],
  ])('%s', (line, values) => {
    expect(parseArguments(line.trim().split(/ +/)).values).toEqual(values)
  })

  test('options that are no inputs are apart', () => {
    expect(parseArguments(['build', '--trusted', '--workflow', 'ci.yml:image', '-h']).own).toEqual({
      trusted: 'true',
      workflow: 'ci.yml:image',
      help: 'true',
    })
  })

  test.each([
    ['biuld', '`biuld` is not a command; did you mean `build`?'],
    ['build --imgae x', '`--imgae` is not an option; did you mean `--image`?'],
    [
      'build --bad 1 --imgae=x --load',
      '`--bad` is not an option\n`--imgae=x` is not an option; did you mean `--image`?',
    ],
    ['build --imgae --bad', '`--imgae` is not an option; did you mean `--image`?\n`--bad` is not an option'],
    ['build -x', '`-x` is not an option'],
    ['build --image', '`--image` needs a value'],
    ['build . two', '`two` is one argument too many'],
    [
      'build --push flase --image',
      '`--push` takes `true` or `false`, and not `flase`; write a directory of this name as `./flase`\n' +
        '`--image` needs a value',
    ],
    ['build --load no', '`--load` takes `true` or `false`, and not `no`'],
    ['build --push True', '`--push` takes `true` or `false`, and not `True`'],
    ['build --trusted=yes', '`--trusted` takes no value: write it without `=yes`'],
    ['copy --platform x', '`--platform` is not an option; did you mean `--platforms`?'],
    [
      'build --password=x',
      '`--password` would show a secret to other users of this machine: set MULTIARCH_BUILD_PASSWORD',
    ],
  ])('rejects %s', (line, message) => {
    expect(() => parseArguments(line.split(' '))).toThrow(message)
  })

  test('switches and secrets are inputs', () => {
    expect([...switches, ...secretInputs].filter((name) => !every.has(name))).toEqual([])
  })
})

test('help of each command fits a screen and shows no option for a secret', () => {
  for (const text of [helpText(), ...Object.keys(commands).map(helpText)]) {
    expect(text.split('\n').length).toBeLessThan(40)
    expect(text.split('\n').filter((line) => line.length > 120)).toEqual([])
    expect(text).not.toContain('--password ')
  }
})

test.each(['completion --help', 'completion -h', 'help'])('%s succeeds', async (line) => {
  const log = jest.spyOn(console, 'log').mockImplementation(() => undefined)
  try {
    expect(await runCommandLine(line.split(' '), {}, '')).toBe(0)
    expect(log).toHaveBeenCalledTimes(1)
  } finally {
    log.mockRestore()
  }
})

test.each(Object.entries(commands))('the example in the help of %s is a valid command line', (name, { example }) => {
  const [program, ...args] = [
    ...example
      .join('\n')
      .replaceAll('\\\n', ' ')
      .matchAll(/'([^']*)'|(\S+)/g),
  ].map(([, quoted, plain]) => quoted ?? plain ?? '')
  expect(program).toBe('multiarch-build')
  expect(parseArguments(args)).toMatchObject({ command: name })
  expect(helpText(name)).toContain(example[0] ?? 'none')
})

test.each([
  ['build --tag x', 'Run `multiarch-build build --help` for its options.'],
  ['biuld', 'Run `multiarch-build --help` for a list of commands.'],
])('%s is rejected with the help to read', async (line, advice) => {
  const log = jest.spyOn(process.stderr, 'write').mockImplementation(() => true)
  try {
    expect(await runCommandLine(line.split(' '), {}, '')).toBe(2)
    expect(log.mock.calls.flat().join('\n')).toContain(advice)
  } finally {
    log.mockRestore()
  }
})

test('completion: for three shells', () => {
  expect(['bash', 'zsh', 'fish', 'tcsh'].map((shell) => completionScript(shell)?.includes('build'))).toEqual([
    true,
    true,
    true,
    undefined,
  ])
})

test.each([
  ['git@github.com:acme/app.git', 'https://github.com/acme/app'],
  ['https://me:token@git.example.com:3000/acme/app', 'https://git.example.com/acme/app'],
  ['ssh://git@git.example.com:2222/acme/app.git', 'https://git.example.com/acme/app'],
  ['/srv/git/app.git', ''],
  ['', ''],
])('webAddress of %s', (remote, url) => expect(webAddress(remote)).toBe(url))

describe('the log of a step on a terminal', () => {
  test('commands are words, masks apply, and what is for runners is left out', () => {
    const masks = new Set<string>()
    const lines = ['::add-mask::s3cret%0Aother', '::group::build', '::endgroup::', '::debug::x', 'plain s3cret']
    expect(lines.map((line) => formatLine(line, masks))).toEqual([
      undefined,
      'build',
      undefined,
      undefined,
      'plain ***',
    ])
    expect(formatLine('::error title=x::one%0Atwo s3cret', masks)).toBe('error: one\ntwo ***')
    expect(formatLine('::warning::100%25', masks)).toBe('warning: 100%')
  })

  test('readPairs: values of several lines, and empty ones', () => {
    expect(readPairs('a<<E1\none\ntwo\nE1\nb<<E2\n\nE2\n')).toEqual({ a: 'one\ntwo', b: '' })
  })
})

describe('files', () => {
  const dir = mkdtempSync(join(tmpdir(), 'cli-'))
  const write = (name: string, lines: readonly string[]) => writeFileSync(join(dir, name), lines.join('\n'))
  afterAll(() => rmSync(dir, { recursive: true }))

  test('multiarch-build.yml: texts stay as written, lists and maps become those of inputs', async () => {
    write('multiarch-build.yml', [
      'tags: 1.10',
      'platforms: [linux/amd64, linux/arm64]',
      'variants: { slim: { target: s } }',
    ])
    expect(await readConfigFile(undefined, dir, 'main')).toEqual({
      tags: '1.10',
      platforms: 'linux/amd64\nlinux/arm64',
      variants: 'slim:\n  target: s\n',
    })
  })

  test.each([
    ['main', { image: 'ghcr.io/acme/app', tags: 'main', platforms: 'linux/amd64', 'keep-n-tagged': '3' }],
    ['cleanup', { image: 'ghcr.io/acme/app', 'keep-n-tagged': '3' }],
    ['copy', { image: 'ghcr.io/acme/app', 'keep-n-tagged': '3' }],
  ] as const)('for %s, tags and platforms of the file are those to build', async (entry, values) => {
    write('shared.yml', ['image: ghcr.io/acme/app', 'tags: main', 'platforms: linux/amd64', 'keep-n-tagged: 3'])
    expect(await readConfigFile('shared.yml', dir, entry)).toEqual(values)
  })

  test('every other name that several commands have means the same to them', () => {
    const names = (command: string) => commands[command]?.inputs ?? []
    const others = [...new Set([...names('copy'), ...names('cleanup')])]
    expect(others.filter((name) => names('build').includes(name)).sort()).toEqual([
      ...['cosign-release', 'dry-run', 'ecr', 'github-token', 'image', 'otlp-endpoint', 'packages-api', 'password'],
      ...['platforms', 'registries', 'registry', 'registry-auth', 'sign', 'sign-config', 'sign-key', 'sign-log'],
      ...['sign-password', 'sign-root', 'tags', 'username'],
    ])
  })

  test.each(['', '/cleanup', '/copy'])(
    'the step of a workflow is one of the action multiarch-build%s',
    async (action) => {
      const step = (path: string) => `{ uses: org/multiarch-build${path}@v1, with: { tags: of${path} } }`
      write('all.yml', ['jobs:', `  all: { steps: [${['', '/cleanup', '/copy', '/merge'].map(step).join(', ')}] }`])
      const context = { cwd: dir, env: {}, facts: {} }
      expect((await readWorkflow('all.yml', action, context)).values).toEqual({ tags: `of${action}` })
      write('one.yml', ['jobs:', `  one: { steps: [${step('/merge')}] }`])
      await expect(readWorkflow('one.yml', action, context)).rejects.toThrow(
        `no step that uses multiarch-build${action}`,
      )
      write('two.yml', ['jobs:', `  two: { steps: [${step(action)}, ${step(action)}] }`])
      await expect(readWorkflow('two.yml', action, context)).rejects.toThrow(
        `two.yml has 2 steps that use multiarch-build${action}: name a job with only one of them, as \`FILE:JOB\``,
      )
    },
  )

  test('a file that is not there is needed only if it is named', async () => {
    expect(await readConfigFile(undefined, tmpdir(), 'main')).toEqual({})
    await expect(readConfigFile('none.yml', dir, 'main')).rejects.toThrow('none.yml does not exist')
  })

  test('unknown inputs in it are named, with what was probably meant', async () => {
    write('wrong.yml', ['imgae: x', 'tags: v1', 'keep-n: 3'])
    await expect(readConfigFile('wrong.yml', dir, 'main')).rejects.toThrow(
      `${join(dir, 'wrong.yml')}: no command has the input \`imgae\`; did you mean \`image\`?\n` +
        `${join(dir, 'wrong.yml')}: no command has the input \`keep-n\``,
    )
  })

  test.each([
    ['main', { dry_run: 'true' }, '`dry_run` in the workflow is not an input of the action; did you mean `dry-run`?'],
    ['cleanup', { keep: '3' }, '`keep` in the workflow is not an input of the action'],
    ['copy', { nodes: 'local' }, '`nodes` in the workflow is not an input of the action'],
  ])('an unknown input in the step of a workflow is an error: %s %j', (entry, values, message) => {
    expect(() => {
      checkStep({ values, skipped: {} }, entry, {})
    }).toThrow(message)
    expect(() => {
      checkStep({ values: {}, skipped: values }, entry, {})
    }).toThrow(message)
  })

  test('a cleanup does not run without an input that limits it', () => {
    const skipped = { 'run-id': '${{ github.run_id }}', 'github-token': '${{ github.token }}' }
    const check = (entry: string, given: Record<string, string>) => () => {
      checkStep(
        { values: { image: 'a/b' }, skipped: entry === 'main' ? { push: '${{ inputs.push }}' } : skipped },
        entry,
        given,
      )
    }
    expect(check('cleanup', {})).toThrow('`run-id` in the workflow cannot be evaluated here, and a cleanup without it')
    expect(check('cleanup', { 'run-id': '7' })).not.toThrow()
    expect(check('main', {})).not.toThrow()
  })

  test('a default does not replace what the workflow sets and cannot be evaluated', () => {
    const skipped = {
      image: '${{ inputs.image }}',
      'ssh-private-key': '${{ secrets.KEY }}',
      push: '${{ inputs.push }}',
    }
    const file = { image: 'other/app', 'ssh-private-key': 'k' }
    const check = (given: Record<string, string>) => () => {
      checkDefaults(skipped, file, given)
    }
    expect(check({})).toThrow(
      '`image` in the workflow cannot be evaluated here (${{ inputs.image }}), and the default in your file does ' +
        'not replace it: give `--image`\n`ssh-private-key` in the workflow',
    )
    expect(check({ image: 'a/b' })).toThrow(/^`ssh-private-key` .*: set MULTIARCH_BUILD_SSH_PRIVATE_KEY$/)
    expect(check({ image: 'a/b', 'ssh-private-key': 'k' })).not.toThrow()
  })

  test('plan with a workflow whose image has no value does not take that of the defaults', async () => {
    write('multiarch-build.yml', ['image: other/app'])
    write('image.yml', [
      'jobs: { a: { steps: [{ uses: org/multiarch-build@v1, with: { image: "${{ inputs.image }}", tags: t } }] } }',
    ])
    const log = jest.spyOn(process.stderr, 'write').mockImplementation(() => true)
    try {
      expect(await runCommandLine(['plan', '--workflow', 'image.yml'], {}, dir)).toBe(2)
      expect(log.mock.calls.flat().join('\n')).toContain('`image` in the workflow cannot be evaluated here')
    } finally {
      log.mockRestore()
      rmSync(join(dir, 'multiarch-build.yml'))
    }
  })

  test('the step of a workflow, with secrets and variables of the environment', async () => {
    write('ci.yml', [
      'jobs:',
      '  lint: { steps: [{ run: make lint }] }',
      '  image:',
      '    steps:',
      '      - uses: actions/checkout@v5',
      '      - uses: https://git.example.com/org/multiarch-build@v1',
      '        with:',
      '          image: ghcr.io/${{ github.repository }}',
      '          ssh-private-key: ${{ secrets.KEY }}',
      "          push: ${{ github.event_name != 'pull_request' }}",
    ])
    const context = { cwd: dir, env: { KEY: 'k' }, facts: { repository: 'acme/app' } }
    expect(await readWorkflow('ci.yml:image', '', context)).toEqual({
      values: { image: 'ghcr.io/acme/app', 'ssh-private-key': 'k' },
      skipped: { push: "${{ github.event_name != 'pull_request' }}" },
    })
    await expect(readWorkflow('ci.yml:lint', '', context)).rejects.toThrow('has no step that uses multiarch-build')
    await expect(readWorkflow('ci.yml:none', '', context)).rejects.toThrow('has no job `none`; it has lint, image')
  })
})
